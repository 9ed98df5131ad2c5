import t, { type Test } from 'tap'
import type { Verdict } from '../../src/limits/store.ts'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { redisServer, type RedisServer } from '../helpers/redis.ts'
import { connected, settled, storeOn, until } from './redis-world.ts'
import { budget, permits, rate, setMaker } from './world.ts'

const wall = { us: () => Date.now() * 1000, wallMs: Date.now }
const set = setMaker(wall)

/** A store whose commands take 25 ms at most. */
async function impatient(t: Test, server: RedisServer, more: Parameters<typeof storeOn>[2] = {}) {
  const client = await connected(t, { ...server.place, timeoutMs: 25 })
  return { client, store: storeOn(t, client, more) }
}

t.test('a caller that is refused costs no round trip until its time to retry', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  const slow = set(rate({ count: 1, burst: 2 }), permits(1000))
  await store.take('c1', slow, [1, 1])
  await store.take('c2', slow, [1, 1])

  const refusals: Verdict[] = []
  for (let turn = 0; turn < 1000; turn += 1) refusals.push(await store.take(`d${turn}`, slow, [1, 1]))

  t.equal(store.counts.roundTrips, 3)
  t.equal(store.counts.localRefusals, 999)
  t.ok(refusals.every((verdict) => verdict.is === 'refused' && verdict.at === 0 && verdict.retryAfterMs > 55_000))
})

t.test('a smaller amount than the one that was refused is asked for; a larger one waits for longer', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  const tokens = set(rate({ count: 60, burst: 100 }))
  await store.take('c1', tokens, [90])

  const refused = await store.take('c2', tokens, [20])
  const larger = await store.take('c3', tokens, [30])
  const never = await store.take('c4', tokens, [101])
  const trips = store.counts.roundTrips
  const smaller = await store.take('c5', tokens, [5])

  t.strictSame([refused, larger, never].map(waitOf), [10, 20, -1])
  t.equal(trips, 2)
  t.equal(smaller.is, 'taken')
})

t.test('a limit that was changed is asked for anew', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  await store.take('c1', set(rate({ count: 1, burst: 1 })), [1])
  await store.take('c2', set(rate({ count: 1, burst: 1 })), [1])

  const raised = await store.take('c3', set(rate({ count: 1, burst: 2 })), [1])

  t.equal(raised.is, 'taken')
})

t.test('a take whose answer was lost ends in time, is undone, and can be asked for again', async (t) => {
  const server = await redisServer(t)
  const { client, store } = await impatient(t, server)
  const all = set(rate(), permits(3), budget(1000))
  await store.take('warm', all, [0, 0, 0])
  server.pause()

  const from = performance.now()
  const lost = await store.take('c1', all, [1, 1, 400])
  const waited = performance.now() - from
  server.resume()
  await until(() => !client.isAway)
  await settled(store)
  const again = await store.take('c1', all, [0, 0, 0])
  const readings = all.buckets.map((bucket) => store.reading(bucket).remaining)

  t.strictSame(lost, { is: 'away', at: 0 })
  t.ok(waited < 200, `${waited} ms`)
  t.equal(again.is, 'taken')
  t.strictSame(readings, [5, 3, 1000], 'it had come, and was given back')
  t.equal(store.counts.errors, 1)
})

t.test('a call that was settled may ask again: it is another one then', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  const calls = set(permits(5))
  const verdicts: string[] = []
  for (let turn = 0; turn < 3; turn += 1) {
    verdicts.push((await store.take('c1', calls, [1])).is)
    store.settle('c1', calls, [1], [1])
    await settled(store)
  }
  await store.take('c2', calls, [0])

  t.strictSame(verdicts, ['taken', 'taken', 'taken'])
  t.equal(store.reading(calls.buckets[0]!).remaining, 5)
})

t.test('while Redis is away takes say so at once, and the ends of calls wait for it', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const { client, store } = await impatient(t, server)
  const all = set(permits(3), budget(1000))
  for (const call of ['c1', 'c2']) await store.take(call, all, [1, 400])
  await server.kill()
  await until(() => client.isAway)

  const trips = store.counts.roundTrips
  const away = store.take('c3', all, [1, 100])
  store.settle('c1', all, [1, 400], [1, 350])
  store.settle('c2', all, [1, 400], [1, 500])
  store.settle('c2', all, [1, 400], [1, 900])
  const waiting = store.counts.waitingSettles
  await server.start()
  await settled(store)
  await store.take('c4', all, [0, 0])

  t.strictSame(away, { is: 'away', at: 0 }, 'not even a promise')
  t.equal(waiting, 2)
  t.strictSame(
    all.buckets.map((bucket) => store.reading(bucket).remaining),
    [3, 150],
  )
  t.equal(store.counts.roundTrips - trips, 3)
  t.equal(store.counts.lostSettles, 0)
})

t.test('more ends than may wait push out the oldest, and are counted', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const { client, store } = await impatient(t, server, { settlesMost: 2 })
  const money = set(budget(1000))
  for (const call of ['c1', 'c2', 'c3']) await store.take(call, money, [100])
  await server.kill()
  await until(() => client.isAway)

  for (const call of ['c1', 'c2', 'c3']) store.settle(call, money, [100], [10])
  const { waitingSettles, lostSettles } = store.counts
  await server.start()
  await settled(store)
  await store.take('c4', money, [0])

  t.strictSame([waitingSettles, lostSettles], [2, 1])
  t.equal(store.reading(money.buckets[0]!).remaining, 1000 - 100 - 20, 'what the first had reserved lapses with its lease')
})

