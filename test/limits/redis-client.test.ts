import t from 'tap'
import { redisClient } from '../../src/limits/redis/client.ts'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { watchedRedis } from '../helpers/redis-sentinel.ts'
import { freePort, placeOf, redisServer } from '../helpers/redis.ts'
import { tlsServer } from './redis-tls.ts'
import { connected, until } from './redis-world.ts'

const short = { timeoutMs: 25 } as const

t.test('a command goes out and its answer comes back', async (t) => {
  const { place } = await redisServer(t)
  const client = await connected(t, place)

  const set = await client.command('k', 'SET', ['k', Buffer.from('value'), 'PX', 1000])
  const value = await client.command('k', 'GET', ['k'])

  t.strictSame([set, value], ['OK', 'value'])
})

t.test('a command that comes before the first connection waits for it', async (t) => {
  const { place } = await redisServer(t)
  const client = redisClient(place)
  t.teardown(async () => client.close())

  t.equal(await client.command(null, 'PING', []), 'PONG')
})

t.test('a server that does not answer costs a command its timeout, three of them no more than that', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, { ...server.place, ...short })
  const changes: boolean[] = []
  client.onChange((isAway) => changes.push(isAway))
  server.pause()

  const waits: number[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    const from = performance.now()
    await t.rejects(client.command('k', 'GET', ['k']))
    waits.push(performance.now() - from)
  }
  const [last = 0] = waits.splice(3)
  server.resume()
  await until(() => !client.isAway)

  t.ok(
    waits.every((ms) => ms >= 20 && ms < 200),
    `${waits.join(', ')} ms`,
  )
  t.ok(last < 10, `refused at once: ${last} ms`)
  t.strictSame(changes, [true, false], 'told once that it went, once that it is back')
  t.equal(await client.command(null, 'PING', []), 'PONG')
})

t.test('a server that is killed is away until it is started again', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, { ...server.place, ...short })
  const changes: boolean[] = []
  client.onChange((isAway) => changes.push(isAway))

  await server.kill()
  await until(() => client.isAway)
  await t.rejects(client.command('k', 'GET', ['k']), { failure: 'unavailable', message: 'redis is away' })
  t.match(client.lastError, /./)
  await server.start()
  await until(() => !client.isAway)

  t.strictSame(changes, [true, false])
  t.equal(client.lastError, null)
  t.equal(await client.command('k', 'SET', ['k', 'v', 'PX', 1000]), 'OK')
})

t.test('what was under way when the connection broke is not sent again', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const client = await connected(t, { ...server.place, timeoutMs: 2000 })
  await client.command('n', 'INCR', ['n'])
  server.pause()
  const lost = t.rejects(client.command('n', 'INCR', ['n']))
  await server.kill()
  await lost

  await server.start()
  await until(async () => (await client.command(null, 'PING', []).catch(() => '')) === 'PONG')

  t.equal(await client.command('n', 'GET', ['n']), '1')
})

t.test('errors of commands themselves say nothing of Redis', async (t) => {
  const { place } = await redisServer(t)
  const client = await connected(t, place)
  await client.command('k', 'SET', ['k', 'text', 'PX', 1000])

  for (let turn = 0; turn < 5; turn += 1) await t.rejects(client.command('k', 'INCR', ['k']), { message: /^ERR value/ })

  t.equal(client.isAway, false)
})

t.test('a server that is there and cannot write is away, until it can', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  const changes: boolean[] = []
  client.onChange((isAway) => changes.push(isAway))
  await server.ask('CONFIG', 'SET', 'maxmemory', 1)

  for (let turn = 0; turn < 3; turn += 1) await t.rejects(client.command('k', 'SET', ['k', 'v', 'PX', 1000]), { message: /^OOM/ })
  // Two looks of the client's own are refused as well.
  await until(async () => refusals(await server.ask('INFO', 'errorstats')) >= 5)
  const stillAway = client.isAway
  await server.ask('CONFIG', 'SET', 'maxmemory', 0)
  await until(() => !client.isAway)

  t.ok(stillAway, 'a ping would have been answered')
  t.strictSame(changes, [true, false])
})

t.test('a server that was never there is away, and is found when it comes', async (t) => {
  const port = await freePort()
  const client = redisClient(placeOf({ is: 'single', host: '127.0.0.1', port, db: 0 }, short))
  t.teardown(async () => client.close())

  t.equal(await client.first, false)
  t.ok(client.isAway)
  await redisServer(t, { port })
  await until(() => !client.isAway)
})

