import type { Cells } from './cells.ts'
import { Word } from './cells.ts'
import type { Clock } from './clock.ts'
import { leaseAsker } from './lease/asker.ts'
import { deniedBy } from './lease/denial.ts'
import { leaseSpends } from './lease/spend.ts'
import type { AskLeases, LeaseOutcome } from './lease/wish.ts'
import { heldWaitMs } from './memory/kind.ts'
import type { MemoryStore } from './memory/memory-store.ts'
import type { Bucket, LimitSet, LimitStore, Refused, Verdict } from './store.ts'
import type { LimitShared } from './shared.ts'
import { amountsOf, type Part, type Ways } from './ways.ts'
import { withoutRedis, type Passed } from './without-redis.ts'

/** Takes and settles over several ways, all or nothing. What was taken one way is settled the same way, whatever happens in between. */
export interface LimitAttempts extends Pick<LimitStore, 'take' | 'settle'> {
  readonly counts: LimiterCounts
}

/** What a worker's limiter has done so far. */
export interface LimiterCounts {
  /** Refusals of leased limits that nobody was asked for. */
  readonly localRefusals: number
  /** Questions to control for more of leased buckets. */
  readonly questions: number
  /** Buckets that were decided by their policy while Redis was away. */
  readonly withoutRedis: number
  /** Calls that have yet to settle. */
  readonly open: number
}

export interface LimitAttemptsOptions {
  readonly cells: Cells
  readonly clock: Clock
  readonly shared: LimitShared
  readonly memory: MemoryStore
  /** The same memory, with limits divided by the live nodes. */
  readonly local: MemoryStore
  readonly exact: Pick<LimitStore, 'take' | 'settle'>
  readonly ask: AskLeases
  /** ms that a call waits for control, at most. */
  readonly waitMs: number
  readonly waysOf: (set: LimitSet) => Ways
}

/** How a bucket was taken. */
type Spent = 'not' | 'memory' | 'leased' | 'exact' | Passed

/** A take under way, and then the call that has yet to settle. */
interface Attempt {
  readonly call: string
  readonly buckets: readonly Bucket[]
  readonly amounts: readonly number[]
  readonly ways: Ways
  readonly spent: Spent[]
}

/** What the call is told in place of `taken`. */
type Stopped = Exclude<Verdict, { is: 'taken' }>

/** Times that a call asks again when others took what was leased for it. */
const turns = 3
/** How exactly it is kept when a cell was used: leases look at it. */
const usedAtStepUs = 100_000

