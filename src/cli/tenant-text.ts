import { inheritedLimits, usualPriority } from '../auth/inherit.ts'
import type { TenantRecord, Tier } from '../auth/tenant.ts'
import type { Limit } from '../base/limit.ts'
import { countText, moneyText, rateText } from '../config/units.ts'

/** What of a budget is spent in its current period, by the ledger of this node: calls that have ended. */
export interface Spent {
  readonly nanoUsd: number
  /** The first day of the period. */
  readonly since: string
}

/** A limit, where it comes from, and what of a budget is spent where that was asked for. */
export type WholeLimit = Limit & { readonly from: 'tenant' | 'tier'; readonly spent?: Spent }

/** A tenant with what its tier gives, and where each limit comes from. */
export interface WholeTenant {
  readonly name: string
  readonly business: string
  readonly tier: string | null
  readonly priority: number
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly limits: readonly WholeLimit[]
  readonly keys: TenantRecord['keys']
}

/** A record with its tier worked in. */
export function wholeTenant(record: TenantRecord, tiers: readonly Tier[]): WholeTenant {
  const { name, business, tier: named, keys } = record
  const tier = tiers.find((one) => one.name === named)
  const own = new Set(record.limits)
  return {
    name,
    business: business ?? name,
    tier: named,
    priority: record.priority ?? tier?.priority ?? usualPriority,
    routes: record.routes ?? tier?.routes ?? null,
    models: record.models ?? tier?.models ?? null,
    limits: inheritedLimits(record.limits, tier?.limits ?? []).map((limit) => ({ ...limit, from: own.has(limit) ? 'tenant' : 'tier' })),
    keys,
  }
}

/** A tenant for people, and where it stands. */
export function tenantLines(tenant: WholeTenant, where: string): readonly string[] {
  const { name, business, tier, priority, routes, models, keys } = tenant
  const keyTexts = keys.map(({ hint, createdAt }) => `${hint}${createdAt === '' ? '' : ` of ${createdAt}`}`)
  return [
    `${name} (in ${where})`,
    `business  ${business}`,
    `tier      ${tier ?? 'none'}`,
    `priority  ${priority}`,
    `routes    ${routes?.join(', ') ?? 'all'}`,
    `models    ${models?.join(', ') ?? 'all'}`,
    `keys      ${keyTexts.length === 0 ? 'none: nobody can call as it' : keyTexts.join(', ')}`,
    'limits',
    ...limitLines(tenant).map((line) => `  ${line}`),
  ]
}

/** A line for each limit of a tenant. */
export function limitLines({ limits, tier }: WholeTenant): readonly string[] {
  if (limits.length === 0) return ['no limits of its own']
  const width = Math.max(...limits.map(({ name }) => name.length))
  return limits.map((limit) => {
    const from = limit.from === 'tier' ? `  (from the tier ${tier})` : ''
    return `${limit.name.padEnd(width)}  ${limitText(limit)}${from}${spentText(limit)}`
  })
}

function spentText({ spent }: WholeLimit): string {
  return spent === undefined ? '' : `; ${moneyText(spent.nanoUsd)} spent since ${spent.since}, in this node's ledger`
}

function limitText(limit: Limit): string {
  const { exact, away, dryRun, routes, models } = limit
  const notes = [
    routes === null ? '' : `routes ${routes.join(' ')}`,
    models === null ? '' : `models ${models.join(' ')}`,
    exact ? 'exact' : '',
    away === 'local' ? '' : `${away} while Redis is away`,
    dryRun ? 'dry run' : '',
  ]
  return [amountText(limit), ...notes.filter((note) => note !== '')].join(', ')
}

function amountText(limit: Limit): string {
  switch (limit.kind) {
    case 'concurrency':
      return `${countText(limit.most)} at once`
    case 'budget':
      return `${moneyText(limit.nanoUsd)}/${limit.period} (${limit.timeZone})`
    case 'requests':
    case 'input_tokens':
    case 'output_tokens':
      return `${rateText(limit)}${limit.burst === limit.count ? '' : `, burst ${countText(limit.burst)}`}`
  }
}
