import t from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call } from '../../src/engine/call.ts'
import type { LimitSet, LimitStore, Reading } from '../../src/limits/store.ts'
import { limitHeaders } from '../../src/stages/limit-headers.ts'
import { rateHeaders } from '../../src/stages/rate-headers.ts'
import { Reservation } from '../../src/stages/reservation.ts'
import { headOf, written } from '../engine/shapes.ts'
import { budget, permits, rate } from '../limits/world.ts'
import { messagesCall, tenantOf } from './limit-world.ts'

const now = Date.UTC(2026, 10, 23, 10)

interface Told {
  readonly store: LimitStore
  readonly set: LimitSet
}

/** A set of these limits, each with its reading. */
function told(...all: readonly (readonly [Limit, Partial<Reading>])[]): Told {
  const buckets = all.map(([limit], slot) => ({ limit, key: limit.name, tag: '', slot }))
  const store: LimitStore = {
    take: () => ({ is: 'taken', over: [] }),
    settle: () => {},
    reading: ({ slot }) => ({ limit: 0, remaining: 0, resetMs: 0, ...all[slot]?.[1] }),
  }
  return { store, set: { buckets, validUntil: Infinity } }
}

function linesOf(kind: 'claude' | 'http', { store, set }: Told, isTenant = true): string[] {
  const lines = rateHeaders({ store, kind, now: () => now })(set, isTenant)
  return lines === null ? [] : lines.toString('latin1').split('\r\n').slice(0, -1)
}

const input = (name = 'input-tokens'): Limit => rate({ name, kind: 'input_tokens', count: 2_000_000, burst: 2_000_000 })
const output = rate({ name: 'output-tokens', kind: 'output_tokens' })

t.test('a bucket that takes an age to fill is told as the end of the year 9999, and no call fails for it', async (t) => {
  const aged = told([output, { limit: 10_000_000, remaining: 0, resetMs: 2e16 }])

  t.match(linesOf('claude', aged)[2], 'anthropic-ratelimit-output-tokens-reset: 9999-12-31T23:59:59Z')
  t.match(linesOf('http', aged)[1], /t=253402300799$/)
})

t.test('tokens left are rounded to thousands, to no more than the limit, and a small limit is told as it stands', async (t) => {
  const left = (limit: number, remaining: number) => linesOf('claude', told([output, { limit, remaining }]))[1]

  t.equal(left(133_333, 133_333), 'anthropic-ratelimit-output-tokens-remaining: 133000')
  t.equal(left(666_666, 666_666), 'anthropic-ratelimit-output-tokens-remaining: 666666')
  t.equal(left(300, 120), 'anthropic-ratelimit-output-tokens-remaining: 120')
})

t.test('on Claude routes the tenant is told of its own limits in the words and units of the API', async (t) => {
  const own = told(
    [rate({ count: 600, burst: 600 }), { limit: 600, remaining: 599, resetMs: 100 }],
    [input(), { limit: 2_000_000, remaining: 1_499_600, resetMs: 15_000 }],
    [output, { limit: 400_000, remaining: 10_400, resetMs: 59_000 }],
    [permits(4), { limit: 4, remaining: 1 }],
    [budget(1e9), { limit: 1e9, remaining: 1 }],
  )

  t.same(linesOf('claude', own), [
    'anthropic-ratelimit-requests-limit: 600',
    'anthropic-ratelimit-requests-remaining: 599',
    'anthropic-ratelimit-requests-reset: 2026-11-23T10:00:01Z',
    'anthropic-ratelimit-input-tokens-limit: 2000000',
    'anthropic-ratelimit-input-tokens-remaining: 1500000',
    'anthropic-ratelimit-input-tokens-reset: 2026-11-23T10:00:15Z',
    'anthropic-ratelimit-output-tokens-limit: 400000',
    'anthropic-ratelimit-output-tokens-remaining: 10000',
    'anthropic-ratelimit-output-tokens-reset: 2026-11-23T10:00:59Z',
    'anthropic-ratelimit-tokens-limit: 400000',
    'anthropic-ratelimit-tokens-remaining: 10000',
    'anthropic-ratelimit-tokens-reset: 2026-11-23T10:00:59Z',
  ])
})

t.test('of several limits on one thing the one nearest to its end is told', async (t) => {
  const two = told([input('minute'), { limit: 100_000, remaining: 50_000 }], [input('day'), { limit: 1_000_000, remaining: 100_000 }])

  t.match(linesOf('claude', two), ['anthropic-ratelimit-input-tokens-limit: 1000000', 'anthropic-ratelimit-input-tokens-remaining: 100000'])
})

t.test('nobody is told how a bucket stands that is shared with others, or one that refuses nobody', async (t) => {
  const shared = told([rate({ per: [] }), { limit: 5, remaining: 3 }], [rate({ dryRun: true }), { limit: 5, remaining: 3 }])

  t.same(linesOf('claude', shared), [])
  t.same(linesOf('http', shared), [])
  t.same(linesOf('claude', shared, false).length, 3, 'without tenants there is nobody else')
})

t.test('elsewhere: RateLimit and RateLimit-Policy, as structured fields', async (t) => {
  const standard = told(
    [rate({ name: 'a "quoted\\" näme', count: 600, burst: 100 }), { limit: 100, remaining: 99, resetMs: 1200 }],
    [permits(4), { limit: 4, remaining: 1, resetMs: 0 }],
    [budget(1e9), { limit: 1e9, remaining: 1 }],
  )

  t.same(linesOf('http', standard), [
    'ratelimit-policy: "a \\"quoted\\\\\\" n?me";q=600;w=60, "concurrency";q=4;qu="concurrent-requests"',
    'ratelimit: "a \\"quoted\\\\\\" n?me";r=99;t=2, "concurrency";r=1',
  ])
})

const upstreams = 'anthropic-ratelimit-requests-limit: 4000\nAnthropic-Ratelimit-Unified-Status: allowed\nrequest-id: req_up'

async function replyTo(call: Call, { store, set }: Told): Promise<string[]> {
  call.reserved = new Reservation({ id: call.id, store, set, amounts: [], over: [], released: () => {} }, null)
  const stage = limitHeaders(rateHeaders({ store, kind: 'claude', now: () => now }))
  return written(await stage(call, async () => new Reply(200, headOf(upstreams), Body.of(Buffer.alloc(0)))))
}

t.test("what the upstream says of a shared key's limits is not a tenant's to know, whether or not it has limits of its own", async (t) => {
  t.same(await replyTo(messagesCall(tenantOf()), told()), ['request-id: req_up'])
  t.same(await replyTo(messagesCall(tenantOf()), told([rate(), { limit: 5, remaining: 3 }])), [
    'request-id: req_up',
    'anthropic-ratelimit-requests-limit: 5',
    'anthropic-ratelimit-requests-remaining: 3',
    'anthropic-ratelimit-requests-reset: 2026-11-23T10:00:00Z',
  ])
})

t.test('a caller with a key of its own and no limits here hears what the upstream says', async (t) => {
  t.equal((await replyTo(messagesCall(null), told())).length, 3)
})
