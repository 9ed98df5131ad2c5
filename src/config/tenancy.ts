import type { TenantRecord, Tier } from '../auth/tenant.ts'
import { type KeyPath, shown } from './findings.ts'
import { hasTenants } from './has-tenants.ts'
import { type LimitMaking, type PlacedLimit, tenantLimits } from './limits.ts'
import { checkName } from './name.ts'
import { suggest } from './nearest.ts'
import type { TenancyPlan } from './plan-accounts.ts'
import { knownRoutes } from './route-names.ts'
import type { TierFile } from './schema-tenant.ts'
import { type NamedKeys, tenantKeys } from './tenant-keys.ts'

/** The limits of a tenant or tier, and the routes that it may call where it says so. */
export interface LimitsOwner {
  readonly path: KeyPath
  readonly limits: readonly PlacedLimit[]
  readonly routes: readonly string[] | null
}

/** Tenants and tiers, and what of them is still to be checked against all else. */
export interface Tenancy {
  /** null: nobody is asked for a key. */
  readonly plan: TenancyPlan | null
  readonly owners: readonly LimitsOwner[]
}

/** Makes the tenants and tiers of a config. */
export function tenancy(making: LimitMaking): Tenancy {
  const tiers = Object.entries(making.config.tiers).map(([name, written]) => {
    checkName(name, ['tiers', name], { what: 'tier', found: making.found, at: 'key' })
    return { name, ...inherited(written, ['tiers', name], making) }
  })
  const known = new Map(tiers.map((tier) => [tier.name, tier]))
  const tenants = tenantsOf(known, making)
  const owners = [
    ...tiers.map(({ path, placed, routes }) => ({ path, limits: placed, routes })),
    ...tenants.map(({ path, placed, mayCall }) => ({ path, limits: placed, routes: mayCall })),
  ]
  const from = tenantsFrom(making)
  if (!hasTenants(making)) return { plan: null, owners }
  return { plan: { tenants: tenants.map(recordOf), from, tiers: tiers.map(tierOf) }, owners }
}

interface Inherited {
  readonly path: KeyPath
  readonly priority: number | null
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly placed: readonly PlacedLimit[]
}

type Named = Inherited & { readonly name: string }
type WrittenTenant = Named & Pick<TenantRecord, 'business' | 'tier' | 'keys'> & { readonly mayCall: readonly string[] | null }

function inherited(written: TierFile, path: KeyPath, making: LimitMaking): Inherited {
  const { priority = null, routes, models = null } = written
  return {
    path,
    priority,
    routes: routes === undefined ? null : knownRoutes(routes, [...path, 'routes'], making),
    models,
    placed: tenantLimits(written, path, making),
  }
}

function tenantsOf(tiers: ReadonlyMap<string, Named>, making: LimitMaking): readonly WrittenTenant[] {
  const { config, found } = making
  const named: NamedKeys = { found, seen: new Map() }
  return Object.entries(config.tenants ?? {}).map(([name, written]) => {
    const path = ['tenants', name]
    const { business = null, tier = null, keys = [], ...rest } = written ?? {}
    checkName(name, path, { what: 'tenant', found, at: 'key' })
    if (business !== null) checkName(business, [...path, 'business'], { what: 'business', found })
    if (tier !== null) checkTier(tier, path, { tiers, making })
    const own = inherited(rest, path, making)
    const ofTier = tier === null ? undefined : tiers.get(tier)
    return { name, business, tier, keys: tenantKeys(keys, [...path, 'keys'], named), ...own, mayCall: own.routes ?? ofTier?.routes ?? null }
  })
}

function checkTier(
  tier: string,
  path: KeyPath,
  { tiers, making }: { readonly tiers: ReadonlyMap<string, Named>; readonly making: LimitMaking },
): void {
  const { missing, found } = making
  if (tiers.has(tier) || missing.has(`tiers.${tier}`) || missing.has('tiers')) return
  found.add([...path, 'tier'], `there is no tier ${shown(tier)}`, suggest(tier, [...tiers.keys()], 'tier'))
}

function tenantsFrom({ config, found, sources, missing }: LimitMaking): TenancyPlan['from'] {
  const written = config.tenantsFrom
  if (written === undefined) return null
  if (written !== 'redis') return { is: 'sqlite', file: sources.path(written === 'sqlite' ? 'relay-tenants.db' : written.sqlite) }
  if (config.redis === undefined && !missing.has('redis'))
    found.add(
      ['tenantsFrom'],
      'tenants cannot be kept in Redis: there is no `redis`',
      'say where it is: redis: redis://127.0.0.1:6379; or write sqlite',
    )
  return { is: 'redis' }
}

function tierOf({ name, priority, routes, models, placed }: Named): Tier {
  return { name, priority, routes, models, limits: placed.map(({ limit }) => limit) }
}

function recordOf({ business, tier, keys, ...rest }: WrittenTenant): TenantRecord {
  const { name, priority, routes, models, limits } = tierOf(rest)
  return { name, business, tier, priority, routes, models, limits, keys }
}
