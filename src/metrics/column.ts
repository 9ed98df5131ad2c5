import { bodyEnds, endIndex, type BodyEnd } from '../base/ends.ts'
import type { TokenCounts } from '../base/tokens.ts'
import { add, observe } from './add.ts'
import { histogramWidth } from './histogram.ts'
import { queueNumbers, type QueueNumbers } from './queue-column.ts'
import { tenantNumbers, type TenantNumbers } from './tenant-column.ts'
import { columnStart, layoutIn, poolGauges, tokenTypes, upstreamEvents, usageSources, type Layout } from './layout.ts'
import { statusLabels, statusSlot } from './statuses.ts'

/** The numbers of one worker, which alone writes them: each deed is a few stores into shared memory. Slots come from control. */
export interface Column extends CallNumbers, WorkerNumbers, TenantNumbers {
  /** The numbers of one pool; the pools of one upstream (an old one drains beside the new) share a slot and add up. */
  pool(upstream: number): PoolNumbers
  /** A reply of this upstream began so many ms after its call was sent. */
  upstreamFirstByte(upstream: number, ms: number): void
  /** The queue of a route: this worker's words, and those of all others. */
  queue(route: number): QueueNumbers
}

/** What calls do to the numbers. */
export interface CallNumbers {
  callStarted(): void
  callEnded(route: number, status: number, ms: number, end: BodyEnd): void
  tokens(route: number, counts: TokenCounts): void
}

/** What a worker does to its numbers beside its calls. */
export interface WorkerNumbers {
  connectionOpened(): void
  connectionClosed(): void
  streamOpened(): void
  streamClosed(): void
  /** A message that never became a call; the index comes from `failureIndex`. */
  refused(failure: number): void
  /** Lines that this worker's log dropped since the worker started. */
  logDropped(total: number): void
  eventLoopLag(ms: number): void
  /** A call was refused for the worker's own sake. */
  readonly shed: () => void
  /** The input of a call was guessed by its size, on a route that has its upstream count it. */
  readonly countFellBack: () => void
  /** A call was refused because a limit's store could not be asked. */
  refusedAway(): void
  /** Rows that this worker's end of the ledger lost, and refusals that it left out, since the worker started. */
  ledgerMissed(lost: number, dropped: number): void
  /** Commands that this worker sent to Redis for limits, since it started. */
  redisRoundTrips(total: number): void
}

/** What one pool of connections reports. Its gauges are given as they are now; the differences go into the upstream's slot. */
export interface PoolNumbers {
  gauges(open: number, idle: number, waiting: number): void
  limit(connections: number): void
  connectionOpened(): void
  connectFailed(): void
  /** A call was sent again on another connection. */
  retried(): void
  /** Takes the pool's share out of the gauges. */
  close(): void
}

/** The column of a worker in the memory that control made. */
export function workerColumn(memory: SharedArrayBuffer, index: number): Column {
  const shared = new Float64Array(memory)
  const layout = layoutIn(shared)
  if (!(index >= 0 && index < layout.workers)) throw new RangeError(`worker ${index} has no column, there are ${layout.workers}`)
  const start = columnStart(layout, index)
  const column = shared.subarray(start, start + layout.column)
  return {
    ...callNumbers(column, layout),
    ...workerNumbers(column, layout),
    ...tenantNumbers(column, layout),
    pool: (upstream) => poolNumbers(column, layout, upstream),
    upstreamFirstByte: (upstream, ms) => observe(column, layout.firstBytes + upstream * histogramWidth, ms),
    queue: (route) => queueNumbers(shared, layout, { worker: index, route }),
  }
}

function callNumbers(column: Float64Array, at: Layout): CallNumbers {
  const { activeCalls, calls, durations, ends, tokens, usages } = at
  const [statusCount, endCount, typeCount] = [statusLabels.length, bodyEnds.length, tokenTypes.length]
  return {
    callStarted: () => add(column, activeCalls, 1),
    callEnded: (route, status, ms, end) => {
      add(column, activeCalls, -1)
      add(column, calls + route * statusCount + statusSlot(status), 1)
      add(column, ends + route * endCount + endIndex(end), 1)
      observe(column, durations + route * histogramWidth, ms)
    },
    tokens: (route, counts) => {
      const row = tokens + route * typeCount
      add(column, row, counts.input)
      add(column, row + 1, counts.output)
      add(column, row + 2, counts.cacheWrite5m)
      add(column, row + 3, counts.cacheWrite1h)
      add(column, row + 4, counts.cacheRead)
      add(column, usages + route * usageSources.length + (counts.estimated ? 1 : 0), 1)
    },
  }
}

function workerNumbers(column: Float64Array, at: Layout): WorkerNumbers {
  return {
    connectionOpened: () => {
      add(column, at.connections, 1)
      add(column, at.accepted, 1)
    },
    connectionClosed: () => add(column, at.connections, -1),
    streamOpened: () => add(column, at.streams, 1),
    streamClosed: () => add(column, at.streams, -1),
    refused: (failure) => add(column, at.refused + failure, 1),
    logDropped: (total) => {
      column[at.logDropped] = total
    },
    eventLoopLag: (ms) => {
      column[at.lag] = ms / 1000
    },
    shed: () => add(column, at.shed, 1),
    countFellBack: () => add(column, at.countFallbacks, 1),
    refusedAway: () => add(column, at.awayRefusals, 1),
    ledgerMissed: (lost, dropped) => {
      column[at.ledgerLost] = lost
      column[at.ledgerDropped] = dropped
    },
    redisRoundTrips: (total) => {
      column[at.redisRoundTrips] = total
    },
  }
}

function poolNumbers(column: Float64Array, at: Layout, upstream: number): PoolNumbers {
  const gauges = at.pools + upstream * poolGauges.length
  const events = at.upstreamEvents + upstream * upstreamEvents.length
  const told = new Float64Array(poolGauges.length)

  function tell(gauge: number, value: number): void {
    add(column, gauges + gauge, value - (told[gauge] ?? 0))
    told[gauge] = value
  }

  return {
    gauges: (open, idle, waiting) => {
      tell(0, open)
      tell(1, idle)
      tell(2, waiting)
    },
    limit: (connections) => tell(3, connections),
    connectionOpened: () => add(column, events, 1),
    connectFailed: () => add(column, events + 1, 1),
    retried: () => add(column, events + 2, 1),
    close: () => told.forEach((_value, gauge) => tell(gauge, 0)),
  }
}
