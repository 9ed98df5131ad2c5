import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import type { Limit } from '../../src/base/limit.ts'
import type { Used } from '../../src/base/tokens.ts'
import type { Call } from '../../src/engine/call.ts'
import { expectByCount } from '../../src/stages/expect-by-count.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { budget, permits, rate } from '../limits/world.ts'
import { written } from '../engine/shapes.ts'
import { limitKinds } from '../../src/metrics/layout.ts'
import { limitWorld, messagesCall, noTokens, opus, over, tenantOf, turn } from './limit-world.ts'

const usd = 1e9
const inputs = (count: number, more: object = {}): Limit =>
  rate({ name: 'input-tokens', kind: 'input_tokens', count, burst: count, ...more })
const outputs = (count: number, more: object = {}): Limit =>
  rate({ name: 'output-tokens', kind: 'output_tokens', count, burst: count, ...more })

/** A call whose whole body has been read. */
function askedWhole(): Call {
  const call = messagesCall()
  call.asked = { model: 'claude-opus-5', maxTokens: 1, bytes: 2, body: Buffer.from('{}') }
  return call
}

t.test('a call over its rate is told so, when to come back, and how it stands', async (t) => {
  const { ask, sent } = limitWorld({ limits: [rate({ burst: 1 })] })
  await ask(messagesCall())

  const refused = await ask(messagesCall())

  t.equal(sent.length, 1)
  t.match(refused, { failure: 'over_limit', retryAfterMs: 10_000, shouldRetry: undefined })
  t.match(refused, { message: 'over the limit requests of tenant search, 6 requests a minute' })
  const lines = written(errorReply(refused as RelayError, null))
  t.match(lines, ['content-type: application/json', 'retry-after: 10', 'anthropic-ratelimit-requests-limit: 1'])
  t.ok(lines.includes('anthropic-ratelimit-requests-remaining: 0'))
  t.ok(lines.includes('anthropic-ratelimit-requests-reset: 2026-11-23T10:00:10Z'))
})

t.test('exhausted money is a bill, not a rate: nothing is worth a retry before the period ends', async (t) => {
  // The estimate of a call: 100 × 5 and 1,000 × 25 USD a million, 0.0255 USD.
  const { ask } = limitWorld({ limits: [budget(0.06 * usd)] })
  for (const _ of [1, 2]) {
    const call = messagesCall()
    t.equal(await ask(call), 'out')
    over(call, { input: 100, output: 1000 })
  }

  const refused = await ask(messagesCall())

  t.match(refused, { failure: 'over_budget', shouldRetry: false, retryAfterMs: 14 * 3_600_000 })
  t.match(refused, { message: /budget-day of tenant search, 0\.06 USD a day: 0\.009 USD are left, this call may cost 0\.0255 USD/ })
  const reply = errorReply(refused as RelayError, null)
  t.equal(reply.status, 429)
  t.ok(written(reply).includes('x-should-retry: false'))
  t.ok(written(reply).includes('retry-after: 50400'))
})

t.test('a tenant’s tokens, and its business’s, are counted where nothing limits it and nobody writes its calls down, too', async (t) => {
  const { ask, shared } = limitWorld({ limits: [], ledger: null })
  const call = messagesCall()
  await ask(call)

  over(call, { input: 100, output: 10 })

  t.same([...shared.read().subarray(shared.layout.tenantTokens + 5, shared.layout.tenantTokens + 7)], [100, 10])
  t.same([...shared.read().subarray(shared.layout.businessTokens + 5, shared.layout.businessTokens + 7)], [100, 10])
})

t.test('for a call that is refused anyway its upstream is not asked what it counts', async (t) => {
  let counted = 0
  const count = async (): Promise<number> => ++counted
  const bySize = (): Used => ({ ...noTokens, input: 100, estimated: true })
  const { ask } = limitWorld({ limits: [rate({ burst: 1 })], use: { expect: expectByCount({ bySize, count, fellBack: () => {} }) } })

  const outcomes = []
  for (let k = 0; k < 20; k++) outcomes.push(await ask(askedWhole()))

  t.equal(outcomes.filter((outcome) => outcome === 'out').length, 1)
  t.equal(counted, 1)
})

