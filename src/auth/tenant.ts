import type { Limit } from '../base/limit.ts'

/**
 * A tenant as it is written down: in the config, in SQLite or in Redis. Keys are stored by their SHA-256 only (hex, lower case); at
 * most two are live.
 */
export interface TenantRecord {
  /** `[a-z0-9][a-z0-9._-]{0,62}`. */
  readonly name: string
  /** Metrics group by it; the name where none is given. */
  readonly business: string | null
  readonly tier: string | null
  /** 0 (lowest) to 9; calls of a higher one leave a queue first. null: the tier's, else 5. */
  readonly priority: number | null
  /** Names of routes it may call; null: the tier's, else all. */
  readonly routes: readonly string[] | null
  /** Models it may ask for, `*` stands for any text; null: the tier's, else all. */
  readonly models: readonly string[] | null
  /** Its own limits: each replaces the tier's of the same name. */
  readonly limits: readonly Limit[]
  readonly keys: readonly TenantKey[]
}

/** One key: never the key itself. */
export interface TenantKey {
  /** SHA-256 of the key, 64 hex digits. */
  readonly sha256: string
  /** ISO 8601; '' where nobody wrote it down. */
  readonly createdAt: string
  /** Its first characters, to tell two keys apart: `rk_3fa9…`. */
  readonly hint: string
}

/** A tier: what its tenants inherit. */
export interface Tier {
  readonly name: string
  readonly priority: number | null
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly limits: readonly Limit[]
}

/** Where tenants are kept. Names are unique, and so are keys. */
export interface TenantStore {
  /** All tenants, in pages; `at` is the state that they show, to go on from with `changesSince`. */
  load(each: (records: readonly TenantRecord[]) => void): Promise<string>
  get(name: string): Promise<TenantRecord | null>
  /** Writes a whole record if the stored one is still `before` (null: there is none). False: somebody else was faster. */
  put(record: TenantRecord, before: TenantRecord | null): Promise<boolean>
  remove(name: string): Promise<boolean>
  list(after: string | null, limit: number): Promise<readonly TenantRecord[]>
  /** Changes as they come, until the signal: each a name whose record is to be read again, or `all` when too much was missed. */
  watch(since: string, changed: (names: readonly string[] | 'all') => void, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
