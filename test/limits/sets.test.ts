import t from 'tap'
import { cellsMemory, openCells, Word, type Cells } from '../../src/limits/cells.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import { limitSets, type Sets } from '../../src/limits/sets.ts'
import type { LimitSet } from '../../src/limits/store.ts'
import { budget, caller, permits, rate, testClock, type TestClock } from './world.ts'

t.test('a set has a bucket for each limit that holds, in their order', async (t) => {
  const { sets } = setWorld()
  const limits = [rate({ routes: ['v1/models'] }), permits(3), rate({ models: ['claude-opus-*'], per: ['model'] })]

  const { buckets, validUntil } = await sets.bind(caller, limits)

  t.strictSame(
    buckets.map(({ key, tag, slot }) => [key, tag, slot]),
    [
      ['concurrency|tenant=search', 'tenant=search', 0],
      ['requests|model=claude-opus-5', 'all', 1],
    ],
  )
  t.equal(validUntil, Infinity)
})

t.test('the same call finds its set without a promise and without a question', async (t) => {
  const { sets, asked } = setWorld()
  const limits = [rate(), permits(3)]
  const first = await sets.bind(caller, limits)

  const second = sets.bind({ ...caller }, limits)

  t.equal(second, first)
  t.equal(asked.length, 1)
})

t.test('a call that still goes by the smaller limit of before fills nothing of the larger bucket', async (t) => {
  const { sets, cells, clock } = setWorld()
  const store = memoryStore(cells, { clock })
  const before = await sets.bind(caller, [rate({ count: 10, burst: 10 })])
  const raised = await sets.bind(caller, [rate({ count: 10, burst: 1000 })])
  t.equal(store.take('a', raised, [1000]).is, 'taken')

  for (let turn = 0; turn < 20; turn++) t.equal(store.take(`stale-${turn}`, before, [1]).is, 'refused')

  t.equal(store.take('b', raised, [1]).is, 'refused')
})

t.test('other tenants, routes, models and lists of limits have sets of their own', async (t) => {
  const { sets } = setWorld()
  const limits = [rate({ per: ['tenant', 'business', 'route', 'model'] })]
  const first = await sets.bind(caller, limits)

  const others = await Promise.all([
    sets.bind({ ...caller, tenant: { name: 'other', business: 'shop' } }, limits),
    sets.bind({ ...caller, tenant: { name: 'search', business: 'other' } }, limits),
    sets.bind({ ...caller, tenant: null }, limits),
    sets.bind({ ...caller, route: 'v1/models' }, limits),
    sets.bind({ ...caller, model: null }, limits),
    sets.bind(caller, [rate({ burst: 7, per: ['tenant', 'business', 'route', 'model'] })]),
  ])

  t.equal(new Set([first, ...others]).size, 7)
  t.equal(new Set(others.map(({ buckets }) => buckets[0]!.key)).size, 6)
  t.equal(others[5].buckets[0]!.slot, first.buckets[0]!.slot, 'a limit that has changed keeps its bucket')
  t.equal(others[5].buckets[0]!.limit.kind === 'requests' && others[5].buckets[0]!.limit.burst, 7)
})

t.test('calls that come at once share a question, also when only some of their buckets are the same', async (t) => {
  const { sets, asked } = setWorld()
  const [mine, ours] = [rate(), rate({ name: 'all', per: [] })]

  const [first, second] = await Promise.all([
    sets.bind(caller, [mine, ours]),
    sets.bind({ ...caller, tenant: { name: 'other', business: 'shop' } }, [mine, ours]),
  ])

  t.strictSame(asked, [['requests|tenant=search', 'all'], ['requests|tenant=other']])
  t.equal(first.buckets[1]!.slot, second.buckets[1]!.slot)
})

t.test('where there is no room, the call is told to come back, and the next one asks again', async (t) => {
  const { sets, asked } = setWorld({ slots: 1 })
  const limits = [rate(), permits(3)]

  const refused = Promise.resolve(sets.bind(caller, limits))
  const error: unknown = await refused.catch((error: unknown) => error)
  t.match(error, { failure: 'overloaded', message: 'no room to count another concurrency', retryAfterMs: 1000 })
  await t.rejects(Promise.resolve(sets.bind(caller, limits)), { message: 'no room to count another concurrency' })

  t.strictSame(asked, [['requests|tenant=search', 'concurrency|tenant=search'], ['concurrency|tenant=search']])
})

