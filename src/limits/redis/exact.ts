import { RelayError } from '../../base/errors.ts'
import type { RedisClient } from '../../base/redis.ts'
import type { Bucket, LimitSet, LimitStore, Reading, Refused, Verdict } from '../store.ts'
import { RedisBuckets, type RedisBucketsOptions, type TakeAnswer } from './buckets.ts'
import { type Denials, denials } from './denials.ts'
import { type Group, groupsOf, wantsOf } from './groups.ts'
import { type Kept, kept } from './kept.ts'
import { type Readings, readings } from './readings.ts'
import { type Renewals, renewals } from './renewals.ts'
import { Settles } from './settles.ts'
import type { Taking } from './taking.ts'

/** What the exact store has done so far. */
export interface ExactCounts {
  /** Scripts sent. */
  readonly roundTrips: number
  /** Takes that no answer came of, and renewals that failed. */
  readonly errors: number
  /** Refusals that asked nobody. */
  readonly localRefusals: number
  /** Ends of calls that wait for Redis. */
  readonly waitingSettles: number
  /** Ends of calls that were given up. */
  readonly lostSettles: number
}

export interface ExactOptions extends Partial<Omit<RedisBucketsOptions, 'client' | 'texts' | 'prefix'>> {
  readonly client: RedisClient
  readonly texts: RedisBucketsOptions['texts']
  readonly prefix: string
  readonly isCluster: boolean
  readonly renewEveryMs?: number
  /** Ends of calls that are kept while Redis is away. */
  readonly settlesMost?: number
  /** ms that only ever grow. */
  readonly nowMs?: () => number
}

/** The store of exact limits. `away` where Redis could not say: the limit's policy is for others to apply. */
export function exactStore(options: ExactOptions): ExactStore {
  return new ExactStore(options)
}

const openMost = 100_000
const attemptsMost = 10_000
// Of a take on one node: the second by the clock of Redis, the third by another name.
const turns = 3

/**
 * A round trip a call: one script takes from all buckets, in a Cluster one for each tag, the earlier undone when a later one refuses. Ends
 * of calls are sent without waiting. A take whose answer was lost is undone, whether it came or not.
 */
export class ExactStore implements LimitStore {
  readonly #client: RedisClient
  readonly #isCluster: boolean
  readonly #buckets: RedisBuckets
  readonly #denials: Denials
  readonly #readings: Readings
  readonly #renewals: Renewals
  readonly #settles: Settles
  readonly #open: Kept<readonly Taking[]> = kept(openMost)
  // A call that was undone and asks again needs another name: Redis remembers its end.
  readonly #attempts: Kept<number> = kept(attemptsMost)
  #errors = 0
  #localRefusals = 0

