import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import type { Failure } from '../../src/base/errors.ts'
import type { Used } from '../../src/base/tokens.ts'
import { settlementOf, type Ended } from '../../src/stages/settlement.ts'

const used: Used = {
  input: 25,
  output: 15,
  cacheWrite5m: 1,
  cacheWrite1h: 2,
  cacheRead: 3,
  estimated: false,
  model: 'claude-opus-5',
  webSearches: 0,
  speed: 'standard',
  geo: null,
  isBatch: false,
}
const partly = { ...used, output: 4, estimated: true }
const expected = { ...used, input: 100, output: 4096, estimated: true }
const done: Ended = { isOut: true, end: 'done', failure: null, status: 200, attempts: 1, used, expected, bytesOut: 400 }

/** What is seen, what the call was, whether it counts as a request, its input and output, and where they come from. */
type Row = readonly [seen: string, call: Partial<Ended>, isCounted: boolean, tokens: readonly [number, number] | null, source: string]

const broken = (end: BodyEnd, failure: Failure | null, more: Partial<Ended> = {}): Partial<Ended> => ({ end, failure, used: null, ...more })

const rows: readonly Row[] = [
  ['a whole reply that told its usage', {}, true, [25, 15], 'exact'],
  ['a redirect, which made no message', { status: 307, used: null }, true, null, 'none'],
  ['a redirect that its caller left', { status: 307, used: null, end: 'cancelled' }, true, null, 'none'],
  ['a stream that its caller left', { end: 'cancelled', used: partly }, true, [25, 4], 'estimated'],
  ['a stream that its caller left, read to its end all the same', { end: 'cancelled' }, true, [25, 15], 'exact'],
  [
    'a stream that broke off behind message_start',
    { end: 'upstream_failed', failure: 'upstream_failed', used: partly },
    true,
    [25, 4],
    'estimated',
  ],
  ['a stream that timed out behind message_start', { end: 'timed_out', failure: 'timed_out', used: partly }, true, [25, 4], 'estimated'],
  ['a stream that a drain cut behind message_start', { end: 'drained', failure: 'unavailable', used: partly }, true, [25, 4], 'estimated'],
  [
    'a stream whose own error came behind message_start',
    { end: 'upstream_failed', failure: 'upstream_failed', used: partly },
    true,
    [25, 4],
    'estimated',
  ],
  ['a whole reply that told nothing of its usage', { used: null }, true, [100, 4096], 'estimated'],
  ['a whole reply of a call that uses no tokens', { used: null, expected: null }, true, null, 'none'],
  ['a caller that left before the head', broken('cancelled', null, { status: 0, bytesOut: 0 }), true, [100, 0], 'estimated'],
  ['a caller that left while a JSON reply came', broken('cancelled', null), true, [100, 100], 'estimated'],
  ['a caller that stopped reading before any usage', broken('timed_out', null, { bytesOut: 8 }), true, [100, 2], 'estimated'],
  ['a caller that left before it was sent', broken('cancelled', null, { status: 0, attempts: 0 }), false, null, 'none'],
  ['a caller that left a call that uses no tokens', broken('cancelled', null, { expected: null, status: 0 }), true, null, 'none'],
  ["the upstream's 400", { status: 400, used: null }, true, null, 'none'],
  ["the upstream's 404 of a call that its caller left", broken('cancelled', null, { status: 404 }), true, null, 'none'],
  ["the upstream's 429", { status: 429, used: null }, false, null, 'none'],
  ["the upstream's 500", { status: 500, used: null }, false, null, 'none'],
  ["the upstream's 529", { status: 529, used: null }, false, null, 'none'],
  ['no connection to the upstream', broken('upstream_failed', 'upstream_failed', { status: 502, attempts: 0 }), false, null, 'none'],
  ['an upstream that hung up before its head', broken('upstream_failed', 'upstream_failed', { status: 502 }), false, null, 'none'],
  ['a stream that broke off before any usage', broken('upstream_failed', 'upstream_failed'), false, null, 'none'],
  ['a head that did not come in time', broken('timed_out', 'timed_out', { status: 504 }), false, null, 'none'],
  ['a stream that went silent before any usage', broken('timed_out', 'timed_out'), false, null, 'none'],
  ['no connection became free', broken('failed', 'unavailable', { status: 503, attempts: 0 }), false, null, 'none'],
  ['a drain before the head', broken('failed', 'unavailable', { status: 503 }), false, null, 'none'],
  ['a drain before any usage', broken('drained', null), false, null, 'none'],
  ["a bug of relay's", broken('failed', 'internal', { status: 500 }), false, null, 'none'],
  ['a body that was too long', broken('failed', 'too_large', { status: 413 }), true, null, 'none'],
  ['a body that stopped coming', broken('timed_out', 'slow_caller', { status: 408 }), true, null, 'none'],
  ['a body that was malformed', broken('failed', 'bad_request', { status: 400 }), true, null, 'none'],
  [
    'a call that was never let through',
    { isOut: false, used: null, status: 429, failure: 'over_limit', end: 'failed', attempts: 0 },
    false,
    null,
    'none',
  ],
]

for (const [seen, call, isCounted, tokens, source] of rows)
  t.test(
    `${seen}: ${isCounted ? 'counts' : 'does not count'} as a request, ${tokens === null ? 'no tokens' : `tokens ${tokens.join(' and ')}`}`,
    async (t) => {
      const settlement = settlementOf({ ...done, ...call })

      t.equal(settlement.isCounted, isCounted)
      t.same(settlement.used === null ? null : [settlement.used.input, settlement.used.output], tokens)
      t.equal(settlement.source, source)
      t.equal(settlement.used?.estimated ?? false, source === 'estimated')
    },
  )
