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
    [by, ...columns.map(({ title, shortTitle }) => (short ? (shortTitle ?? title) : title))],
    ...named.map(({ name, line }) => [name, ...columns.map(({ text }) => text(line, short))]),
  ]
  const whole = aligned(rows(false))
  const table = fits(whole, width) ? whole : fitted(rows(true), { width, names: [0], left: 1 })
  return [days, ...table, ...notes(total)]
}

/** Calls for people, the newest first. What does not fit is taken from dates and names, never from figures. */
export function callsTable(rows: readonly LedgerRow[], width: number): readonly string[] {
  if (rows.length === 0) return ['no calls in the ledger']
  const title = ['time', 'tenant', 'model', 'status', 'end', 'in', 'out', 'USD']
  const whole = aligned([title, ...rows.map((row) => callCells(row, false))], 5)
  if (fits(whole, width)) return whole
  const table = fitted([title, ...rows.map((row) => callCells(row, true))], { width, names: [1, 2], left: 5 })
  return rows.some(({ source }) => source === 'estimated') ? [...table, '~ estimated'] : table
}

function callCells(row: LedgerRow, isShort: boolean): readonly string[] {
  const time = new Date(row.at).toISOString()
  const isEstimated = row.source === 'estimated'
  const cost = row.costNanoUsd === null ? 'untracked' : dollars(BigInt(row.costNanoUsd))
  return [
    isShort ? time.slice(5, 19).replace('T', ' ') : `${time.slice(0, 19)}Z`,
    visible(row.tenant) || '(none)',
    visible(row.model) || '(none)',
    `${row.status}`,
    isEstimated && !isShort ? `${row.end}, estimated` : row.end,
    short(row.input + row.cacheWrite5m + row.cacheWrite1h + row.cacheRead),
    short(row.output),
    isEstimated && isShort ? `~${cost}` : cost,
  ]
}

interface Column {
  readonly title: string
  readonly shortTitle?: string
  readonly text: (usage: Usage, isShort: boolean) => string
}

const shortTitles = { estimated: 'est.', untracked: 'untr.', refused: 'ref.' }

/** Counts that are 0 for all have no column. */
function columnsOf(total: Usage): readonly Column[] {
  const tokens = (of: (usage: Usage) => number) => (usage: Usage, isShort: boolean) => (isShort ? short(of(usage)) : whole(of(usage)))
  const always: readonly Column[] = [
    { title: 'calls', text: ({ calls }) => whole(calls) },
    { title: 'input', text: tokens(({ input }) => input) },
    { title: 'output', text: tokens(({ output }) => output) },
    { title: 'cache write', shortTitle: 'c. write', text: tokens(({ cacheWrite5m, cacheWrite1h }) => cacheWrite5m + cacheWrite1h) },
    { title: 'cache read', shortTitle: 'c. read', text: tokens(({ cacheRead }) => cacheRead) },
    { title: 'USD', text: ({ costNanoUsd }) => (costNanoUsd === null ? '-' : dollars(costNanoUsd)) },
  ]
  const counts = (['estimated', 'untracked', 'refused'] as const).filter((name) => total[name] > 0)
  return [...always, ...counts.map((name) => ({ title: name, shortTitle: shortTitles[name], text: (usage: Usage) => whole(usage[name]) }))]
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

interface Fitting {
  readonly width: number
  /** The columns that hold names. */
  readonly names: readonly number[]
  readonly left: number
}

/** Shortens the names, the longest first, until the lines fit: down to eight characters. */
function fitted(rows: readonly (readonly string[])[], { width, names, left }: Fitting): readonly string[] {
  const most = rows.reduce<readonly number[]>((widths, row) => row.map((cell, at) => Math.max(cell.length, widths[at] ?? 0)), [])
  const widths = [...most]
  let over = widths.reduce((sum, one) => sum + one + 2, -2) - width
  for (; over > 0; over -= 1) {
    const at = names.reduce((longest, one) => ((widths[one] ?? 0) > (widths[longest] ?? 0) ? one : longest))
    if ((widths[at] ?? 0) <= leastName) break
    widths[at] = (widths[at] ?? 0) - 1
  }
  return aligned(
    rows.map((row) => row.map((cell, at) => (names.includes(at) ? cut(cell, widths[at] ?? 0) : cell))),
    left,
  )
}

const leastName = 8

/** What tells names apart often stands at their end: claude-…-5-5. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.floor((most - 1) / 2)
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`
}

// Names of models come from callers: their control bytes must not reach a terminal.
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?')
}
