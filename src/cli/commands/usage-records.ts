import type { Usage, UsageGroup } from '../../ledger/read.ts'
import type { LedgerRow } from '../../ledger/row.ts'

/** What a field of a record holds. */
export type Field = string | number | null | readonly string[]

/** A line of usage as programs get it, in this order; `by` null: the total. */
export function usageRecord({ label, costNanoUsd, ...usage }: Usage, by: UsageGroup | null): Readonly<Record<string, Field>> {
  return { ...(by === null ? {} : { [by]: label }), ...usage, costUsd: costNanoUsd === null ? null : usd(costNanoUsd) }
}

/** A call as programs get it, in this order. */
export function callRecord({ at, costNanoUsd, ...row }: LedgerRow): Readonly<Record<string, Field>> {
  const latencyMs = toMicro(row.latencyMs)
  const firstByteMs = row.firstByteMs === null ? null : toMicro(row.firstByteMs)
  return {
    time: new Date(at).toISOString(),
    ...row,
    latencyMs,
    firstByteMs,
    costUsd: costNanoUsd === null ? null : usd(BigInt(costNanoUsd)),
  }
}

/** To the microsecond: what is behind it is of the arithmetic, and not of the clock. */
function toMicro(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

/** Nano-dollars as dollars, to the last digit. */
export function usd(nano: bigint): string {
  const digits = String(nano).padStart(10, '0')
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`
}
