import type { Test } from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import type { LimitSet, Verdict } from '../../src/limits/store.ts'
import { overOf, pass, type MakeStore, type StoreWorld } from './store-world.ts'
import { model, type Model } from './model.ts'
import { budget, permits, rate, testClock, type TestClock } from './world.ts'

const seeds = Array.from({ length: 40 }, (_none, index) => index + 1)
const steps = 150

/** Random takes, settles and refunds, one after the other, against the model: verdicts and readings are the same, to the token. */
export function agreesWithModel(t: Test, name: string, make: MakeStore): void {
  void t.test(`${name}: whatever is taken and settled, one call after the other, comes out as the model says`, async (t) => {
    for (const seed of seeds) {
      // Ten minutes before a day, a week and a month end in Auckland.
      const clock = testClock(Date.UTC(2026, 4, 31, 11, 50))
      const made = await make(clock)
      const differences = await walk({ made, clock, model: model(clock), random: mulberry(seed) })
      await made.close()
      t.strictSame(differences, [], `seed ${seed}`)
    }
  })
}

interface Walk {
  readonly made: StoreWorld
  readonly clock: TestClock
  readonly model: Model
  readonly random: Random
}

interface OpenCall {
  readonly call: string
  readonly set: LimitSet
  readonly asked: readonly number[]
  readonly taken: readonly number[]
}

async function walk({ made, clock, model, random }: Walk): Promise<readonly unknown[]> {
  const limits = someLimits(random)
  const open: OpenCall[] = []
  const ended: OpenCall[] = []
  for (let step = 0; step < steps; step += 1) {
    const dice = random.below(100)
    if (dice < 50) {
      const differences = await takeOne(`req_${step}`, made.set(...someOf(limits, random)))
      if (differences.length > 0) return [{ step, limits }, ...differences]
    } else if (dice < 85 && open.length > 0) await settleOne(open.splice(random.below(open.length), 1)[0]!)
    else if (dice < 90 && ended.length > 0) await settleOne(ended[random.below(ended.length)]!)
    else await pass(made, clock, 10_000 * (1 + random.below(3)))
  }
  while (open.length > 0) await settleOne(open.pop()!)
  return takeOne('req_last', made.set(...limits), 0)

  async function takeOne(call: string, set: LimitSet, most = 1): Promise<readonly unknown[]> {
    const asked = set.buckets.map(({ limit }) => amountFor(limit, random) * most)
    const wanted = model.take(call, set, asked)
    const verdict = await made.store.take(call, set, asked)
    const wrong = differencesOf(wanted, verdict)
    if (wrong.length > 0 || verdict.is !== 'taken') return wrong.map((text) => ({ text, asked, wanted, verdict }))
    open.push({ call, set, asked, taken: asked.map((amount, at) => (verdict.over.includes(at) ? 0 : amount)) })
    const [read, modelled] = [set.buckets.map((bucket) => made.store.reading(bucket)), model.readings(set)]
    return JSON.stringify(read) === JSON.stringify(modelled) ? [] : [{ read, modelled, set }]
  }

  async function settleOne(one: OpenCall): Promise<void> {
    const used = one.asked.map((amount, at) => usedOf(amount, one.set.buckets[at]!.limit, random))
    model.settle(one.call, one.set, used)
    made.store.settle(one.call, one.set, one.taken, used)
    await made.settled?.()
    ended.push(one)
  }
}

function differencesOf({ refusing, over }: ReturnType<Model['take']>, verdict: Verdict): readonly string[] {
  if (verdict.is === 'away') return ['away']
  if (verdict.is === 'taken') {
    if (refusing.length > 0) return ['taken, but the model refuses']
    return JSON.stringify(over) === JSON.stringify(overOf(verdict)) ? [] : ['other dry runs']
  }
  const same = refusing.find(({ at }) => at === verdict.at)
  if (same === undefined) return ['refused by a bucket that does not refuse in the model']
  return same.why === verdict.why && same.retryAfterMs === verdict.retryAfterMs ? [] : ['refused otherwise than in the model']
}

/** Two to five limits, at most one of a name. A token takes 10, 20 or 60 s. */
function someLimits(random: Random): readonly Limit[] {
  const all: readonly Limit[] = [
    rate({ name: 'requests', count: random.of([1, 3, 6]), burst: 1 + random.below(6), dryRun: random.below(5) === 0 }),
    rate({ name: 'input-tokens', kind: 'input_tokens', count: random.of([1, 3, 6]), burst: 5 + random.below(20) }),
    rate({ name: 'output-tokens', kind: 'output_tokens', count: random.of([1, 3, 6]), burst: 1 + random.below(9), per: [] }),
    permits(1 + random.below(4), { dryRun: random.below(5) === 0 }),
    budget(10 + random.below(50), { name: 'budget-day', timeZone: 'Pacific/Auckland', dryRun: random.below(5) === 0 }),
    budget(20 + random.below(90), { name: 'budget-week', period: 'week', timeZone: 'Pacific/Auckland', per: ['business'] }),
    budget(50 + random.below(90), { name: 'budget-month', period: 'month', timeZone: 'Pacific/Auckland' }),
  ]
  return shuffled(all, random).slice(0, 2 + random.below(4))
}

function someOf(limits: readonly Limit[], random: Random): readonly Limit[] {
  const some = limits.filter(() => random.below(3) > 0)
  return some.length === 0 ? limits : some
}

function amountFor(limit: Limit, random: Random): number {
  switch (limit.kind) {
    case 'requests':
      return 1
    case 'concurrency':
      return random.below(8) === 0 ? 0 : 1
    case 'budget':
      return random.below(20) === 0 ? limit.nanoUsd + 1 : random.below(Math.ceil(limit.nanoUsd / 2))
    default:
      return random.below(20) === 0 ? limit.burst + 1 : random.below(limit.burst + 1)
  }
}

/** Refunds, exact uses, less and more. Who asked a dry run for nothing used nothing of it. */
function usedOf(amount: number, limit: Limit, random: Random): number {
  if (amount === 0 && limit.dryRun) return 0
  return random.of([0, amount, random.below(amount + 1), amount + random.below(6)])
}

interface Random {
  /** A whole number from 0, below this. */
  below(most: number): number
  of<Item>(items: readonly Item[]): Item
}

function mulberry(seed: number): Random {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (most: number): number => Math.floor(next() * most)
  return { below, of: (items) => items[below(items.length)]! }
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map((item) => ({ item, order: random.below(1e9) }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
