import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { inTransaction } from '../base/transaction.ts'

// Bumped with every change of the tables below: a file of a later relay is not touched.
const version = 1

const tables = `
CREATE TABLE tenants (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE keys (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX keys_of ON keys (name);
CREATE TABLE changes (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL) STRICT;
PRAGMA user_version = ${version};`

/** Opens the file of tenants, made where there is none. Several processes may have it open. */
export function openTenants(file: string): DatabaseSync {
  const database = opened(file)
  try {
    // In WAL readers never wait for a writer.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
    inTransaction(database, () => {
      const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
      if (found === 0) database.exec(tables)
      else if (found !== version) throw new Error(`it was written by another version of relay (its tables are of version ${found})`)
    })
    return database
  } catch (error) {
    database.close()
    throw unusable(file, error)
  }
}

function opened(file: string): DatabaseSync {
  try {
    // Who the tenants are and what they may use is nobody else's business; the files beside it take its mode.
    closeSync(openSync(file, 'a', 0o600))
    return new DatabaseSync(file, { timeout: 2000 })
  } catch (error) {
    throw unusable(file, error)
  }
}

function unusable(file: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error)
  return new Error(`the tenants cannot be kept in ${file}: ${why}`, { cause: error })
}
