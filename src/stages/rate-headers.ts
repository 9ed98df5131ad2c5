import type { Limit } from '../base/limit.ts'
import type { Bucket, LimitSet, LimitStore, Reading } from '../limits/store.ts'

/** Writes how a call's limits stand as header lines (one buffer), or null where there is nothing to tell. */
export type RateHeaders = (set: LimitSet, isTenant: boolean) => Buffer | null

/** What the lines are made with; `now` is the wall clock in ms. */
export interface RateHeadersOptions {
  readonly store: LimitStore
  readonly kind: 'claude' | 'http' | 'grpc'
  readonly now?: () => number
}

/**
 * Tells callers how their own limits stand: as `anthropic-ratelimit-*` on Claude routes, in the API's units, and as `RateLimit` and
 * `RateLimit-Policy` elsewhere (draft-ietf-httpapi-ratelimit-headers). A tenant is told of its own buckets, never of those that it shares.
 */
export function rateHeaders({ store, kind, now = Date.now }: RateHeadersOptions): RateHeaders {
  const kept = new WeakMap<LimitSet, Told>()
  const write = kind === 'claude' ? claudeLines : standardLines
  return (set, isTenant) => {
    let told = kept.get(set)
    if (told === undefined) {
      told = toldOf(set, isTenant)
      kept.set(set, told)
    }
    const text = told.buckets.length === 0 ? '' : write(told, store, now())
    return text === '' ? null : Buffer.from(text, 'latin1')
  }
}

/** The buckets of a set that are told of, and what never changes of that. */
interface Told {
  readonly buckets: readonly Bucket[]
  readonly policy: string
}

function toldOf({ buckets }: LimitSet, isTenant: boolean): Told {
  const told = buckets.filter(({ limit }) => limit.kind !== 'budget' && !limit.dryRun && (!isTenant || limit.per.includes('tenant')))
  return { buckets: told, policy: `ratelimit-policy: ${told.map(({ limit }) => policyOf(limit)).join(', ')}\r\n` }
}

function claudeLines({ buckets }: Told, store: LimitStore, now: number): string {
  let requests: Reading | null = null
  let input: Reading | null = null
  let output: Reading | null = null
  for (const bucket of buckets) {
    const { kind } = bucket.limit
    if (kind === 'requests') requests = tighter(requests, store.reading(bucket))
    else if (kind === 'input_tokens') input = tighter(input, store.reading(bucket))
    else if (kind === 'output_tokens') output = tighter(output, store.reading(bucket))
  }
  // As the API does: `tokens` shows whichever of the two is nearer to its end.
  const tokens = output === null ? input : tighter(input, output)
  return (
    (requests === null ? '' : lines('requests', requests, requests.remaining, now)) +
    (input === null ? '' : lines('input-tokens', input, thousands(input), now)) +
    (output === null ? '' : lines('output-tokens', output, thousands(output), now)) +
    (tokens === null ? '' : lines('tokens', tokens, thousands(tokens), now))
  )
}

function lines(name: string, { limit, resetMs }: Reading, remaining: number, now: number): string {
  const at = `anthropic-ratelimit-${name}`
  return `${at}-limit: ${limit}\r\n${at}-remaining: ${remaining}\r\n${at}-reset: ${second(now + resetMs)}\r\n`
}

function tighter(one: Reading | null, other: Reading): Reading {
  return one === null || other.remaining * one.limit < one.remaining * other.limit ? other : one
}

/** As the API rounds, but never to more than the limit; of one below a thousand nothing would be left. */
function thousands({ limit, remaining }: Reading): number {
  return limit < 1000 ? remaining : Math.min(limit, Math.round(remaining / 1000) * 1000)
}

const times = new Map<number, string>()

/** That of the year 9999: a large bucket may take longer to fill, and years have four digits. */
const lastSecond = 253_402_300_799

/** RFC 3339 in whole seconds, rounded up. Most calls of a second ask for the same few. */
function second(ms: number): string {
  const seconds = Math.min(lastSecond, Math.ceil(ms / 1000))
  let text = times.get(seconds)
  if (text === undefined) {
    if (times.size >= 64) times.clear()
    text = `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
    times.set(seconds, text)
  }
  return text
}

function standardLines({ buckets, policy }: Told, store: LimitStore): string {
  let items = ''
  for (const bucket of buckets) {
    const { remaining, resetMs } = store.reading(bucket)
    const reset = bucket.limit.kind === 'concurrency' ? '' : `;t=${Math.min(lastSecond, Math.ceil(resetMs / 1000))}`
    items += `${items === '' ? '' : ', '}${quoted(bucket.limit.name)};r=${remaining}${reset}`
  }
  return `${policy}ratelimit: ${items}\r\n`
}

function policyOf(limit: Limit): string {
  if (limit.kind === 'concurrency') return `${quoted(limit.name)};q=${limit.most};qu="concurrent-requests"`
  return 'burst' in limit ? `${quoted(limit.name)};q=${limit.count};w=${Math.max(1, Math.round(limit.periodMs / 1000))}` : ''
}

/** A string of RFC 9651: printable ASCII, two of its characters escaped. */
function quoted(name: string): string {
  return `"${name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
