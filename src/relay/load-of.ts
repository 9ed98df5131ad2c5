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

/** Reads the shared numbers: a load costs two reads, and no worker is asked. */
export function loads(numbers: Numbers): Loads {
  const shared = new Float64Array(numbers.memory)
  const { layout } = numbers
  const sent = Array.from({ length: layout.workers }, () => 0)
  const open = (worker: number) => shared[columnStart(layout, worker) + layout.connections] ?? 0
  const accepted = (worker: number) => shared[columnStart(layout, worker) + layout.accepted] ?? 0
  return {
    open,
    load: (worker) => open(worker) + Math.max(0, (sent[worker] ?? 0) - accepted(worker)),
    sent: (worker) => void (sent[worker] = (sent[worker] ?? 0) + 1),
    died: (worker) => {
      numbers.workerDied(worker)
      sent[worker] = 0
    },
    total: () => sent.reduce((sum, _none, worker) => sum + open(worker), 0),
  }
}
