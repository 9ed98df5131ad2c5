import { Word, type Cells } from './cells.ts'
import type { Clock } from './clock.ts'
import type { LimitKind } from '../base/limit.ts'
import type { LeaseAsker } from './lease/asker.ts'
import { allow, deniedBy } from './lease/denial.ts'
import type { LeaseSpend } from './lease/spend.ts'
import type { LeaseOutcome } from './lease/wish.ts'
import type { MemoryStore } from './memory/memory-store.ts'
import { busy, longer, type Stopped } from './refusals.ts'
import type { LimitShared } from './shared.ts'
import type { Bucket, LimitSet, LimitStore, Verdict } from './store.ts'
import { amountsOf, type Part, type Ways } from './ways.ts'
import type { Passed, WithoutRedis } from './without-redis.ts'

/** What all attempts of a worker share. */
export interface AttemptParts {
  readonly cells: Cells
  readonly clock: Clock
  readonly shared: LimitShared
  readonly memory: Pick<MemoryStore, 'take' | 'settle'>
  readonly exact: Pick<LimitStore, 'take' | 'settle'>
  readonly spends: Readonly<Record<LimitKind, LeaseSpend>>
  readonly asker: LeaseAsker
  readonly away: WithoutRedis
  readonly counts: { localRefusals: number; withoutRedis: number }
}

/** How a bucket was taken. */
type Spent = 'not' | 'memory' | 'leased' | 'exact' | Passed

/** What a call is limited by. */
export interface Asked {
  readonly call: string
  readonly set: LimitSet
  readonly ways: Ways
  readonly amounts: readonly number[]
}

/** Times that a call asks again when others took what was leased for it. */
const turns = 3
/** How exactly it is kept when a cell was used: leases look at it. */
const usedAtStepUs = 100_000

/**
 * A call's take over several ways, all or nothing: what costs nothing to give back is taken first, Redis is asked last. What was taken
 * one way is settled the same way, whatever happens in between.
 */
export class Attempt {
  private readonly parts: AttemptParts
  private readonly asked: Asked
  private readonly spent: Spent[]

  constructor(parts: AttemptParts, asked: Asked) {
    this.parts = parts
    this.asked = asked
    this.spent = asked.set.buckets.map(() => 'not')
  }

  /** Takes all, or nothing; at once where nobody has to be asked. */
  take(): Verdict | Promise<Verdict> {
    const missing: number[] = []
    const stopped = this.takeMemory() ?? this.takeLeased(missing)
    if (stopped !== null) return this.stop(stopped)
    return missing.length === 0 ? this.takeExact() : this.takeAsking(missing)
  }

  /** What the call was told when it took. */
  verdict(): Verdict {
    return { is: 'taken', over: this.spent.flatMap((how, at) => (how === 'over' ? [at] : [])) }
  }

  /** The call's end: each bucket in the way that it was taken. */
  settle(taken: readonly number[], used: readonly number[]): void {
    const { memory, exact } = this.parts
    const { call, ways } = this.asked
    const wasTaken = (part: Part, how: Spent): boolean => part.places.some((at) => this.spent[at] === how || this.spent[at] === 'over')
    if (wasTaken(ways.memory, 'memory')) memory.settle(call, ways.memory.set, amountsOf(ways.memory, taken), amountsOf(ways.memory, used))
    if (wasTaken(ways.exact, 'exact')) exact.settle(call, ways.exact.set, amountsOf(ways.exact, taken), amountsOf(ways.exact, used))
    for (const [at, how] of this.spent.entries()) {
      const { bucket } = this.at(at)
      const amounts = { taken: taken[at] ?? 0, used: used[at] ?? 0 }
      if (how === 'leased') this.settleLeased(bucket, amounts)
      else if (how === 'local' || how === 'open') this.settleAway(bucket, { passed: how, ...amounts })
    }
  }

  private takeMemory(): Stopped | null {
    const { call, ways, amounts } = this.asked
    if (ways.memory.places.length === 0) return null
    const verdict = this.parts.memory.take(call, ways.memory.set, amountsOf(ways.memory, amounts))
    if (verdict.is !== 'taken') return { ...verdict, at: ways.memory.places[verdict.at] ?? 0 }
    this.mark(ways.memory, { as: 'memory', over: verdict.over })
    return null
  }

  /** Spends what the process holds; the places that it does not suffice for are put into `missing`. */
  private takeLeased(missing: number[]): Stopped | null {
    const { cells, clock, shared, counts } = this.parts
    const now = clock.us()
    const isValid = now < shared.leasesUntil
    let stopped: Stopped | null = null
    let isLow = false
    for (const at of this.asked.ways.leased) {
      const { bucket, amount } = this.at(at)
      if (now - cells.read(bucket.slot, Word.usedAt) > usedAtStepUs) cells.write(bucket.slot, Word.usedAt, now)
      if ((isValid || amount === 0) && this.spend(at)) {
        isLow ||= this.isLow(at)
        continue
      }
      const denied = shared.isAway ? null : deniedBy(cells, bucket, { amount, clock })
      if (denied === null) missing.push(at)
      else if (bucket.limit.dryRun) this.spent[at] = 'over'
      else stopped = longer(stopped, { is: 'refused', at, why: denied.why, retryAfterMs: denied.waitMs })
    }
    if (stopped !== null) counts.localRefusals += 1
    else if (shared.isAway) return this.takeAway(missing.splice(0))
    else if (isLow || missing.length > 0) this.askAhead()
    return stopped
  }

