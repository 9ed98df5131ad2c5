import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from '../base/transaction.ts'
import type { LedgerRow, RefusedCount } from './row.ts'
import { dayValues, rowOf, statements, valuesOf, type Statements } from './statements.ts'
import { dayOf, tally, type DayTally, type Tally } from './tally.ts'

/** The ledger's tables. Rows, days and budgets change together or not at all. */
export interface LedgerStore {
  /** Writes batches in one transaction; what is in the ledger already changes nothing. */
  commit(batches: readonly Batch[]): void
  /** Turns open intents of owners who are not live into estimates, some at a time; no calls: there are none left. */
  settleLost(live: readonly string[]): Lost
  /** What was spent on each budget, in nano-dollars, in the order of the keys. */
  spent(keys: readonly string[]): readonly number[]
  /** Deletes some of what is older than it is kept; how much it was. 0: there is none left. */
  prune(before: PruneBefore): number
}

/** Rows of calls that have ended, or (with an owner) intents of calls that are about to go out. */
export interface Batch {
  readonly rows: readonly LedgerRow[]
  /** The worker whose death makes lost calls of the intents; null: these are no intents. */
  readonly owner: string | null
  readonly refused?: RefusedBatch
}

/** Counts of refusals, which are added once: a worker's batches come in the order of their numbers. */
export interface RefusedBatch {
  /** The worker. */
  readonly from: string
  readonly batch: number
  readonly counts: readonly RefusedCount[]
}

/** Calls that were lost, and what they are taken to have spent, by budget. */
export interface Lost {
  readonly calls: number
  readonly budgets: ReadonlyMap<string, number>
}

/** Moments, ms since the epoch. */
export interface PruneBefore {
  readonly rows: number
  readonly days: number
  readonly budgets: number
}

export function ledgerStore(db: DatabaseSync, now: () => number = Date.now): LedgerStore {
  const sql = statements(db)
  return {
    commit: (batches) => inTransaction(db, () => writeBatches(sql, batches, now())),
    settleLost: (live) => inTransaction(db, () => settleLost(sql, live, now())),
    spent: (keys) => keys.map((key) => Number(sql.spent.get(key)?.['spent'] ?? 0)),
    prune: (before) => inTransaction(db, () => prune(sql, before)),
  }
}

/** Rows that one transaction settles or deletes: it is over in a few ms, and batches are not held up. */
const mostAtOnce = 500

/** Models that a tenant's day tells apart, as callers can name any; what comes beyond is summed up as `other`. */
const mostModels = 100

/** A model's name is not longer than this. */
const longestModel = 128

function writeBatches(sql: Statements, batches: readonly Batch[], now: number): void {
  const sums = tally()
  for (const { rows, owner, refused } of batches) {
    for (const row of rows) writeRow(sql, clean(row), owner, sums)
    if (refused === undefined || sql.countOnce.run(refused.from, refused.batch, now).changes === 0) continue
    for (const count of refused.counts) sums.addRefused(count)
  }
  addSums(sql, sums, now)
}

function writeRow(sql: Statements, row: LedgerRow, owner: string | null, sums: Tally): void {
  const values = valuesOf(row, owner)
  if (owner !== null) sql.insertIntent.run(...values)
  else if (sql.insertRow.run(...values).changes !== 0) sums.add(row)
}

function settleLost(sql: Statements, live: readonly string[], now: number): Lost {
  const open = sql.openCalls.all(JSON.stringify(live), mostAtOnce)
  const sums = tally()
  for (const found of open) {
    const row: LedgerRow = { ...rowOf(found), end: 'lost', source: 'estimated' }
    if (sql.settle.run(row.id).changes !== 0) sums.add(row)
  }
  addSums(sql, sums, now)
  return { calls: open.length, budgets: sums.budgets }
}

function addSums(sql: Statements, { days, budgets }: Tally, now: number): void {
  for (const day of days.values()) sql.addToDay.run(...dayValues(bounded(sql, day)))
  for (const [key, spent] of budgets) sql.addToBudget.run(key, spent, now)
}

function bounded(sql: Statements, day: DayTally): DayTally {
  const { tenant, business, route, model } = day
  if (sql.hasDay.get(day.day, tenant, business, route, model) !== undefined) return day
  const models = Number(sql.modelsOfDay.get(day.day, tenant)?.['count'] ?? 0)
  return models < mostModels ? day : { ...day, model: 'other' }
}

function prune(sql: Statements, { rows, days, budgets }: PruneBefore): number {
  const deleted = [
    sql.pruneCalls.run(rows, mostAtOnce),
    sql.pruneDays.run(dayOf(days), mostAtOnce),
    sql.pruneBudgets.run(budgets, mostAtOnce),
    // A worker that goes on counts from where it is: its numbers only grow.
    sql.pruneCounted.run(budgets, mostAtOnce),
  ]
  return deleted.reduce((sum, { changes }) => sum + Number(changes), 0)
}

/** Whole figures, so that no row can make a transaction fail again and again. */
function clean(row: LedgerRow): LedgerRow {
  return {
    ...row,
    model: row.model.slice(0, longestModel),
    at: whole(row.at),
    status: whole(row.status),
    input: whole(row.input),
    output: whole(row.output),
    cacheWrite5m: whole(row.cacheWrite5m),
    cacheWrite1h: whole(row.cacheWrite1h),
    cacheRead: whole(row.cacheRead),
    webSearches: whole(row.webSearches),
    costNanoUsd: row.costNanoUsd === null ? null : whole(row.costNanoUsd),
    latencyMs: Number.isFinite(row.latencyMs) ? row.latencyMs : 0,
    attempts: whole(row.attempts),
  }
}

function whole(value: number): number {
  return Number.isFinite(value) ? Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(value))) : 0
}
