import type { TokenCounts } from '../base/tokens.ts'
import { add } from './add.ts'
import { businessGauges, limitKinds, tokenTypes, type Layout } from './layout.ts'
import { statusClass, statusClasses } from './statuses.ts'

/** What is kept by tenant and by business. Slot 0 is everybody's who has none of their own, and that of calls without a tenant. */
export interface TenantNumbers {
  businessCallStarted(business: number): void
  tenantCallEnded(tenant: number, business: number, status: number): void
  businessStreamOpened(business: number): void
  businessStreamClosed(business: number): void
  tenantTokens(tenant: number, business: number, counts: TokenCounts): void
  tenantCost(tenant: number, business: number, nanoUsd: number): void
  /** A limit of this kind (its place in `limitKinds`) refused a call of the tenant. */
  limitHit(tenant: number, kind: number): void
  /** It would have, were it no dry run. */
  limitDryRun(tenant: number, kind: number): void
}

/** The tenants' part of a worker's column. */
export function tenantNumbers(column: Float64Array, at: Layout): TenantNumbers {
  const [classCount, typeCount, kindCount, gaugeCount] = [statusClasses.length, tokenTypes.length, limitKinds.length, businessGauges.length]
  return {
    businessCallStarted: (business) => add(column, at.businessGauges + business * gaugeCount, 1),
    tenantCallEnded: (tenant, business, status) => {
      add(column, at.businessGauges + business * gaugeCount, -1)
      add(column, at.businessCalls + business * classCount + statusClass(status), 1)
      add(column, at.tenantCalls + tenant * classCount + statusClass(status), 1)
    },
    businessStreamOpened: (business) => add(column, at.businessGauges + business * gaugeCount + 1, 1),
    businessStreamClosed: (business) => add(column, at.businessGauges + business * gaugeCount + 1, -1),
    tenantTokens: (tenant, business, counts) => {
      addTokens(column, at.tenantTokens + tenant * typeCount, counts)
      addTokens(column, at.businessTokens + business * typeCount, counts)
    },
    tenantCost: (tenant, business, nanoUsd) => {
      add(column, at.tenantCosts + tenant, nanoUsd)
      add(column, at.businessCosts + business, nanoUsd)
    },
    limitHit: (tenant, kind) => add(column, at.limitHits + tenant * kindCount + kind, 1),
    limitDryRun: (tenant, kind) => add(column, at.dryRuns + tenant * kindCount + kind, 1),
  }
}

function addTokens(column: Float64Array, row: number, counts: TokenCounts): void {
  add(column, row, counts.input)
  add(column, row + 1, counts.output)
  add(column, row + 2, counts.cacheWrite5m)
  add(column, row + 3, counts.cacheWrite1h)
  add(column, row + 4, counts.cacheRead)
}
