import type { Limit } from '../../src/base/limit.ts'
import { RelayError } from '../../src/base/errors.ts'
import type { Tenant } from '../../src/base/tenant.ts'
import type { Used } from '../../src/base/tokens.ts'
import { Body } from '../../src/engine/body.ts'
import { Call, compose, Reply, type Next } from '../../src/engine/call.ts'
import type { Price } from '../../src/ledger/price.ts'
import type { LedgerIntent, LedgerRow, LedgerWriter } from '../../src/ledger/row.ts'
import { bucketKey, bucketTag } from '../../src/limits/bucket.ts'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import type { Limiter } from '../../src/limits/limiter.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import type { Bucket, LimitSet } from '../../src/limits/store.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { numbers, type Numbers } from '../../src/metrics/numbers.ts'
import { limit } from '../../src/stages/limit.ts'
import type { LimitOptions } from '../../src/stages/limit-options.ts'
import { limitsFor } from '../../src/stages/limits-for.ts'
import { workerQueues } from '../../src/stages/queue.ts'
import type { Clock as QueueClock } from '../../src/stages/queue-room.ts'
import { rateHeaders } from '../../src/stages/rate-headers.ts'
import { intentOf, record, type RecordOptions } from '../../src/stages/record.ts'
import { testClock, type TestClock } from '../limits/world.ts'
import { callOf } from '../engine/shapes.ts'

/** A route with its limits, a ledger that writes down what it is told, and a clock that stands still. */
export interface LimitWorld {
  readonly clock: TestClock
  readonly shared: Numbers
  readonly rows: LedgerRow[]
  readonly intents: LedgerIntent[]
  /** Calls that went out. */
  readonly sent: Call[]
  /** How many give-backs there were. */
  readonly settled: { count: number }
  /** Time goes on, and whatever ticks, ticks. */
  readonly advance: (ms: number) => Promise<void>
  readonly limiter: Limiter
  readonly limiting: LimitOptions
  readonly recording: RecordOptions
  /** Sends a call; rejects where it is refused. */
  readonly run: (call: Call) => Promise<Reply>
  /** As `run`; a refusal ends the call as the engine does. What came: `out`, or the failure and its whole story. */
  readonly ask: (call: Call) => Promise<'out' | RelayError>
}

export interface LimitWorldOptions {
  readonly limits?: readonly Limit[]
  readonly expected?: Partial<Used>
  readonly use?: Partial<LimitOptions>
  readonly prices?: Readonly<Record<string, Price>>
  readonly queue?: { readonly most: number; readonly timeoutMs: number }
  readonly ledger?: { canTake?: boolean; isSync?: boolean; whenFull?: 'refuse' | 'count' | null } | null
  readonly wrap?: (limiter: Limiter) => Limiter
}

export const opus: Price = {
  input: 5,
  output: 25,
  cacheWrite5m: 6.25,
  cacheWrite1h: 10,
  cacheRead: 0.5,
  longPrompt: null,
  fastFactor: 1,
  batchFactor: 0.5,
  geoFactors: {},
  webSearch: 0.01,
}

export const noTokens: Used = {
  input: 0,
  output: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  estimated: false,
  model: null,
  webSearches: 0,
  speed: 'standard',
  geo: null,
  isBatch: false,
}

export function tenantOf(name = 'search', more: Partial<Tenant> = {}): Tenant {
  return {
    id: 1,
    generation: 1,
    name,
    business: 'shop',
    priority: 5,
    routes: null,
    models: null,
    limits: [],
    slot: 1,
    businessSlot: 1,
    ...more,
  }
}

let last = 0

/** A Messages call of this tenant and model. */
export function messagesCall(
  tenant: Tenant | null = tenantOf(),
  { model = 'claude-opus-5', path = '/v1/messages' }: { model?: string | null; path?: string } = {},
): Call {
  const { head, body, caller } = callOf(`POST ${path} HTTP/1.1\nhost: r`)
  const call = new Call(`req_${++last}`, performance.now(), head, body, caller)
  call.tenant = tenant
  call.route = { name: 'v1/messages', family: 'v1/messages', slot: 1, upstream: 'claude', upstreamSlot: 1, kind: 'claude' }
  call.asked = { model, maxTokens: null, bytes: 100, body: null }
  return call
}

/** A clock of queues that stands still: `every` and `soon` run when they are told. */
export interface ManualClock extends QueueClock {
  advance(ms: number): void
  readonly ticking: () => number
}