/** The attempts of a worker. */
export function limitAttempts(options: LimitAttemptsOptions): LimitAttempts {
  const { cells, clock, shared, memory, exact, waysOf } = options
  const spends = leaseSpends(cells)
  const asker = leaseAsker(options.ask, options.waitMs)
  const away = withoutRedis(options.local, cells, spends)
  // As many as there are calls under way: each of them settles.
  const open = new Map<string, Attempt>()
  let localRefusals = 0
  let decidedAway = 0

  function takeMemory({ call, ways: { memory: part }, amounts, spent }: Attempt): Stopped | null {
    if (part.places.length === 0) return null
    const verdict = memory.take(call, part.set, amountsOf(part, amounts))
    if (verdict.is !== 'taken') return { ...verdict, at: part.places[verdict.at] ?? 0 }
    mark(spent, part, { as: 'memory', over: verdict.over })
    return null
  }

  /** Spends what the process holds; the places that it does not suffice for are put into `missing`. */
  function takeLeased(attempt: Attempt, missing: number[]): Stopped | null {
    const now = clock.us()
    const isValid = now < shared.leasesUntil
    let stopped: Stopped | null = null
    for (const at of attempt.ways.leased) {
      const { bucket, amount } = partAt(attempt, at)
      if (now - cells.read(bucket.slot, Word.usedAt) > usedAtStepUs) cells.write(bucket.slot, Word.usedAt, now)
      if ((isValid || amount === 0) && spend(attempt, at)) continue
      const denied = shared.isAway ? null : deniedBy(cells, bucket, { amount, clock })
      if (denied === null) missing.push(at)
      else if (bucket.limit.dryRun) attempt.spent[at] = 'over'
      else stopped = longer(stopped, { is: 'refused', at, why: denied.why, retryAfterMs: denied.waitMs })
    }
    if (stopped !== null) localRefusals += 1
    return stopped
  }

  function spend(attempt: Attempt, at: number): boolean {
    const { bucket, amount } = partAt(attempt, at)
    const { slot } = bucket
    const its = spends[bucket.limit.kind]
    if (!its.take(slot, amount)) return false
    attempt.spent[at] = 'leased'
    if (!shared.isAway && its.isLow(slot, amount) && clock.us() >= cells.read(slot, Word.deniedUntil)) asker.ahead(bucket)
    return true
  }

  function takeAway(attempt: Attempt, places: readonly number[]): Stopped | null {
    for (const at of places) {
      const { bucket, amount } = partAt(attempt, at)
      const passed = away.take(attempt.call, bucket, amount)
      decidedAway += 1
      if (typeof passed !== 'string') return { ...passed, at }
      attempt.spent[at] = passed
    }
    return null
  }

  /** Waits for what the process does not hold. */
  async function askFor(attempt: Attempt, places: readonly number[]): Promise<Stopped | null> {
    let missing = places
    for (let turn = 0; turn < turns && missing.length > 0; turn += 1) {
      const outcomes = await Promise.all(missing.map(async (at) => asker.more(partAt(attempt, at).bucket, partAt(attempt, at).amount)))
      const asked = missing.map((at, place) => ({ at, outcome: outcomes[place] ?? { is: 'away' as const } }))
      const stopped = takeAsked(attempt, asked)
      if (stopped !== null) return stopped
      missing = asked.filter(({ at }) => attempt.spent[at] === 'not').map(({ at }) => at)
    }
    const [at] = missing
    return at === undefined ? null : busy(at, partAt(attempt, at).bucket)
  }

  function takeAsked(attempt: Attempt, asked: readonly { readonly at: number; readonly outcome: LeaseOutcome }[]): Stopped | null {
    let stopped: Stopped | null = null
    const unanswered: number[] = []
    for (const { at, outcome } of asked) {
      if (outcome.is === 'away') unanswered.push(at)
      else if (outcome.is === 'leased') spend(attempt, at)
      else if (partAt(attempt, at).bucket.limit.dryRun) attempt.spent[at] = 'over'
      else stopped = longer(stopped, { is: 'refused', at, why: outcome.why, retryAfterMs: outcome.retryAfterMs })
    }
    return stopped ?? takeAway(attempt, unanswered)
  }

  function takeExact(attempt: Attempt): Verdict | Promise<Verdict> {
    const { exact: part } = attempt.ways
    if (part.places.length === 0) return finish(attempt, null)
    const verdict = exact.take(attempt.call, part.set, amountsOf(part, attempt.amounts))
    return verdict instanceof Promise ? verdict.then((verdict) => exactTaken(attempt, verdict)) : exactTaken(attempt, verdict)
  }

  function exactTaken(attempt: Attempt, verdict: Verdict): Verdict {
    const { exact: part } = attempt.ways
    if (verdict.is === 'away') return finish(attempt, takeAway(attempt, part.places))
    if (verdict.is === 'refused') return finish(attempt, { ...verdict, at: part.places[verdict.at] ?? 0 })
    mark(attempt.spent, part, { as: 'exact', over: verdict.over })
    return finish(attempt, null)
  }

  function finish(attempt: Attempt, stopped: Stopped | null): Verdict {
    if (stopped !== null) {
      release(attempt, attempt.amounts, null)
      return stopped
    }
    open.set(attempt.call, attempt)
    return takenBy(attempt)
  }

  /** Settles what was taken; `used` null: it was taken for nothing, as another bucket refused. */
  function release(attempt: Attempt, taken: readonly number[], used: readonly number[] | null): void {
    const { call, ways, spent } = attempt
    if (ways.memory.places.some((at) => spent[at] !== 'not')) memory.settle(call, ways.memory.set, ...settledOf(ways.memory, taken, used))
    if (ways.exact.places.some((at) => spent[at] === 'exact')) exact.settle(call, ways.exact.set, ...settledOf(ways.exact, taken, used))
    for (const [at, how] of spent.entries()) {
      const { bucket } = partAt(attempt, at)
      const amounts = { taken: taken[at] ?? 0, used: used?.[at] ?? 0 }
      if (how === 'leased') spends[bucket.limit.kind].settle(bucket.slot, amounts.taken, amounts.used)
      else if (how === 'local' || how === 'open') settleAway(call, bucket, { passed: how, ...amounts })
    }
  }

  function settleAway(call: string, bucket: Bucket, how: Parameters<typeof away.settle>[2]): void {
    away.settle(call, bucket, how)
    // Money that was spent without Redis is told when it is back: control has to know of the bucket for that.
    if (bucket.limit.kind === 'budget' && how.used > 0) asker.ahead(bucket)
  }

  return {
    take: (call, set, amounts) => {
      const ways = waysOf(set)
      if (ways.isMemory) return memory.take(call, set, amounts)
      const before = open.get(call)
      if (before !== undefined) return takenBy(before)
      const attempt: Attempt = { call, buckets: set.buckets, amounts, ways, spent: set.buckets.map(() => 'not') }
      const missing: number[] = []
      const stopped = takeMemory(attempt) ?? takeLeased(attempt, missing) ?? (shared.isAway ? takeAway(attempt, missing.splice(0)) : null)
      if (stopped !== null) return finish(attempt, stopped)
      if (missing.length === 0) return takeExact(attempt)
      return askFor(attempt, missing).then((stopped) => (stopped === null ? takeExact(attempt) : finish(attempt, stopped)))
    },
    settle: (call, set, taken, used) => {
      if (waysOf(set).isMemory) return memory.settle(call, set, taken, used)
      const attempt = open.get(call)
      if (attempt === undefined) return
      open.delete(call)
      release(attempt, taken, used)
    },
    counts: {
      get localRefusals() {
        return localRefusals
      },
      get questions() {
        return asker.questions
      },
      get withoutRedis() {
        return decidedAway
      },
      get open() {
        return open.size
      },
    },
  }
}

