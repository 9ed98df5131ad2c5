import type { Limit } from '../base/limit.ts'
import { matchesPattern } from '../base/pattern.ts'
import type { Tenant } from '../base/tenant.ts'
import { priceFor, modelLabel } from '../ledger/cost.ts'
import type { Price } from '../ledger/price.ts'
import { appliesTo } from '../limits/bucket.ts'
import type { Subject } from '../limits/limiter.ts'

/** What holds for the calls of one tenant and model on a route: found once, then kept. */
export interface Holding {
  readonly subject: Subject
  readonly limits: readonly Limit[]
  /** Of the model that is asked for; null: it has none. */
  readonly price: Price | null
  /** Whether a budget among them refuses. */
  readonly hasBudget: boolean
  /** The call names no model, and there are limits that hold for some models only. */
  readonly needsModel: boolean
}

/** The limits of a route, beside those that a tenant brings along. */
export interface RouteLimits {
  readonly route: string
  /** Relay-wide ones, and the route's own. */
  readonly limits: readonly Limit[]
  readonly prices: Readonly<Record<string, Price>>
}

/** Finds what holds for a call; `isMetered`: it uses tokens and costs money. */
export type LimitsFor = (tenant: Tenant | null, model: string | null, isMetered: boolean) => Holding

/**
 * Finds the limits of calls. They are looked at by the model as the caller names it, and by the name under which it has its price, so that
 * nobody leaves a limit behind by calling the model by another of its names. Their buckets are kept by a label for it, of
 * which there is a bounded number: the name under which it has its price, else the patterns of limits that it matches, else `other`.
 */
export function limitsFor(options: RouteLimits): LimitsFor {
  const byTenant = new WeakMap<Tenant, Kept>()
  const withoutTenant = keep()
  return (tenant, model, isMetered) => {
    const kept = tenant === null ? withoutTenant : (byTenant.get(tenant) ?? keepFor(tenant))
    const models = isMetered ? kept.metered : kept.plain
    const name = model ?? ''
    const known = models.get(name)
    if (known !== undefined) return known
    // Callers may name what they like.
    if (models.size >= mostModels) models.clear()
    const made = shared(kept, holding({ tenant, model, isMetered }, options))
    models.set(name, made)
    return made
  }

  function keepFor(tenant: Tenant): Kept {
    const made = keep()
    byTenant.set(tenant, made)
    return made
  }
}

interface Kept {
  readonly metered: Map<string, Holding>
  readonly plain: Map<string, Holding>
  /** The same by what they hold: models that nobody knows of are alike, whatever they are called, and so are the lists of their limits. */
  readonly alike: Map<string, Holding>
}

interface Asker {
  readonly tenant: Tenant | null
  readonly model: string | null
  readonly isMetered: boolean
}

const mostModels = 64

function keep(): Kept {
  return { metered: new Map(), plain: new Map(), alike: new Map() }
}

function shared({ alike }: Kept, made: Holding): Holding {
  const key = [made.subject.model ?? '', made.needsModel, ...made.limits.map(({ name }) => name)].join('|')
  const known = alike.get(key)
  if (known !== undefined) return known
  if (alike.size >= mostModels) alike.clear()
  alike.set(key, made)
  return made
}

function holding({ tenant, model, isMetered }: Asker, { route, limits: shared, prices }: RouteLimits): Holding {
  const who = tenant === null ? null : { name: tenant.name, business: tenant.business }
  const all = merged(tenant?.limits ?? [], shared)
  const names = namesOf(model, prices)
  const limits = all.filter(
    (limit) =>
      (isMetered || limit.kind === 'requests' || limit.kind === 'concurrency') &&
      names.some((name) => appliesTo(limit, { tenant: who, route, model: name })),
  )
  return {
    subject: { tenant: who, route, model: model === null ? null : labelOf(model, all, prices) },
    // The label is not the name that their patterns were made for.
    limits: limits.map((limit) => ({ ...limit, routes: null, models: null })),
    price: priceFor(prices, model),
    needsModel: model === null && all.some((limit) => limit.models !== null && (limit.routes?.includes(route) ?? true)),
    hasBudget: limits.some((limit) => limit.kind === 'budget' && !limit.dryRun),
  }
}

/** A tenant's limit stands in the place of a shared one of the same name: no name may stand twice on one call. */
function merged(own: readonly Limit[], shared: readonly Limit[]): readonly Limit[] {
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...shared.filter(({ name }) => !names.has(name))]
}

function namesOf(model: string | null, prices: Readonly<Record<string, Price>>): readonly (string | null)[] {
  return priceFor(prices, model) === null ? [model] : [model, modelLabel(prices, model)]
}

function labelOf(model: string, limits: readonly Limit[], prices: Readonly<Record<string, Price>>): string {
  const label = modelLabel(prices, model)
  if (label !== 'other') return label
  const patterns = new Set(limits.flatMap(({ models }) => models ?? []).filter((pattern) => matchesPattern(pattern, model)))
  return patterns.size === 0 ? label : [...patterns].toSorted().join('+')
}

/** Whether the calls of a tenant are limited by what their bodies ask for: by model, by tokens or by money. Asked for every call, looked at once. */
export function asksBody({ route, limits: shared }: RouteLimits): (tenant: Tenant | null) => boolean {
  const byTenant = new WeakMap<Tenant, boolean>()
  const isAsked = (limits: readonly Limit[]): boolean =>
    limits.some(
      (limit) =>
        (limit.routes?.includes(route) ?? true) &&
        (limit.models !== null || limit.per.includes('model') || (limit.kind !== 'requests' && limit.kind !== 'concurrency')),
    )
  const forAll = isAsked(shared)
  return (tenant) => {
    if (forAll || tenant === null) return forAll
    let known = byTenant.get(tenant)
    if (known === undefined) {
      known = tenant.models !== null || isAsked(tenant.limits)
      byTenant.set(tenant, known)
    }
    return known
  }
}
