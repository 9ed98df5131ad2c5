import type { BodyEnd } from '../base/ends.ts'
import type { Used } from '../base/tokens.ts'
import type { Call, CallListener, Stage } from '../engine/call.ts'
import { costOf, priceFor } from '../ledger/cost.ts'
import type { Price } from '../ledger/price.ts'
import type { LedgerIntent, LedgerRow, LedgerWriter } from '../ledger/row.ts'
import type { Column } from '../metrics/column.ts'
import { isRefused } from './refused.ts'
import { settlementOf, type Settlement } from './settlement.ts'

/** What a call's end is told to. */
export interface RecordOptions {
  readonly column: Column
  /** null: nothing is written down. */
  readonly ledger: LedgerWriter | null
  readonly prices: Readonly<Record<string, Price>>
  /** Told of a call that has ended and is not settled yet: whoever closes what it settles with waits for it. It never rejects. */
  readonly settling?: (work: Promise<void>) => void
  /** Wall clock, ms. */
  readonly now?: () => number
}

/**
 * Settles every call once, at its one end and when its tokens have been read: what it took of its limits, its row in the ledger, and its
 * tenant's numbers. It stands behind `authenticate`: calls that nobody was known for are nobody's to pay.
 */
export function record(options: RecordOptions): Stage {
  const { column } = options
  const ended: CallListener = (call, end) => {
    const ms = performance.now() - call.startedAt
    if (call.tenant !== null) column.tenantCallEnded(call.tenant.slot, call.tenant.businessSlot, call.status)
    if (call.tokensRead === null) return settle(call, { end, ms }, options)
    const work = settleLater(call, { end, ms }, options)
    options.settling?.(work)
  }
  return (call, next) => {
    if (call.tenant !== null) column.businessCallStarted(call.tenant.businessSlot)
    call.onEnd(ended)
    return next(call)
  }
}

/** What a ledger that must not miss a call is told before it goes out. */
export function intentOf(call: Call, { prices, now = Date.now }: RecordOptions): LedgerIntent {
  const expected = call.reserved?.expected ?? null
  const settlement: Settlement = { isCounted: true, used: expected, source: expected === null ? 'none' : 'estimated' }
  const row = rowOf(call, { settlement, cost: costFor(call, expected, prices), ms: 0, at: now() })
  return { ...row, end: 'lost' }
}

/** How a call ended, and how long it took. */
interface Over {
  readonly end: BodyEnd
  readonly ms: number
}

async function settleLater(call: Call, over: Over, options: RecordOptions): Promise<void> {
  await call.tokensRead
  settle(call, over, options)
}

function settle(call: Call, { end, ms }: Over, { column, ledger, prices, now = Date.now }: RecordOptions): void {
  const settlement = settlementOf({
    isOut: call.reserved !== null,
    end,
    failure: call.error?.failure ?? null,
    // Every answer to a gRPC caller is a 200.
    status: call.upstreamStatus === 0 ? call.status : call.upstreamStatus,
    attempts: call.attempts,
    used: call.tokens,
    expected: call.reserved?.expected ?? null,
    bytesOut: call.bytesOut,
  })
  const { used } = settlement
  const cost = costFor(call, used, prices)
  call.reserved?.settle(settlement.isCounted, used, cost ?? 0)
  if (call.tenant !== null && used !== null) {
    const { slot, businessSlot } = call.tenant
    column.tenantTokens(slot, businessSlot, used)
    if (cost !== null && cost > 0) column.tenantCost(slot, businessSlot, cost)
  }
  if (ledger === null) return
  ledger.write({ ...rowOf(call, { settlement, cost, ms, at: now() - ms }), end: ledgerEnd(call, end) })
}

/** By the model that answered, or the one asked for where that has no price; null: neither has one. What used nothing costs nothing. */
function costFor({ asked }: Call, used: Used | null, prices: Readonly<Record<string, Price>>): number | null {
  if (used === null) return 0
  const price = priceFor(prices, used.model) ?? priceFor(prices, asked?.model ?? null)
  return price === null ? null : costOf(used, price)
}

function ledgerEnd(call: Call, end: BodyEnd): LedgerRow['end'] {
  if (isRefused(call, end)) return 'refused'
  // A coded stream shows only when it has been read that it was not whole: its caller had it to the end.
  return end === 'done' && call.error !== null ? 'upstream_failed' : end
}

interface Figures {
  readonly settlement: Settlement
  readonly cost: number | null
  readonly ms: number
  readonly at: number
}

function rowOf(call: Call, { settlement: { used, source }, cost, ms, at }: Figures): Omit<LedgerRow, 'end'> {
  return {
    id: call.id,
    at: Math.round(at),
    tenant: call.tenant?.name ?? '',
    business: call.tenant?.business ?? '',
    route: call.route.name,
    model: used?.model ?? call.asked?.model ?? '',
    upstream: call.route.upstream,
    status: call.status,
    input: used?.input ?? 0,
    output: used?.output ?? 0,
    cacheWrite5m: used?.cacheWrite5m ?? 0,
    cacheWrite1h: used?.cacheWrite1h ?? 0,
    cacheRead: used?.cacheRead ?? 0,
    webSearches: used?.webSearches ?? 0,
    source,
    costNanoUsd: cost,
    latencyMs: ms,
    firstByteMs: call.firstByteAfterMs < 0 ? null : call.firstByteAfterMs,
    attempts: call.attempts,
    budgets: call.reserved?.budgets ?? none,
  }
}

const none: readonly string[] = []
