import { RelayError } from '../base/errors.ts'
import type { Limit } from '../base/limit.ts'
import type { Bucket, LimitSet, LimitStore, Refused } from '../limits/store.ts'

/** What a refused call had wanted. */
export interface Wanted {
  readonly store: LimitStore
  readonly set: LimitSet
  readonly amounts: readonly number[]
  /** '' where nobody was asked for a key. */
  readonly tenant: string
  /** Lines that go out with the refusal. */
  readonly lines: readonly Buffer[]
}

/** What a caller is told that a limit refuses: which one, its figures, and when to come back. */
export function refusalOf({ at, why, retryAfterMs }: Refused, wanted: Wanted): RelayError {
  const bucket = wanted.set.buckets[at]!
  const { lines } = wanted
  const message = `${describe(bucket, wanted)}${detail(bucket, wanted.amounts[at] ?? 0, wanted)}`
  const wait = retryAfterMs < 0 ? {} : { retryAfterMs: why === 'rate' || why === 'spent' ? retryAfterMs : Math.max(1000, retryAfterMs) }
  // A client that comes again at once would only be refused again: this tells it to stop.
  if (why === 'spent') return new RelayError('over_budget', message, { ...wait, shouldRetry: false, lines })
  if (retryAfterMs < 0) return new RelayError('over_limit', `${message}: it can never pass`, { shouldRetry: false, lines })
  return new RelayError('over_limit', message, { ...wait, lines })
}

/** What a caller is told while a limit's store cannot be asked. Never a 429: nobody knows whether the limit is reached. */
export function awayRefusal(set: LimitSet, at: number): RelayError {
  const name = set.buckets[at]?.limit.name ?? ''
  return new RelayError('unavailable', `the limit ${name} cannot be checked for now`, { retryAfterMs: 1000, shouldRetry: true })
}

function describe({ limit }: Bucket, { tenant }: Wanted): string {
  const whose = limit.per.includes('tenant') && tenant !== '' ? ` of tenant ${tenant}` : ''
  return `over the limit ${limit.name}${whose}, ${figures(limit)}`
}

/** How the bucket stands, to the tenant whose own it is: of a shared one nobody is told what others have used. */
function detail(bucket: Bucket, amount: number, { store, tenant }: Wanted): string {
  const { limit } = bucket
  if (!limit.per.includes('tenant') || tenant === '') return ''
  if (limit.kind === 'requests' || limit.kind === 'concurrency') return ''
  const { remaining } = store.reading(bucket)
  if (limit.kind === 'budget') return `: ${dollars(remaining)} are left, this call may cost ${dollars(amount)}`
  return `: ${remaining} are left, this call may need ${amount}`
}

function figures(limit: Limit): string {
  switch (limit.kind) {
    case 'requests':
      return `${limit.count} requests ${every(limit.periodMs)}`
    case 'input_tokens':
      return `${limit.count} input tokens ${every(limit.periodMs)}`
    case 'output_tokens':
      return `${limit.count} output tokens ${every(limit.periodMs)}`
    case 'concurrency':
      return `${limit.most} calls at once`
    case 'budget':
      return `${dollars(limit.nanoUsd)} a ${limit.period}`
  }
}

const units: readonly (readonly [number, string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
]

function every(periodMs: number): string {
  for (const [ms, name] of units) {
    if (periodMs === ms) return `a ${name}`.replace('a hour', 'an hour')
    if (periodMs % ms === 0) return `in ${periodMs / ms} ${name}s`
  }
  return `in ${periodMs} ms`
}

function dollars(nanoUsd: number): string {
  // Four digits behind the point: a call may cost less than a cent.
  return `${(nanoUsd / 1e9).toFixed(4).replace(/0{1,2}$/, '')} USD`
}
