import type { Limit } from '../base/limit.ts'

/**
 * One bucket of a limit: that of one tenant, say. Control gives every key its slot in the shared memory; a slot belongs to one key as
 * long as any worker may hold it.
 */
export interface Bucket {
  readonly limit: Limit
  /** `requests|tenant=search`: unique in a relay and the same on every node; a budget's ends with its period (`…|2026-11-23`). */
  readonly key: string
  /** The part of the key that all buckets asked for together share: Redis Cluster's hash tag (`tenant=search`, or `all`). */
  readonly tag: string
  readonly slot: number
}

/** The buckets that a call of one tenant, route and model takes from: made once, used for every call until it is out of date. */
export interface LimitSet {
  readonly buckets: readonly Bucket[]
  /** Wall clock, ms: from then on a budget's period is another one, and the set has to be made anew. */
  readonly validUntil: number
}

/**
 * Where buckets are kept. A take is all or nothing over the buckets of the set. Amounts stand in the order of the buckets: 1 for
 * requests and concurrency, tokens, or nano-dollars; whole numbers ≥ 0, and a bucket that is asked for 0 never refuses. One contract
 * test holds for every store.
 */
export interface LimitStore {
  /** Takes `amounts`, or nothing. `call` makes it idempotent where an answer can be lost. A promise only where something is asked. */
  take(call: string, set: LimitSet, amounts: readonly number[]): Verdict | Promise<Verdict>
  /**
   * The end of a call that took `taken` (0 where the verdict named the bucket as `over`): what it really used comes in its place. Less
   * is given back, more is debt: a rate's bucket may go below zero by what a call used beyond its reservation, but never by more than
   * its burst. Permits are given back whatever `used` says. What a dry run would have refused leaves its bucket as it is. Once a call: a
   * second time changes nothing. Never fails, never waits.
   */
  settle(call: string, set: LimitSet, taken: readonly number[], used: readonly number[]): void
  /** How a bucket stands now, as far as this process knows: for headers. */
  reading(bucket: Bucket): Reading
}

/** What came of a take. */
export type Verdict =
  /** `over` names the buckets (by their place) of dry-run limits that would have refused; nothing was taken from those. */
  | { readonly is: 'taken'; readonly over: readonly number[] }
  | Refused
  /** The store could not be asked and its limit's policy is `closed`. Never a 429. */
  | { readonly is: 'away'; readonly at: number }

/** Nothing was taken. */
export interface Refused {
  readonly is: 'refused'
  /** The place of the bucket that refused: of several, the one with the longest wait. */
  readonly at: number
  /** `spent`: a budget has no money left for this call until its period ends. `held`: it would have, were it not for what other calls hold. */
  readonly why: 'rate' | 'concurrency' | 'held' | 'spent'
  /** ms until it may be worth asking again; -1: never, the amount is larger than the bucket. */
  readonly retryAfterMs: number
}

/** How a bucket stands. */
export interface Reading {
  readonly limit: number
  /** Never below 0, whole. */
  readonly remaining: number
  /** ms until it is full again (a budget: until its period ends). */
  readonly resetMs: number
}
