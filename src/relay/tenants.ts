import { redisStore } from '../auth/redis-store.ts'
import { registry, type Registry } from '../auth/registry.ts'
import { sqliteStore } from '../auth/sqlite-store.ts'
import type { TenantStore } from '../auth/tenant.ts'
import { RelayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { RedisClient } from '../base/redis.ts'
import type { TenancyPlan } from '../config/plan-accounts.ts'
import type { Plan } from '../config/plan.ts'
import type { Numbers } from '../metrics/numbers.ts'

/** What tenants are opened with. */
export interface TenantsOptions {
  readonly plan: Plan
  readonly redis: RedisClient | null
  readonly numbers: Numbers
  readonly log: Log
  /** The directory has another memory. */
  readonly moved: (memory: SharedArrayBuffer) => void
}

/** Opens the tenants of the file and of the store; also where there are none yet, as a reload may bring some. */
export async function openTenants(options: TenantsOptions, opened: AsyncDisposableStack): Promise<Registry> {
  const { plan, numbers, log, moved } = options
  const store = storeOf(plan.tenancy, options)
  if (store !== null) opened.defer(() => store.close())
  const slots = {
    tenant: (name: string, business: string) => numbers.tenantSlot(name, business),
    business: (name: string) => numbers.businessSlots.slotsOf([name])[0] ?? 0,
  }
  const known = await registry({ ...tenantConfig(plan.tenancy), store, slots, moved, log }).catch((error: unknown) => {
    throw unread(plan.tenancy, error)
  })
  opened.defer(() => known.close())
  return known
}

// Without its tenants relay would refuse everybody: better that whoever starts it learns why.
function unread(tenancy: TenancyPlan | null, error: unknown): unknown {
  if (tenancy?.from?.is !== 'redis' || !(error instanceof RelayError)) return error
  return new Error(`the tenants cannot be read from Redis: ${error.message} (start Redis, or correct \`redis\`, and start relay again)`, {
    cause: error,
  })
}

/** What the config itself says of tenants. */
export function tenantConfig(tenancy: TenancyPlan | null): Pick<TenancyPlan, 'tenants' | 'tiers'> {
  return tenancy ?? { tenants: [], tiers: [] }
}

function storeOf(tenancy: TenancyPlan | null, { plan, redis, log }: TenantsOptions): TenantStore | null {
  const from = tenancy?.from ?? null
  if (from === null) return null
  const problem = (message: string) => log.warn({}, message)
  if (from.is === 'sqlite') return sqliteStore({ file: from.file, problem })
  if (redis === null || plan.redis === null) throw new Error('tenants are kept in Redis, and the plan has none')
  return redisStore({ client: redis, prefix: plan.redis.prefix, problem })
}
