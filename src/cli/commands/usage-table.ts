import type { Usage, UsageGroup } from '../../ledger/read.ts'
import type { LedgerRow } from '../../ledger/row.ts'
import { counted } from '../counted.ts'
import { usd } from './usage-records.ts'

export interface UsageTable {
  readonly lines: readonly Usage[]
  readonly total: Usage
  readonly by: UsageGroup
  /** Which days it is about, in words. */
  readonly days: string
  /** Columns of the terminal; 0: as wide as it gets. */
  readonly width: number
}

/** The bill for people: figures whole where they fit, shortened where they do not. */
export function usageTable({ lines, total, by, days, width }: UsageTable): readonly string[] {
  if (lines.length === 0) return [`no calls in the ledger, ${days}`]
  const columns = columnsOf(total)
  const named = [...lines.map((line) => ({ name: visible(line.label) || '(none)', line })), { name: 'total', line: total }]
  const rows = (short: boolean) => [
    [by, ...columns.map(({ title }) => title)],
    ...named.map(({ name, line }) => [name, ...columns.map(({ text }) => text(line, short))]),
  ]
  const whole = aligned(rows(false))
  const table = fits(whole, width) ? whole : fitted(rows(true), width)
  return [days, ...table, ...notes(total)]
}

/** Calls for people, the newest first. */
export function callsTable(rows: readonly LedgerRow[], width: number): readonly string[] {
  if (rows.length === 0) return ['no calls in the ledger']
  const cells = rows.map((row) => [
    `${new Date(row.at).toISOString().slice(0, 19)}Z`,
    visible(row.tenant) || '(none)',
    visible(row.model) || '(none)',
    `${row.status}`,
    row.source === 'estimated' ? `${row.end}, estimated` : row.end,
    short(row.input + row.cacheWrite5m + row.cacheWrite1h + row.cacheRead),
    short(row.output),
    row.costNanoUsd === null ? 'untracked' : dollars(BigInt(row.costNanoUsd)),
  ])
  const table = aligned([['time', 'tenant', 'model', 'status', 'end', 'in', 'out', 'USD'], ...cells], 5)
  return width === 0 ? table : table.map((line) => cut(line, width))
}

interface Column {
  readonly title: string
  readonly text: (usage: Usage, isShort: boolean) => string
}

/** Counts that are 0 for all have no column. */
function columnsOf(total: Usage): readonly Column[] {
  const tokens = (of: (usage: Usage) => number) => (usage: Usage, isShort: boolean) => (isShort ? short(of(usage)) : whole(of(usage)))
  const always: readonly Column[] = [
    { title: 'calls', text: ({ calls }) => whole(calls) },
    { title: 'input', text: tokens(({ input }) => input) },
    { title: 'output', text: tokens(({ output }) => output) },
    { title: 'cache write', text: tokens(({ cacheWrite5m, cacheWrite1h }) => cacheWrite5m + cacheWrite1h) },
    { title: 'cache read', text: tokens(({ cacheRead }) => cacheRead) },
    { title: 'USD', text: ({ costNanoUsd }) => (costNanoUsd === null ? '-' : dollars(costNanoUsd)) },
  ]
  const counts = (['estimated', 'untracked', 'refused'] as const).filter((name) => total[name] > 0)
  return [...always, ...counts.map((name) => ({ title: name, text: (usage: Usage) => whole(usage[name]) }))]
}

function notes({ estimated, untracked }: Usage): readonly string[] {
  const guessed = estimated === 0 ? [] : [`${counted(estimated, 'call')} estimated: cut off before the upstream told its figures`]
  const free = untracked === 0 ? [] : [`${counted(untracked, 'call')} untracked: of a model without a price, and in no sum of costs`]
  return [...guessed, ...free]
}

/** Four places, and all there are where that would hide a small sum. */
function dollars(nano: bigint): string {
  if (nano > 0n && nano < 10_000_000n) return usd(nano).replace(/0+$/, '')
  const [units = '', places = ''] = usd(((nano + 50_000n) / 100_000n) * 100_000n).split('.')
  return `${whole(units)}.${places.slice(0, 4)}`
}

function whole(number: number | string): string {
  return String(number).replace(/\B(?=(?:[0-9]{3})+$)/g, ',')
}

function short(number: number): string {
  if (number < 10_000) return whole(number)
  const [size, unit] = number < 999_950 ? [1e3, 'k'] : number < 999_950_000 ? [1e6, 'M'] : [1e9, 'G']
  return `${(number / size).toFixed(1)}${unit}`
}

/** The first columns to the left, all others to the right. */
function aligned(rows: readonly (readonly string[])[], left = 1): readonly string[] {
  const widths = rows.reduce<readonly number[]>((widths, row) => row.map((cell, at) => Math.max(cell.length, widths[at] ?? 0)), [])
  const pad = (cell: string, at: number) => (at < left ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
  return rows.map((row) => row.map(pad).join('  ').trimEnd())
}

function fits(table: readonly string[], width: number): boolean {
  return width === 0 || table.every((line) => line.length <= width)
}

/** Shortens the names until the lines fit, down to eight characters. */
function fitted(rows: readonly (readonly string[])[], width: number): readonly string[] {
  const table = aligned(rows)
  const over = Math.max(...table.map((line) => line.length)) - width
  if (over <= 0) return table
  const longest = Math.max(...rows.map(([name = '']) => name.length))
  const most = Math.max(8, longest - over)
  return aligned(rows.map(([name = '', ...rest]) => [cut(name, most), ...rest]))
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

// Names of models come from callers: their control bytes must not reach a terminal.
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')
}
