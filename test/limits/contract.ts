import type { Test } from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import type { LimitSet, LimitStore, Verdict } from '../../src/limits/store.ts'
import { agreesWithModel } from './property.ts'
import { overOf, pass, type MakeStore, type StoreWorld } from './store-world.ts'
import { budget, permits, rate, testClock, type TestClock } from './world.ts'

export type { MakeStore } from './store-world.ts'

/** What holds for every store. Tokens take whole seconds here, so that a store whose keys expire by a real clock can keep up. */
export function storeContract(t: Test, name: string, make: MakeStore, { isExact = true }: { readonly isExact?: boolean } = {}): void {
  const test = (says: string, body: (t: Test, world: World) => Promise<void>, startMs?: number): void => {
    void t.test(`${name}: ${says}`, async (t) => {
      const clock = testClock(startMs)
      const made = await make(clock)
      t.teardown(async () => made.close())
      await body(t, worldOf(made, clock))
    })
  }

  test('a bucket gives its burst, then refuses until the ms at which it has refilled', async (t, { set, take, pass }) => {
    const requests = set(rate({ count: 6, burst: 5 }))

    const burst = await Promise.all([1, 2, 3, 4, 5].map(() => take(requests, [1])))
    const sixth = await take(requests, [1])
    await pass(9_999)
    const early = await take(requests, [1])
    await pass(1)
    const inTime = await take(requests, [1])
    const after = await take(requests, [1])

    t.ok(burst.every(({ is }) => is === 'taken'))
    t.strictSame(sixth, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 10_000 })
    t.strictSame(early, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 1 })
    t.equal(inTime.is, 'taken')
    t.equal(after.is, 'refused')
  })

  test('a call of many tokens waits for all of them; one larger than the bucket is told that it never fits', async (t, world) => {
    const tokens = world.set(rate({ name: 'input-tokens', kind: 'input_tokens', count: 60, burst: 100 }))
    await world.take(tokens, [70])

    const large = await world.take(tokens, [50])
    const tooLarge = await world.take(tokens, [101])
    const small = await world.take(tokens, [30])

    t.strictSame(large, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 20_000 })
    t.strictSame(tooLarge, { is: 'refused', at: 0, why: 'rate', retryAfterMs: -1 })
    t.equal(small.is, 'taken')
  })

  test('a call takes from all of its buckets or from none', async (t, { set, take, reading }) => {
    const [requests, tokens, calls, money] = [rate(), rate({ name: 'tokens', count: 60, burst: 100 }), permits(3), budget(1000)]
    const all = set(requests, tokens, calls, money)

    const refused = await take(all, [1, 10, 1, 1001])
    const taken = await take(all, [1, 10, 1, 1000])

    t.strictSame(refused, { is: 'refused', at: 3, why: 'spent', retryAfterMs: -1 })
    t.equal(taken.is, 'taken')
    t.strictSame(
      all.buckets.map((_bucket, at) => reading(all, at).remaining),
      [4, 90, 2, 0],
    )
  })

  test('of several buckets that refuse, the one with the longest wait is told', async (t, { set, take }) => {
    const [slow, fast] = [rate({ name: 'slow', count: 1, burst: 1 }), rate({ name: 'fast', count: 60, burst: 1 })]
    const both = set(fast, slow, permits(1))
    await take(both, [1, 1, 1])

    const verdict = await take(both, [1, 1, 1])

    t.strictSame(verdict, { is: 'refused', at: 1, why: 'rate', retryAfterMs: 60_000 })
  })

  test('what a call did not use is there for the next; what it used beyond is owed first', async (t, {
    set,
    take,
    settle,
    pass,
    reading,
  }) => {
    const tokens = set(rate({ name: 'output-tokens', kind: 'output_tokens', count: 6, burst: 10 }))
    const less = await take(tokens, [10])
    await settle(less, [4])
    const rest = await take(tokens, [6])
    await settle(rest, [9])

    const inDebt = await take(tokens, [1])
    await pass(40_000)
    const earned = await take(tokens, [1])

    t.equal(rest.is, 'taken')
    t.strictSame(inDebt, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 40_000 })
    t.equal(earned.is, 'taken')
    t.equal(reading(tokens, 0).remaining, 0)
  })

  test('no bucket owes more than its burst', async (t, { set, take, settle, pass }) => {
    const tokens = set(rate({ count: 6, burst: 2 }))
    const first = await take(tokens, [2])
    await settle(first, [1_000_000])

    const inDebt = await take(tokens, [1])
    await pass(30_000)
    const earned = await take(tokens, [1])

    t.strictSame(inDebt, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 30_000 })
    t.equal(earned.is, 'taken')
  })

  test('a call that is refunded leaves no trace', async (t, { set, take, settle, reading }) => {
    const all = set(rate(), permits(2), budget(1000))
    const before = await take(all, [3, 1, 700])
    await settle(before, [0, 0, 0])

    const after = await take(all, [0, 0, 0])

    t.equal(after.is, 'taken')
    t.strictSame(
      all.buckets.map((_bucket, at) => reading(all, at).remaining),
      [5, 2, 1000],
    )
  })

  test('a second settle of a call changes nothing', async (t, { set, take, settle, reading }) => {
    const all = set(rate(), permits(2), budget(1000))
    const [one, other] = [await take(all, [2, 1, 300]), await take(all, [2, 1, 300])]

    await settle(one, [1, 1, 200])
    await settle(one, [0, 0, 0])
    await settle(one, [5, 1, 900])
    await take(all, [0, 0, 0])

    t.equal(other.is, 'taken')
    t.strictSame(
      all.buckets.map((_bucket, at) => reading(all, at).remaining),
      [2, 1, 500],
    )
  })

  test('so many calls run at once as there are permits, and one ends before the next begins', async (t, { set, take, settle }) => {
    const calls = set(permits(2))
    const [first] = [await take(calls, [1]), await take(calls, [1])]

    const third = await take(calls, [1])
    await settle(first, [0])
    const again = await take(calls, [1])
    const fourth = await take(calls, [1])

    t.strictSame(third, { is: 'refused', at: 0, why: 'concurrency', retryAfterMs: 1000 })
    t.equal(again.is, 'taken')
    t.equal(fourth.is, 'refused')
  })

  test('money that open calls hold may come back soon; money that is spent comes back when the period ends', async (t, world) => {
    const money = world.set(budget(1000))
    const open = await world.take(money, [800])

    const whileHeld = await world.take(money, [300])
    await world.settle(open, [750])
    const whenSpent = await world.take(money, [300])
    const fits = await world.take(money, [250])

    t.strictSame(whileHeld, { is: 'refused', at: 0, why: 'held', retryAfterMs: 1000 })
    t.strictSame(whenSpent, { is: 'refused', at: 0, why: 'spent', retryAfterMs: 14 * 3_600_000 })
    t.equal(fits.is, 'taken')
  })

  test(
    'a new period has its whole budget, and what an old call spends stays in the old one',
    async (t, { set, take, settle, pass, reading }) => {
      const daily = budget(1000, { timeZone: 'Europe/Berlin' })
      const old = await take(set(daily), [1000])
      await pass(10_000)

      const today = set(daily)
      const first = await take(today, [400])
      await settle(old, [1000])
      const second = await take(today, [600])

      t.equal(first.is, 'taken')
      t.equal(second.is, 'taken')
      t.equal(reading(today, 0).remaining, 0)
    },
    Date.UTC(2026, 10, 23, 22, 59, 50),
  )

  test('a call that costs more than was reserved is paid for, and the budget is over by that', async (t, {
    set,
    take,
    settle,
    reading,
  }) => {
    const money = set(budget(1000))
    const call = await take(money, [900])
    await settle(call, [1200])

    const next = await take(money, [1])
    const free = await take(money, [0])

    t.equal(next.is, 'refused')
    t.equal(free.is, 'taken')
    t.equal(reading(money, 0).remaining, 0)
  })

  test('a bucket that is asked for nothing never refuses', async (t, { set, take, settle }) => {
    const all = set(rate({ burst: 1 }), permits(1), budget(10))
    const call = await take(all, [1, 1, 10])
    await settle(call, [2, 1, 20])
    await take(set(permits(1)), [1])

    const verdict = await take(all, [0, 0, 0])

    t.equal(verdict.is, 'taken')
  })

  test('a dry run refuses nobody: it says that it would have, and takes nothing', async (t, { set, take, settle, reading }) => {
    const [dry, real] = [rate({ name: 'dry', burst: 1, dryRun: true }), rate()]
    const both = set(dry, real, permits(1, { name: 'dry-calls', dryRun: true }), budget(5, { name: 'dry-money', dryRun: true }))

    const first = await take(both, [1, 1, 1, 5])
    const second = await take(both, [1, 1, 1, 5])
    await settle(second, [7, 1, 1, 9])
    await settle(first, [0, 0, 0, 0])
    await take(both, [0, 0, 0, 0])

    t.strictSame(overOf(first), [])
    t.strictSame(overOf(second), [0, 2, 3])
    t.strictSame(
      both.buckets.map((_bucket, at) => reading(both, at).remaining),
      [1, 4, 1, 5],
    )
  })

  test('a dry run that has room is charged like any other, but not for a call that is refused', async (t, { set, take, reading }) => {
    const [dry, real] = [rate({ name: 'dry', dryRun: true }), rate({ burst: 1 })]
    const both = set(dry, real)

    const first = await take(both, [1, 1])
    const second = await take(both, [1, 1])
    await take(both, [0, 0])

    t.equal(first.is, 'taken')
    t.equal(second.is, 'refused')
    t.equal(reading(both, 0).remaining, 4)
  })

  test('a limit that is lowered holds at once and locks nobody out', async (t, { set, take, pass }) => {
    await take(set(rate({ count: 6, burst: 10 })), [10])
    const lowered = set(rate({ count: 6, burst: 2 }))

    const now = await take(lowered, [1])
    await pass(40_000)
    const later = await take(lowered, [2])
    const more = await take(lowered, [1])

    t.equal(now.is, 'refused')
    t.equal(later.is, 'taken', 'full again within two windows')
    t.equal(more.is, 'refused', 'and never fuller than the new limit')
  })

  test('a limit that is raised gives what it holds more at once', async (t, { set, take }) => {
    await take(set(rate({ count: 6, burst: 2 })), [2])

    const raised = await take(set(rate({ count: 6, burst: 5 })), [3])

    t.equal(raised.is, 'taken')
  })

  test('a call that began under a smaller limit ends, and gives nothing of the larger one back', async (t, { set, take, settle }) => {
    const before = await take(set(rate({ count: 6, burst: 2 })), [1])
    const raised = set(rate({ count: 6, burst: 30 }))
    const most = await take(raised, [28])

    await settle(before, [2])
    const more = await take(raised, [2])

    t.equal(most.is, 'taken')
    t.equal(more.is, 'refused')
  })

  test('a reading says what is left, and when all of it is back', async (t, { set, take, reading }) => {
    const all = set(rate({ count: 6, burst: 5 }), permits(3), budget(1000))

    await take(all, [2, 1, 300])

    t.strictSame(reading(all, 0), { limit: 5, remaining: 3, resetMs: 20_000 })
    t.strictSame(reading(all, 1), { limit: 3, remaining: 2, resetMs: 0 })
    t.strictSame(reading(all, 2), { limit: 1000, remaining: 700, resetMs: 14 * 3_600_000 })
  })

  test('a call without limits passes', async (t, { set, take, settle }) => {
    const nothing = set()

    const call = await take(nothing, [])
    await settle(call, [])

    t.equal(call.is, 'taken')
  })

  // A store that keeps a part of a bucket aside may refuse where the model does not.
  if (isExact) agreesWithModel(t, name, make)
}

