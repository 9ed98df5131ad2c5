import t, { type Test } from 'tap'
import type { OpenRedisClient } from '../../src/limits/redis/client.ts'
import type { ExactStore } from '../../src/limits/redis/exact.ts'
import type { LimitSet } from '../../src/limits/store.ts'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { redisServer, type RedisServer } from '../helpers/redis.ts'
import { connected, settled, storeOn, until } from './redis-world.ts'
import { budget, permits, rate, setMaker } from './world.ts'

const wall = { us: () => Date.now() * 1000, wallMs: Date.now }
const set = setMaker(wall)
const most = { permits: 7, money: 100_000, tokens: 400 }

interface Node {
  readonly client: OpenRedisClient
  readonly store: ExactStore
}

/** What callers see: never more at once, or in all, than the limits say. */
interface Seen {
  open: number
  mostOpen: number
  /** What was spent, and what open calls may still spend. */
  money: number
  mostMoney: number
  spent: number
  taken: number
  tokens: number
  away: number
}

t.test(
  'takes, settles and refunds of three nodes at once, with Redis paused time and again: never too much, and all of it counted once',
  async (t) => {
    const server = await redisServer(t)
    const nodes = await Promise.all([1, 2, 3].map(async () => nodeOn(t, server)))
    const limits = set(permits(most.permits), budget(most.money), rate({ name: 'tokens', count: 1, periodMs: 1e9, burst: most.tokens }))
    const seen = nothing()
    const calls = Promise.all(
      Array.from({ length: 30 }, async (_none, caller) => callMany(nodes[caller % 3]!, limits, { seen, caller, turns: 40 })),
    )
    const over = new AbortController()
    void calls.then(() => over.abort())

    while (!over.signal.aborted) {
      server.pause()
      await pass(40)
      server.resume()
      await pass(150)
    }
    await Promise.all(nodes.map(async ({ client }) => until(() => !client.isAway)))
    await Promise.all(nodes.map(async ({ store }) => settled(store)))
    await nodes[0]!.store.take('last', limits, [0, 0, 0])
    const left = limits.buckets.map((bucket) => nodes[0]!.store.reading(bucket).remaining)

    t.ok(seen.away > 0, `${seen.away} takes without an answer`)
    t.ok(seen.taken > 20, `${seen.taken} calls`)
    t.ok(seen.mostOpen <= most.permits, `${seen.mostOpen} at once`)
    t.ok(seen.mostMoney <= most.money, `${seen.mostMoney} of ${most.money}`)
    t.strictSame(left, [most.permits, most.money - seen.spent, most.tokens - seen.tokens])
    t.strictSame(
      nodes.map(({ store }) => store.counts.lostSettles),
      [0, 0, 0],
    )
  },
)

t.test('the same in a Cluster, whose nodes each keep a part of a call', async (t) => {
  const cluster = await redisCluster(t, { nodeTimeoutMs: 10_000 })
  const nodes = await Promise.all(
    [1, 2, 3].map(async () => {
      const client = await connected(t, { ...cluster.place, timeoutMs: 25 })
      return { client, store: storeOn(t, client, { isCluster: true }) }
    }),
  )
  const shared = { per: ['business'] } as const
  const limits = set(
    permits(most.permits),
    budget(most.money, { per: [] }),
    rate({ name: 'tokens', count: 1, periodMs: 1e9, burst: most.tokens, ...shared }),
  )
  const seen = nothing()
  const calls = Promise.all(
    Array.from({ length: 12 }, async (_none, caller) => callMany(nodes[caller % 3]!, limits, { seen, caller, turns: 30 })),
  )
  const over = new AbortController()
  void calls.then(() => over.abort())

  for (let turn = 0; !over.signal.aborted; turn += 1) {
    cluster.nodes[turn % 3]?.pause()
    await pass(40)
    cluster.nodes[turn % 3]?.resume()
    await pass(150)
  }
  await Promise.all(nodes.map(async ({ client }) => until(() => !client.isAway)))
  await Promise.all(nodes.map(async ({ store }) => settled(store)))
  await until(async () => (await nodes[0]!.store.take('last', limits, [0, 0, 0])).is === 'taken')
  const left = limits.buckets.map((bucket) => nodes[0]!.store.reading(bucket).remaining)

  t.ok(seen.taken > 5, `${seen.taken} calls`)
  t.ok(seen.mostOpen <= most.permits, `${seen.mostOpen} at once`)
  t.ok(seen.mostMoney <= most.money, `${seen.mostMoney} of ${most.money}`)
  t.strictSame(left, [most.permits, most.money - seen.spent, most.tokens - seen.tokens])
})

async function nodeOn(t: Test, server: RedisServer): Promise<Node> {
  const client = await connected(t, { ...server.place, timeoutMs: 25 })
  return { client, store: storeOn(t, client) }
}

function nothing(): Seen {
  return { open: 0, mostOpen: 0, money: 0, mostMoney: 0, spent: 0, taken: 0, tokens: 0, away: 0 }
}

interface Caller {
  readonly seen: Seen
  readonly caller: number
  readonly turns: number
}

/** One call after the other; a third of them is refunded. */
async function callMany({ store }: Node, limits: LimitSet, { seen, caller, turns }: Caller): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const call = `${caller}-${turn}`
    const amounts = [1, 100 + ((caller * 31 + turn * 17) % 900), 1]
    const verdict = await store.take(call, limits, amounts)
    if (verdict.is === 'away') seen.away += 1
    if (verdict.is !== 'taken') {
      await pass(5)
      continue
    }
    seen.taken += 1
    seen.open += 1
    seen.money += amounts[1]!
    seen.mostOpen = Math.max(seen.mostOpen, seen.open)
    seen.mostMoney = Math.max(seen.mostMoney, seen.money)
    await pass((caller + turn) % 7)
    const used = turn % 3 === 0 ? [0, 0, 0] : [1, Math.floor(amounts[1]! / 2), 1]
    seen.open -= 1
    seen.money -= amounts[1]! - used[1]!
    seen.spent += used[1]!
    seen.tokens += used[2]!
    store.settle(call, limits, amounts, used)
  }
}

async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms))
}