t.test('a command that waits by itself is on a connection of its own and ends with its time', async (t) => {
  const { place } = await redisServer(t)
  const client = await connected(t, place)

  const waiting = client.blocking('s', 'XREAD', ['BLOCK', 5000, 'STREAMS', 's', '$'], 6000)
  await until(async () => Number(/blocked_clients:(\d+)/.exec(String(await client.command(null, 'INFO', ['clients'])))?.[1]) === 1)
  await client.command('s', 'XADD', ['s', '1-1', 'field', 'value'])

  t.strictSame(await waiting, [['s', [['1-1', ['field', 'value']]]]])
  await t.rejects(client.blocking('s', 'XREAD', ['BLOCK', 0, 'STREAMS', 's', '$'], 50), {
    message: /did not answer within 50 ms/,
  })
  t.equal(await client.blocking('s', 'XREAD', ['BLOCK', 10, 'STREAMS', 's', '$'], 2000), null, 'the next one does not wait for it')
})

t.test('a client that is closed ends what it waits for, and refuses', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, { ...server.place, ...short })
  server.pause()
  const waiting = t.rejects(client.command('k', 'GET', ['k']))
  const blocked = t.rejects(client.blocking('s', 'XREAD', ['BLOCK', 0, 'STREAMS', 's', '$'], 60_000))
  const from = performance.now()

  await client.close()
  await client.close()
  await waiting
  await blocked

  t.ok(performance.now() - from < 1000)
  await t.rejects(client.command('k', 'GET', ['k']), { message: 'the redis client is closed' })
})

t.test('a password and TLS: wrong ones are away, right ones are not', async (t) => {
  const { place, ca } = await tlsServer(t, 'secret')
  const outcomes: (readonly [string, boolean])[] = []
  for (const [says, more] of [
    ['right', { tls: { ca }, password: 'secret' }],
    ['user', { tls: { ca }, username: 'default', password: 'secret' }],
    ['unknown authority', { tls: { ca: null }, password: 'secret' }],
    ['wrong password', { tls: { ca }, password: 'guess' }],
    ['no password', { tls: { ca } }],
    ['in the clear', { password: 'secret' }],
  ] as const) {
    const client = redisClient({ ...place, ...more })
    outcomes.push([says, await client.first])
    await client.close()
  }

  t.strictSame(Object.fromEntries(outcomes), {
    right: true,
    user: true,
    'unknown authority': false,
    'wrong password': false,
    'no password': false,
    'in the clear': false,
  })
})

t.test('a Cluster finds the node of each key, also when a master is gone', async (t) => {
  const cluster = await redisCluster(t, { nodeTimeoutMs: 1000 })
  const client = await connected(t, cluster.place)
  const keys = Array.from({ length: 30 }, (_none, at) => `{tenant=${at}}`)
  const set = async () => Promise.allSettled(keys.map(async (key) => client.command(key, 'SET', [key, '1', 'PX', 60_000])))

  const before = await set()
  await cluster.nodes[0]?.kill()
  await until(async () => (await set()).every(({ status }) => status === 'fulfilled'))

  t.ok(before.every(({ status }) => status === 'fulfilled'))
  t.equal(client.isAway, false)
})

t.test('a client that asks a Sentinel follows it to the new master', async (t) => {
  const { master, place } = await watchedRedis(t)
  const client = await connected(t, place)
  const set = async () => client.command('k', 'SET', ['k', 'v', 'PX', 60_000]).catch(() => null)

  const before = await set()
  await master.kill()
  await until(() => client.isAway)
  await until(async () => (await set()) === 'OK')

  t.equal(before, 'OK')
  t.equal(client.isAway, false)
})

t.test('what waits as the connection is lost is told so, and not which option of a library to change', async (t) => {
  const server = await redisServer(t)
  const client = await connected(t, server.place)
  const waiting = client.blocking('s', 'XREAD', ['BLOCK', 0, 'STREAMS', 's', '$'], 60_000)
  const lost = t.rejects(waiting, { message: 'the connection to redis was lost' })
  await until(async () => String(await client.command(null, 'INFO', ['clients'])).includes('blocked_clients:1'))

  await server.kill()

  await lost
})

t.test(
  'a command that was under way when the connection went may have been carried out: it is not told as one that was never sent',
  async (t) => {
    const server = await redisServer(t)
    const client = await connected(t, { ...server.place, timeoutMs: 5000 })
    server.pause()
    const asked = client.command('a', 'SET', ['a', '1']).catch((error: unknown) => error)

    await server.kill()

    const error = await asked
    t.type(error, Error)
    t.notMatch(error, { failure: 'unavailable' })
  },
)

/** How often a server has refused a write for want of memory. */
function refusals(errorStats: unknown): number {
  return Number(/errorstat_OOM:count=(\d+)/.exec(String(errorStats))?.[1] ?? 0)
}