t.test('limits that cannot be found while the upstream counts refuse the call, and harm nobody else', async (t) => {
  const unhandled: unknown[] = []
  const hear = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', hear)
  t.teardown(() => process.off('unhandledRejection', hear))
  const counting = Promise.withResolvers<Used>()
  const { ask } = limitWorld({
    limits: [rate()],
    use: { expect: () => counting.promise },
    wrap: (limiter) => ({ ...limiter, bind: async () => Promise.reject(new RelayError('overloaded', 'no room')) }),
  })

  const outcome = ask(messagesCall())
  await turn()
  await turn()
  counting.resolve(noTokens)

  t.match(await outcome, { failure: 'overloaded' })
  t.same(unhandled, [])
})

t.test('a limit on a model holds by whatever name it is called', async (t) => {
  const { ask } = limitWorld({ limits: [rate({ burst: 1, models: ['claude-opus-5'] })] })

  t.equal(await ask(messagesCall(tenantOf(), { model: 'claude-opus-5-20261101' })), 'out')
  t.match(await ask(messagesCall(tenantOf(), { model: 'claude-opus-5' })), { failure: 'over_limit' })
  t.match(await ask(messagesCall(tenantOf(), { model: 'claude-opus-5-20261102' })), { failure: 'over_limit' })
})

t.test('money that other calls only hold is worth a retry in a second', async (t) => {
  const { ask } = limitWorld({ limits: [budget(0.03 * usd)] })
  const first = messagesCall()
  await ask(first)

  const refused = await ask(messagesCall())

  t.match(refused, { failure: 'over_limit', retryAfterMs: 1000 })
  over(first, { input: 1, output: 1 })
  t.equal(await ask(messagesCall()), 'out')
})

t.test('calls at once: the one too many is refused for a second, and a call that ends makes room', async (t) => {
  const { ask } = limitWorld({ limits: [permits(1)] })
  const first = messagesCall()
  await ask(first)

  t.match(await ask(messagesCall()), { failure: 'over_limit', retryAfterMs: 1000 })
  over(first, null, 'upstream_failed', 502)

  t.equal(await ask(messagesCall()), 'out')
})

t.test('what a call really used comes in the place of its estimate: less is given back, more is debt', async (t) => {
  const { ask, limiter } = limitWorld({ limits: [inputs(1000), outputs(2000)] })
  const left = (): number[] => {
    const set = limiter.bind({ tenant: { name: 'search', business: 'shop' }, route: 'v1/messages', model: 'claude-opus-5' }, [
      inputs(1000),
      outputs(2000),
    ])
    return 'buckets' in set ? set.buckets.map((bucket) => limiter.reading(bucket).remaining) : []
  }
  const first = messagesCall()
  await ask(first)
  t.same(left(), [900, 1000])

  over(first, { input: 10, output: 5, cacheWrite5m: 20, cacheWrite1h: 30, cacheRead: 500 })
  t.same(left(), [940, 1995], 'what is read from the cache is free')

  const second = messagesCall()
  await ask(second)
  over(second, { input: 10, output: 2500 })
  t.same(left(), [930, 0])
  t.match(await ask(messagesCall()), { failure: 'over_limit' }, 'it owes what it used beyond')
})

t.test('an estimate larger than the bucket takes the whole bucket, or such a call could never pass', async (t) => {
  const { ask } = limitWorld({ limits: [outputs(500)] })
  const call = messagesCall()

  t.equal(await ask(call), 'out')
  t.match(await ask(messagesCall()), { failure: 'over_limit' })
})

t.test('money is never clamped: a call that may cost more than the whole budget is refused, and told to stop', async (t) => {
  const { ask } = limitWorld({ limits: [budget(0.02 * usd)] })

  const refused = await ask(messagesCall())

  t.match(refused, { failure: 'over_budget', shouldRetry: false, retryAfterMs: undefined })
})

t.test('every call is settled once, whatever happens twice', async (t) => {
  const { ask, settled, rows } = limitWorld({ limits: [rate()] })
  const call = messagesCall()
  await ask(call)

  over(call, { input: 1, output: 1 })
  over(call, { input: 1, output: 1 }, 'failed')

  t.equal(settled.count, 1)
  t.equal(rows.length, 1)
})

