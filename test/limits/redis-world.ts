import type { Test } from 'tap'
import type { RedisPlace } from '../../src/base/redis.ts'
import { redisClient, type OpenRedisClient } from '../../src/limits/redis/client.ts'
import { exactStore, type ExactOptions, type ExactStore } from '../../src/limits/redis/exact.ts'
import { luaTexts } from '../../src/relay/lua-source.ts'
import type { MakeStore } from './store-world.ts'
import { setMaker } from './world.ts'

/** The scripts as they are in the project. */
export const texts = luaTexts()

/** A client that is connected; it ends with the test. */
export async function connected(t: Test, place: RedisPlace): Promise<OpenRedisClient> {
  const client = redisClient(place)
  t.teardown(async () => client.close())
  if (!(await client.first)) throw new Error(`redis was away at first: ${client.lastError ?? ''}`)
  return client
}

/** An exact store; it ends with the test. */
export function storeOn(t: Test, client: OpenRedisClient, more: Partial<ExactOptions> = {}): ExactStore {
  const store = exactStore({ client, texts, prefix: 'relay', isCluster: false, ...more })
  t.teardown(async () => store.close())
  return store
}

let worlds = 0

/** Makes stores on this client, each with keys of its own. */
export function storesOn(client: OpenRedisClient, { isCluster }: { readonly isCluster: boolean }): MakeStore {
  return async (clock) => {
    worlds += 1
    const { us, wallMs } = clock
    const prefix = `relay-${worlds}`
    const store = exactStore({ client, texts, prefix, isCluster, callerUs: us, wallMs, nowMs: () => us() / 1000 })
    return {
      store,
      set: setMaker(clock),
      advanced: async () => store.renew(),
      settled: async () => settled(store),
      close: async () => store.close(),
    }
  }
}

/** Waits until Redis has all settles. */
export async function settled(store: ExactStore): Promise<void> {
  while (store.counts.waitingSettles > 0) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits until it holds; a test that waits for ever is ended by its own time limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
