import t from 'tap'
import { cellsMemory, openCells, Word, type Cells } from '../../src/limits/cells.ts'
import { memoryStore, type MemoryStore } from '../../src/limits/memory/memory-store.ts'
import { slotAllocator, type SlotAllocator, type SlotAllocatorOptions } from '../../src/limits/slots.ts'
import type { LimitSet } from '../../src/limits/store.ts'
import { budget, permits, rate, testClock, type TestClock } from './world.ts'

const idleMs = 60_000
const nobody = async (): Promise<void> => {}

t.test('a key keeps its slot, and no two keys have the same', async (t) => {
  const { slots } = slotWorld()

  const first = await slots.slotsOf(['a', 'b', 'a'])
  const second = await slots.slotsOf(['b', 'c'])

  t.strictSame(first, [0, 1, 0])
  t.strictSame(second, [1, 2])
  t.equal(slots.used, 3)
})

t.test('beyond the room there is, keys are told so, and those that have a slot keep it', async (t) => {
  const { slots } = slotWorld()
  await slots.slotsOf(['a', 'b', 'c', 'd'])

  t.strictSame(await slots.slotsOf(['e', 'a']), [-1, 0])
})

t.test('what is idle is freed when every worker has forgotten it, and is empty for the next key', async (t) => {
  const { slots, clock, cells, take } = slotWorld()
  await slots.slotsOf(['a', 'b', 'c'])
  const call = take(0, rate())
  call.settle()
  clock.advance(idleMs + 1)
  await slots.slotsOf(['b'])

  const freed = await slots.sweep(nobody)
  const reused = await slots.slotsOf(['new', 'newer'])

  t.equal(freed, 2)
  t.strictSame(new Set(reused), new Set([0, 2]))
  t.equal(cells.read(0, Word.level), 0)
  t.equal(cells.read(0, Word.usedAt), 0)
  t.strictSame(await slots.slotsOf(['b']), [1])
})

t.test('nothing is freed before the last worker has forgotten', async (t) => {
  const { slots, clock } = slotWorld()
  await slots.slotsOf(['a', 'b', 'c', 'd'])
  clock.advance(idleMs + 1)
  const everyone = Promise.withResolvers<void>()

  const sweep = slots.sweep(async () => everyone.promise)
  const during = await slots.slotsOf(['new'])
  const another = await slots.sweep(nobody)
  everyone.resolve()

  t.strictSame(during, [-1])
  t.equal(another, 0, 'one sweep at a time')
  t.equal(await sweep, 4)
})

t.test('what is asked for or taken from while workers forget is not freed', async (t) => {
  const { slots, clock, take } = slotWorld()
  await slots.slotsOf(['asked', 'taken', 'idle', 'held'])
  clock.advance(idleMs + 1)

  const freed = await slots.sweep(async () => {
    await slots.slotsOf(['asked'])
    take(1, permits(5)).settle()
    take(3, permits(5))
  })

  t.equal(freed, 1)
  t.strictSame(await slots.slotsOf(['asked', 'taken', 'held']), [0, 1, 3])
})

t.test('when a worker does not answer, nothing is freed, and the next sweep tries again', async (t) => {
  const { slots, clock } = slotWorld()
  await slots.slotsOf(['a', 'b', 'c'])
  clock.advance(idleMs + 1)

  await t.rejects(
    slots.sweep(async () => {
      throw new Error('worker 1 did not answer')
    }),
    /did not answer/,
  )

  t.equal(slots.used, 3)
  t.equal(await slots.sweep(nobody), 3)
})

t.test('workers forget nothing as long as half of the cells are free', async (t) => {
  const { slots, clock } = slotWorld()
  await slots.slotsOf(['a', 'b'])
  clock.advance(idleMs + 1)
  let rounds = 0

  await slots.sweep(async () => {
    rounds += 1
  })

  t.equal(rounds, 0)
})

t.test('a bucket that is not full, one that a call holds, and one that a lease fills are not idle', async (t) => {
  const { slots, clock, cells, take } = slotWorld()
  await slots.slotsOf(['refilling', 'held', 'leased'])
  take(0, rate({ count: 1, periodMs: 3_600_000 })).settle()
  take(1, rate())
  cells.write(2, Word.leased, 5)
  clock.advance(idleMs * 10)

  t.equal(await slots.sweep(nobody), 0)
})

