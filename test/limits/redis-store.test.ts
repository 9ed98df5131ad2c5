import t from 'tap'
import { redisCluster } from '../helpers/redis-cluster.ts'
import { redisServer } from '../helpers/redis.ts'
import { storeContract } from './contract.ts'
import { connected, storesOn } from './redis-world.ts'

const [single, cluster] = await Promise.all([redisServer(t), redisCluster(t)])
const [client, clusterClient] = await Promise.all([connected(t, single.place), connected(t, cluster.place)])

storeContract(t, 'redis', storesOn(client, { isCluster: false }))
storeContract(t, 'redis cluster', storesOn(clusterClient, { isCluster: true }))
