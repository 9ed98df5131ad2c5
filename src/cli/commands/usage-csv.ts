import type { Usage, UsageGroup } from '../../ledger/read.ts'
import type { LedgerRow } from '../../ledger/row.ts'
import { callRecord, usageRecord, type Field } from './usage-records.ts'

/** Usage as CSV (RFC 4180), with a header line; what has no cost has an empty field. */
export function usageCsv(lines: readonly Usage[], by: UsageGroup): string {
  const sums = ['calls', 'refused', 'estimated', 'untracked', 'input', 'output']
  const header = [by, ...sums, 'cacheWrite5m', 'cacheWrite1h', 'cacheRead', 'webSearches', 'costUsd']
  return csv(
    header,
    lines.map((line) => usageRecord(line, by)),
  )
}

/** Calls as CSV (RFC 4180), with a header line. */
export function callsCsv(rows: readonly LedgerRow[]): string {
  const whose = ['time', 'id', 'tenant', 'business', 'route', 'model', 'upstream', 'status', 'end']
  const used = ['input', 'output', 'cacheWrite5m', 'cacheWrite1h', 'cacheRead', 'webSearches', 'source', 'costUsd']
  return csv([...whose, ...used, 'latencyMs', 'firstByteMs', 'attempts'], rows.map(callRecord))
}

function csv(header: readonly string[], records: readonly Readonly<Record<string, Field>>[]): string {
  const lines = [header, ...records.map((record) => header.map((name) => record[name] ?? null))]
  return lines.map((fields) => `${fields.map(field).join(',')}\r\n`).join('')
}

function field(value: Field): string {
  const text = value === null ? '' : typeof value === 'string' ? plain(value) : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A spreadsheet takes such a text for a formula, and callers choose the names of models: the apostrophe makes it a text again. */
function plain(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
}
