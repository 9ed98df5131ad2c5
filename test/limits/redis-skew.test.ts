import t from 'tap'
import type { Clock } from '../../src/limits/clock.ts'
import type { OpenRedisClient } from '../../src/limits/redis/client.ts'
import { exactStore } from '../../src/limits/redis/exact.ts'
import { redisScript } from '../../src/limits/redis/scripts.ts'
import { luaText } from '../../src/relay/lua-source.ts'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { redisServer } from '../helpers/redis.ts'
import { connected, settled, texts, until } from './redis-world.ts'
import { budget, permits, rate, setMaker } from './world.ts'

const [single, cluster] = await Promise.all([redisServer(t), redisCluster(t)])
const places = [
  { name: 'redis', client: await connected(t, single.place), isCluster: false },
  { name: 'redis cluster', client: await connected(t, cluster.place), isCluster: true },
]
let calls = 0
const skews = [1, 60, 3600, 86_400].flatMap((seconds) => [seconds, -seconds])

for (const { name, client, isCluster } of places) {
  for (const skew of skews) {
    t.test(`${name}: nodes whose clocks are ${skew} s apart share a limit as if they were one, and none is locked out`, async (t) => {
      const nodes = [0, skew].map((seconds) =>
        nodeOf(client, { isCluster, prefix: `skew-${skew}`, wallMs: () => Date.now() + seconds * 1000 }),
      )
      const from = performance.now()

      const taken = await hammer(nodes, 100)
      const most = 10 + (performance.now() - from) / 50 + 1
      for (const node of nodes) await until(async () => (await hammer([node], 1)) === 1)

      t.ok(taken >= 10 && taken <= most, `${taken} of at most ${most}`)
    })

    t.test(`${name}: money and permits of nodes whose clocks are ${skew} s apart are the same money and permits`, async (t) => {
      const nodes = [0, skew].map((seconds) =>
        nodeOf(client, { isCluster, prefix: `money-${skew}`, wallMs: () => Date.now() + seconds * 1000 }),
      )
      // Each binds its set by its own clock.
      const taken: string[] = []
      for (let turn = 0; turn < 6; turn += 1) {
        const { store, set } = nodes[turn % 2]!
        const verdict = await store.take(`c${turn}`, set(budget(1000, { timeZone: 'Asia/Tokyo' }), permits(9)), [250, 1])
        taken.push(verdict.is)
        if (verdict.is === 'taken') store.settle(`c${turn}`, set(budget(1000, { timeZone: 'Asia/Tokyo' }), permits(9)), [250, 1], [250, 1])
        await settled(store)
      }

      t.strictSame(taken, ['taken', 'taken', 'taken', 'taken', 'refused', 'refused'])
    })
  }

  t.test(`${name}: the well-known bucket goes by the clock of Redis, whatever callers say`, async (t) => {
    const script = redisScript(client, luaText('token_bucket'))
    const from = performance.now()
    let allowed = 0
    for (let turn = 0; turn < 100; turn += 1) {
      const now = Date.now() / 1000 + skews[turn % skews.length]!
      allowed += Number(await script(['bucket'], [10, 20, now, 1]))
    }
    const most = 10 + (performance.now() - from) / 50 + 1
    await new Promise((resolve) => setTimeout(resolve, 60))
    const later = await script(['bucket'], [10, 20, Date.now() / 1000, 1])

    t.ok(allowed >= 10 && allowed <= most, `${allowed} of at most ${most}`)
    t.equal(later, 1)
  })

  t.test(`${name}: a node whose clock steps back and forth changes nothing`, async (t) => {
    let steps = 0
    const wallMs = () => Date.now() + [0, 3_600_000, -86_400_000, 1000][(steps += 1) % 4]!
    const node = nodeOf(client, { isCluster, prefix: 'steps', wallMs })
    const from = performance.now()

    const taken = await hammer([node], 100)

    t.ok(taken >= 10 && taken <= 10 + (performance.now() - from) / 50 + 1, `${taken}`)
  })
}

interface NodeOptions {
  readonly isCluster: boolean
  readonly prefix: string
  readonly wallMs: () => number
}

function nodeOf(client: OpenRedisClient, options: NodeOptions) {
  const clock: Clock = { us: () => options.wallMs() * 1000, wallMs: options.wallMs }
  return { store: exactStore({ client, texts, ...options }), set: setMaker(clock) }
}

/** Takes in turn, and waits for nothing; how many were let through. */
async function hammer(nodes: readonly ReturnType<typeof nodeOf>[], times: number): Promise<number> {
  const limit = rate({ count: 20, periodMs: 1000, burst: 10 })
  const sets = nodes.map(({ set }) => set(limit))
  let taken = 0
  for (let turn = 0; turn < times; turn += 1) {
    calls += 1
    const place = turn % nodes.length
    const verdict = await nodes[place]!.store.take(`h${calls}`, sets[place]!, [1])
    if (verdict.is === 'taken') taken += 1
  }
  return taken
}