t.test('a question that fails is asked again by the next call', async (t) => {
  const { sets, fail } = setWorld()
  const limits = [rate()]
  fail(new Error('control is busy'))
  await t.rejects(Promise.resolve(sets.bind(caller, limits)), /control is busy/)

  fail(null)

  t.equal((await sets.bind(caller, limits)).buckets.length, 1)
})

t.test('a set with budgets is valid until the first of their periods ends, and its cells say when that is', async (t) => {
  const { sets, clock, cells } = setWorld()
  const limits = [budget(1000, { name: 'month', period: 'month' }), budget(100), rate()]

  const today = await sets.bind(caller, limits)
  clock.advance(14 * 3_600_000 - 1)
  const late = await sets.bind(caller, limits)
  clock.advance(1)
  const tomorrow = await sets.bind(caller, limits)

  t.equal(today.validUntil, Date.UTC(2026, 10, 24))
  t.equal(late, today)
  t.strictSame(
    tomorrow.buckets.map(({ key }) => key),
    ['month|tenant=search|2026-11-01', 'budget-day|tenant=search|2026-11-24', 'requests|tenant=search'],
  )
  t.equal(tomorrow.buckets[0]!.slot, today.buckets[0]!.slot)
  t.not(tomorrow.buckets[1]!.slot, today.buckets[1]!.slot)
  t.strictSame(
    today.buckets.slice(0, 2).map(({ slot }) => cells.read(slot, Word.endsAt)),
    [Date.UTC(2026, 11, 1), Date.UTC(2026, 10, 24)],
  )
})

t.test('what is forgotten is asked for anew', async (t) => {
  const { sets, asked } = setWorld()
  const limits = [rate()]
  const first = await sets.bind(caller, limits)

  sets.forget()
  const second = await sets.bind(caller, limits)

  t.not(second, first)
  t.equal(asked.length, 2)
})

t.test('a slot that was known is asked for anew when it is forgotten while another is being asked for', async (t) => {
  const { sets, asked, hold } = setWorld()
  await sets.bind(caller, [rate()])
  const release = hold()
  const binding = sets.bind(caller, [rate(), permits(3)])

  sets.forget()
  release()
  await binding

  t.strictSame(asked, [['requests|tenant=search'], ['concurrency|tenant=search'], ['requests|tenant=search']])
})

t.test('however many callers there are, only so many sets are kept, those in use among them', async (t) => {
  const { sets, asked } = setWorld({ slots: 1000, most: 10 })
  const limits = [rate({ per: ['tenant'] })]
  const bind = async (name: string): Promise<LimitSet> => sets.bind({ ...caller, tenant: { name, business: 'b' } }, limits)
  const mine = await bind('mine')

  for (let count = 0; count < 500; count += 1) {
    await bind(`t${count}`)
    if ((await bind('mine')) !== mine) t.fail('a set that is used all the time was forgotten')
  }
  const before = asked.length
  await bind('t0')

  t.equal(asked.length, before + 1, 'one that nobody has asked for in a long time was')
})

t.test('a call without limits has a set without buckets', async (t) => {
  const { sets, asked } = setWorld()

  t.strictSame(sets.bind(caller, []), { buckets: [], validUntil: Infinity })
  t.equal(asked.length, 0)
})

interface SetWorld {
  readonly sets: Sets
  readonly clock: TestClock
  readonly cells: Cells
  /** The keys of each question. */
  readonly asked: (readonly string[])[]
  readonly fail: (error: Error | null) => void
  /** Answers wait until the returned function is called. */
  readonly hold: () => () => void
}

function setWorld({ slots = 64, most = 100 }: { slots?: number; most?: number } = {}): SetWorld {
  const clock = testClock()
  const cells = openCells(cellsMemory({ workers: 1, slots }), 0)
  const asked: (readonly string[])[] = []
  const known = new Map<string, number>()
  let failure: Error | null = null
  let held: Promise<void> | null = null
  const askSlots = async (keys: readonly string[]): Promise<readonly number[]> => {
    asked.push(keys)
    await held
    if (failure !== null) throw failure
    return keys.map((key) => {
      const slot = known.get(key) ?? (known.size < slots ? known.size : -1)
      if (slot >= 0) known.set(key, slot)
      return slot
    })
  }
  return {
    sets: limitSets({ cells, clock, askSlots, most }),
    clock,
    cells,
    asked,
    fail: (error) => {
      failure = error
    },
    hold: () => {
      const gate = Promise.withResolvers<void>()
      held = gate.promise
      return gate.resolve
    },
  }
}