/** The store with what its tests say in one word. */
interface World {
  readonly set: (...limits: readonly Limit[]) => LimitSet
  readonly take: (set: LimitSet, amounts: readonly number[]) => Promise<Verdict>
  readonly settle: (taken: Verdict, used: readonly number[]) => Promise<void>
  readonly pass: (ms: number) => Promise<void>
  readonly reading: (set: LimitSet, at: number) => ReturnType<LimitStore['reading']>
}

function worldOf(made: StoreWorld, clock: TestClock): World {
  const calls = new Map<Verdict, { readonly call: string; readonly set: LimitSet; readonly amounts: readonly number[] }>()
  let count = 0
  return {
    set: (...limits) => made.set(...limits),
    take: async (set, amounts) => {
      count += 1
      const call = `req_${count}`
      // Each verdict is an object of its own here: it stands for its call.
      const verdict = { ...(await made.store.take(call, set, amounts)) }
      calls.set(verdict, { call, set, amounts: amounts.map((amount, at) => (overOf(verdict).includes(at) ? 0 : amount)) })
      return verdict
    },
    settle: async (taken, used) => {
      const { call, set, amounts } = calls.get(taken)!
      made.store.settle(call, set, amounts, used)
      await made.settled?.()
    },
    pass: async (ms) => pass(made, clock, ms),
    reading: (set, at) => made.store.reading(set.buckets[at]!),
  }
}