  constructor(options: ExactOptions) {
    const { client, isCluster, leaseMs = 60_000, rememberMs = 120_000, wallMs = Date.now } = options
    const { renewEveryMs = 10_000, settlesMost = 10_000, nowMs = () => performance.now() } = options
    const buckets = new RedisBuckets({ ...options, leaseMs, rememberMs, wallMs })
    const isAway = () => client.isAway
    this.#client = client
    this.#isCluster = isCluster
    this.#buckets = buckets
    this.#denials = denials({ nowMs })
    this.#readings = readings({ nowMs })
    this.#renewals = renewals({ buckets, isAway, isCluster, everyMs: renewEveryMs, onError: () => (this.#errors += 1) })
    this.#settles = new Settles({
      send: async ({ taking, used, how }) => buckets.settle(taking, used, how),
      isAway,
      most: settlesMost,
      // Well before Redis forgets the first one.
      repeatableMs: rememberMs * 0.75,
      nowMs,
    })
    client.onChange((away) => {
      if (!away) this.#settles.drain()
    })
  }

  get counts(): ExactCounts {
    return {
      roundTrips: this.#buckets.trips,
      errors: this.#errors,
      localRefusals: this.#localRefusals,
      waitingSettles: this.#settles.waiting,
      lostSettles: this.#settles.lost,
    }
  }

  take(call: string, set: LimitSet, amounts: readonly number[]): Verdict | Promise<Verdict> {
    if (set.buckets.length === 0) return { is: 'taken', over: [] }
    const known = this.#denials.find(set, amounts)
    if (known !== null) {
      this.#localRefusals += 1
      return known
    }
    return this.#client.isAway ? { is: 'away', at: 0 } : this.#takeAll(call, set, amounts)
  }

  settle(call: string, set: LimitSet, taken: readonly number[], used: readonly number[]): void {
    const takings = this.#open.get(call)
    if (takings === undefined) return
    this.#open.delete(call)
    // What was given back or is owed now makes another answer of what was refused before.
    const moved = set.buckets.filter(({ limit }, at) => isHeld(limit.kind) || used[at] !== taken[at])
    this.#denials.forget(moved.map(({ key }) => key))
    for (const [at, { members }] of groupsOf(set, this.#isCluster).entries()) {
      const taking = takings[at]
      if (taking === undefined) continue
      this.#renewals.delete(taking)
      this.#settles.add({ taking, used: members.map(({ place }) => used[place] ?? 0), how: 'settle' })
    }
  }

  reading(bucket: Bucket): Reading {
    return this.#readings.of(bucket)
  }

  /** Renews what open calls hold, now. */
  async renew(): Promise<void> {
    await this.#renewals.renew()
  }

  /** Sends what still waits, within a second. */
  async close(): Promise<void> {
    this.#renewals.close()
    await this.#settles.close(1000)
  }

  async #takeAll(call: string, set: LimitSet, amounts: readonly number[]): Promise<Verdict> {
    const taken: Taking[] = []
    const over: number[] = []
    for (const group of groupsOf(set, this.#isCluster)) {
      const answer = await this.#takeGroup(call, group, amounts)
      if (answer.is !== 'taken') {
        this.#undo(call, answer.is === 'lost' ? [...taken, answer.taking] : taken)
        return this.#refusal(answer, group)
      }
      this.#readings.note(answer.taking.parts)
      taken.push(answer.taking)
      for (const [at, { place }] of group.members.entries()) if (answer.taking.parts[at]?.isOver === true) over.push(place)
    }
    this.#denials.forget(set.buckets.map(({ key }) => key))
    this.#open.set(call, taken)
    for (const taking of taken) this.#renewals.add(taking)
    return { is: 'taken', over: over.sort((a, b) => a - b) }
  }

  /** Takes on one node; again when Redis is in another period than this clock says, or has seen a call of this name end. */
  async #takeGroup(call: string, group: Group, amounts: readonly number[]): Promise<TakeAnswer | Lost> {
    const wants = wantsOf(group, amounts)
    for (let turn = 1; ; turn += 1) {
      const taking = this.#buckets.prepare(this.#nameOf(call), wants)
      try {
        const answer = await this.#buckets.take(taking)
        if (turn === turns || (answer.is !== 'period' && answer.is !== 'ended')) return answer
        if (answer.is === 'ended') this.#rename(call)
      } catch (error) {
        // A client that knew that Redis is away has sent nothing.
        return error instanceof RelayError && error.failure === 'unavailable' ? { is: 'unsent' } : { is: 'lost', taking }
      }
    }
  }

  /** What Redis knows the call as. */
  #nameOf(call: string): string {
    const attempt = this.#attempts.get(call)
    return attempt === undefined ? call : `${call}~${attempt}`
  }

  #rename(call: string): void {
    this.#attempts.set(call, (this.#attempts.get(call) ?? 0) + 1)
  }

  /** Whether they came is not always known: then the undo waits for them there. */
  #undo(call: string, takings: readonly Taking[]): void {
    if (takings.length > 0) this.#rename(call)
    for (const taking of takings) this.#settles.add({ taking, used: [], how: 'undo' })
  }

  #refusal(answer: Exclude<TakeAnswer, { is: 'taken' }> | Lost, { members }: Group): Verdict {
    if (answer.is !== 'refused') {
      this.#errors += 1
      return { is: 'away', at: members[0]?.place ?? 0 }
    }
    this.#readings.note(answer.taking.parts)
    this.#denials.note(answer.taking.parts)
    const part = answer.taking.parts[answer.at]
    const why: Refused['why'] = part === undefined || part.why === 'fits' ? 'rate' : part.why
    return { is: 'refused', at: members[answer.at]?.place ?? 0, why, retryAfterMs: part?.waitMs ?? 0 }
  }
}

/** No answer came: it may have been taken or not. */
type Lost = { readonly is: 'lost'; readonly taking: Taking } | { readonly is: 'unsent' }

/** Room comes free with any call that ends. */
function isHeld(kind: Bucket['limit']['kind']): boolean {
  return kind === 'concurrency' || kind === 'budget'
}