t.test('a coded reply is settled when it has been read, not before', async (t) => {
  const { ask, settled, rows } = limitWorld({ limits: [rate()] })
  const call = messagesCall()
  await ask(call)
  const read = Promise.withResolvers<void>()
  call.tokensRead = read.promise
  call.settle('done')
  await turn()
  t.equal(settled.count, 0)

  call.tokens = {
    input: 7,
    output: 8,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    cacheRead: 0,
    estimated: false,
    model: null,
    webSearches: 0,
    speed: 'standard',
    geo: null,
    isBatch: false,
  }
  read.resolve()
  await turn()

  t.equal(settled.count, 1)
  t.match(rows, [{ input: 7, output: 8, source: 'exact', model: 'claude-opus-5', end: 'done' }])
})

t.test('the row of a call says who paid what, and on which budgets', async (t) => {
  const { ask, rows, clock, shared } = limitWorld({ limits: [budget(50 * usd), rate()] })
  const call = messagesCall()
  await ask(call)
  call.firstByteAfterMs = 12

  over(call, { input: 100, output: 10, cacheWrite5m: 1, cacheWrite1h: 2, cacheRead: 3, webSearches: 4 })

  const [row] = rows
  t.match(row, {
    ...{ id: call.id, tenant: 'search', business: 'shop', route: 'v1/messages', model: 'claude-opus-5', upstream: 'claude', status: 200 },
    ...{ end: 'done', input: 100, output: 10, cacheWrite5m: 1, cacheWrite1h: 2, cacheRead: 3, webSearches: 4, source: 'exact' },
    ...{ firstByteMs: 12, attempts: 1, budgets: ['budget-day|tenant=search|2026-11-23'] },
  })
  t.equal(row?.costNanoUsd, 100 * 5000 + 10 * 25_000 + 6250 + 20_000 + 1500 + 4e7)
  t.ok(Math.abs((row?.at ?? 0) - clock.wallMs()) < 1000)
  t.equal(shared.read()[shared.layout.tenantCosts + 1], row?.costNanoUsd)
  t.same([...shared.read().subarray(shared.layout.tenantTokens + 5, shared.layout.tenantTokens + 10)], [100, 10, 1, 2, 3])
})

t.test('a refused call has its row too, as refused; one that its caller left while it was let through, as cancelled', async (t) => {
  const { ask, rows } = limitWorld({ limits: [rate({ burst: 1 })] })
  const left = messagesCall()
  await ask(left)
  await ask(messagesCall())
  over(left, null, 'cancelled', 0)

  t.match(rows, [
    { end: 'refused', status: 429, source: 'none', costNanoUsd: 0, attempts: 0, budgets: [] },
    { end: 'cancelled', input: 100, output: 0, source: 'estimated', costNanoUsd: 500_000 },
  ])
})

t.test('a model that answered is the one that is paid for; without a price of its own, the one asked for', async (t) => {
  const { ask, rows } = limitWorld({ prices: { 'claude-opus-5': opus, 'claude-haiku-5-5': { ...opus, output: 5 } } })
  for (const model of ['claude-haiku-5-5', 'claude-new']) {
    const call = messagesCall()
    await ask(call)
    over(call, { output: 1000, model })
  }
  const unknown = messagesCall(tenantOf(), { model: 'gpt' })
  await ask(unknown)
  over(unknown, { output: 1000, model: 'gpt' })

  t.same(
    rows.map(({ model, costNanoUsd }) => [model, costNanoUsd]),
    [
      ['claude-haiku-5-5', 5_000_000],
      ['claude-new', 25_000_000],
      ['gpt', null],
    ],
  )
})

