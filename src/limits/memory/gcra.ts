import type { Limit } from '../../base/limit.ts'
import { shareOf, type Refusal } from './kind.ts'

/**
 * Rates are GCRA: one number, the moment at which the bucket is full again. A token is `stepUs` of it, any moment that is over means
 * full, and an empty bucket is full in `windowUs`. What is left, when to come back and when it is full are all exact.
 */
export interface Shape {
  readonly burst: number
  /** One token takes so long. */
  readonly stepUs: number
  readonly windowUs: number
  /** Doubles round: so much is too little to be a token, and more than rounding. */
  readonly slackUs: number
  /** Whether it is one node's part of a limit. */
  readonly isPart: boolean
}

/** A rate in µs, or one node's part of it. */
export function shapeOf(limit: Limit, nodes: number): Shape {
  // Only rates come here: the store chooses by the kind.
  if (limit.kind === 'concurrency' || limit.kind === 'budget') throw new TypeError(`${limit.kind} is no rate`)
  const burst = shareOf(limit.burst, nodes)
  const stepUs = (limit.periodMs * 1000 * Math.max(1, nodes)) / limit.count
  return { burst, stepUs, windowUs: burst * stepUs, slackUs: Math.min(0.5, stepUs / 2), isPart: nodes > 1 }
}

/** How long an empty bucket of a whole limit takes to be full, in µs; 0 for what is no rate. */
export function windowOf(limit: Limit): number {
  return limit.kind === 'concurrency' || limit.kind === 'budget' ? 0 : (limit.burst * limit.periodMs * 1000) / limit.count
}

/** A reservation that fits the whole bucket may be larger than a node's part of it: it takes all of that, else it would never pass. */
export function portionOf(amount: number, { burst, isPart }: Shape): number {
  return isPart && amount > burst ? burst : amount
}

/** How far from full a bucket with this level is: at most two windows, so that it never owes more than one burst. */
export function missingUs(level: number, now: number, { windowUs }: Shape): number {
  return level < now ? 0 : Math.min(level - now, 2 * windowUs)
}

/** Whether it owes more than that. */
export function isBeyond(level: number, now: number, { windowUs }: Shape): boolean {
  return level > now + 2 * windowUs
}

/** Whether a bucket that is so far from full refuses to give so much. */
export function refusalOf(missing: number, amount: number, shape: Shape): Refusal | null {
  const wanted = portionOf(amount, shape) * shape.stepUs
  const room = shape.windowUs + shape.slackUs
  if (missing + wanted <= room) return null
  return { why: 'rate', waitMs: wanted > room ? Infinity : Math.ceil((missing + wanted - room) / 1000) }
}

/** The largest amount that it would give. */
export function remainingOf(missing: number, { windowUs, slackUs, stepUs }: Shape): number {
  return Math.max(0, Math.floor((windowUs + slackUs - missing) / stepUs))
}
