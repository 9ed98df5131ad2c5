import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { LedgerRow } from './row.ts'
import type { DayTally } from './tally.ts'

/** The statements that write a ledger, prepared once. */
export interface Statements {
  readonly insertIntent: StatementSync
  /** Changes one row when the call is new or was an intent, none when it is in the ledger already. */
  readonly insertRow: StatementSync
  readonly settle: StatementSync
  readonly openCalls: StatementSync
  readonly addToDay: StatementSync
  readonly hasDay: StatementSync
  readonly modelsOfDay: StatementSync
  readonly addToBudget: StatementSync
  /** Changes one row when the batch of the worker has not been counted yet, else none. */
  readonly countOnce: StatementSync
  readonly spent: StatementSync
  readonly pruneCalls: StatementSync
  readonly pruneDays: StatementSync
  readonly pruneBudgets: StatementSync
  readonly pruneCounted: StatementSync
}

export function statements(db: DatabaseSync): Statements {
  const insert = `INSERT INTO calls (${columns.join(', ')}, owner) VALUES (${columns.map(() => '?').join(', ')}, ?) ON CONFLICT (id)`
  const update = columns.slice(1).map((column) => `${column} = excluded.${column}`)
  const sums = tallied.map((column) => `${column} = ${column} + excluded.${column}`)
  return {
    insertIntent: db.prepare(`${insert} DO NOTHING`),
    insertRow: db.prepare(`${insert} DO UPDATE SET ${update.join(', ')}, owner = NULL WHERE owner IS NOT NULL`),
    settle: db.prepare(`UPDATE calls SET end = 'lost', source = 'estimated', owner = NULL WHERE id = ? AND owner IS NOT NULL`),
    openCalls: db.prepare(
      `SELECT * FROM calls WHERE owner IS NOT NULL AND owner NOT IN (SELECT value FROM json_each(?)) ORDER BY owner LIMIT ?`,
    ),
    addToDay: db.prepare(
      `INSERT INTO days (day, tenant, business, route, model, ${tallied.join(', ')}) VALUES (?, ?, ?, ?, ?, ${tallied.map(() => '?').join(', ')})
       ON CONFLICT (day, tenant, business, route, model) DO UPDATE SET ${sums.join(', ')}`,
    ),
    hasDay: db.prepare(`SELECT 1 FROM days WHERE day = ? AND tenant = ? AND business = ? AND route = ? AND model = ?`),
    modelsOfDay: db.prepare(`SELECT count(DISTINCT model) AS count FROM days WHERE day = ? AND tenant = ?`),
    addToBudget: db.prepare(
      `INSERT INTO budgets (key, spent, changed_at) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET spent = spent + excluded.spent, changed_at = excluded.changed_at`,
    ),
    countOnce: db.prepare(
      `INSERT INTO counted (owner, batch, changed_at) VALUES (?, ?, ?)
       ON CONFLICT (owner) DO UPDATE SET batch = excluded.batch, changed_at = excluded.changed_at WHERE excluded.batch > batch`,
    ),
    spent: db.prepare(`SELECT spent FROM budgets WHERE key = ?`, { readBigInts: true }),
    pruneCalls: db.prepare(`DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < ? AND owner IS NULL ORDER BY at LIMIT ?)`),
    pruneDays: db.prepare(
      `DELETE FROM days WHERE (day, tenant, business, route, model) IN
       (SELECT day, tenant, business, route, model FROM days WHERE day < ? ORDER BY day LIMIT ?)`,
    ),
    pruneBudgets: db.prepare(`DELETE FROM budgets WHERE key IN (SELECT key FROM budgets WHERE changed_at < ? LIMIT ?)`),
    pruneCounted: db.prepare(`DELETE FROM counted WHERE owner IN (SELECT owner FROM counted WHERE changed_at < ? LIMIT ?)`),
  }
}

/** A row as the values of `insertRow` and `insertIntent`. */
export function valuesOf(row: LedgerRow, owner: string | null): SQLInputValue[] {
  return [
    row.id,
    row.at,
    row.tenant,
    row.business,
    row.route,
    row.model,
    row.upstream,
    row.status,
    row.end,
    row.input,
    row.output,
    row.cacheWrite5m,
    row.cacheWrite1h,
    row.cacheRead,
    row.webSearches,
    row.source,
    row.costNanoUsd,
    row.latencyMs,
    row.firstByteMs,
    row.attempts,
    row.budgets.length === 0 ? '[]' : JSON.stringify(row.budgets),
    owner,
  ]
}

/** A day's sums as the values of `addToDay`. */
export function dayValues(day: DayTally): SQLInputValue[] {
  return [
    day.day,
    day.tenant,
    day.business,
    day.route,
    day.model,
    day.calls,
    day.refused,
    day.estimated,
    day.untracked,
    day.input,
    day.output,
    day.cacheWrite5m,
    day.cacheWrite1h,
    day.cacheRead,
    day.webSearches,
    day.cost,
  ]
}

/** A row as it was written; the ledger's own tables have the types that the schema says. */
export function rowOf(found: Readonly<Record<string, SQLOutputValue>>): LedgerRow {
  const number = (column: string) => Number(found[column])
  const text = (column: string) => String(found[column])
  return {
    id: text('id'),
    at: number('at'),
    tenant: text('tenant'),
    business: text('business'),
    route: text('route'),
    model: text('model'),
    upstream: text('upstream'),
    status: number('status'),
    // Only `valuesOf` writes these columns, so they hold what a row holds.
    end: text('end') as LedgerRow['end'],
    input: number('input'),
    output: number('output'),
    cacheWrite5m: number('cache_write_5m'),
    cacheWrite1h: number('cache_write_1h'),
    cacheRead: number('cache_read'),
    webSearches: number('web_searches'),
    source: text('source') as LedgerRow['source'],
    costNanoUsd: found['cost'] === null ? null : number('cost'),
    latencyMs: number('latency_ms'),
    firstByteMs: found['first_byte_ms'] === null ? null : number('first_byte_ms'),
    attempts: number('attempts'),
    budgets: JSON.parse(text('budgets')) as string[],
  }
}

const tokenColumns = ['input', 'output', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'web_searches']
const tallied = ['calls', 'refused', 'estimated', 'untracked', ...tokenColumns, 'cost']
const columns = [
  ...['id', 'at', 'tenant', 'business', 'route', 'model', 'upstream', 'status', 'end'],
  ...tokenColumns,
  ...['source', 'cost', 'latency_ms', 'first_byte_ms', 'attempts', 'budgets'],
]
