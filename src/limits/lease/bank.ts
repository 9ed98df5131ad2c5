import type { Limit } from '../../base/limit.ts'
import { keyOfPeriod } from '../bucket.ts'
import { periodAt, type Period } from '../period.ts'
import { limitArgs } from '../redis/args.ts'
import type { Script } from '../redis/scripts.ts'
import type { Refused } from '../store.ts'
import { scriptsTogether } from './scripts-together.ts'

/** What a process holds of buckets in Redis, by `lua/lease.lua`: its header says what each number means. */
export interface LeaseBank {
  /** The bucket as Redis has it now: of a budget, that of the period Redis is in. */
  place(bucket: LeasedBucket, slot: number): LeasePlace
  /** Whether the period of this place is over, by the clock of Redis. */
  isOver(place: LeasePlace): boolean
  /** One operation. Rejects where no answer came: it may have been done then, and can be sent again. */
  send(place: LeasePlace, operation: LeaseOperation): Promise<LeaseAnswer>
  /** Scripts sent so far: what is asked in one turn of the event loop, of buckets that share a hash tag, is one. */
  readonly roundTrips: number
}

/** A bucket that is leased. */
export interface LeasedBucket {
  readonly key: string
  readonly tag: string
  readonly limit: Limit
}

/** Where Redis keeps it. */
export interface LeasePlace extends LeasedBucket {
  readonly keys: readonly string[]
  /** Who holds it there: two buckets of one process may come together in Redis, when its clock is in another period. */
  readonly holder: string
  readonly period: Period | null
}

/** An operation and its amounts. */
export interface LeaseOperation {
  readonly number: number
  readonly want: number
  readonly least: number
  readonly keep: number
  readonly used: number
  readonly back: number
}

/** What came of it. */
export type LeaseAnswer =
  | {
      readonly is: 'done' | 'refused'
      readonly granted: number
      readonly remaining: number
      readonly resetMs: number
      readonly refusal: Refusal
    }
  /** A later one came first. */
  | { readonly is: 'stale' }
  /** Redis is in another period, which is known now. */
  | { readonly is: 'period' }

/** Why the least was not there. */
export interface Refusal {
  readonly why: Refused['why']
  /** ms; -1: never. */
  readonly waitMs: number
}

export interface LeaseBankOptions {
  /** `lua/lease.lua` on the client. */
  readonly script: Script
  readonly prefix: string
  /** Unique to this run of this process. */
  readonly process: string
  /** ms after which what is held lapses unless it is renewed. */
  readonly leaseMs: number
  /** Unix time, ms: only to guess which period Redis is in. */
  readonly wallMs: () => number
  /** Tests alone: µs since 1970 in place of Redis's clock. */
  readonly callerUs?: () => number
}

/** ms that Redis remembers an operation: as long, the same one again changes nothing. Money is remembered for longer than tokens. */
export function rememberedMs(limit: Limit): number {
  return limit.kind === 'budget' ? 86_400_000 : 600_000
}

/** The leases of this process. */
export function leaseBank({ script, prefix, process, leaseMs, wallMs, callerUs }: LeaseBankOptions): LeaseBank {
  const clock = (): string => (callerUs === undefined ? 'redis' : `caller-clock:${Math.floor(callerUs())}`)
  const together = scriptsTogether(script)
  // How far the clock of Redis is from this one.
  let aheadMs = 0

  return {
    place: (bucket, slot) => {
      const { key, tag, limit } = bucket
      const nowMs = wallMs() + aheadMs
      const name = limit.kind === 'budget' ? keyOfPeriod(limit, key, nowMs) : key
      const base = `${prefix}:{${tag}}:b:${name}`
      const holder = `${process}.${slot}`
      const keys = [`${prefix}:{${tag}}:l:${holder}:${name}`, base, `${base}:held`]
      return { key, tag, limit, keys, holder, period: limit.kind === 'budget' ? periodAt(limit, nowMs) : null }
    },
    isOver: ({ period }) => period !== null && wallMs() + aheadMs >= period.endMs,
    send: async ({ tag, keys, holder, limit, period }, { number, want, least, keep, used, back }) => {
      const kind = limit.kind === 'budget' || limit.kind === 'concurrency' ? limit.kind : 'rate'
      const amounts = [want, least, keep, used, back]
      const operation = [holder, number, leaseMs, rememberedMs(limit), kind]
      const args = [clock(), ...operation, ...limitArgs(limit, period), ...amounts]
      const integers = await together.run({ tag, keys, args })
      const [status = 0, granted = 0, remaining = 0, resetMs = 0, waitMs = 0, why = 0, redisMs = 0] = integers
      aheadMs = redisMs - wallMs()
      if (status === -1) return { is: 'stale' }
      if (status === -2) return { is: 'period' }
      return { is: status === 0 ? 'refused' : 'done', granted, remaining, resetMs, refusal: { why: reasons[why] ?? 'rate', waitMs } }
    },
    get roundTrips() {
      return together.sent
    },
  }
}

/** By their number in the answer of the script. */
const reasons: readonly Refused['why'][] = ['rate', 'rate', 'concurrency', 'held', 'spent']