function partAt({ buckets, amounts }: Attempt, at: number): { readonly bucket: Bucket; readonly amount: number } {
  // The places of a set are those of its buckets.
  return { bucket: buckets[at]!, amount: amounts[at] ?? 0 }
}

function mark(spent: Spent[], { places }: Part, { as, over }: { readonly as: Spent; readonly over: readonly number[] }): void {
  for (const [place, at] of places.entries()) spent[at] = over.includes(place) ? 'over' : as
}

function settledOf(part: Part, taken: readonly number[], used: readonly number[] | null): [readonly number[], readonly number[]] {
  return [amountsOf(part, taken), used === null ? part.places.map(() => 0) : amountsOf(part, used)]
}

function takenBy({ spent }: Attempt): Verdict {
  return { is: 'taken', over: spent.flatMap((how, at) => (how === 'over' ? [at] : [])) }
}

function longer(known: Stopped | null, next: Refused): Stopped {
  if (known?.is !== 'refused') return next
  const [before, after] = [known.retryAfterMs, next.retryAfterMs].map((ms) => (ms < 0 ? Infinity : ms))
  return (after ?? 0) > (before ?? 0) ? next : known
}

/** Others were faster, time and again: there is nearly nothing left. */
function busy(at: number, { limit }: Bucket): Refused {
  switch (limit.kind) {
    case 'concurrency':
      return { is: 'refused', at, why: 'concurrency', retryAfterMs: heldWaitMs }
    case 'budget':
      return { is: 'refused', at, why: 'held', retryAfterMs: heldWaitMs }
    case 'requests':
    case 'input_tokens':
    case 'output_tokens':
      return { is: 'refused', at, why: 'rate', retryAfterMs: 50 }
  }
}
