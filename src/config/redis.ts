import type { HostPort, RedisPlace } from '../base/redis.ts'
import { type KeyPath, shown } from './findings.ts'
import { type ReadRedisUrl, readHostPort, readRedisUrl } from './redis-url.ts'
import { type RedisMapping, redisSchema } from './schema-redis.ts'
import { readSecret, secretFromEnv, secretFromFile } from './secret.ts'
import { type Making, readAuthorities } from './upstreams.ts'

/** Redis as a config has it, and how many relays share it. */
export interface RedisPlan {
  readonly place: RedisPlace | null
  readonly nodes: number
}

/** Makes Redis's place; what is wrong is told without what is written, for a secret may stand in it. */
export function redis(making: Making): RedisPlan {
  const written = making.config.redis
  if (written === undefined) return { place: null, nodes: 1 }
  const path: KeyPath = ['redis']
  // The schema's mapping form: a mapping in gives a mapping out.
  const mapping = typeof written === 'string' ? (redisSchema.parse({ url: written }) as RedisMapping) : written
  const url = readUrl(mapping, { path: typeof written === 'string' ? path : [...path, 'url'], making })
  const mode = modeOf(mapping, url, making)
  const password = passwordOf(mapping, url, making)
  checkPrefix(mapping.prefix, making)
  if (mode === undefined) return { place: null, nodes: mapping.nodes }
  const place: RedisPlace = {
    mode,
    username: mapping.username ?? url?.username ?? null,
    password: password ?? null,
    tls: tlsOf(mapping, url, making),
    prefix: mapping.prefix,
    timeoutMs: mapping.timeout,
  }
  return { place, nodes: mapping.nodes }
}

type Url = Extract<ReadRedisUrl, { readonly is: 'url' }> & { readonly path: KeyPath }

function readUrl({ url }: RedisMapping, { path, making }: { readonly path: KeyPath; readonly making: Making }): Url | undefined {
  if (url === undefined) return undefined
  const read = readRedisUrl(url)
  if (read.is === 'url') return { ...read, path }
  making.found.add(path, read.message, read.remedy)
  return undefined
}

function modeOf(mapping: RedisMapping, url: Url | undefined, { found }: Making): RedisPlace['mode'] | undefined {
  const { cluster, sentinel, db } = mapping
  const given = (['url', 'cluster', 'sentinel'] as const).filter((key) => mapping[key] !== undefined)
  if (given.length === 0) found.add(['redis'], 'says nowhere to find Redis', 'give one of url, cluster and sentinel')
  else if (given.length > 1)
    found.addKey(['redis', given[1] ?? ''], `stands beside \`${given[0]}\``, 'keep one of url, cluster and sentinel')
  if (db !== undefined && sentinel === undefined) {
    const remedy = cluster === undefined ? 'write it behind the URL: redis://127.0.0.1:6379/1' : 'leave it out: a Cluster has one database'
    found.addKey(['redis', 'db'], 'db is for Sentinels', remedy)
  }
  if (cluster !== undefined) return { is: 'cluster', nodes: hostPorts(cluster, { path: ['redis', 'cluster'], usual: 6379, found }) }
  if (sentinel !== undefined) {
    const nodes = hostPorts(sentinel.nodes, { path: ['redis', 'sentinel', 'nodes'], usual: 26_379, found })
    return { is: 'sentinel', name: sentinel.name, nodes, db: db ?? 0 }
  }
  return url === undefined ? undefined : { is: 'single', host: url.host, port: url.port, db: url.db }
}

interface Hosts {
  readonly path: KeyPath
  readonly usual: number
  readonly found: Making['found']
}

function hostPorts(written: readonly string[], { path, usual, found }: Hosts): readonly HostPort[] {
  return written.flatMap((one, index) => {
    const read = readHostPort(one, usual)
    if (read === undefined)
      found.add([...path, index], 'is not a host and a port', `write it as 127.0.0.1:${usual} or redis-1.internal:${usual}`)
    return read ?? []
  })
}

function passwordOf({ password }: RedisMapping, url: Url | undefined, making: Making): string | undefined {
  const path = ['redis', 'password']
  if (password !== undefined && url !== undefined && url.password !== null)
    making.found.addKey(path, 'the password is given twice: here and in the URL', 'keep one of them')
  if (password === undefined) {
    const inUrl = url?.password ?? null
    return url === undefined || inUrl === null ? undefined : fromTemplate(inUrl, url.path, making)
  }
  return typeof password === 'string' ? fromTemplate(password, path, making) : readSecret(password, path, making)
}

function fromTemplate(written: string, path: KeyPath, making: Making): string | undefined {
  const [, source, name = ''] = /^\$\{(env|file):([^}]+)\}$/.exec(written) ?? []
  if (source === 'env') return secretFromEnv(name, path, making)
  if (source === 'file') return secretFromFile(name, path, making)
  const remedy =
    'write ${env:REDIS_PASSWORD} or ${file:path} in its place, and take the password as known to everybody who could read this file'
  making.found.add(path, 'holds a password in plain', remedy)
  return undefined
}

function tlsOf({ tls }: RedisMapping, url: Url | undefined, making: Making): RedisPlace['tls'] {
  const { found, sources } = making
  const written = tls ?? url?.tls ?? false
  if (url !== undefined && tls !== undefined && (tls !== false) !== url.tls) {
    const [has, wants] = url.tls ? ['rediss://', 'redis://'] : ['redis://', 'rediss://']
    found.addKey(['redis', 'tls'], `says otherwise than ${has} in the URL`, `write ${wants} there, or leave tls out`)
  }
  if (written === false) return null
  const ca = typeof written === 'object' ? written.ca : undefined
  return { ca: ca === undefined ? null : readAuthorities(ca, ['redis', 'tls', 'ca'], { sources, found }) }
}

// A brace would begin a hash tag before relay's own.
function checkPrefix(prefix: string, { found }: Making): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(prefix)) return
  found.add(
    ['redis', 'prefix'],
    `${shown(prefix)} cannot begin a key`,
    'use letters, digits, dots, dashes, colons and underscores, 64 at most',
  )
}
