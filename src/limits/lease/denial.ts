import type { Limit, RateLimit } from '../../base/limit.ts'
import { Word, type Cells } from '../cells.ts'
import { heldWaitMs } from '../memory/kind.ts'
import { periodAt } from '../period.ts'
import type { Bucket, Refused } from '../store.ts'
import type { Clock } from '../clock.ts'
import type { Refusal } from './bank.ts'
import { spentAll } from './granted-holding.ts'
import { LeaseWord } from './words.ts'

/**
 * After Redis has refused, refusals are local until the time to retry, in all workers: nobody asks again for as much or more. Two bounds
 * make it better than that: no denial of a fast rate is shorter than 50 ms, in which tokens gather that are then fetched at once; and none is
 * believed for longer than a second, as a limit may be raised and what others hold may come free.
 */
export function tell(cells: Cells, slot: number, { denied, nowUs }: Told): void {
  if (denied === null) return allow(cells, slot)
  const { amount, refusal } = denied
  cells.write(slot, LeaseWord.deniedAmount, amount)
  cells.write(slot, Word.deniedUntil, nowUs + believedMs(refusal) * 1000)
}

/** What calls are denied from now on: as much, or more; null: nothing. */
export interface Told {
  readonly denied: { readonly amount: number; readonly refusal: Refusal } | null
  readonly nowUs: number
}

/** Forgets a denial: something was granted. */
export function allow(cells: Cells, slot: number): void {
  if (cells.read(slot, Word.deniedUntil) !== 0) cells.write(slot, Word.deniedUntil, 0)
}

/** What a worker tells a call that a denial refuses; null: there is none for this amount. */
export function deniedBy(cells: Cells, { slot, limit }: Bucket, asked: { readonly amount: number; readonly clock: Clock }): Refusal | null {
  const { amount, clock } = asked
  const until = cells.read(slot, Word.deniedUntil)
  if (until === 0) return null
  const now = clock.us()
  if (now >= until || amount < cells.read(slot, LeaseWord.deniedAmount)) return null
  const leftMs = Math.ceil((until - now) / 1000)
  if (limit.kind === 'concurrency') return { why: 'concurrency', waitMs: amount > limit.most ? -1 : heldWaitMs }
  if (limit.kind !== 'budget') return { why: 'rate', waitMs: rateWaitMs(cells, slot, { limit, amount, now, leftMs }) }
  if (amount > limit.nanoUsd) return { why: 'spent', waitMs: -1 }
  if (cells.read(slot, LeaseWord.rest) !== spentAll) return { why: 'held', waitMs: heldWaitMs }
  const wall = clock.wallMs()
  return { why: 'spent', waitMs: Math.max(1, Math.ceil(periodAt(limit, wall).endMs - wall)) }
}

interface RateAsked {
  readonly limit: Exclude<Limit, { kind: 'concurrency' | 'budget' }>
  readonly amount: number
  readonly now: number
  readonly leftMs: number
}

function rateWaitMs(cells: Cells, slot: number, { limit, amount, now, leftMs }: RateAsked): number {
  if (amount > limit.burst) return -1
  const stepUs = (limit.periodMs * 1000) / limit.count
  const missing = amount - cells.read(slot, Word.leased) - limit.burst
  return Math.max(leftMs, Math.ceil((missing * stepUs + Math.max(0, cells.read(slot, Word.level) - now)) / 1000))
}

/** The wait that a call is told: not below the shortest denial. */
export function waitOf(limit: Limit, waitMs: number): number {
  if (limit.kind === 'concurrency' || limit.kind === 'budget' || waitMs < 0) return waitMs
  // A token that takes longer by itself is worth a round trip of its own.
  return isFast(limit) ? Math.max(waitMs, gatherMs) : waitMs
}

/** Whether it is a rate whose tokens come so fast that they are gathered before they are fetched. */
export function isFast(limit: Limit): limit is RateLimit {
  return limit.kind !== 'concurrency' && limit.kind !== 'budget' && limit.periodMs / limit.count < gatherMs
}

/** ms that tokens of a fast rate gather, once there are none, before Redis is asked again. */
export const gatherMs = 50
const mostMs: Readonly<Record<Refused['why'], number>> = { rate: 1000, spent: 1000, concurrency: 100, held: 100 }

function believedMs({ why, waitMs }: Refusal): number {
  return Math.min(mostMs[why], waitMs < 0 ? Infinity : waitMs)
}
