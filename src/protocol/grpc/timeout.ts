/** Milliseconds of a unit of `grpc-timeout`. */
const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** A `grpc-timeout` in ms; null where it is malformed: one to eight digits and a unit. */
export function readTimeout(text: string): number | null {
  if (!/^\d{1,8}[HMSmun]$/.test(text)) return null
  return Number(text.slice(0, -1)) * units[text.at(-1)!]!
}

/** A `connect-timeout-ms`; null where it is malformed: one to ten digits. */
export function readConnectTimeout(text: string): number | null {
  return /^\d{1,10}$/.test(text) ? Number(text) : null
}

/** So many ms as a `grpc-timeout`: in the finest unit, from microseconds on, that has room in eight digits, never more than there is. */
export function writeTimeout(ms: number): string {
  const micros = Math.floor(ms * 1000)
  if (micros < 1) return `${Math.max(0, Math.floor(ms * 1e6))}n`
  if (micros <= most) return `${micros}u`
  for (const [unit, length] of coarser) {
    const count = Math.floor(ms / length)
    if (count <= most) return `${count}${unit}`
  }
  return `${most}H`
}

const most = 99_999_999
const coarser: readonly (readonly [string, number])[] = [
  ['m', 1],
  ['S', 1000],
  ['M', 60_000],
  ['H', 3_600_000],
]
