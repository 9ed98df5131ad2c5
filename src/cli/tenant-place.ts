import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { redisStore } from '../auth/redis-store.ts'
import { sqliteStore } from '../auth/sqlite-store.ts'
import type { TenantRecord, TenantStore } from '../auth/tenant.ts'
import { ConfigError } from '../base/errors.ts'
import type { RedisPlace } from '../base/redis.ts'
import { planFromText } from '../config/load-text.ts'
import { suggest } from '../config/nearest.ts'
import type { Plan } from '../config/plan.ts'
import { readBounded, readFault, type Sources } from '../config/sources.ts'
import { redisClient } from '../limits/redis/client.ts'
import { CommandError, type Context } from './command.ts'
import type { Which } from './find.ts'
import { near } from './near.ts'
import { editableFile } from './route-edit.ts'

/** Where the tenants of a config are: in the file itself, and in a store where it names one. */
export interface TenantPlace {
  readonly file: string
  readonly text: string
  /** The file as a person would type it. */
  readonly name: string
  readonly plan: Plan
  readonly inFile: ReadonlyMap<string, TenantRecord>
  readonly store: { readonly tenants: TenantStore; readonly name: string } | null
}

/** A tenant, and where it stands. */
export interface FoundTenant {
  readonly is: 'file' | 'store'
  readonly record: TenantRecord
}

/** Works on the tenants of the config that was meant. */
export async function withTenants<Result>(which: Which, context: Context, work: (place: TenantPlace) => Promise<Result>): Promise<Result> {
  const file = await editableFile(which, context)
  const name = near(file, context.io.cwd)
  const text = readText(file, name)
  const plan = planFromText(text, { file: name, sources: sourcesOf(file, context.io.env) })
  const inFile = new Map((plan.tenancy?.tenants ?? []).map((record) => [record.name, record]))
  const store = await openedStore(plan, context)
  try {
    return await work({ file, text, name, plan, inFile, store })
  } finally {
    await store?.close()
  }
}

/** The tenant of a name, wherever it stands. */
export async function findTenant({ inFile, store }: TenantPlace, name: string): Promise<FoundTenant | null> {
  const written = inFile.get(name)
  if (written !== undefined) return { is: 'file', record: written }
  const record = (await store?.tenants.get(name)) ?? null
  return record === null ? null : { is: 'store', record }
}

/** The same; that there is none is told with the name that was probably meant. */
export async function theTenant(place: TenantPlace, name: string): Promise<FoundTenant> {
  const found = await findTenant(place, name)
  if (found !== null) return found
  // Of 100,000 names those that begin alike are looked at.
  const alike = (await place.store?.tenants.list(name.slice(0, 1), 5000)) ?? []
  const names = [...place.inFile.keys(), ...alike.map((record) => record.name)]
  throw new ConfigError([{ path: '', message: `there is no tenant '${name}'`, remedy: suggest(name, names, 'tenant') }])
}

interface OpenedStore {
  readonly tenants: TenantStore
  readonly name: string
  close(): Promise<void>
}

async function openedStore({ tenancy, redis }: Plan, { io }: Context): Promise<OpenedStore | null> {
  const from = tenancy?.from ?? null
  if (from === null) return null
  if (from.is === 'sqlite') {
    const tenants = sqliteStore({ file: from.file })
    return { tenants, name: near(from.file, io.cwd), close: async () => tenants.close() }
  }
  if (redis === null) throw new CommandError(2, 'tenants are kept in Redis, and the config does not say where it is')
  return openedRedis(redis)
}

async function openedRedis(place: RedisPlace): Promise<OpenedStore> {
  // A person waits longer than a call.
  const client = redisClient({ ...place, timeoutMs: Math.max(place.timeoutMs, 5000) })
  if (!(await client.first)) {
    await client.close()
    throw new CommandError(
      1,
      `the tenants are in Redis, which does not answer: ${client.lastError ?? 'no connection'}; nothing was changed`,
    )
  }
  return { tenants: redisStore({ client, prefix: place.prefix }), name: 'Redis', close: async () => client.close() }
}

function readText(file: string, name: string): string {
  try {
    return readBounded(file, 16 * 2 ** 20)
  } catch (error) {
    throw new ConfigError([{ file: name, path: '', message: `cannot be read: ${readFault(error)}`, remedy: 'name another with --config' }])
  }
}

// Whoever changes tenants need not have the secrets of upstreams; those of Redis are taken where they can be had.
function sourcesOf(file: string, env: NodeJS.ProcessEnv): Sources {
  const path = (written: string): string => resolve(dirname(file), written)
  return {
    live: false,
    parallelism: 1,
    descriptors: null,
    path,
    env: (name) => env[name] ?? 'x',
    file: (written) => {
      try {
        return readFileSync(path(written), 'utf8')
      } catch {
        return 'x'
      }
    },
    bytes: () => new Uint8Array(),
  }
}
