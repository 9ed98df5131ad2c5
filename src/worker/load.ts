import { getHeapStatistics } from 'node:v8'
import type { ShedPlan } from '../config/plan.ts'

/** What the load is judged by, and how often it is looked at. */
export interface LoadOptions {
  /** Asked at each look: a reload may change it. Null: nothing is ever too much. */
  readonly plan: () => ShedPlan | null
  readonly probeMs?: number
  readonly now?: () => number
  /** The part of the heap's limit that is in use, 0 to 1. */
  readonly heap?: () => number
}

/** The worker's load, watched. */
export interface WatchedLoad {
  readonly isOverloaded: boolean
  /** One look: the timer's work. */
  probe(): void
  stop(): void
}

/**
 * Watches how late this thread's timers come and how full its heap is. One late timer is a hiccup, a full heap may be garbage that the
 * next collection takes: either counts once two looks in a row have seen it, and no longer than it lasts.
 */
export function watchLoad({ plan, probeMs = 100, now = () => performance.now(), heap = heapInUse }: LoadOptions): WatchedLoad {
  let due = now() + probeMs
  let late = 0
  let full = 0
  const load = {
    isOverloaded: false,
    probe() {
      const at = now()
      const { lagMs, heap: most } = plan() ?? unbounded
      late = lagMs !== null && at - due > lagMs ? late + 1 : 0
      full = most !== null && heap() > most ? full + 1 : 0
      due = at + probeMs
      load.isOverloaded = late >= looks || full >= looks
    },
    stop: () => clearInterval(timer),
  }
  const timer = setInterval(() => load.probe(), probeMs).unref()
  return load
}

function heapInUse(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return used / limit
}

const looks = 2
const unbounded: ShedPlan = { lagMs: null, heap: null }
