import { Cluster, Redis, type RedisOptions as AnyRedisOptions } from 'ioredis'
import type { RedisPlace } from '../../base/redis.ts'

/** Without what decides the types of replies. */
type RedisOptions = Omit<AnyRedisOptions, 'replyMapping'>

/** A connection to Redis as ioredis makes it: to one server (perhaps the one that Sentinels name), or to a Cluster. */
export type Connection = Redis | Cluster

/**
 * Opens a connection that mends itself, for as long as it is not closed. Nothing waits in it for better times, and nothing
 * that was under way is sent again: a take that is asked for twice would be taken late, for nobody.
 */
export function connectionTo(place: RedisPlace, use: 'commands' | 'blocking'): Connection {
  const options = optionsOf(place, use)
  const { mode } = place
  switch (mode.is) {
    case 'single':
      return new Redis({ ...options, host: mode.host, port: mode.port, db: mode.db, retryStrategy })
    case 'sentinel':
      return new Redis({ ...options, ...sentinelOptions(place), db: mode.db, retryStrategy })
    case 'cluster':
      return clusterOf(place, options)
  }
}

// At once at first: most connections that close do so because nobody used them.
const retryStrategy = (times: number) => (times <= 1 ? 10 : 250)
const connectMs = 1000

function optionsOf(place: RedisPlace, use: 'commands' | 'blocking'): RedisOptions {
  return {
    ...(place.username === null ? {} : { username: place.username }),
    ...(place.password === null ? {} : { password: place.password }),
    ...(place.tls === null ? {} : { tls: place.tls.ca === null ? {} : { ca: place.tls.ca } }),
    protocol: 2,
    connectTimeout: connectMs,
    // A peer that does not say goodbye is not waited for.
    disconnectTimeout: 100,
    // A peer that went without a word (its machine is off): silent for so long with an answer due, the connection is made anew.
    ...(use === 'commands' ? { socketTimeout: 2000 } : {}),
    enableOfflineQueue: use === 'blocking',
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
    enableReadyCheck: false,
    noDelay: true,
  }
}

function sentinelOptions({ mode, tls }: RedisPlace): RedisOptions {
  if (mode.is !== 'sentinel') return {}
  return {
    name: mode.name,
    sentinels: mode.nodes.map(({ host, port }) => ({ host, port })),
    sentinelRetryStrategy: retryStrategy,
    ...(tls === null ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls.ca === null ? {} : { ca: tls.ca } }),
  }
}

function clusterOf({ mode }: RedisPlace, { enableOfflineQueue, ...redisOptions }: RedisOptions): Cluster {
  const nodes = mode.is === 'cluster' ? mode.nodes.map(({ host, port }) => ({ host, port })) : []
  const cluster = new Cluster(nodes, {
    // The name is kept for TLS: a certificate is of a name, not of the address that it stands for.
    ...(redisOptions.tls === undefined ? {} : { dnsLookup: (address, callback) => callback(null, address) }),
    clusterRetryStrategy: retryStrategy,
    enableOfflineQueue: enableOfflineQueue === true,
    // Short, so that what a command meets (a node that is just being connected) is over within its own time.
    retryDelayOnFailover: 5,
    retryDelayOnTryAgain: 5,
    retryDelayOnClusterDown: 0,
    maxRedirections: 8,
    slotsRefreshTimeout: connectMs,
    slotsRefreshInterval: 2000,
    redisOptions,
  })
  // Nodes are connected with their first command otherwise, which then takes too long.
  cluster.on('+node', (node: Redis) => {
    if (node.status === 'wait') node.connect().catch(() => {})
  })
  return cluster
}
