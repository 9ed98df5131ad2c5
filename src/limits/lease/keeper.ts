import type { RedisClient } from '../../base/redis.ts'
import type { Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import type { Script } from '../redis/scripts.ts'
import type { LimitShared } from '../shared.ts'
import { LeaseAccount } from './account.ts'
import type { LeaseTotals } from './account-parts.ts'
import { leaseBank, type LeaseBank } from './bank.ts'
import type { LeaseOutcome, LeaseWish } from './wish.ts'

/**
 * Control's part of leased limits: takes blocks from Redis on behalf of many calls, puts them into the cells that all workers spend from,
 * renews them, tells Redis what was spent, and hands back what nobody needs. What is in Redis and what is with processes never add up to
 * more than a limit, and what a process holds is its own only as long as Redis knows so.
 */
export interface LeaseKeeper {
  /** A worker's question; the outcomes come in the order of its wishes, within Redis's timeout or two. */
  answer(wishes: readonly LeaseWish[]): Promise<readonly LeaseOutcome[]>
  /** Looks after all leases; a timer does it as well. After a worker's death, once its column is zeroed: what it held is free. */
  look(): void
  /** Whether a lease stands in this slot: as long, it is no other key's. */
  holds(slot: number): boolean
  /** Hands everything back, within the time given. */
  close(timeoutMs: number): Promise<void>
  counts(): LeaseCounts
}

/** What the keeper has done so far, and how Redis is. */
export interface LeaseCounts {
  /** Scripts sent. */
  readonly roundTrips: number
  /** Blocks taken for calls. */
  readonly leases: number
  /** In the units of each limit, all together. */
  readonly handedBack: number
  /** Leases that lapsed before they could be renewed. */
  readonly lapsed: number
  /** Operations that no answer came to. */
  readonly errors: number
  readonly timesAway: number
  readonly isAway: boolean
}

export interface LeaseKeeperOptions {
  readonly client: RedisClient
  /** `lua/lease.lua` on this client. */
  readonly script: Script
  readonly cells: Cells
  readonly shared: LimitShared
  readonly clock: Clock
  /** First part of every key. */
  readonly prefix: string
  /** Unique to this run of this process. */
  readonly process: string
  readonly leaseMs?: number
  readonly renewMs?: number
  /** ms between two looks; null: nobody looks but the caller. */
  readonly everyMs?: number | null
  /** Tests alone: µs since 1970 in place of Redis's clock. */
  readonly callerUs?: () => number
}

/** A keeper of leases. */
export function leaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { client, shared, everyMs = 200 } = options
  const { accounts, accountOf, extend, totals, bank } = accountsOf(options)
  let timesAway = client.isAway ? 1 : 0
  let isClosed = false

  function look(): void {
    for (const [slot, account] of accounts) {
      account.look()
      if (account.isEmpty()) accounts.delete(slot)
    }
    extend()
  }

  shared.isAway = client.isAway
  extend()
  client.onChange((isAway) => {
    shared.isAway = isAway
    if (isAway) timesAway += 1
    else for (const account of accounts.values()) account.returned()
  })
  const timer = everyMs === null ? null : setInterval(look, everyMs)
  timer?.unref()

  return {
    answer: async (wishes) => {
      if (isClosed) return wishes.map(() => ({ is: 'away' }))
      return Promise.all(wishes.map(async (wish) => accountOf(wish).wish(wish)))
    },
    look,
    holds: (slot) => accounts.has(slot),
    close: async (timeoutMs) => {
      isClosed = true
      if (timer !== null) clearInterval(timer)
      await within(timeoutMs, Promise.all(Array.from(accounts.values(), async (account) => account.close())))
    },
    counts: () => ({ ...totals, roundTrips: bank.roundTrips, timesAway, isAway: client.isAway }),
  }
}

interface Accounts {
  /** By slot: no more than there are slots. */
  readonly accounts: Map<number, LeaseAccount>
  readonly accountOf: (wish: LeaseWish) => LeaseAccount
  /** Workers use no lease for longer than the first of them to lapse; one that has lapsed is taken out of its cell. */
  readonly extend: () => void
  readonly totals: LeaseTotals
  readonly bank: LeaseBank
}

function accountsOf(options: LeaseKeeperOptions): Accounts {
  const { cells, shared, clock, leaseMs = 60_000, renewMs = 10_000 } = options
  const bank = leaseBank({ ...options, leaseMs, wallMs: clock.wallMs })
  const accounts = new Map<number, LeaseAccount>()
  const totals: LeaseTotals = { leases: 0, handedBack: 0, lapsed: 0, errors: 0 }
  let number = 0
  const extend = (): void => {
    let until = clock.us() + leaseMs * 950
    for (const account of accounts.values()) until = Math.min(until, account.validUntil())
    shared.leasesUntil = until
  }
  // Between two looks the moment only ever needs to move when it is over: a lease that is new lasts for longer than all others.
  const granted = (): void => {
    if (shared.leasesUntil <= clock.us()) extend()
  }
  const parts = { bank, cells, clock, shared, leaseMs, renewMs, counts: totals, nextNumber: () => (number += 1), granted }
  const accountOf = ({ slot, key, tag, limit }: LeaseWish): LeaseAccount => {
    const known = accounts.get(slot)
    if (known?.key === key) {
      known.update(limit)
      return known
    }
    known?.abandon()
    const made = new LeaseAccount(parts, slot, { key, tag, limit })
    accounts.set(slot, made)
    return made
  }
  return { accounts, accountOf, extend, totals, bank }
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, timeoutMs)
  await Promise.race([work, late.promise])
  clearTimeout(timer)
}
