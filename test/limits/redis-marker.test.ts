import t, { type Test } from 'tap'
import type { RedisClient } from '../../src/base/redis.ts'
import { redisMarker } from '../../src/limits/redis/marker.ts'
import { type RedisServer, redisServer } from '../helpers/redis.ts'
import { connected, until } from './redis-world.ts'

interface Watched {
  /** How often its data was found gone. */
  readonly lost: () => number
  /** How often Redis has answered a look. */
  readonly looks: () => number
  readonly client: RedisClient
}

async function watched(t: Test, server: RedisServer): Promise<Watched> {
  const client = await connected(t, server.place)
  let [lost, looks] = [0, 0]
  const command: RedisClient['command'] = async (...args) => {
    const answer = await client.command(...args)
    looks += 1
    return answer
  }
  const counted: RedisClient = {
    get isAway() {
      return client.isAway
    },
    command,
    blocking: async (...args) => client.blocking(...args),
    onChange: (listener) => client.onChange(listener),
    close: async () => client.close(),
  }
  const marker = redisMarker({ client: counted, prefix: 'relay', everyMs: 20, lost: () => (lost += 1) })
  t.teardown(() => marker.close())
  await until(() => looks > 3)
  return { lost: () => lost, looks: () => looks, client }
}

/** Waits until each has looked a few times more. */
async function lookedAgain(...all: readonly Watched[]): Promise<void> {
  const before = all.map(({ looks }) => looks())
  await until(() => all.every(({ looks }, at) => looks() > before[at]! + 5))
}

t.test('a Redis that comes back without its data is told once on each node, each time', async (t) => {
  const server = await redisServer(t)
  const [one, two] = [await watched(t, server), await watched(t, server)]
  await lookedAgain(one, two)
  const atFirst = [one.lost(), two.lost()]

  await server.kill()
  await until(() => one.client.isAway && two.client.isAway)
  await server.start()
  await until(() => one.lost() > 0 && two.lost() > 0)
  await lookedAgain(one, two)
  const once = [one.lost(), two.lost()]
  await server.ask('FLUSHALL')
  await until(() => one.lost() > 1 && two.lost() > 1)
  await lookedAgain(one, two)

  t.same(atFirst, [0, 0])
  t.same(once, [1, 1])
  t.same([one.lost(), two.lost()], [2, 2])
})

t.test('a Redis that comes back with its data has lost nothing', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const one = await watched(t, server)

  await server.kill()
  await until(() => one.client.isAway)
  await server.start()
  await until(() => !one.client.isAway)
  await lookedAgain(one)

  t.equal(one.lost(), 0)
})
