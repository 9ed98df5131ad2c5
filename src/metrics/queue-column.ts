import { observe } from './add.ts'
import { histogramWidth } from './histogram.ts'
import { columnStart, queueWords, type Layout } from './layout.ts'

/** How the first call of a worker's queue ranks: a higher priority first, then the lower tag, then the lower worker. */
export interface QueueHead {
  readonly priority: number
  readonly tag: number
  /** A number made of the key of the bucket that it waits for. */
  readonly bucket: number
}

/**
 * The queue of one route as its workers see it: each writes its own words and reads all others'. What it reads may be a moment old, or
 * of two moments: it decides who is tried first, never who is let through. Only the bound is exact: see `enter`.
 */
export interface QueueNumbers {
  /**
   * One more waits, unless that would be more than `most` over all workers and more than this worker's even share of it: the calls that
   * one tenant has waiting in another worker leave room for everybody here. Two that come at once may both be turned away.
   */
  enter(most: number): boolean
  /** One less waits; `waitedMs` where it was let through. */
  leave(waitedMs: number | null): void
  /** Tells the others of this worker's first call. */
  publish(head: QueueHead | null): void
  /** Tells the others how far the virtual clock of a priority has come here. */
  advance(priority: number, clock: number): void
  /** The furthest virtual clock of a priority in all workers. */
  clock(priority: number): number
  /** Whether no other worker has a call waiting. */
  isQuietElsewhere(): boolean
  /** Whether a call of another worker ranks before this one and waits for one of these buckets. */
  isBehind(head: QueueHead, buckets: readonly number[]): boolean
}

/** Opens the words of a worker and a route in the memory of all. */
export function queueNumbers(shared: Float64Array, at: Layout, { worker, route }: { worker: number; route: number }): QueueNumbers {
  const own = columnStart(at, worker) + at.queues + route * queueWords.length
  const places = Array.from({ length: at.workers }, (_none, k) => columnStart(at, k) + at.queues + route * queueWords.length)
  const others = places.filter((_place, k) => k !== worker)
  const waits = columnStart(at, worker) + at.queueWaits + route * histogramWidth
  // Only touched, to put what was written in order before what is read next: any word of the own column will do.
  const fence = new Int32Array(shared.buffer)
  const word = (place: number, index: number): number => shared[place + index] ?? 0

  return {
    enter: (most) => {
      // First written, then read, so that of two workers that take the last place at least one sees the other.
      shared[own] = word(own, 0) + 1
      Atomics.add(fence, own * 2, 0)
      let waiting = 0
      for (const place of places) waiting += word(place, 0)
      if (waiting <= most || word(own, 0) <= Math.floor(most / places.length)) return true
      shared[own] = word(own, 0) - 1
      return false
    },
    leave: (waitedMs) => {
      shared[own] = word(own, 0) - 1
      if (waitedMs !== null) observe(shared, waits, waitedMs)
    },
    publish: (head) => {
      shared[own + 1] = head === null ? 0 : head.priority + 1
      shared[own + 2] = head?.tag ?? 0
      shared[own + 3] = head?.bucket ?? 0
    },
    advance: (priority, clock) => {
      shared[own + 4 + priority] = clock
    },
    clock: (priority) => places.reduce((furthest, place) => Math.max(furthest, word(place, 4 + priority)), 0),
    isQuietElsewhere: () => {
      for (const place of others) if (word(place, 1) > 0) return false
      return true
    },
    isBehind: (head, buckets) =>
      others.some((place) => {
        const priority = word(place, 1) - 1
        if (priority < 0 || !buckets.includes(word(place, 3))) return false
        if (priority !== head.priority) return priority > head.priority
        const tag = word(place, 2)
        return tag < head.tag || (tag === head.tag && place < own)
      }),
  }
}
