import type { Limit } from '../../src/base/limit.ts'
import type { Tenant } from '../../src/base/tenant.ts'
import { keyRecord, newKey } from '../../src/auth/keys.ts'
import type { TenantRecord, Tier } from '../../src/auth/tenant.ts'

/** A limit on requests. */
export function requestsLimit(count: number, name = 'requests'): Limit {
  const rest = { routes: null, models: null, exact: false, away: 'local', dryRun: false } as const
  return { name, per: ['tenant'], ...rest, kind: 'requests', count, periodMs: 60_000, burst: count }
}

/** A tenant's record with nothing but its name. */
export function recordOf(name: string, more: Partial<TenantRecord> = {}): TenantRecord {
  return { name, business: null, tier: null, priority: null, routes: null, models: null, limits: [], keys: [], ...more }
}

export function tierOf(name: string, more: Partial<Tier> = {}): Tier {
  return { name, priority: null, routes: null, models: null, limits: [], ...more }
}

/** A tenant with a key of its own. */
export function keyed(name: string, more: Partial<TenantRecord> = {}): { readonly key: string; readonly record: TenantRecord } {
  const key = newKey()
  return { key, record: recordOf(name, { keys: [keyRecord(key)], ...more }) }
}

/** A tenant as workers get it. */
export function tenantOfId(id: number, generation: number, name = `t${id}`): Tenant {
  const rest = { priority: 5, routes: null, models: null, limits: [], slot: 0, businessSlot: 0 }
  return { id, generation, name, business: name, ...rest }
}
