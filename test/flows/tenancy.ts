import { createHash } from 'node:crypto'
import { newKey } from '../../src/auth/keys.ts'
import { ledgerReader, type LedgerReader } from '../../src/ledger/read.ts'
import type { LedgerRow } from '../../src/ledger/row.ts'
import type { RelayProcess } from '../helpers/relay-process.ts'
import { post } from './caller.ts'
import { until } from './until.ts'

/** The key that a name stands for in tests: always the same, and in relay's own form. */
export function keyOf(name: string): string {
  return newKey(() => createHash('sha256').update(`key of ${name}`).digest())
}

/** A key as a config writes it. */
export function digestOf(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`
}

/** Tenants with the keys of their names, and these limits each. */
export function tenantsWith(names: readonly string[], limits: object): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, { keys: [digestOf(keyOf(name))], ...limits }]))
}

/** The lines of a call by a tenant. */
export function linesOf(tenant: string, ...lines: readonly string[]): readonly string[] {
  return [`x-api-key: ${keyOf(tenant)}`, 'anthropic-version: 2023-06-01', ...lines]
}

/** A Messages call of a tenant as bytes. */
export function messageCall(tenant: string, fields: object = {}, path = '/v1/messages'): Buffer {
  const body = { model: 'claude-opus-5-5', max_tokens: 100, messages: [{ role: 'user', content: 'hi' }], ...fields }
  return post(path, JSON.stringify(body), linesOf(tenant))
}

/** Looks into the ledger beside a relay's config. */
function readLedger<Result>(relay: Pick<RelayProcess, 'home'>, look: (reader: LedgerReader) => Result, file = 'relay-ledger.db'): Result {
  const reader = ledgerReader(relay.home.path(file))
  try {
    return look(reader)
  } finally {
    reader.close()
  }
}

/** The rows of a tenant (null: of all), the newest first. */
export function rowsOf(relay: Pick<RelayProcess, 'home'>, tenant: string | null): readonly LedgerRow[] {
  return readLedger(relay, (reader) => reader.calls({ tenant, business: null, since: null, until: null }, 1_000_000))
}

/** Waits until the ledger holds so many rows of a tenant. */
export async function rowsFor(relay: Pick<RelayProcess, 'home'>, tenant: string | null, count: number): Promise<readonly LedgerRow[]> {
  await until(() => rowsOf(relay, tenant).length >= count)
  return rowsOf(relay, tenant)
}