  private spend(at: number): boolean {
    const { bucket, amount } = this.at(at)
    if (!this.parts.spends[bucket.limit.kind].take(bucket.slot, amount)) return false
    this.spent[at] = 'leased'
    return true
  }

  /** Whether what is left is to be topped up before it is needed. */
  private isLow(at: number): boolean {
    const { cells, clock, spends } = this.parts
    const { bucket, amount } = this.at(at)
    return spends[bucket.limit.kind].isLow(bucket.slot, amount) && clock.us() >= cells.read(bucket.slot, Word.deniedUntil)
  }

  /** What is asked for one bucket costs nothing more for the others: those that will be low soon go along. */
  private askAhead(): void {
    const { cells, clock, spends, asker } = this.parts
    for (const at of this.asked.ways.leased) {
      const { bucket, amount } = this.at(at)
      if (this.spent[at] !== 'leased' || clock.us() < cells.read(bucket.slot, Word.deniedUntil)) continue
      const its = spends[bucket.limit.kind]
      if (its.isLow(bucket.slot, amount)) asker.ahead(bucket, false)
      else if (its.isLowSoon(bucket.slot)) asker.ahead(bucket, true)
    }
  }

  private takeAway(places: readonly number[]): Stopped | null {
    const { away, counts } = this.parts
    for (const at of places) {
      const { bucket, amount } = this.at(at)
      const passed = away.take(this.asked.call, bucket, amount)
      counts.withoutRedis += 1
      if (typeof passed !== 'string') return { ...passed, at }
      this.spent[at] = passed
    }
    return null
  }

  private async takeAsking(missing: readonly number[]): Promise<Verdict> {
    const stopped = await this.ask(missing)
    return stopped === null ? this.takeExact() : this.stop(stopped)
  }

  /** Waits for what the process does not hold. */
  private async ask(places: readonly number[]): Promise<Stopped | null> {
    let missing = places
    for (let turn = 0; turn < turns && missing.length > 0; turn += 1) {
      const answers = missing.map(async (at) => ({ at, outcome: await this.parts.asker.more(this.at(at).bucket, this.at(at).amount) }))
      const stopped = this.takeAsked(await Promise.all(answers))
      if (stopped !== null) return stopped
      missing = missing.filter((at) => this.spent[at] === 'not')
    }
    const [at] = missing
    return at === undefined ? null : busy(at, this.at(at).bucket)
  }

  private takeAsked(answers: readonly { readonly at: number; readonly outcome: LeaseOutcome }[]): Stopped | null {
    let stopped: Stopped | null = null
    const unanswered: number[] = []
    let isLow = false
    for (const { at, outcome } of answers) {
      if (outcome.is === 'away') unanswered.push(at)
      else if (outcome.is === 'leased') isLow = (this.spend(at) && this.isLow(at)) || isLow
      else if (this.at(at).bucket.limit.dryRun) this.spent[at] = 'over'
      else stopped = longer(stopped, { is: 'refused', at, why: outcome.why, retryAfterMs: outcome.retryAfterMs })
    }
    if (stopped === null && isLow && !this.parts.shared.isAway) this.askAhead()
    return stopped ?? this.takeAway(unanswered)
  }

  private takeExact(): Verdict | Promise<Verdict> {
    const { call, ways, amounts } = this.asked
    if (ways.exact.places.length === 0) return this.verdict()
    const verdict = this.parts.exact.take(call, ways.exact.set, amountsOf(ways.exact, amounts))
    return verdict instanceof Promise ? verdict.then((verdict) => this.exactTaken(verdict)) : this.exactTaken(verdict)
  }

  private exactTaken(verdict: Verdict): Verdict {
    const { exact: part } = this.asked.ways
    if (verdict.is === 'refused') return this.stop({ ...verdict, at: part.places[verdict.at] ?? 0 })
    if (verdict.is === 'taken') this.mark(part, { as: 'exact', over: verdict.over })
    const stopped = verdict.is === 'away' ? this.takeAway(part.places) : null
    return stopped === null ? this.verdict() : this.stop(stopped)
  }

  /** Gives back what was taken for nothing. */
  private stop(stopped: Stopped): Stopped {
    const taken = this.asked.amounts.map((amount, at) => (this.spent[at] === 'over' ? 0 : amount))
    const none = taken.map(() => 0)
    this.settle(taken, none)
    return stopped
  }

  private settleLeased({ slot, limit }: Bucket, { taken, used }: { readonly taken: number; readonly used: number }): void {
    this.parts.spends[limit.kind].settle(slot, taken, used)
    // Money that comes back may be enough for a call that was denied.
    if (limit.kind === 'budget' && used < taken) allow(this.parts.cells, slot)
  }

  private settleAway(bucket: Bucket, how: Parameters<WithoutRedis['settle']>[2]): void {
    this.parts.away.settle(this.asked.call, bucket, how)
    // Money that was spent without Redis is told when it is back: control has to know of the bucket for that.
    if (bucket.limit.kind === 'budget' && how.used > 0) this.parts.asker.ahead(bucket, false)
  }

  private mark({ places }: Part, { as, over }: { readonly as: Spent; readonly over: readonly number[] }): void {
    for (const [place, at] of places.entries()) this.spent[at] = over.includes(place) ? 'over' : as
  }

  private at(at: number): { readonly bucket: Bucket; readonly amount: number } {
    const bucket = this.asked.set.buckets[at]
    if (bucket === undefined) throw new RangeError(`the call has no bucket ${at}`)
    return { bucket, amount: this.asked.amounts[at] ?? 0 }
  }
}