export function manualClock(): ManualClock {
  let now = 0
  const ticks = new Set<{ readonly ms: number; readonly run: () => void; dueAt: number }>()
  return {
    now: () => now,
    soon: (run) => queueMicrotask(run),
    every: (ms, run) => {
      const tick = { ms, run, dueAt: now + ms }
      ticks.add(tick)
      return () => void ticks.delete(tick)
    },
    advance: (ms) => {
      const until = now + ms
      for (;;) {
        const due = [...ticks].filter(({ dueAt }) => dueAt <= until).toSorted((one, other) => one.dueAt - other.dueAt)[0]
        if (due === undefined) break
        now = due.dueAt
        due.dueAt += due.ms
        due.run()
      }
      now = until
    },
    ticking: () => ticks.size,
  }
}

export function limitWorld({
  limits = [],
  expected = {},
  use = {},
  prices = { 'claude-opus-5': opus },
  queue,
  ledger = {},
  wrap = (limiter) => limiter,
}: LimitWorldOptions = {}): LimitWorld {
  const clock = testClock()
  const shared = numbers({ workers: 1 })
  shared.tenantSlots.slotsOf(['search'])
  const column = workerColumn(shared.memory, 0)
  const settled = { count: 0 }
  const limiter = wrap(memoryLimiter(clock, settled))
  const rows: LedgerRow[] = []
  const intents: LedgerIntent[] = []
  const writer = fakeWriter(rows, intents, ledger?.canTake ?? true)
  const queueTime = manualClock()
  const queues = workerQueues({ numbersOf: (slot) => column.queue(slot), clock: queueTime })
  const recording: RecordOptions = { column, ledger: ledger === null ? null : writer, prices, now: clock.wallMs }
  const options: LimitOptions = {
    kind: 'claude',
    column,
    limiter,
    limitsFor: limitsFor({ route: 'v1/messages', limits, prices }),
    expect: () => ({ ...noTokens, input: 100, output: 1000, estimated: true, model: 'claude-opus-5', ...expected }),
    blocksUnpriced: true,
    ledger:
      ledger === null
        ? null
        : {
            writer,
            whenFull: ledger.whenFull ?? null,
            isSync: ledger.isSync ?? false,
            intend: async (call) => writer.intend(intentOf(call, recording)),
          },
    queue: queue === undefined ? null : { queue: queues.room(1), ...queue },
    queues,
    headers: rateHeaders({ store: limiter, kind: 'claude', now: clock.wallMs }),
    ...use,
  }
  const sent: Call[] = []
  const send: Next = async (call) => {
    sent.push(call)
    call.attempts++
    return new Reply(200, null, Body.of(Buffer.alloc(0)))
  }
  const run = compose([record(recording), limit(options)], send)
  const ask = async (call: Call): Promise<'out' | RelayError> => {
    try {
      await run(call)
      return 'out'
    } catch (error) {
      if (!(error instanceof RelayError)) throw error
      call.error = error
      call.status = 429
      call.settle('failed')
      return error
    }
  }
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms)
    queueTime.advance(ms)
    await turn()
  }
  return { clock, shared, rows, intents, sent, settled, advance, limiter, limiting: options, recording, run, ask }
}

/** Whatever is ready to run has run. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** A call's reply is over: it told this much, and came to this end. */
export function over(call: Call, used: Partial<Used> | null, end: Call['end'] = 'done', status = 200): void {
  call.status = status
  call.tokens = used === null ? null : { ...noTokens, model: 'claude-opus-5', ...used }
  call.settle(end ?? 'done')
}

function memoryLimiter(clock: TestClock, settled: { count: number }): Limiter {
  const store = memoryStore(openCells(cellsMemory({ workers: 1, slots: 256 }), 0), { clock })
  const slots = new Map<string, number>()
  const sets = new Map<string, LimitSet>()
  return {
    take: (...args) => store.take(...args),
    settle: (...args) => {
      settled.count++
      store.settle(...args)
    },
    reading: (bucket) => store.reading(bucket),
    bind: (subject, limits) => {
      const buckets = limits.map((limit): Bucket => {
        const key = bucketKey(limit, subject, clock.wallMs())
        const slot = slots.get(key) ?? slots.size
        slots.set(key, slot)
        return { limit, key, tag: bucketTag(limit, subject), slot }
      })
      const key = JSON.stringify(buckets)
      const set = sets.get(key) ?? { buckets, validUntil: Infinity }
      sets.set(key, set)
      return set
    },
    forget: () => {},
    close: async () => {},
  }
}

function fakeWriter(rows: LedgerRow[], intents: LedgerIntent[], canTake: boolean): LedgerWriter {
  return {
    write: (row) => rows.push(row) > 0,
    intend: async (row) => void intents.push(row),
    canTake,
    lost: 0,
    dropped: 0,
    flush: async () => {},
  }
}
