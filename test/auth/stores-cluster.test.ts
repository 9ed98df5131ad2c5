import t from 'tap'
import { redisStore } from '../../src/auth/redis-store.ts'
import { redisClient } from '../../src/limits/redis/client.ts'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { storeContract } from './store-contract.ts'

const { place } = await redisCluster(t)
let places = 0

storeContract(t, async () => {
  const prefix = `test${places++}`
  return async () => {
    const client = redisClient({ ...place, prefix, timeoutMs: 2000 })
    return { ...redisStore({ client, prefix }), close: async () => client.close() }
  }
})
