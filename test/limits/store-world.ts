import type { Limit } from '../../src/base/limit.ts'
import type { LimitSet, LimitStore, Verdict } from '../../src/limits/store.ts'
import type { TestClock } from './world.ts'

/** A store under test. */
export interface StoreWorld {
  readonly store: LimitStore
  /** The buckets of these limits at the clock: a limit of the same name is the same bucket. See `setMaker`. */
  set(...limits: readonly Limit[]): LimitSet
  /** The clock has moved, by 20 s at most: renews what open calls hold, where that lapses. */
  advanced?(): Promise<void>
  /** Waits until all settles have come to where buckets are kept. */
  settled?(): Promise<void>
  close(): Promise<void>
}

/** Makes a store that goes by this clock. */
export type MakeStore = (clock: TestClock) => Promise<StoreWorld>

/** Lets time go by in steps that a store can follow. */
export async function pass(made: StoreWorld, clock: TestClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 20_000) {
    clock.advance(Math.min(left, 20_000))
    await made.advanced?.()
  }
}

/** The dry runs that a verdict names. */
export function overOf(verdict: Verdict): readonly number[] {
  return verdict.is === 'taken' ? verdict.over : []
}
