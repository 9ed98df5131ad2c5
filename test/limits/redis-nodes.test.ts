import t from 'tap'
import { redisNodes } from '../../src/limits/redis/nodes.ts'
import { redisServer } from '../helpers/redis.ts'
import { connected, texts, until } from './redis-world.ts'

t.test('nodes count each other; one that leaves is gone at once, one that falls silent after a while', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  const counts: number[] = []
  const shared = { client, texts, prefix: 'relay', expected: 5, silentMs: 600 }
  const first = redisNodes({ ...shared, id: 'a', everyMs: 20, onCount: (live) => counts.push(live) })
  const second = redisNodes({ ...shared, id: 'b', everyMs: 20 })
  // It says that it is there once.
  const silent = redisNodes({ ...shared, id: 'c', everyMs: 100_000 })
  t.teardown(async () => Promise.all([first.close(), silent.close()]))

  await until(() => first.live === 3)
  await second.close()
  await until(() => first.live === 2)
  const early = Number(await server.ask('ZCARD', 'relay:nodes'))
  await until(() => first.live === 1)

  t.equal(early, 2)
  t.strictSame(counts.slice(-3), [3, 2, 1])
  t.ok(Number(await server.ask('PTTL', 'relay:nodes')) <= 600)
})

t.test('until Redis has told, and while it is away, the count is what was known last', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, { ...server.place, timeoutMs: 25 })
  const shared = { client, texts, prefix: 'relay', everyMs: 20 }
  const other = redisNodes({ ...shared, id: 'b', expected: 1 })
  await other.beat()
  const node = redisNodes({ ...shared, id: 'a', expected: 4 })
  const before = node.live
  await until(() => node.live === 2)

  await server.kill()
  await until(() => client.isAway)
  await node.beat()
  const whileAway = node.live
  await Promise.all([node.close(), other.close()])

  t.strictSame([before, whileAway], [4, 2])
})

t.test('a node that was seen in a future that a clock has left is counted when it beats again', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  await server.ask('ZADD', 'relay:nodes', Date.now() + 86_400_000, 'b')

  const node = redisNodes({ client, texts, prefix: 'relay', id: 'a', expected: 9, everyMs: 20 })
  await until(() => node.live === 1)
  await node.close()

  t.equal(await server.ask('EXISTS', 'relay:nodes'), 0)
})
