import { isDeepStrictEqual } from 'node:util'
import type { Log } from '../base/log.ts'
import type { Tenant } from '../base/tenant.ts'
import { follow } from './follow.ts'
import { tenantOf, type TenantSlots } from './inherit.ts'
import { lastKnown } from './last-known.ts'
import { type Members, members } from './members.ts'
import type { TenantRecord, TenantStore, Tier } from './tenant.ts'

/** All tenants of a relay: those of the config file, and those of the store. */
export interface Registry {
  /** The directory as it is now; `moved` tells of another. */
  readonly memory: SharedArrayBuffer
  readonly tenants: number
  readonly keys: number
  /** The tenant at this place of the directory as it is now; null: gone, or not to be let in. Rejects when the store cannot say. */
  tenant(id: number): Promise<Tenant | null>
  /** A reload: workers' records of what it changed are out of date at once. */
  useConfig(config: TenantConfig): Promise<void>
  close(): Promise<void>
}

/** What the config file says of tenants. */
export interface TenantConfig {
  readonly tiers: readonly Tier[]
  readonly tenants: readonly TenantRecord[]
}

export interface RegistryOptions extends TenantConfig {
  /** null: the tenants of the file are all. Its owner closes it. */
  readonly store: TenantStore | null
  readonly slots: TenantSlots
  readonly moved: (memory: SharedArrayBuffer) => void
  readonly log: Pick<Log, 'warn'>
  /** ms after which a store that could not be read is tried again. */
  readonly retryMs?: number
}

/** Loads all tenants, and keeps the directory in step with them; rejects when the store cannot be read at all. */
export async function registry(options: RegistryOptions): Promise<Registry> {
  const { store, moved, log, retryMs = 1000 } = options
  const problem = (message: string): void => log.warn({}, message)
  const all = members({ moved, problem })
  const now = { config: indexed(options) }
  const stored = applierOfStored(now, all, problem)

  for (const [name, record] of now.config.tenants) all.apply(name, record)
  const applied = (names: ReadonlySet<string>): void => {
    if (names.size === 0) tellLost(all, now.config, problem)
    keepOnly(all, (name) => names.has(name) || now.config.tenants.has(name))
  }
  const follower = store === null ? null : await follow({ store, apply: stored, applied, problem, retryMs })
  // Read again until it can be read; workers then ask again, too.
  const get = lastKnown(store, { failed: (name) => follower?.again([name]) })
  return {
    get memory() {
      return all.memory
    },
    get tenants() {
      return all.size
    },
    get keys() {
      return all.keys
    },
    tenant: async (id) => {
      // Before the record is read: what changes meanwhile makes the answer one of before.
      const generation = all.generation(id)
      const name = all.nameOf(id)
      const record = name === null ? null : (now.config.tenants.get(name) ?? (await get(name)))
      if (record === null) return null
      const tier = record.tier === null ? null : now.config.tiers.get(record.tier)
      if (tier !== undefined) return tenantOf(record, tier, { id, generation, slots: options.slots })
      problem(`the tenant '${name}' names the tier '${record.tier}', which the config does not have: its calls are refused`)
      return null
    },
    useConfig: async (next) => {
      const before = now.config
      now.config = indexed(next)
      const { tenants, tiers } = now.config
      const gone = [...before.tenants.keys()].filter((name) => !tenants.has(name))
      // One may have moved from the file into the store: its calls go on meanwhile. Where the store cannot say, it is gone until it can.
      await Promise.all(gone.map(async (name) => stored(name, (await store?.get(name).catch(() => null)) ?? null)))
      if (gone.length > 0) follower?.again(gone)
      for (const [name, record] of tenants) if (!isDeepStrictEqual(record, before.tenants.get(name))) all.apply(name, record)
      if (!isDeepStrictEqual(before.tiers, tiers)) all.touchAll()
    },
    close: async () => follower?.close(),
  }
}

interface Indexed {
  readonly tiers: ReadonlyMap<string, Tier>
  readonly tenants: ReadonlyMap<string, TenantRecord>
}

function indexed({ tiers, tenants }: TenantConfig): Indexed {
  return { tiers: new Map(tiers.map((tier) => [tier.name, tier])), tenants: new Map(tenants.map((tenant) => [tenant.name, tenant])) }
}

/** Takes up what the store says of a tenant, unless the file says something of it. */
function applierOfStored(now: { readonly config: Indexed }, all: Members, problem: (message: string) => void): Members['apply'] {
  return (name, record) => {
    if (!now.config.tenants.has(name)) return all.apply(name, record)
    if (record !== null) problem(`the tenant '${name}' stands in the config file and in the store: what the file says of it counts`)
  }
}

/** A store that is read again and has nobody any more: a Redis that came back without its data, or all were removed meanwhile. */
function tellLost(all: Members, { tenants }: Indexed, problem: (message: string) => void): void {
  const known = [...all.names()].filter((name) => !tenants.has(name)).length
  if (known === 0) return
  problem(`the store of tenants is empty: ${known} known before, none now; their keys are refused: restore them, or add them again`)
}

function keepOnly(all: Members, isKept: (name: string) => boolean): void {
  for (const name of [...all.names()]) if (!isKept(name)) all.apply(name, null)
}
