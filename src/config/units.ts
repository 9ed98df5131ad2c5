const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const sizes: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** How a duration is written, as a regular expression (for the JSON Schema). */
export const durationPattern = '^[0-9]+(ms|s|m|h)$'

/** How a size is written, as a regular expression (for the JSON Schema). */
export const sizePattern = '^[0-9]+(B|KB|MB|GB|KiB|MiB|GiB)$'

/** The longest wait that a timer of the runtime can hold (24.8 days). */
const longestMs = 2 ** 31 - 1

/** The largest size that makes sense anywhere: 1 TiB. */
const largestBytes = 2 ** 40

/** `30s`, `10m`, `250ms`, `1h` or a number of ms as ms; undefined when it is none of these. */
export function readDuration(written: string | number): number | undefined {
  return readAmount(written, durations, longestMs)
}

/** `32MB` (10^6), `32MiB` (2^20), `64KiB` or a number of bytes as bytes; undefined when it is none of these. */
export function readSize(written: string | number): number | undefined {
  return readAmount(written, sizes, largestBytes)
}

const powers: Readonly<Record<string, number>> = { '': 0, k: 3, M: 6, G: 9 }
const day = 86_400_000
const periods: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: day, w: 7 * day, month: 30 * day }

/** How a count is written, as a regular expression (for the JSON Schema). */
export const countPattern = '^[0-9]+(\\.[0-9]+)?[kMG]?$'

/** How a rate is written, as a regular expression (for the JSON Schema). */
export const ratePattern = '^[0-9]+(\\.[0-9]+)?[kMG]?/(s|m|h|d|w|month)$'

/** How money is written, as a regular expression (for the JSON Schema). */
export const moneyPattern = '^[0-9]+(\\.[0-9]{1,9})?usd$'

/** How a budget is written, as a regular expression (for the JSON Schema). */
export const budgetPattern = '^[0-9]+(\\.[0-9]{1,9})?usd/(day|week|month)$'

/** How long something is kept, as a regular expression (for the JSON Schema). */
export const agePattern = '^[0-9]+(h|d|w|y)$'

const ages: Readonly<Record<string, number>> = { h: 3_600_000, d: day, w: 7 * day, y: 365 * day }

/** Nothing is kept for longer than a hundred years. */
const oldestMs = 100 * 365 * day

/** The most that a limit may count: sums of it stay exact. */
const mostCount = 1e12

/** So much in such a time. */
export interface Rate {
  readonly count: number
  readonly periodMs: number
}

/** Money a calendar period. */
export interface Budget {
  readonly nanoUsd: number
  readonly period: 'day' | 'week' | 'month'
}

/** `600`, `100k` (10^3), `2M` (10^6), `1.5G` (10^9) or a number as a whole number of at least 1; undefined when it is none of these. */
export function readCount(written: string | number): number | undefined {
  const [, digits = '', unit = ''] = /^([0-9.]+)([kMG]?)$/.exec(String(written)) ?? []
  const count = scaled(digits, powers[unit] ?? 0)
  return count !== undefined && count >= 1 && count <= mostCount ? count : undefined
}

/** `600/m`, `10/s`, `2M/h`, `5M/d`, `20M/w`, `100M/month` (of 30 days); undefined when it is none of these. */
export function readRate(written: string): Rate | undefined {
  const [, amount = '', unit = ''] = /^([^/]+)\/([a-z]+)$/.exec(written) ?? []
  const count = readCount(amount)
  const periodMs = Object.hasOwn(periods, unit) ? periods[unit] : undefined
  return count === undefined || periodMs === undefined ? undefined : { count, periodMs }
}

/** `50usd`, `0.25usd` as whole nano-dollars, more than none and at most 9 million dollars; undefined when it is none of these. */
export function readMoney(written: string): number | undefined {
  const [, digits = ''] = /^([0-9.]+)usd$/.exec(written) ?? []
  const nanoUsd = scaled(digits, 9)
  return nanoUsd === 0 ? undefined : nanoUsd
}

/** `50usd/day`, `2.5usd/week`, `1000usd/month`; undefined when it is none of these. */
export function readBudget(written: string): Budget | undefined {
  const [, amount = '', period] = /^([^/]+)\/(day|week|month)$/.exec(written) ?? []
  const nanoUsd = readMoney(amount)
  if (nanoUsd === undefined) return undefined
  return period === 'day' || period === 'week' || period === 'month' ? { nanoUsd, period } : undefined
}

/** `12h`, `90d`, `8w`, `2y` (of 365 days) as ms; undefined when it is none of these. */
export function readAge(written: string | number): number | undefined {
  return readAmount(written, ages, oldestMs)
}

/** `600/m`, `2M/h`: a rate as it is written. */
export function rateText({ count, periodMs }: Rate): string {
  const unit = Object.keys(periods).find((one) => periods[one] === periodMs)
  return `${countText(count)}/${unit ?? `${periodMs}ms`}`
}

/** `600`, `2M`: a count as it is written. */
export function countText(count: number): string {
  const unit = ['G', 'M', 'k'].find((one) => count % 10 ** (powers[one] ?? 0) === 0) ?? ''
  return `${count / 10 ** (powers[unit] ?? 0)}${unit}`
}

/** `50usd`, `0.25usd`: money as it is written. */
export function moneyText(nanoUsd: number): string {
  const fraction = String(nanoUsd % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${Math.floor(nanoUsd / 1e9)}${fraction === '' ? '' : `.${fraction}`}usd`
}

// By digits and not by a product: 4.35 has no exact double, and 1.005 * 10^9 is not whole.
function scaled(written: string, power: number): number | undefined {
  const [, whole, fraction = ''] = /^([0-9]{1,16})(?:\.([0-9]{1,16}))?$/.exec(written) ?? []
  if (whole === undefined) return undefined
  const kept = fraction.replace(/0+$/, '')
  const value = kept.length > power ? Number.NaN : Number(whole + kept.padEnd(power, '0'))
  return Number.isSafeInteger(value) ? value : undefined
}

function readAmount(written: string | number, units: Readonly<Record<string, number>>, most: number): number | undefined {
  const amount = typeof written === 'number' ? written : parseAmount(written, units)
  return amount !== undefined && Number.isSafeInteger(amount) && amount >= 0 && amount <= most ? amount : undefined
}

function parseAmount(written: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^([0-9]{1,15})([A-Za-z]+)$/.exec(written) ?? []
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined
  return factor === undefined ? undefined : Number(digits) * factor
}
