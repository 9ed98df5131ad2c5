import type { LimitSet, Verdict } from '../../src/limits/store.ts'
import { callId, type LimitProcess } from './lease-world.ts'
import type { TestClock } from './world.ts'

/** What callers of one or several processes did. */
export interface Load {
  readonly processes: readonly LimitProcess[]
  readonly sets: readonly LimitSet[]
  /** The one clock of all processes and of Redis. */
  readonly clock: TestClock
  readonly perSecond: number
  readonly seconds: number
  readonly taken: readonly number[]
  readonly used: readonly number[]
}

/** What came of it. */
export interface LoadResult {
  readonly offered: number
  readonly admitted: number
  /** By process. */
  readonly shares: readonly number[]
  readonly scripts: number
  /** The longest time that a refused call was told, and the shortest. */
  readonly waits: readonly number[]
}

/** How long a call takes, ms. */
const callMs = 5

/** Offers so many calls a second, evenly, on all workers in turn; whatever is asked is answered within the same ms. */
export async function offer({ processes, sets, clock, perSecond, seconds, taken, used }: Load): Promise<LoadResult> {
  const before = scriptsOf(processes)
  const waits = new Set<number>()
  const shares = processes.map(() => 0)
  const ends = new Map<number, (() => void)[]>()
  let offered = 0
  for (let ms = 0; ms < seconds * 1000; ms += 1) {
    for (const end of ends.get(ms) ?? []) end()
    ends.delete(ms)
    const asked: Promise<void>[] = []
    for (; offered < ((ms + 1) * perSecond) / 1000; offered += 1) {
      const at = offered % processes.length
      const { workers } = processes[at]!
      const limiter = workers[Math.floor(offered / processes.length) % workers.length]!
      const [call, set] = [callId(), sets[at]!]
      const came = (verdict: Verdict): void => {
        if (verdict.is === 'refused') waits.add(verdict.retryAfterMs)
        if (verdict.is !== 'taken') return
        shares[at]! += 1
        const end = (): void => limiter.settle(call, set, taken, used)
        ends.set(ms + callMs, [...(ends.get(ms + callMs) ?? []), end])
      }
      const verdict = limiter.take(call, set, taken)
      if (verdict instanceof Promise) asked.push(verdict.then(came))
      else came(verdict)
    }
    await Promise.all(asked)
    clock.advance(1)
    if (ms % 200 === 199) for (const { keeper } of processes) keeper.look()
    for (const made of processes) await made.quiet()
  }
  for (const all of ends.values()) for (const end of all) end()
  return {
    offered,
    admitted: shares.reduce((sum, share) => sum + share, 0),
    shares,
    scripts: scriptsOf(processes) - before,
    waits: [...waits],
  }
}

function scriptsOf(processes: readonly LimitProcess[]): number {
  return processes.reduce((sum, { keeper }) => sum + keeper.counts().roundTrips, 0)
}