t.test('a budget of now keeps its cell however long nobody asks; one of a period that is over loses it', async (t) => {
  const { slots, clock, cells, take } = slotWorld()
  const [today, month] = await slots.slotsOf(['budget|2026-11-23', 'budget-month|2026-11-01', 'x'])
  cells.write(today!, Word.endsAt, Date.UTC(2026, 10, 24))
  cells.write(month!, Word.endsAt, Date.UTC(2026, 11, 1))
  take(today!, budget(1000), [700]).settle([600])
  clock.advance(10 * 3_600_000)

  const sameDay = await slots.sweep(nobody)
  const kept = cells.read(today!, Word.level)
  await slots.slotsOf(['y', 'z'])
  clock.advance(5 * 3_600_000)
  const nextDay = await slots.sweep(nobody)

  t.equal(sameDay, 1, 'the one that is no budget')
  t.equal(kept, 600)
  t.equal(nextDay, 3)
  t.strictSame(await slots.slotsOf(['budget-month|2026-11-01']), [month])
})

t.test('a budget whose end nobody has said is kept for longer than a month', async (t) => {
  const { slots, clock } = slotWorld()
  await slots.slotsOf(['budget|2026-11-01', 'budget-2|2026-11-01', 'budget-3|2026-11-01'])
  clock.advance(10 * 86_400_000)

  const soon = await slots.sweep(nobody)
  clock.advance(10 * 86_400_000)
  const late = await slots.sweep(nobody)

  t.equal(soon, 0)
  t.equal(late, 3)
})

t.test('a new budget has what was spent in its cell before its slot is known, and is looked up once', async (t) => {
  const asked: string[] = []
  const found = Promise.withResolvers<number>()
  const { slots, cells } = slotWorld({
    spent: async (key) => {
      asked.push(key)
      return found.promise
    },
  })

  const [first, second] = [slots.slotsOf(['budget|2026-11-23']), slots.slotsOf(['requests', 'budget|2026-11-23'])]
  found.resolve(4200)

  t.strictSame(await first, [0])
  t.strictSame(await second, [1, 0])
  t.strictSame(asked, ['budget|2026-11-23'])
  t.equal(cells.read(0, Word.level), 4200)
})

t.test('a budget whose spending cannot be found out has no slot yet, and its cell is not lost', async (t) => {
  let isBroken = true
  const { slots } = slotWorld({
    spent: async () => {
      if (isBroken) throw new Error('disk is full')
      return 7
    },
  })

  const broken = await slots.slotsOf(['budget|2026-11-23'])
  isBroken = false
  const again = await slots.slotsOf(['budget|2026-11-23'])

  t.strictSame(broken, [-1])
  t.strictSame(again, [0])
})

t.test('what else needs a cell keeps it, and hears when it is gone', async (t) => {
  const freed: unknown[] = []
  const { slots, clock } = slotWorld({ isNeeded: (slot) => slot === 1, onFreed: (slot, key) => freed.push([slot, key]) })
  await slots.slotsOf(['a', 'b', 'c'])
  clock.advance(idleMs + 1)

  await slots.sweep(nobody)

  t.strictSame(freed, [
    [0, 'a'],
    [2, 'c'],
  ])
})

interface SlotWorld {
  readonly slots: SlotAllocator
  readonly clock: TestClock
  readonly cells: Cells
  /** A call of a worker on a slot. */
  readonly take: (
    slot: number,
    limit: LimitSet['buckets'][number]['limit'],
    amounts?: readonly number[],
  ) => { settle: (used?: readonly number[]) => void }
}

function slotWorld(options: Partial<SlotAllocatorOptions> = {}): SlotWorld {
  const clock = testClock()
  const memory = cellsMemory({ workers: 2, slots: 4 })
  const cells = openCells(memory, null)
  const store: MemoryStore = memoryStore(openCells(memory, 1), { clock })
  let count = 0
  return {
    slots: slotAllocator(cells, { clock, idleMs, ...options }),
    clock,
    cells,
    take: (slot, limit, amounts = [1]) => {
      count += 1
      const call = `req_${count}`
      const set = { buckets: [{ limit, key: limit.name, tag: 'all', slot }], validUntil: Infinity }
      store.take(call, set, amounts)
      return { settle: (used = amounts) => store.settle(call, set, amounts, used) }
    },
  }
}
