import t from 'tap'
import type { RedisPlace } from '../../src/base/redis.ts'
import { redisStore } from '../../src/auth/redis-store.ts'
import { redisClient } from '../../src/limits/redis/client.ts'
import { redisServer } from '../helpers/redis.ts'
import { recordOf } from './helpers.ts'
import { storeContract, watched } from './store-contract.ts'

const server = await redisServer(t)
const place = { ...server.place, timeoutMs: 2000 }
let places = 0

const opened = (at: RedisPlace, problem?: (message: string) => void) => {
  const client = redisClient(at)
  const store = redisStore({ client, prefix: at.prefix, ...(problem === undefined ? {} : { problem }) })
  return { client, store: { ...store, close: async () => client.close() } }
}

storeContract(t, async () => {
  const prefix = `test${places++}`
  return async () => opened({ ...place, prefix }).store
})

t.test('all of it lives under the prefix and one hash tag', async (t) => {
  const { client, store } = opened({ ...place, prefix: 'mine' })
  t.teardown(async () => store.close())
  await store.put(recordOf('a', { keys: [{ sha256: 'a'.repeat(64), createdAt: '', hint: '' }] }), null)

  const keys = await client.command(null, 'KEYS', ['mine:*tenants*'])

  t.same(
    (keys as string[]).toSorted(),
    ['changes', 'keys', 'names', 'records', 'sequence'].map((part) => `mine:{tenants}:${part}`),
  )
})

t.test('a Redis that lost its data is noticed by a watch: all is to be read again', async (t) => {
  const { client, store } = opened({ ...place, prefix: 'lost' })
  t.teardown(async () => store.close())
  for (const name of ['a', 'b', 'c']) await store.put(recordOf(name), null)
  const watching = watched(t, store, '0')
  await watching.until(['a', 'b', 'c'])

  await client.command(null, 'FLUSHALL', [])
  await store.put(recordOf('d'), null)
  await watching.until(['all'])
  await store.put(recordOf('e'), null)
  await watching.until(['e'])

  t.same(watching.names, ['a', 'b', 'c', 'all', 'e'])
})

t.test('after Redis was away all is read again, and its going is told once', async (t) => {
  const told: string[] = []
  const { client, store } = opened({ ...place, prefix: 'away' }, (message) => told.push(message))
  t.teardown(async () => store.close())
  await store.put(recordOf('a'), null)
  const watching = watched(t, store, '0')
  await watching.until(['a'])

  await client.command(null, 'CLIENT', ['KILL', 'TYPE', 'normal', 'SKIPME', 'no']).catch(() => undefined)
  await watching.until(['all'])

  t.match(told, [/^changes of tenants cannot be read from Redis: /])
  t.equal(told.length, 1)
})
