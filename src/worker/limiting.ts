import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { Column } from '../metrics/column.ts'
import { expectBySize } from '../stages/expected.ts'
import type { LedgerUse, LimitOptions } from '../stages/limit-options.ts'
import { asksBody, limitsFor, type RouteLimits } from '../stages/limits-for.ts'
import { rateHeaders } from '../stages/rate-headers.ts'
import type { Ingredients, PeekUse } from '../stages/recipe.ts'
import { intentOf, type RecordOptions } from '../stages/record.ts'
import type { Services } from './services.ts'

/** A route, and what limits its calls. */
export interface LimitingOptions {
  readonly plan: Plan
  readonly route: RoutePlan
  readonly upstream: UpstreamPlan
  readonly slot: number
  readonly column: Column
  readonly services: Services
}

type Accounts = Pick<
  Ingredients,
  'load' | 'tenants' | 'withholdsKeys' | 'isShared' | 'peek' | 'limiting' | 'countsElse' | 'recording' | 'drainsOnLeave'
>

/** What a route's recipe needs to know who calls, what they may use, and what they did: nothing where the plan has none of it. */
export function accountsOf(options: LimitingOptions): Accounts {
  const { plan, route, upstream, column, services } = options
  if (plan.tenancy !== null && services.tenants === null) throw new Error('the plan has tenants, and nobody to ask for them')
  const tenants = plan.tenancy !== null && route.authenticate ? services.tenants : null
  const shared = [...plan.limits, ...route.limits].filter(({ routes }) => routes?.includes(route.family) ?? true)
  const writer = plan.ledger === null ? null : services.ledger
  const limits: RouteLimits = { route: route.family, limits: shared, prices: plan.prices }
  const recording: RecordOptions = { column, ledger: writer, prices: plan.prices, settling: services.settling }
  const isUsed = tenants !== null || shared.length > 0 || writer !== null
  const isLimited = tenants !== null || shared.length > 0
  return {
    load: plan.shed.lagMs === null && plan.shed.heap === null ? null : services.load,
    tenants,
    withholdsKeys: plan.tenancy !== null && !route.authenticate,
    isShared: tenants !== null && upstream.kind === 'claude' && route.credential === 'replace' && upstream.credential !== null,
    peek: peekOf(options, limits, { hasTenants: tenants !== null, isWritten: writer !== null }),
    recording: isUsed ? recording : null,
    limiting: isUsed ? limiting(options, limits, { recording, isLimited }) : null,
    countsElse: route.estimateInput === 'count_tokens' && upstream.kind === 'claude' ? expectBySize(plan.estimate) : null,
    drainsOnLeave: route.onLeave === 'drain',
  }
}

interface Uses {
  readonly hasTenants: boolean
  readonly isWritten: boolean
}

/** Bodies are read on Claude routes alone: for the bill of calls that tell nothing themselves, and for limits that count what is asked for. */
function peekOf(
  { plan, route, upstream, services }: LimitingOptions,
  limits: RouteLimits,
  { hasTenants, isWritten }: Uses,
): PeekUse | null {
  if (upstream.kind !== 'claude') return null
  const asks = asksBody(limits)
  if (!isWritten && !hasTenants && !asks(null)) return null
  const wantsWhole = route.estimateInput === 'count_tokens'
  const isFor: PeekUse['isFor'] = isWritten ? () => true : ({ tenant }) => asks(tenant)
  return { budget: services.peeks, reads: 'messages', wantsWhole, most: plan.bounds.peek, isFor }
}

interface Limited {
  readonly recording: RecordOptions
  readonly isLimited: boolean
}

function limiting(options: LimitingOptions, limits: RouteLimits, { recording, isLimited }: Limited): LimitOptions {
  const { plan, route, upstream, slot, column, services } = options
  const { limiter, queues } = services
  const { queue } = route
  return {
    kind: upstream.kind,
    column,
    limiter,
    limitsFor: limitsFor(limits),
    expect: expectBySize(plan.estimate),
    blocksUnpriced: plan.ledger === null || plan.ledger.unknownModel === 'block',
    ledger: ledgerUse(plan, recording),
    queue: queue === null || !isLimited ? null : { queue: queues.room(slot), most: queue.size, timeoutMs: queue.timeoutMs },
    queues,
    headers: isLimited ? rateHeaders({ store: limiter, kind: upstream.kind }) : null,
  }
}

function ledgerUse({ ledger }: Plan, recording: RecordOptions): LedgerUse | null {
  const writer = recording.ledger
  if (ledger === null || writer === null) return null
  return { writer, whenFull: ledger.whenFull, isSync: ledger.sync, intend: async (call) => writer.intend(intentOf(call, recording)) }
}
