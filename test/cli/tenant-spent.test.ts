import { writeFileSync } from 'node:fs'
import t from 'tap'
import type { BudgetLimit } from '../../src/base/limit.ts'
import { withSpent } from '../../src/cli/tenant-spent.ts'
import { limitLines, type WholeTenant } from '../../src/cli/tenant-text.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { ledgerStore } from '../../src/ledger/store.ts'
import { bucketKey } from '../../src/limits/bucket.ts'
import { ledgerFile, row } from '../ledger/rows.ts'

const monday = Date.parse('2026-11-23T12:00:00Z')

function budget(name: string, changes: Partial<BudgetLimit> = {}): BudgetLimit & { readonly from: 'tenant' } {
  const always = { routes: null, models: null, exact: false, away: 'local', dryRun: false, from: 'tenant' } as const
  return { ...always, name, kind: 'budget', per: ['tenant'], nanoUsd: 50e9, period: 'day', timeZone: 'UTC', ...changes }
}

function tenantWith(...limits: readonly BudgetLimit[]): WholeTenant {
  const own = limits.map((limit) => ({ ...limit, from: 'tenant' as const }))
  return { name: 'search', business: 'shop', tier: null, priority: 5, routes: null, models: null, limits: own, keys: [] }
}

t.test('each budget tells what was spent in its own period, whoever called and whenever', async (t) => {
  const file = ledgerFile(t)
  const tenant = tenantWith(
    budget('budget-day'),
    budget('budget-month', { period: 'month' }),
    budget('budget-late', { timeZone: 'Pacific/Kiritimati' }),
    budget('by-model', { per: ['tenant', 'model'] }),
  )
  const other = { ...tenant, name: 'mail' }
  const { db, close } = openLedger({ file, synchronous: 'NORMAL', waitMs: 50 })
  t.teardown(close)
  const keysOf = (whose: WholeTenant, at: number) =>
    whose.limits.map((limit) => bucketKey(limit, { tenant: whose, route: 'r', model: 'm' }, at))
  const rows = [
    row('a', { budgets: keysOf(tenant, monday), costNanoUsd: 1_500_000_000 }),
    row('b', { budgets: keysOf(tenant, monday - 86_400_000), costNanoUsd: 250_000_000 }),
    row('c', { budgets: keysOf(other, monday), costNanoUsd: 9_000_000_000 }),
  ]
  ledgerStore(db).commit([{ rows, owner: null }])

  const shown = withSpent(tenant, file, monday)

  t.strictSame(limitLines(shown), [
    "budget-day    50usd/day (UTC); 1.5usd spent since 2026-11-23, in this node's ledger",
    "budget-month  50usd/month (UTC); 1.75usd spent since 2026-11-01, in this node's ledger",
    "budget-late   50usd/day (Pacific/Kiritimati); 1.5usd spent since 2026-11-24, in this node's ledger",
    'by-model      50usd/day (UTC)',
  ])
})

t.test('a tenant is shown without what it spent where there is no ledger, or none that can be read', async (t) => {
  const file = ledgerFile(t)
  const tenant = tenantWith(budget('budget-day'))

  t.equal(withSpent(tenant, null, monday), tenant)
  t.equal(withSpent(tenant, file, monday), tenant)
  writeFileSync(file, 'no ledger at all\n'.repeat(300))
  t.equal(withSpent(tenant, file, monday), tenant)
})
