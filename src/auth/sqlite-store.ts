import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { readRecord, recordText } from './record.ts'
import { inTransaction } from '../base/transaction.ts'
import { openTenants } from './sqlite-file.ts'
import { sqliteWatch } from './sqlite-watch.ts'
import { keptChanges, KeyTaken, type StoreOptions, textOf } from './store-parts.ts'
import type { TenantRecord, TenantStore } from './tenant.ts'

const page = 1000

/** Tenants in a SQLite file, which the command line writes and a running relay watches. */
export function sqliteStore({ file, ...options }: StoreOptions & { readonly file: string }): TenantStore {
  const database = openTenants(file)
  const one = database.prepare('SELECT record FROM tenants WHERE name = ?')
  const next = database.prepare('SELECT name, record FROM tenants WHERE name > ? ORDER BY name LIMIT ?')
  const last = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
  const write = writer(database)
  const text = (name: string): string | null => textIn(one.get(name), 'record')

  return {
    load: async (each) => {
      // Read first: what changes meanwhile is told again by the watch.
      const at = String(last.get()?.['seq'] ?? 0)
      for (let rows = next.all('', page); rows.length > 0; rows = next.all(textIn(rows.at(-1), 'name'), page)) {
        each(readable(rows, options))
        await turn()
      }
      return at
    },
    get: async (name) => {
      const found = text(name)
      return found === null ? null : readRecord(found)
    },
    put: async (record, before) => {
      const after = recordText(record)
      return inTransaction(database, () => {
        if (text(record.name) !== (before === null ? null : recordText(before))) return false
        write(record.name, { text: after, keys: record.keys.map(({ sha256 }) => sha256) })
        return true
      })
    },
    remove: async (name) =>
      inTransaction(database, () => {
        if (text(name) === null) return false
        write(name, null)
        return true
      }),
    list: async (after, limit) => next.all(after ?? '', limit).map((row) => readRecord(textIn(row, 'record') ?? '')),
    watch: async (since, changed, signal) => sqliteWatch(file, { since: Number(since), changed, signal, ...options }),
    close: async () => database.close(),
  }
}

interface Written {
  readonly text: string
  readonly keys: readonly string[]
}

/** Writes a tenant or takes it away, in a transaction that is open. */
function writer(database: DatabaseSync): (name: string, written: Written | null) => void {
  const put = database.prepare('INSERT INTO tenants (name, record) VALUES (?, ?) ON CONFLICT DO UPDATE SET record = excluded.record')
  const drop = database.prepare('DELETE FROM tenants WHERE name = ?')
  const dropKeys = database.prepare('DELETE FROM keys WHERE name = ?')
  const putKey = database.prepare('INSERT INTO keys (sha256, name) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const change = database.prepare('INSERT INTO changes (name) VALUES (?)')
  const forget = database.prepare('DELETE FROM changes WHERE seq <= ?')

  return (name, written) => {
    dropKeys.run(name)
    if (written === null) drop.run(name)
    else put.run(name, written.text)
    for (const key of written?.keys ?? []) if (putKey.run(key, name).changes === 0) throw new KeyTaken(name)
    forget.run(Number(change.run(name).lastInsertRowid) - keptChanges)
  }
}

type Row = Readonly<Record<string, unknown>> | undefined

function readable(rows: readonly Row[], { problem }: StoreOptions): readonly TenantRecord[] {
  return rows.flatMap((row) => {
    try {
      return [readRecord(textIn(row, 'record') ?? '')]
    } catch (error) {
      problem?.(`the tenant '${textIn(row, 'name')}' is left out: ${textOf(error)}`)
      return []
    }
  })
}

function textIn(row: Row, column: string): string | null {
  const value = row?.[column]
  return typeof value === 'string' ? value : null
}
