import type { DatabaseSync } from 'node:sqlite'
import { openTenants } from './sqlite-file.ts'
import { pause, type StoreOptions, textOf } from './store-parts.ts'
import type { TenantStore } from './tenant.ts'

const everyMs = 200

/** What is watched for, and from where on. */
export interface SqliteWatch extends StoreOptions {
  readonly since: number
  readonly changed: Parameters<TenantStore['watch']>[1]
  readonly signal: AbortSignal
}

/** Looks for changes a few times a second, on a connection of its own: `data_version` moves with the commits of all others. */
export async function sqliteWatch(file: string, { since, changed, signal, problem }: SqliteWatch): Promise<void> {
  const database = openTenants(file)
  try {
    const look = looker(database, since)
    let isWell = true
    while (!signal.aborted) {
      try {
        const names = look()
        if (names === 'all' || names.length > 0) changed(names)
        isWell = true
      } catch (error) {
        // Told once: it goes on five times a second.
        if (isWell) problem?.(`changes of tenants in ${file} cannot be read: ${textOf(error)}`)
        isWell = false
      }
      await pause(everyMs, signal)
    }
  } finally {
    database.close()
  }
}

function looker(database: DatabaseSync, since: number): () => readonly string[] | 'all' {
  const version = database.prepare('PRAGMA data_version')
  const bounds = database.prepare(
    "SELECT (SELECT min(seq) FROM changes) AS first, (SELECT seq FROM sqlite_sequence WHERE name = 'changes') AS last",
  )
  const changes = database.prepare('SELECT DISTINCT name FROM changes WHERE seq > ? AND seq <= ?')
  let seen: unknown = null
  let at = since
  return () => {
    const now = version.get()?.['data_version']
    if (now === seen) return []
    const { first, last } = bounds.get() ?? {}
    const [from, to] = [Number(first ?? 1), Number(last ?? 0)]
    // Changes that were forgotten, or another history: a file that was put back.
    const isLost = to < at || from > at + 1
    const names = isLost ? 'all' : changes.all(at, to).map(({ name }) => String(name))
    at = to
    seen = now
    return names
  }
}