t.test('what open calls hold is renewed; what a process held that is gone comes free', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  const store = storeOn(t, client, { leaseMs: 400, renewEveryMs: 50 })
  const crashed = storeOn(t, client, { leaseMs: 400, renewEveryMs: 100_000 })
  const calls = set(permits(2))
  await store.take('c1', calls, [1])
  await crashed.take('c2', calls, [1])

  // Both leases were of one moment: when that of the process that is gone has lapsed, the other would have, too.
  await until(async () => (await store.take('c3', calls, [1])).is === 'taken')

  t.equal((await store.take('c4', calls, [1])).is, 'refused')
})

t.test('many open calls are renewed in batches', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  const calls = set(permits(1000))
  await Promise.all(Array.from({ length: 250 }, async (_none, at) => store.take(`c${at}`, calls, [1])))
  const before = store.counts.roundTrips

  await store.renew()

  t.equal(store.counts.roundTrips - before, 3)
})

t.test('a store that is closed sends what it still has', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  const [store, other] = [storeOn(t, client), storeOn(t, client)]
  const calls = set(permits(50))
  for (let turn = 0; turn < 50; turn += 1) await store.take(`c${turn}`, calls, [1])
  for (let turn = 0; turn < 50; turn += 1) store.settle(`c${turn}`, calls, [1], [1])

  await store.close()
  await other.take('c50', calls, [0])

  t.equal(other.reading(calls.buckets[0]!).remaining, 50)
})

t.test('a store that is closed while Redis is away waits for no longer than a second', async (t) => {
  const server = await redisServer(t)
  const { client, store } = await impatient(t, server)
  const calls = set(permits(5))
  await store.take('c1', calls, [1])
  await server.kill()
  await until(() => client.isAway)
  store.settle('c1', calls, [1], [1])
  const from = performance.now()

  await store.close()

  t.ok(performance.now() - from < 2000)
  t.equal(store.counts.lostSettles, 1)
})

t.test('in a Cluster a call whose later bucket refuses leaves the earlier one as it was', async (t) => {
  const { place } = await redisCluster(t)
  const client = await connected(t, place)
  const store = storeOn(t, client, { isCluster: true })
  const [tenant, business, all] = [rate(), permits(1, { per: ['business'] }), budget(1000, { per: [] })]
  const three = set(tenant, business, all)
  const first = await store.take('c1', three, [1, 1, 100])

  const refused = await store.take('c2', three, [2, 1, 100])
  await settled(store)
  store.settle('c1', three, [1, 1, 100], [1, 1, 70])
  await settled(store)
  const again = await store.take('c2', three, [2, 1, 100])

  t.equal(first.is, 'taken')
  t.strictSame(refused, { is: 'refused', at: 1, why: 'concurrency', retryAfterMs: 1000 })
  t.equal(again.is, 'taken', 'the same call asks again')
  t.strictSame(
    three.buckets.map((bucket) => store.reading(bucket).remaining),
    [2, 0, 830],
  )
})

t.test('no key that stores leave behind lives for ever', async (t) => {
  const server = await redisServer(t)
  const store = storeOn(t, await connected(t, server.place))
  const all = set(rate({ count: 1000, burst: 100 }), permits(20), budget(10_000, { period: 'month' }))
  for (let turn = 0; turn < 200; turn += 1) {
    const verdict = await store.take(`c${turn}`, all, [1, 1, 100])
    if (verdict.is === 'taken' && turn % 3 > 0) store.settle(`c${turn}`, all, [1, 1, 100], [turn % 5, 1, 50])
  }
  await settled(store)

  const keys = (await server.ask('KEYS', '*')) as string[]
  const lives = await Promise.all(keys.map(async (key) => [key, Number(await server.ask('PTTL', key))] as const))

  t.ok(keys.length > 5)
  t.strictSame(
    lives.filter(([, ttl]) => ttl <= 0),
    [],
  )
})

t.test('two hundred calls on money for ten, with Redis killed in between: never more than ten, and ten in the end', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const nodes = await Promise.all([1, 2, 3].map(async () => impatient(t, server)))
  const money = set(budget(10))
  let taken = 0
  let asked = 0
  const call = async (at: number): Promise<void> => {
    const { store } = nodes[at % 3]!
    for (let turn = 0; ; turn += 1) {
      asked += 1
      const id = `c${at}-${turn}`
      const verdict = await store.take(id, money, [1])
      if (verdict.is === 'taken') {
        taken += 1
        store.settle(id, money, [1], [1])
        return
      }
      if (verdict.is === 'refused' && verdict.why === 'spent') return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  const calls = Promise.all(Array.from({ length: 200 }, async (_none, at) => call(at)))
  await until(() => asked > 5)
  await server.kill()
  await until(() => nodes.every(({ client }) => client.isAway))
  await server.start()
  await calls

  t.equal(taken, 10)
})

function waitOf(verdict: Verdict): number {
  if (verdict.is !== 'refused') throw new Error(`not refused but ${verdict.is}`)
  return verdict.retryAfterMs < 0 ? -1 : Math.ceil(verdict.retryAfterMs / 1000)
}
