import { columnStart } from '../metrics/layout.ts'
import type { Numbers } from '../metrics/numbers.ts'

/** How many connections each worker has, handed-over ones that are still on their way included. */
export interface Loads {
  /** Open connections of a worker, as it tells. */
  open(worker: number): number
  /** The same, with those that it has been sent and has not seen yet. */
  load(worker: number): number
  sent(worker: number): void
  /** The worker ended: its numbers go to control's own, and what it was sent is gone. */
  died(worker: number): void
  readonly total: () => number
}

interface Way {
  /** Sockets sent, to be compared with what the worker has accepted. */
  sent: number
  /** Those of them that were sent in this period, and in the one before. */
  recent: number
  before: number
  since: number
}

/** A socket takes well under a millisecond to its worker; what has not arrived after this was lost on its way to a call. */
const periodMs = 100

/**
 * Reads the shared numbers: a load costs two reads, and no worker is asked. A socket that its worker never counts (its TLS handshake
 * failed) must not weigh on that worker for ever, so no more count as under way than were sent a moment ago.
 */
export function loads(numbers: Numbers, now: () => number = () => performance.now()): Loads {
  const shared = new Float64Array(numbers.memory)
  const { layout } = numbers
  const ways = Array.from({ length: layout.workers }, (): Way => ({ sent: 0, recent: 0, before: 0, since: now() }))
  const open = (worker: number) => shared[columnStart(layout, worker) + layout.connections] ?? 0
  const accepted = (worker: number) => shared[columnStart(layout, worker) + layout.accepted] ?? 0
  const underWay = (worker: number) => {
    const way = ways[worker]
    if (way === undefined) return 0
    refresh(way, accepted(worker), now())
    return Math.max(0, Math.min(way.recent + way.before, way.sent - accepted(worker)))
  }
  return {
    open,
    load: (worker) => open(worker) + underWay(worker),
    sent: (worker) => {
      const way = ways[worker]
      if (way === undefined) return
      refresh(way, accepted(worker), now())
      way.sent++
      way.recent++
    },
    died: (worker) => {
      numbers.workerDied(worker)
      ways[worker] = { sent: 0, recent: 0, before: 0, since: now() }
    },
    total: () => ways.reduce((sum, _way, worker) => sum + open(worker), 0),
  }
}

function refresh(way: Way, accepted: number, now: number): void {
  const passed = now - way.since
  if (passed < periodMs) return
  way.since = now
  way.before = passed < 2 * periodMs ? way.recent : 0
  way.recent = 0
  // Nothing is under way any more, so the two counts start again from one place.
  if (way.before === 0) way.sent = accepted
}
