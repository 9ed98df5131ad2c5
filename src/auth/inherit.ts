import type { Limit } from '../base/limit.ts'
import type { Tenant } from '../base/tenant.ts'
import type { TenantRecord, Tier } from './tenant.ts'

/** The priority of who has none of its own and none from a tier. */
export const usualPriority = 5

/** Where a tenant's and a business's numbers are kept. */
export interface TenantSlots {
  tenant(name: string, business: string): number
  business(name: string): number
}

/** What a tenant is to the data plane beyond its record. */
export interface TenantPlace {
  readonly id: number
  readonly generation: number
  readonly slots: TenantSlots
}

/** A record with its tier worked in. */
export function tenantOf(record: TenantRecord, tier: Tier | null, { id, generation, slots }: TenantPlace): Tenant {
  const { name } = record
  const business = record.business ?? name
  return {
    id,
    generation,
    name,
    business,
    priority: record.priority ?? tier?.priority ?? usualPriority,
    routes: record.routes ?? tier?.routes ?? null,
    models: record.models ?? tier?.models ?? null,
    limits: inheritedLimits(record.limits, tier?.limits ?? []),
    slot: slots.tenant(name, business),
    businessSlot: slots.business(business),
  }
}

/** A tier's limits with a tenant's own of the same name in their place, and its further ones behind them. */
export function inheritedLimits(own: readonly Limit[], inherited: readonly Limit[]): readonly Limit[] {
  const byName = new Map(own.map((limit) => [limit.name, limit]))
  const names = new Set(inherited.map(({ name }) => name))
  return [...inherited.map((limit) => byName.get(limit.name) ?? limit), ...own.filter(({ name }) => !names.has(name))]
}
