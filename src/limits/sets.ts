import { RelayError } from '../base/errors.ts'
import type { Limit } from '../base/limit.ts'
import { appliesTo, bucketKey, bucketTag } from './bucket.ts'
import { Word, type Cells } from './cells.ts'
import type { Clock } from './clock.ts'
import type { Subject } from './limiter.ts'
import { windowOf } from './memory/gcra.ts'
import { periodAt } from './period.ts'
import { setCache } from './set-cache.ts'
import { slotNames } from './slot-names.ts'
import type { Bucket, LimitSet } from './store.ts'

/**
 * Finds the buckets of a call. A set is for a take that follows at once: who has waited since (in a queue) binds anew, as control may
 * have given an idle slot to another key in the meantime.
 */
export interface Sets {
  /** The set of this subject; a promise where control has to be asked for slots. Rejects (`overloaded`) where it has no room left. */
  bind(subject: Subject, limits: readonly Limit[]): LimitSet | Promise<LimitSet>
  /** Forgets every slot: control is about to give some to other keys. */
  forget(): void
}

/** What `bind` needs. */
export interface SetsOptions {
  readonly cells: Cells
  readonly clock: Clock
  /** The slots of keys in their order, -1 where there is no room. Has to end within a bound. */
  readonly askSlots: (keys: readonly string[]) => Promise<readonly number[]>
  /** Sets that are kept, roughly. */
  readonly most?: number
}

/** The sets of a worker. */
export function limitSets({ cells, clock, askSlots, most = 20_000 }: SetsOptions): Sets {
  const cache = setCache(most)
  const names = slotNames(askSlots, most * 4)

  function setOf(drafts: readonly Draft[], slots: readonly number[]): LimitSet {
    const buckets = drafts.map(({ limit, key, tag, endMs }, at): Bucket => {
      const slot = slots[at] ?? -1
      if (slot < 0) throw new RelayError('overloaded', `no room to count another ${limit.name}`, { retryAfterMs: 1000 })
      // For control, which frees the cells of budgets whose period is over.
      if (endMs !== Infinity && cells.read(slot, Word.endsAt) !== endMs) cells.write(slot, Word.endsAt, endMs)
      // For calls that still go by what the limit was.
      const window = windowOf(limit)
      if (window !== 0 && cells.read(slot, Word.window) !== window) cells.write(slot, Word.window, window)
      return { limit, key, tag, slot }
    })
    return { buckets, validUntil: Math.min(Infinity, ...drafts.map(({ endMs }) => endMs)) }
  }

  function keep(subject: Subject, limits: readonly Limit[], set: LimitSet): LimitSet {
    cache.put(subject, limits, set)
    return set
  }

  return {
    bind: (subject, limits) => {
      const known = cache.get(subject, limits)
      if (known !== undefined && (known.validUntil === Infinity || clock.wallMs() < known.validUntil)) return known
      const drafts = draftsOf(subject, limits, clock.wallMs())
      const slots = names.find(drafts.map(({ key }) => key))
      if (!(slots instanceof Promise)) return keep(subject, limits, setOf(drafts, slots))
      return slots.then((slots) => keep(subject, limits, setOf(drafts, slots)))
    },
    forget: () => {
      cache.clear()
      names.forget()
    },
  }
}

/** A bucket that has no slot yet. */
interface Draft extends Omit<Bucket, 'slot'> {
  /** When its period ends, wall clock ms; Infinity: it has none. */
  readonly endMs: number
}

function draftsOf(subject: Subject, limits: readonly Limit[], wallMs: number): readonly Draft[] {
  return limits
    .filter((limit) => appliesTo(limit, subject))
    .map((limit) => ({
      limit,
      key: bucketKey(limit, subject, wallMs),
      tag: bucketTag(limit, subject),
      endMs: limit.kind === 'budget' ? periodAt(limit, wallMs).endMs : Infinity,
    }))
}
