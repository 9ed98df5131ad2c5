import type { Used } from '../base/tokens.ts'
import type { Reserved } from '../engine/call.ts'
import type { LimitSet, LimitStore } from '../limits/store.ts'
import { usedAmounts } from './limit-amounts.ts'

/** What was taken for one call, until it is settled, once. */
export class Reservation implements Reserved {
  readonly expected: Used | null
  private readonly taking: Taking
  private isSettled = false

  constructor(taking: Taking, expected: Used | null) {
    this.taking = taking
    this.expected = expected
    // A dry run that would have refused has nothing of this call, so nothing is put in its place either.
    for (const at of taking.over) taking.amounts[at] = 0
  }

  get set(): LimitSet {
    return this.taking.set
  }

  get budgets(): readonly string[] {
    const { set, over } = this.taking
    return set.buckets.filter(({ limit }, k) => limit.kind === 'budget' && !over.includes(k)).map(({ key }) => key)
  }

  settle(isCounted: boolean, used: Used | null, costNanoUsd: number): void {
    if (this.isSettled) return
    this.isSettled = true
    const { id, store, set, amounts, over } = this.taking
    const actual = usedAmounts(set, { isCounted, used, costNanoUsd })
    for (const at of over) actual[at] = 0
    store.settle(id, set, amounts, actual)
    this.taking.released()
  }
}

/** A take that succeeded. */
export interface Taking {
  readonly id: string
  readonly store: LimitStore
  readonly set: LimitSet
  readonly amounts: number[]
  /** Places of dry runs that would have refused. */
  readonly over: readonly number[]
  /** Told when it has been given back: calls may wait for it. */
  readonly released: () => void
}

/** A call without limits that is written down all the same. */
export class Unlimited implements Reserved {
  readonly expected: Used | null
  readonly budgets: readonly string[] = []

  constructor(expected: Used | null) {
    this.expected = expected
  }

  settle(): void {
    // Nothing was taken.
  }
}