t.test('a model without a price is refused where a budget counts, unless it is let through untracked', async (t) => {
  const calls = (): readonly ReturnType<typeof messagesCall>[] => [
    messagesCall(tenantOf(), { model: 'claude-new' }),
    messagesCall(tenantOf(), { model: null }),
  ]
  const strict = limitWorld({ limits: [budget(usd)] })
  const [unknown, nameless] = calls()

  t.match(await strict.ask(unknown!), { failure: 'bad_request', message: /claude-new has no price.*under prices/ })
  t.match(await strict.ask(nameless!), {
    failure: 'bad_request',
    message: /does not name a model in that part of it which is read.*send model before messages, or have bounds\.peek raised/,
  })
  t.equal(await limitWorld({ limits: [budget(usd)], use: { blocksUnpriced: false } }).ask(calls()[0]!), 'out')
  t.equal(await limitWorld({ limits: [rate()] }).ask(calls()[0]!), 'out', 'no budget, no need')
  t.equal(await limitWorld({ limits: [budget(usd, { dryRun: true })] }).ask(calls()[0]!), 'out', 'a dry run refuses nobody')
})

t.test('counting tokens and listing models takes requests and permits, and neither tokens nor money', async (t) => {
  const { ask, rows } = limitWorld({ limits: [rate({ burst: 2 }), inputs(1), budget(1), permits(5)] })
  for (const path of ['/v1/messages/count_tokens', '/v1/models']) {
    const call = messagesCall(tenantOf(), { path, model: null })
    t.equal(await ask(call), 'out', path)
    over(call, null)
  }

  t.match(await ask(messagesCall(tenantOf(), { path: '/v1/models' })), { failure: 'over_limit' })
  t.match(rows, [{ source: 'none', costNanoUsd: 0 }, { source: 'none' }, { end: 'refused' }])
})

t.test("what is the upstream's fault is given back whole, what is the caller's keeps its request", async (t) => {
  const { ask } = limitWorld({ limits: [rate({ burst: 2 }), outputs(1000)] })
  for (const status of [500, 529, 429]) {
    const call = messagesCall()
    t.equal(await ask(call), 'out')
    over(call, null, 'done', status)
  }
  for (const _ of [1, 2]) {
    const call = messagesCall()
    t.equal(await ask(call), 'out')
    over(call, null, 'done', 400)
  }

  t.match(await ask(messagesCall()), { failure: 'over_limit', message: /requests/ })
})

t.test('a dry run is counted and refuses nobody, and takes nothing beyond its limit', async (t) => {
  const { ask, shared, rows } = limitWorld({ limits: [budget(0.03 * usd, { dryRun: true }), rate({ burst: 3 })] })
  for (const _ of [1, 2, 3]) {
    const call = messagesCall()
    t.equal(await ask(call), 'out')
    over(call, { input: 100, output: 1000 })
  }

  t.match(await ask(messagesCall()), { failure: 'over_limit', message: /requests/ })
  const dryRuns = shared.read().subarray(shared.layout.dryRuns + limitKinds.length)
  t.equal(dryRuns[limitKinds.indexOf('budget')], 2)
  t.same(
    rows.map(({ budgets }) => budgets.length),
    [1, 0, 0, 0],
  )
})

t.test('a store that cannot be asked is a 503, and counted as such', async (t) => {
  const { ask, shared } = limitWorld({ limits: [rate()], wrap: (limiter) => ({ ...limiter, take: async () => ({ is: 'away', at: 0 }) }) })

  const refused = await ask(messagesCall())

  t.match(refused, { failure: 'unavailable', retryAfterMs: 1000, message: /requests cannot be checked/ })
  t.equal(shared.read()[shared.layout.awayRefusals], 1)
  t.equal(shared.read()[shared.layout.limitHits + limitKinds.length], 0)
})

t.test('what a store gives to a call that its caller has left meanwhile goes back', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { run, settled, sent, rows } = limitWorld({
    limits: [rate()],
    wrap: (limiter) => ({
      ...limiter,
      take: async (...args) => {
        await gate.promise
        return limiter.take(...args)
      },
    }),
  })
  const call = messagesCall()
  const asked = run(call)
  call.cancel('cancelled')
  call.settle('cancelled')
  await t.rejects(asked, { message: 'the caller left' })
  t.equal(settled.count, 0)

  gate.resolve()
  await turn()

  t.equal(settled.count, 1)
  t.equal(sent.length, 0)
  t.match(rows, [{ end: 'cancelled', source: 'none' }])
})

