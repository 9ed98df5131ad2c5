import t from 'tap'
import { limitShared, limitSharedMemory } from '../../src/limits/shared.ts'
import { redisServer } from '../helpers/redis.ts'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import { workerLimiter } from '../../src/limits/worker-limiter.ts'
import { bound, burst, callId, first, limitProcess, taken, until } from './lease-world.ts'
import { budget, caller, permits, rate, testClock } from './world.ts'

const leased = { exact: false } as const
const hour = { count: 1, periodMs: 3_600_000 } as const

t.test('without Redis every take is decided at once', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 8 }), 0)
  const askSlots = async (keys: readonly string[]): Promise<readonly number[]> => keys.map((_key, at) => at)
  const limiter = workerLimiter({ cells, clock: testClock(), shared: limitShared(limitSharedMemory()), askSlots, redis: null })
  const set = await limiter.bind(caller, [rate({ burst: 1 }), permits(3, leased)])

  const verdicts = [limiter.take('one', set, [1, 1]), limiter.take('two', set, [1, 1])]

  t.strictSame(verdicts, [
    { is: 'taken', over: [] },
    { is: 'refused', at: 0, why: 'rate', retryAfterMs: 10_000 },
  ])
  t.equal(limiter.bind(caller, []) instanceof Promise, false)
})

t.test('an exact limit costs a round trip a call, and takes what no lease holds', async (t) => {
  const server = await redisServer(t)
  const [a, b] = [await limitProcess(t, server, { name: 'a' }), await limitProcess(t, server, { name: 'b' })]
  const limit = rate({ ...hour, burst: 100, exact: true })
  const [setA, setB] = [await bound(a.limiter, limit), await bound(b.limiter, limit)]

  const counts = [await burst(a.limiter, setA, { count: 40, amounts: [1] }), await burst(b.limiter, setB, { count: 70, amounts: [1] })]

  t.strictSame(counts, [40, 60])
  t.equal(a.keeper.counts().roundTrips, 0)
})

t.test('a call of buckets in memory, leased and exact ones takes from all or from none', async (t) => {
  const server = await redisServer(t)
  const made = await limitProcess(t, server, { wayOf: ({ name, exact }) => (name === 'here' ? 'memory' : exact ? 'exact' : 'leased') })
  const limits = [
    rate({ ...hour, name: 'here', burst: 10 }),
    rate({ ...hour, name: 'tokens', kind: 'input_tokens', burst: 1000, exact: false }),
    permits(30, leased),
    budget(1000, leased),
    rate({ ...hour, name: 'exact', burst: 5 }),
  ]
  const set = await bound(made.limiter, ...limits)
  const amounts = [1, 100, 1, 50, 1]
  const passed = await burst(made.limiter, set, { count: 5, amounts })

  const refused = await Promise.all(Array.from({ length: 20 }, async () => taken(made.limiter, set, amounts)))
  await made.quiet()

  t.equal(passed, 5)
  t.ok(refused.every(({ is }) => is === 'refused'))
  t.strictSame(
    set.buckets.slice(0, 4).map((bucket) => made.limiter.reading(bucket).remaining),
    [5, 500, 25, 750],
  )
  t.equal(made.limiter.counts.open, 5)
})

t.test('a refusal by any of the ways gives back what the others took', async (t) => {
  const server = await redisServer(t)
  const made = await limitProcess(t, server, { wayOf: ({ name, exact }) => (name === 'here' ? 'memory' : exact ? 'exact' : 'leased') })
  const [here, there] = [rate({ ...hour, name: 'here', burst: 10 }), rate({ ...hour, name: 'exact', burst: 50 })]
  const set = await bound(made.limiter, here, there, budget(100, leased))

  const tooDear = await taken(made.limiter, set, [1, 1, 101])
  const tooMany = await taken(made.limiter, set, [11, 1, 100])
  const fits = await taken(made.limiter, set, [10, 50, 100])

  t.strictSame(tooDear, { is: 'refused', at: 2, why: 'spent', retryAfterMs: -1 })
  t.strictSame(tooMany, { is: 'refused', at: 0, why: 'rate', retryAfterMs: -1 })
  t.equal(fits.is, 'taken')
})

t.test('a dry run of a leased limit refuses nobody and says so', async (t) => {
  const server = await redisServer(t)
  const { limiter } = await limitProcess(t, server)
  const set = await bound(limiter, rate({ ...hour, burst: 20, exact: false, dryRun: true }), permits(50, leased))

  const verdicts = []
  for (let call = 0; call < 22; call += 1) verdicts.push(await taken(limiter, set, [1, 1]))

  t.ok(verdicts.every(({ is }) => is === 'taken'))
  t.strictSame(
    verdicts.map((verdict) => (verdict.is === 'taken' ? verdict.over.length : -1)),
    [...Array.from({ length: 20 }, () => 0), 1, 1],
  )
})

