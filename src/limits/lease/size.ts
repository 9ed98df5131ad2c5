import type { BudgetLimit, ConcurrencyLimit, Limit } from '../../base/limit.ts'

import { gatherMs, isFast } from './denial.ts'

/**
 * How much is leased at once. All processes together hold no more than a quarter of a limit in advance. A lease begins at a quarter of
 * what it may be, doubles while it is used up quickly, halves while it is not, and gets small where there is little left to share.
 */
export interface LeaseSize {
  /** How much to lease in advance; of a rate at least 1, but where others lack it. */
  next(need: SizeNeed, nowUs: number): number
  /** Whether that was less than it would have been, had there been more left for all. */
  readonly isCut: boolean
  /** What Redis had left, and when. */
  saw(remaining: number, nowUs: number): void
}

/** What a lease is to be large enough for. */
export interface SizeNeed {
  /** What the largest call asks for. */
  readonly largest: number
  /** What all calls that wait ask for. */
  readonly total: number
  readonly nodes: number
}

const quickUs = 200_000
const slowUs = 1_000_000
/** Of a rate, so much of its refill is leased at once. */
const rateMs = 100

/** The size of the leases on one limit. */
export function leaseSize(limit: Limit): LeaseSize {
  let part = 1 / 4
  let lastUs = NaN
  let left = Infinity
  let leftAtUs = 0
  let isCut = false

  // How much money is spent in a while shows only when it is: its leases grow for as long as they are used up quickly.
  const largestPart = limit.kind === 'budget' ? 64 : 1

  const size = (largest: number, nodes: number): number => {
    const quarter = capacity(limit) / (4 * nodes)
    // A block that serves a few calls only would be asked for again and again.
    const block = Math.max(inAWhile(limit), 8 * largest)
    return Math.min(quarter * Math.min(1, part), block * part)
  }

  /** What may be taken in advance of what is left. A node alone keeps nothing for others; many take their part of what gathers in a pause. */
  const share = ({ nodes, total }: SizeNeed, nowUs: number): number => {
    if (isFast(limit) && nodes === 1) return Infinity
    const part = (left + refill(limit, nowUs - leftAtUs)) / (2 * nodes)
    return isFast(limit) ? Math.max(part, refill(limit, gatherMs * 1000) / nodes - total) : part
  }

  return {
    get isCut() {
      return isCut
    },
    next: (need, nowUs) => {
      // Of the first lease there is no time since the last: neither quick nor slow.
      const since = nowUs - lastUs
      lastUs = nowUs
      if (since < quickUs) part = Math.min(largestPart, part * 2)
      else if (since > slowUs) part = Math.max(1 / 64, part / 2)
      const [wanted, most] = [size(need.largest, need.nodes), share(need, nowUs)]
      isCut = most < wanted
      // Of permits and money none is kept from the others when there is nearly nothing left.
      return Math.max(isHeld(limit) ? 0 : 1, Math.floor(Math.min(wanted, most)))
    },
    saw: (remaining, nowUs) => {
      left = remaining
      leftAtUs = nowUs
    },
  }
}

function capacity(limit: Limit): number {
  if (limit.kind === 'concurrency') return limit.most
  return limit.kind === 'budget' ? limit.nanoUsd : limit.burst
}

function inAWhile(limit: Limit): number {
  if (limit.kind === 'concurrency') return limit.most
  return limit.kind === 'budget' ? 0 : (limit.count * rateMs) / limit.periodMs
}

function isHeld(limit: Limit): limit is ConcurrencyLimit | BudgetLimit {
  return limit.kind === 'concurrency' || limit.kind === 'budget'
}

function refill(limit: Limit, us: number): number {
  if (isHeld(limit)) return 0
  return (limit.count * us) / (limit.periodMs * 1000)
}
