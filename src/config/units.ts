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

function readAmount(written: string | number, units: Readonly<Record<string, number>>, most: number): number | undefined {
  const amount = typeof written === 'number' ? written : parseAmount(written, units)
  return amount !== undefined && Number.isSafeInteger(amount) && amount >= 0 && amount <= most ? amount : undefined
}

function parseAmount(written: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^([0-9]{1,15})([A-Za-z]+)$/.exec(written) ?? []
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined
  return factor === undefined ? undefined : Number(digits) * factor
}