t.test('after a refusal by Redis, refusals are local until the time to retry, for all workers', async (t) => {
  const server = await redisServer(t)
  const { workers, keeper, clock } = await limitProcess(t, server, { workers: 2 })
  const limit = rate({ count: 100, periodMs: 1000, burst: 20, exact: false })
  const [one, other] = [workers[0]!, workers[1]!]
  const [set, same] = [await bound(one, limit), await bound(other, limit)]
  let refusal = await taken(one, set, [1])
  while (refusal.is === 'taken') refusal = await taken(one, set, [1])
  const before = keeper.counts().roundTrips

  const verdicts = [one.take(callId(), set, [1]), other.take(callId(), same, [1])]
  clock.advance(60)
  const later = await taken(other, same, [1])

  t.ok(verdicts.every((verdict) => 'is' in verdict && verdict.is === 'refused' && verdict.retryAfterMs > 0))
  t.equal(later.is === 'taken' || keeper.counts().roundTrips > before, true)
})

t.test('while Redis is away each limit goes by its own policy, and no call is told 429 for it', async (t) => {
  const server = await redisServer(t)
  const made = await limitProcess(t, server, { timeoutMs: 200 })
  made.shared.nodes = 4
  const { limiter, keeper } = made
  const limits = {
    local: rate({ ...hour, name: 'local', burst: 40, exact: false, away: 'local' }),
    closed: rate({ ...hour, name: 'closed', burst: 40, exact: false, away: 'closed' }),
    open: rate({ ...hour, name: 'open', burst: 40, exact: false, away: 'open' }),
  }
  const exact = {
    closed: rate({ ...hour, name: 'exact-closed', burst: 4 }),
    local: rate({ ...hour, name: 'exact-local', burst: 8, away: 'local' }),
  }
  const [local, closed, open] = [await bound(limiter, limits.local), await bound(limiter, limits.closed), await bound(limiter, limits.open)]
  const [exactClosed, exactLocal] = [await bound(limiter, exact.closed), await bound(limiter, exact.local)]

  await server.kill()
  const first = await Promise.all([closed, exactClosed].map(async (set) => taken(limiter, set, [1])))
  await until(() => made.client.isAway)
  const counts = await Promise.all([local, closed, open, exactLocal].map(async (set) => burst(limiter, set, { count: 60, amounts: [1] })))
  const second = await Promise.all([closed, exactClosed].map(async (set) => taken(limiter, set, [1])))

  t.strictSame(
    first.map(({ is }) => is),
    ['away', 'away'],
  )
  t.strictSame(counts, [10, 0, 60, 2])
  t.strictSame(
    second.map(({ is }) => is),
    ['away', 'away'],
  )
  t.equal(keeper.counts().isAway, true)
  t.ok(keeper.counts().timesAway >= 1)

  await server.start()
  await until(() => !made.client.isAway)
  t.equal(await burst(limiter, closed, { count: 60, amounts: [1] }), 40)
  t.equal(made.shared.isAway, false)
})

t.test('money that was spent while Redis was away is told when it is back, once', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const a = await limitProcess(t, server, { name: 'a', timeoutMs: 200 })
  const limits = [budget(1000, { name: 'leased', exact: false, away: 'local' }), budget(1000, { name: 'exact', away: 'open' })]
  const set = await bound(a.limiter, ...limits)
  await server.kill()
  await until(async () => (await taken(a.limiter, set, [0, 0])).is !== 'away' && a.client.isAway)
  const call = callId()
  const verdict = await a.limiter.take(call, set, [400, 400])

  await server.start()
  await until(() => !a.client.isAway)
  a.limiter.settle(call, set, [400, 400], [300, 350])
  a.limiter.settle(call, set, [400, 400], [300, 350])
  await a.quiet()
  await a.keeper.close(1000)

  const b = await limitProcess(t, server, { name: 'b' })
  const setB = await bound(b.limiter, ...limits)
  t.equal(verdict.is, 'taken')
  t.equal((await taken(b.limiter, setB, [701, 0])).is, 'refused')
  t.equal((await taken(b.limiter, setB, [0, 651])).is, 'refused')
  t.equal((await taken(b.limiter, setB, [700, 650])).is, 'taken')
})

t.test('a paused Redis makes a call wait for no longer than a moment, and its answer is 503, not 429', async (t) => {
  const server = await redisServer(t)
  const { limiter } = await limitProcess(t, server, { timeoutMs: 30 })
  const set = await bound(limiter, rate({ ...hour, burst: 100, exact: false }), permits(50, leased), budget(1000, leased))

  server.pause()
  const verdicts = await Promise.all(Array.from({ length: 20 }, async () => taken(limiter, set, [1, 1, 1])))
  server.resume()

  t.ok(verdicts.every(({ is }) => is === 'away'))
  t.equal(limiter.counts.open, 0)
})

t.test('a call that takes again before it ends is told the same, and takes nothing more', async (t) => {
  const server = await redisServer(t)
  const { limiter } = await limitProcess(t, server)
  const set = await bound(limiter, permits(20, leased))
  const call = callId()

  const verdicts = [await limiter.take(call, set, [1]), await limiter.take(call, set, [1])]

  t.strictSame(verdicts[0], verdicts[1])
  t.equal(limiter.reading(first(set)).remaining, 19)
})
