import type { BudgetLimit, ConcurrencyLimit, Limit } from '../../base/limit.ts'

/**
 * How much is leased at once. All processes together hold no more than a quarter of a limit in advance. A lease begins at a quarter of
 * what it may be, doubles while it is used up quickly, halves while it is not, and gets small where there is little left to share.
 */
export interface LeaseSize {
  /** How much to lease in advance, when the largest call asks for so much; of a rate at least 1. */
  next(largest: number, nodes: number, nowUs: number): number
  /** What Redis had left, and when. */
  saw(remaining: number, nowUs: number): void
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

  // How much money is spent in a while shows only when it is: its leases grow for as long as they are used up quickly.
  const largestPart = limit.kind === 'budget' ? 64 : 1

  const size = (largest: number, nodes: number): number => {
    const quarter = capacity(limit) / (4 * nodes)
    // A block that serves a few calls only would be asked for again and again.
    const block = Math.max(inAWhile(limit), 8 * largest)
    return Math.min(quarter * Math.min(1, part), block * part)
  }

  return {
    next: (largest, nodes, nowUs) => {
      // Of the first lease there is no time since the last: neither quick nor slow.
      const since = nowUs - lastUs
      lastUs = nowUs
      if (since < quickUs) part = Math.min(largestPart, part * 2)
      else if (since > slowUs) part = Math.max(1 / 64, part / 2)
      const around = left + refill(limit, nowUs - leftAtUs)
      // Of permits and money none is kept from the others when there is nearly nothing left.
      return Math.max(isHeld(limit) ? 0 : 1, Math.floor(Math.min(size(largest, nodes), around / (2 * nodes))))
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
