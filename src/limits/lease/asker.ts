import type { Bucket } from '../store.ts'
import type { AskLeases, LeaseOutcome, LeaseWish } from './wish.ts'

/** Asks control for more of leased buckets: what a turn of the event loop needs in one question, and one question at a time per slot. */
export interface LeaseAsker {
  /** Waits for so much; `away` where no answer comes in time. */
  more(bucket: Bucket, amount: number): Promise<LeaseOutcome>
  /** Asks ahead of need, unless a question is under way; `isAlong`: long before it is needed, as others are asked for anyway. */
  ahead(bucket: Bucket, isAlong: boolean): void
  /** Questions asked so far. */
  readonly questions: number
}

interface Waiter {
  readonly wish: LeaseWish
  readonly answered: (outcome: LeaseOutcome) => void
}

/** Wishes of one slot in one question; what is beyond waits for the next. */
const mostWishes = 64

/** An asker whose waits end after `timeoutMs`. */
export function leaseAsker(ask: AskLeases, timeoutMs: number): LeaseAsker {
  const waiting = new Map<number, Waiter[]>()
  const asking = new Set<number>()
  let isDue = false
  let questions = 0

  function add(wish: LeaseWish, answered: Waiter['answered']): void {
    const known = waiting.get(wish.slot)
    if (known === undefined) waiting.set(wish.slot, [{ wish, answered }])
    else known.push({ wish, answered })
    later()
  }

  function later(): void {
    if (isDue) return
    isDue = true
    queueMicrotask(() => {
      isDue = false
      // A failure of the question is each waiter's `away`.
      void send()
    })
  }

  async function send(): Promise<void> {
    const batch = nextBatch(waiting, asking)
    if (batch.length === 0) return
    questions += 1
    const outcomes = await inTime(ask(batch.map(({ wish }) => wish)), timeoutMs)
    for (const { wish } of batch) asking.delete(wish.slot)
    for (const [at, { answered }] of batch.entries()) answered(outcomes?.[at] ?? away)
    if (waiting.size > 0) later()
  }

  return {
    more: async (bucket, amount) => {
      const { promise, resolve } = Promise.withResolvers<LeaseOutcome>()
      add(wishOf(bucket, amount, false), resolve)
      return promise
    },
    ahead: (bucket, isAlong) => {
      if (!asking.has(bucket.slot) && !waiting.has(bucket.slot)) add(wishOf(bucket, 0, isAlong), ignore)
    },
    get questions() {
      return questions
    },
  }
}

/** The first wishes of all slots that no question is under way for; it is, from now on. */
function nextBatch(waiting: Map<number, Waiter[]>, asking: Set<number>): readonly Waiter[] {
  const batch: Waiter[] = []
  for (const [slot, waiters] of waiting) {
    if (asking.has(slot)) continue
    asking.add(slot)
    batch.push(...waiters.splice(0, mostWishes))
    if (waiters.length === 0) waiting.delete(slot)
  }
  return batch
}

async function inTime(answer: Promise<readonly LeaseOutcome[]>, timeoutMs: number): Promise<readonly LeaseOutcome[] | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), timeoutMs)
  try {
    return await Promise.race([answer, late])
  } catch {
    // Control could not be asked: it is on its way out.
    return null
  } finally {
    clearTimeout(timer)
  }
}

const away: LeaseOutcome = { is: 'away' }

function ignore(): void {}

function wishOf({ slot, key, tag, limit }: Bucket, amount: number, isAlong: boolean): LeaseWish {
  return { slot, key, tag, limit, amount, isAlong }
}
