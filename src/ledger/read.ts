import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../base/errors.ts'
import { checkWhose, ledgerProblem } from './open.ts'
import type { LedgerRow } from './row.ts'
import { rowOf } from './statements.ts'

/** What usage is summed up by. */
export const usageGroups = ['tenant', 'business', 'model', 'route', 'day'] as const
export type UsageGroup = (typeof usageGroups)[number]

/** Which usage is meant; days are those of UTC (`2026-11-23`), both included, and null stands for all. */
export interface UsageQuery {
  readonly tenant: string | null
  readonly business: string | null
  readonly since: string | null
  readonly until: string | null
}

/** What calls came to. */
export interface Usage {
  /** The tenant, model, …; '' where there was none. */
  readonly label: string
  readonly calls: number
  /** Refused by relay: none of `calls`. */
  readonly refused: number
  readonly estimated: number
  /** Calls whose model has no price: their cost is not in the sum. */
  readonly untracked: number
  readonly input: number
  readonly output: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  readonly webSearches: number
  /** null: all of it is untracked. */
  readonly costNanoUsd: bigint | null
}

/** A ledger that is read, beside the relay that writes it or without one. */
export interface LedgerReader {
  usage(query: UsageQuery, by: UsageGroup): readonly Usage[]
  total(query: UsageQuery): Usage
  /** The newest calls. */
  calls(query: UsageQuery, most: number): readonly LedgerRow[]
  /** What was spent on each budget, in nano-dollars, in the order of the keys. */
  spent(keys: readonly string[]): readonly number[]
  close(): void
}

/** Opens a ledger for reading only, or throws a ConfigError that says why that cannot be. */
export function ledgerReader(file: string): LedgerReader {
  if (!existsSync(file)) {
    const remedy = 'relay makes it when it runs with tenants, budgets or `ledger:`; name another file with --ledger'
    throw new ConfigError([{ path: '', message: `there is no ledger yet: ${file}`, remedy }])
  }
  const db = opened(file)
  const read = <Result>(work: () => Result): Result => {
    try {
      return work()
    } catch (error) {
      throw ledgerProblem(file, error)
    }
  }
  return {
    usage: (query, by) => read(() => sums(db, query, by)),
    total: (query) => read(() => sums(db, query, null)[0] ?? usageOf({ label: '' })),
    calls: (query, most) => read(() => newest(db, query, most)),
    spent: (keys) => read(() => spentOn(db, keys)),
    close: () => db.close(),
  }
}

function opened(file: string): DatabaseSync {
  try {
    return checked(new DatabaseSync(file, { readOnly: true, timeout: 5000 }), file)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    // Without the right to write beside the file there is no way to share it; while nobody writes it, none is needed.
    if (existsSync(`${file}-wal`)) throw ledgerProblem(file, error)
  }
  try {
    return checked(new DatabaseSync(`${pathToFileURL(file).href}?immutable=1`, { readOnly: true }), file)
  } catch (error) {
    throw error instanceof ConfigError ? error : ledgerProblem(file, error)
  }
}

function checked(db: DatabaseSync, file: string): DatabaseSync {
  try {
    checkWhose(db, file)
    db.prepare('SELECT day FROM days LIMIT 1').get()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

const summed = [
  'calls',
  'refused',
  'estimated',
  'untracked',
  'input',
  'output',
  'cache_write_5m',
  'cache_write_1h',
  'cache_read',
  'web_searches',
  'cost',
]

function sums(db: DatabaseSync, query: UsageQuery, by: UsageGroup | null): readonly Usage[] {
  const { where, values } = conditions(query, 'day', (day) => day)
  const columns = summed.map((column) => `coalesce(sum(${column}), 0) AS ${column}`).join(', ')
  // `by` is one of the names of `usageGroups`, which are columns.
  const grouping = by === null ? '' : `GROUP BY ${by} ORDER BY ${by === 'day' ? 'day' : `cost DESC, calls DESC, ${by}`}`
  const sql = `SELECT ${by ?? "''"} AS label, ${columns} FROM days ${where} ${grouping}`
  return db
    .prepare(sql, { readBigInts: true })
    .all(...values)
    .map(usageOf)
}

function newest(db: DatabaseSync, query: UsageQuery, most: number): readonly LedgerRow[] {
  const { where, values } = conditions(query, 'at', (day) => Date.parse(`${day}T00:00:00Z`))
  const settled = where === '' ? 'WHERE owner IS NULL' : `${where} AND owner IS NULL`
  return db
    .prepare(`SELECT * FROM calls ${settled} ORDER BY at DESC LIMIT ?`)
    .all(...values, most)
    .map(rowOf)
}

function spentOn(db: DatabaseSync, keys: readonly string[]): readonly number[] {
  const one = db.prepare('SELECT spent FROM budgets WHERE key = ?', { readBigInts: true })
  return keys.map((key) => Number(one.get(key)?.['spent'] ?? 0))
}

interface Conditions {
  readonly where: string
  readonly values: readonly SQLInputValue[]
}

function conditions(query: UsageQuery, column: 'day' | 'at', value: (day: string) => SQLInputValue): Conditions {
  const parts: (readonly [string, SQLInputValue | null])[] = [
    ['tenant = ?', query.tenant],
    ['business = ?', query.business],
    [`${column} >= ?`, query.since === null ? null : value(query.since)],
    [`${column} < ?`, query.until === null ? null : value(dayAfter(query.until))],
  ]
  const given = parts.flatMap(([part, value]) => (value === null ? [] : [{ part, value }]))
  const where = given.length === 0 ? '' : `WHERE ${given.map(({ part }) => part).join(' AND ')}`
  return { where, values: given.map(({ value }) => value) }
}

function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
}

function usageOf(found: Readonly<Record<string, SQLOutputValue>>): Usage {
  const number = (column: string) => Number(found[column] ?? 0)
  const cost = typeof found['cost'] === 'bigint' ? found['cost'] : 0n
  return {
    label: String(found['label']),
    calls: number('calls'),
    refused: number('refused'),
    estimated: number('estimated'),
    untracked: number('untracked'),
    input: number('input'),
    output: number('output'),
    cacheWrite5m: number('cache_write_5m'),
    cacheWrite1h: number('cache_write_1h'),
    cacheRead: number('cache_read'),
    webSearches: number('web_searches'),
    costNanoUsd: cost === 0n && number('untracked') > 0 ? null : cost,
  }
}
