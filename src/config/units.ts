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

const counts: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 }
const day = 86_400_000
const periods: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: day, w: 7 * day, month: 30 * day }

/** How a count is written, as a regular expression (for the JSON Schema). */
export const countPattern = '^[0-9]+(\\.[0-9]+)?[kMG]?$'

/** How a rate is written, as a regular expression (for the JSON Schema). */
export const ratePattern = '^[0-9]+(\\.[0-9]+)?[kMG]?/(s|m|h|d|w|month)$'

/** How money is written, as a regular expression (for the JSON Schema). */
export const moneyPattern = '^[0-9]+(\\.[0-9]{1,9})?usd$'

/** The most that a limit may count: sums of it stay exact. */
export const mostCount = 1e12

/** So much in such a time. */
export interface Rate {
  readonly count: number
  readonly periodMs: number
}

/** `600`, `100k` (10^3), `2M` (10^6), `1.5G` (10^9) or a number as a whole number of at least 1; undefined when it is none of these. */
export function readCount(written: string | number): number | undefined {
  const [, digits = '', unit = ''] = /^([0-9]{1,15}(?:\.[0-9]{1,9})?)([kMG]?)$/.exec(String(written)) ?? []
  // A fraction of a thousand is whole, but its product in doubles may miss that by a hair: 4.35M.
  const exact = Number(digits) * (counts[unit] ?? 0)
  const count = Math.round(exact)
  return digits !== '' && Math.abs(exact - count) < 1e-3 && count >= 1 && count <= mostCount ? count : undefined
}

/** `600/m`, `10/s`, `2M/h`, `5M/d`, `20M/w`, `100M/month` (of 30 days); undefined when it is none of these. */
export function readRate(written: string): Rate | undefined {
  const [, amount = '', unit = ''] = /^([^/]+)\/([a-z]+)$/.exec(written) ?? []
  const count = readCount(amount)
  const periodMs = Object.hasOwn(periods, unit) ? periods[unit] : undefined
  return count === undefined || periodMs === undefined ? undefined : { count, periodMs }
}

/** `50usd`, `0.25usd` as whole nano-dollars, more than none and at most 9 million; undefined when it is none of these. */
export function readMoney(written: string): number | undefined {
  const [, dollars, fraction = ''] = /^([0-9]{1,7})(?:\.([0-9]{1,9}))?usd$/.exec(written) ?? []
  if (dollars === undefined) return undefined
  const nanoUsd = Number(dollars) * 1e9 + Number(fraction.padEnd(9, '0'))
  return Number.isSafeInteger(nanoUsd) && nanoUsd > 0 ? nanoUsd : undefined
}

/** `600/m`, `2M/h`: a rate as it is written. */
export function rateText({ count, periodMs }: Rate): string {
  const unit = Object.keys(periods).find((one) => periods[one] === periodMs)
  return `${countText(count)}/${unit ?? `${periodMs}ms`}`
}

/** `600`, `2M`: a count as it is written. */
export function countText(count: number): string {
  const unit = ['G', 'M', 'k'].find((one) => count % (counts[one] ?? 1) === 0) ?? ''
  return `${count / (counts[unit] ?? 1)}${unit}`
}

/** `50usd`, `0.25usd`: money as it is written. */
export function moneyText(nanoUsd: number): string {
  const fraction = String(nanoUsd % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${Math.floor(nanoUsd / 1e9)}${fraction === '' ? '' : `.${fraction}`}usd`
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
