import { type Period, periodAt } from '../period.ts'
import type { Bucket } from '../store.ts'

/** What is wanted of a bucket: all of `amount`, or as much as there is down to `least`. */
export interface Want {
  readonly bucket: Bucket
  readonly amount: number
  readonly least: number
}

/** A take of one call (or of one block of a lease) with all that its end needs. */
export interface Taking {
  readonly call: string
  /** Of its record: that of its first bucket, in a Cluster of all of them. */
  readonly tag: string
  readonly parts: readonly Part[]
}

/** A bucket of a taking and what came of it; before the answer, as if all of it had been granted. */
export interface Part {
  readonly want: Want
  /** In Redis, with the period that Redis is in. */
  readonly key: string
  readonly period: Period | null
  readonly granted: number
  /** A dry run that would have refused: nothing was taken. */
  readonly isOver: boolean
  readonly remaining: number
  readonly resetMs: number
  /** ms until the least may be there; -1: never. */
  readonly waitMs: number
  readonly why: 'fits' | 'rate' | 'concurrency' | 'held' | 'spent'
}

/** A part that nothing is known of yet; `before` stands before its key, `nowMs` is Redis's time as far as it is known. */
export function newPart(want: Want, before: string, nowMs: number): Part {
  const { limit, key } = want.bucket
  const part = { want, key: before + key, period: null, granted: want.amount, isOver: false, ...unanswered }
  if (limit.kind !== 'budget') return part
  // The last part of a budget's key is its period, by the clock of whoever made it: here that of Redis counts.
  const period = periodAt(limit, nowMs)
  return { ...part, key: `${before}${key.slice(0, key.lastIndexOf('|'))}|${period.label}`, period }
}

const unanswered = { remaining: 0, resetMs: 0, waitMs: 0, why: 'fits' } as const
const reasons = ['fits', 'rate', 'concurrency', 'held', 'spent'] as const

/** How many integers the script answers for a bucket. */
export const answerWidth = 5

/** A part with what the script answered for it. */
export function answeredPart(part: Part, [granted = 0, remaining = 0, resetMs = 0, waitMs = 0, why = 0]: readonly number[]): Part {
  return { ...part, granted, remaining, resetMs, waitMs, why: reasons[why] ?? 'fits', isOver: why !== 0 && part.want.bucket.limit.dryRun }
}

/** The parts that lapse unless they are renewed. */
export function heldParts({ parts }: Taking): readonly Part[] {
  return parts.filter(({ want, granted }) => granted > 0 && scriptKind(want.bucket) !== 'rate')
}

/** The keys of a part. */
export function keysOf({ want, key }: Part): readonly string[] {
  return scriptKind(want.bucket) === 'rate' ? [key] : [key, `${key}:held`]
}

/** What the scripts call a bucket's limit. */
export function scriptKind({ limit }: Bucket): 'rate' | 'concurrency' | 'budget' {
  return limit.kind === 'concurrency' || limit.kind === 'budget' ? limit.kind : 'rate'
}
