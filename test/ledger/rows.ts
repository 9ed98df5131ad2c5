import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Log } from '../../src/base/log.ts'
import type { LedgerOptions } from '../../src/ledger/messages.ts'
import type { LedgerIntent, LedgerRow } from '../../src/ledger/row.ts'

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A file for a ledger in a folder of its own, gone after the test. */
export function ledgerFile(t: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'relay-ledger-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'relay-ledger.db')
}

export function optionsFor(file: string, more: Partial<LedgerOptions> = {}): LedgerOptions {
  return { file, flushMs: 200, synchronous: 'NORMAL', keepRowsMs: 90 * 86_400_000, keepDaysMs: 730 * 86_400_000, ...more }
}

export function row(id: string, more: Partial<LedgerRow> = {}): LedgerRow {
  return {
    id,
    at: Date.now(),
    tenant: 'search',
    business: 'shop',
    route: 'v1/messages',
    model: 'claude-opus-5-5',
    upstream: 'claude',
    status: 200,
    end: 'done',
    input: 100,
    output: 10,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    cacheRead: 0,
    webSearches: 0,
    source: 'exact',
    costNanoUsd: 600_000,
    latencyMs: 12.5,
    firstByteMs: 3.25,
    attempts: 1,
    budgets: ['budget-day|tenant=search|2026-11-23'],
    ...more,
  }
}

export function intent(id: string, more: Partial<LedgerRow> = {}): LedgerIntent {
  return { ...row(id, { status: 0, source: 'estimated', costNanoUsd: 5_000_000, ...more }), end: 'lost' }
}

/** A log that keeps its messages. */
export function keptLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (_: unknown, message: string) => void lines.push(message)
  const nothing = () => undefined
  return {
    lines,
    debug: keep,
    info: keep,
    warn: keep,
    error: keep,
    access: nothing,
    isEnabled: () => true,
    setLevel: nothing,
    dropped: () => 0,
    flush: async () => undefined,
    flushSync: nothing,
    close: async () => undefined,
  }
}

/** Runs a query on the file, beside whoever writes it. */
export function ask(file: string, sql: string): readonly Readonly<Record<string, unknown>>[] {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    return db
      .prepare(sql)
      .all()
      .map((found) => ({ ...found }))
  } finally {
    db.close()
  }
}

/** Random numbers from 0 to 1 that are the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Waits until it is so, by looking again and again; the test's own time limit ends it. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}
