import type { DatabaseSync } from 'node:sqlite'

/** Tells a ledger from every other SQLite database (`application_id`). */
export const ledgerMark = 0x726c_6c67

/** Version of the tables that this relay writes and reads (`user_version`). */
export const schemaVersion = 2

/** Brings an empty or older ledger to this version, in one transaction. */
export function migrate(db: DatabaseSync, from: number): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    for (const step of steps.slice(from)) db.exec(step)
    db.exec(`PRAGMA application_id = ${ledgerMark}; PRAGMA user_version = ${schemaVersion}; COMMIT`)
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/**
 * Money is whole nano-dollars; `cost` null is a call without a price. A call with an `owner` is an intent that nobody has settled yet:
 * it counts neither in `days` nor in `budgets`, which change in the transaction that settles it. A day is one of UTC (`2026-11-23`).
 */
const first = `
CREATE TABLE calls (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  business TEXT NOT NULL,
  route TEXT NOT NULL,
  model TEXT NOT NULL,
  upstream TEXT NOT NULL,
  status INTEGER NOT NULL,
  end TEXT NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  web_searches INTEGER NOT NULL,
  source TEXT NOT NULL,
  cost INTEGER,
  latency_ms REAL NOT NULL,
  first_byte_ms REAL,
  attempts INTEGER NOT NULL,
  budgets TEXT NOT NULL,
  owner TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX calls_at ON calls (at);
CREATE INDEX calls_open ON calls (owner) WHERE owner IS NOT NULL;
CREATE TABLE days (
  day TEXT NOT NULL,
  tenant TEXT NOT NULL,
  business TEXT NOT NULL,
  route TEXT NOT NULL,
  model TEXT NOT NULL,
  calls INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  untracked INTEGER NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL,
  cache_write_1h INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  web_searches INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  PRIMARY KEY (day, tenant, business, route, model)
) STRICT, WITHOUT ROWID;
CREATE TABLE budgets (
  key TEXT PRIMARY KEY,
  spent INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/**
 * The last batch of each worker whose counts of refusals are in `days`: unlike rows they have no ids of their own by which one that is
 * sent twice is known.
 */
const second = `
CREATE TABLE counted (
  owner TEXT PRIMARY KEY,
  batch INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`

/** Each brings a ledger from the version of its place to the next. */
const steps: readonly string[] = [first, second]