t.test('while the ledger is full, calls that a budget counts are refused, and others go on uncounted', async (t) => {
  const full = { canTake: false }

  t.match(await limitWorld({ limits: [budget(usd)], ledger: full }).ask(messagesCall()), { failure: 'unavailable', retryAfterMs: 1000 })
  t.equal(await limitWorld({ limits: [rate()], ledger: full }).ask(messagesCall()), 'out')
  t.equal(await limitWorld({ limits: [budget(usd)], ledger: { ...full, whenFull: 'count' } }).ask(messagesCall()), 'out')
  t.match(await limitWorld({ limits: [], ledger: { ...full, whenFull: 'refuse' } }).ask(messagesCall()), { failure: 'unavailable' })
})

t.test('where the ledger must not miss a call, it stands there before it goes out, with its estimate', async (t) => {
  const { run, intents, sent } = limitWorld({ limits: [budget(usd)], ledger: { isSync: true } })
  const call = messagesCall()

  const running = run(call)
  t.equal(sent.length, 0)
  await running

  t.equal(sent.length, 1)
  t.match(intents, [
    { id: call.id, end: 'lost', input: 100, output: 1000, source: 'estimated', costNanoUsd: 25_500_000, budgets: [/^budget-day/] },
  ])
})

t.test('limits of other routes and models do not hold; a made-up model has its family’s bucket, not one of its own', async (t) => {
  const family = rate({ name: 'opus', per: ['tenant', 'model'], models: ['claude-opus-*'], burst: 1 })
  const { ask } = limitWorld({ limits: [family, rate({ name: 'elsewhere', routes: ['other'], burst: 1 })] })
  const asking = async (model: string) => ask(messagesCall(tenantOf(), { model }))

  t.equal(await asking('claude-haiku-5-5'), 'out')
  t.equal(await asking('claude-haiku-5-5'), 'out')
  t.equal(await asking('claude-opus-5'), 'out', 'it has a price, and so its own bucket')
  t.match(await asking('claude-opus-5'), { failure: 'over_limit' })
  t.equal(await asking('claude-opus-made-up-1'), 'out')
  t.match(await asking('claude-opus-made-up-2'), { failure: 'over_limit' })
  t.match(await ask(messagesCall(tenantOf(), { model: null })), { failure: 'bad_request', message: /certain models/ })
})

t.test('made-up models of two families do not share a bucket', async (t) => {
  const { ask } = limitWorld({ limits: [rate({ per: ['tenant', 'model'], models: ['claude-opus-*', 'claude-haiku-*'], burst: 1 })] })
  const asking = async (model: string) => ask(messagesCall(tenantOf(), { model }))

  t.equal(await asking('claude-opus-made-up'), 'out')
  t.equal(await asking('claude-haiku-made-up'), 'out')
  t.match(await asking('claude-haiku-made-up-too'), { failure: 'over_limit' })
})

t.test("a tenant's own limit stands in the place of a shared one of its name", async (t) => {
  const { ask } = limitWorld({ limits: [rate({ burst: 1 })] })
  const rich = tenantOf('rich', { limits: [rate({ burst: 3 })] })

  const told = []
  for (const _ of [1, 2, 3, 4]) told.push(await ask(messagesCall(rich)))

  t.same(told.slice(0, 3), ['out', 'out', 'out'])
  t.match(told[3], { failure: 'over_limit' })
})

t.test('one tenant’s calls take nothing from another’s', async (t) => {
  const { ask } = limitWorld({ limits: [rate({ burst: 2 }), permits(2)] })
  for (let k = 0; k < 40; k++) await ask(messagesCall(tenantOf('noisy')))

  t.equal(await ask(messagesCall(tenantOf('quiet'))), 'out')
})

t.test('a route without limits and a ledger costs a call nothing: no bucket, no estimate', async (t) => {
  const { ask, limiter } = limitWorld({
    ledger: null,
    use: {
      expect: () => {
        throw new Error('nobody asked')
      },
    },
  })
  t.equal(limiter.bind.length, 2)

  const call = messagesCall()

  t.equal(await ask(call), 'out')
  t.match(call.reserved, { expected: null, budgets: [] })
})
