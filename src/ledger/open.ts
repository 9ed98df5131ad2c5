import { chmodSync, closeSync, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ConfigError } from '../base/errors.ts'
import { ledgerMark, migrate, schemaVersion } from './schema.ts'

export interface OpenOptions {
  /** Whole path. */
  readonly file: string
  /** FULL: what is committed survives a power loss. */
  readonly synchronous: 'NORMAL' | 'FULL'
  /** ms to wait for another relay that is about to end. */
  readonly waitMs: number
}

/** A ledger that is this process's own. */
export interface OpenLedger {
  readonly db: DatabaseSync
  readonly close: () => void
}

/** Opens a ledger for writing, makes it where there is none, or throws a ConfigError that says why that cannot be. */
export function openLedger({ file, synchronous, waitMs }: OpenOptions): OpenLedger {
  makeFile(file)
  const opened: DatabaseSync[] = []
  const close = () => {
    for (const db of opened.toReversed()) db.close()
  }
  try {
    opened.push(lockedBy(file, waitMs))
    const db = new DatabaseSync(file, { timeout: 5000 })
    opened.push(db)
    checkWhose(db, file)
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA journal_size_limit = ${mostLogBytes}`)
    const from = versionOf(db)
    if (from < schemaVersion) migrate(db, from)
    checkWhole(db, file)
    return { db, close }
  } catch (error) {
    close()
    throw error instanceof ConfigError ? error : ledgerProblem(file, error)
  }
}

/** Throws a ConfigError unless the database is a ledger, or nothing yet, that this relay understands. */
export function checkWhose(db: DatabaseSync, file: string): void {
  const mark = db.prepare('PRAGMA application_id').get()?.['application_id']
  const tables = db.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']
  if (mark !== ledgerMark && tables !== 0) {
    throw problem(file, 'is a database, but not a ledger of relay', 'name another file in ledger.file; relay makes it')
  }
  if (versionOf(db) > schemaVersion) {
    throw problem(file, `was written by a newer relay (its tables have version ${versionOf(db)})`, 'use that relay, or another file')
  }
}

/** What is wrong with a ledger's file, told by the error that came of it; an error of neither SQLite nor files is a bug, and stays what it is. */
export function ledgerProblem(file: string, error: unknown): Error {
  const code = sqliteCode(error)
  const why = error instanceof Error ? error.message : String(error)
  if (code === null && !isOfSystem(error)) return error instanceof Error ? error : new Error(why)
  if (code === codes.notADatabase || code === codes.corrupt) {
    return problem(
      file,
      `is damaged, or no database at all (${why})`,
      'put a copy back in its place, or move it away: relay makes a new one',
    )
  }
  return problem(file, `cannot be used (${why})`, 'give relay a file in ledger.file that it may write, in a folder that exists')
}

/** SQLite's primary result code; null: the error is none of SQLite's. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

/** Whether it came of a call to the system: for a file that is not there, may not be written, has no room. */
function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string'
}

const codes = { busy: 5, corrupt: 11, notADatabase: 26 }

/** The write-ahead log is cut to this when it is empty again. */
const mostLogBytes = 16 * 2 ** 20

/** A file up to this size is read through at the start; a larger one would hold it up. */
const mostCheckedBytes = 32 * 2 ** 20

function makeFile(file: string): void {
  if (!existsSync(dirname(file)))
    throw problem(file, `has no folder: ${dirname(file)} is not there`, 'make the folder, or name another file in ledger.file')
  try {
    // What everybody used and what it cost is nobody else's business.
    closeSync(openSync(file, 'a', 0o600))
  } catch (error) {
    throw ledgerProblem(file, error)
  }
}

/**
 * Two relays on one ledger would take each other's calls for lost ones, so the first holds a lock: a transaction on an empty database
 * beside the ledger. The system gives it back when the process ends, however that happens, and readers know nothing of it.
 */
function lockedBy(file: string, waitMs: number): DatabaseSync {
  const lock = new DatabaseSync(`${file}-lock`, { timeout: waitMs })
  try {
    chmodSync(`${file}-lock`, 0o600)
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if (sqliteCode(error) !== codes.busy) throw error
    throw problem(
      file,
      'is the ledger of another relay that runs',
      'give each relay a file of its own in ledger.file, or stop the other one',
    )
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

function checkWhole(db: DatabaseSync, file: string): void {
  if (statSync(file).size > mostCheckedBytes) return
  const said = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (said !== 'ok') {
    throw problem(file, `is damaged (${String(said)})`, 'put a copy back in its place, or move it away: relay makes a new one')
  }
}

function problem(file: string, message: string, remedy: string): ConfigError {
  return new ConfigError([{ path: 'ledger.file', message: `${file} ${message}`, remedy }])
}
