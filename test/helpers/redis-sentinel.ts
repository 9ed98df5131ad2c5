import type { RedisPlace } from '../../src/base/redis.ts'
import { eventually } from './redis-cluster.ts'
import { placeOf, redisServer, type RedisServer, type Scope } from './redis.ts'

/** A master and its replica, watched by one Sentinel. */
export interface WatchedRedis {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly place: RedisPlace
}

/** Starts all three; when the master is gone for half a second the replica takes its place. They end with the test. */
export async function watchedRedis(t: Scope): Promise<WatchedRedis> {
  const master = await redisServer(t)
  const replica = await redisServer(t, { args: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'] })
  const sentinel = await redisServer(t, {
    sentinel: [`sentinel monitor main 127.0.0.1 ${master.port} 1`, 'sentinel down-after-milliseconds main 500'],
  })
  await eventually(async () => {
    const known = await sentinel.ask('SENTINEL', 'REPLICAS', 'main')
    const isLinked = /master_link_status:up/.test(String(await replica.ask('INFO', 'replication')))
    if (!Array.isArray(known) || known.length !== 1 || !isLinked) throw new Error('the sentinel does not know the replica')
  })
  return { master, replica, place: placeOf({ is: 'sentinel', name: 'main', nodes: [{ host: '127.0.0.1', port: sentinel.port }], db: 0 }) }
}
