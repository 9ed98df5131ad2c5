import { existsSync } from 'node:fs'
import type { BudgetLimit, Limit } from '../base/limit.ts'
import { ConfigError } from '../base/errors.ts'
import { ledgerReader } from '../ledger/read.ts'
import { bucketKey } from '../limits/bucket.ts'
import { periodAt } from '../limits/period.ts'
import type { Spent, WholeLimit, WholeTenant } from './tenant-text.ts'

/**
 * A tenant with what of its budgets is spent. Budgets of which it has one for each route or model are left out; all are where there is no
 * ledger yet, or none that may be read: whoever looks at a tenant need not be allowed to see the bill.
 */
export function withSpent(tenant: WholeTenant, file: string | null, nowMs: number): WholeTenant {
  const budgets = tenant.limits.filter(isOfTenant)
  if (file === null || budgets.length === 0 || !existsSync(file)) return tenant
  const keys = budgets.map((limit) => bucketKey(limit, { tenant, route: '', model: null }, nowMs))
  const amounts = spentOn(file, keys)
  if (amounts === null) return tenant
  const spent = new Map<Limit, Spent>(
    budgets.map((limit, at) => [limit, { nanoUsd: amounts[at] ?? 0, since: periodAt(limit, nowMs).label }]),
  )
  return {
    ...tenant,
    limits: tenant.limits.map((limit) => {
      const known = spent.get(limit)
      return known === undefined ? limit : { ...limit, spent: known }
    }),
  }
}

function isOfTenant(limit: WholeLimit): limit is WholeLimit & BudgetLimit {
  return limit.kind === 'budget' && limit.per.includes('tenant') && !limit.per.includes('route') && !limit.per.includes('model')
}

function spentOn(file: string, keys: readonly string[]): readonly number[] | null {
  try {
    const reader = ledgerReader(file)
    try {
      return reader.spent(keys)
    } finally {
      reader.close()
    }
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}
