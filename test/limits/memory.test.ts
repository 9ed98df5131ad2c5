import t from 'tap'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import { storeContract, type MakeStore } from './contract.ts'
import { budget, permits, rate, setMaker, testClock } from './world.ts'

const inMemory: MakeStore = async (clock) => {
  const cells = openCells(cellsMemory({ workers: 3, slots: 64 }), 1)
  return { store: memoryStore(cells, { clock }), set: setMaker(clock), close: async () => {} }
}

storeContract(t, 'memory', inMemory)

t.test('a thread that is stopped between its look at the clock and its look at the bucket does not fill it anew', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 1 }), 0)
  const clock = testClock()
  const set = setMaker(clock)(rate({ count: 1000, periodMs: 1000, burst: 5 }))
  const stopped = clock.us()
  clock.advance(1000)
  const times = [stopped]
  const late = memoryStore(cells, { clock: { ...clock, us: () => times.shift() ?? clock.us() } })
  const other = memoryStore(cells, { clock })
  const first = other.take('req_1', set, [5])

  const second = late.take('req_2', set, [1])
  const third = other.take('req_3', set, [1])

  t.equal(first.is, 'taken')
  t.equal(second.is, 'refused')
  t.equal(third.is, 'refused')
})

t.test('a share of a limit is what one node of several gives: at least 1, and a reservation of the whole takes all of it', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 8 }), 0)
  const clock = testClock()
  let nodes = 3
  const store = memoryStore(cells, { clock, nodes: () => nodes })
  const tokens = rate({ name: 'input-tokens', kind: 'input_tokens', count: 60, burst: 30 })
  const set = setMaker(clock)(tokens, permits(2), budget(900))

  const whole = store.take('req_1', set, [30, 1, 300])
  const more = store.take('req_2', set, [1, 0, 0])
  const second = store.take('req_3', set, [0, 1, 0])
  const money = store.take('req_4', set, [0, 0, 1])
  store.settle('req_1', set, [30, 1, 300], [0, 0, 0])
  const readings = set.buckets.map((bucket) => store.reading(bucket))
  nodes = 1
  const alone = store.take('req_5', set, [30, 2, 900])

  t.equal(whole.is, 'taken')
  t.strictSame(more, { is: 'refused', at: 0, why: 'rate', retryAfterMs: 3000 })
  t.strictSame(second, { is: 'refused', at: 1, why: 'concurrency', retryAfterMs: 1000 })
  t.strictSame(money, { is: 'refused', at: 2, why: 'held', retryAfterMs: 1000 })
  t.strictSame(
    readings.map(({ limit, remaining }) => [limit, remaining]),
    [
      [10, 10],
      [1, 1],
      [300, 300],
    ],
  )
  t.equal(alone.is, 'taken')
})

t.test('fractions of a token are never lost: seven sevenths are one, second after second', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 1 }), 0)
  // A machine that has run for a month.
  const clock = testClock(30 * 86_400_000)
  const store = memoryStore(cells, { clock })
  const set = setMaker(clock)(rate({ count: 7, periodMs: 1000, burst: 7 }))

  const admitted = Array.from({ length: 100 }, (_none, second) => {
    clock.advance(1000)
    return Array.from({ length: 8 }, (_none, at) => store.take(`req_${second}_${at}`, set, [1]).is === 'taken').filter(Boolean).length
  })

  t.ok(admitted.every((count) => count === 7))
})

t.test('a call may take from several sets under one name, and settles each of them once', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 8 }), 0)
  const clock = testClock()
  const store = memoryStore(cells, { clock })
  const set = setMaker(clock)
  const [one, other] = [set(permits(5)), set(permits(5, { name: 'other' }))]
  store.take('req_1', one, [1])
  store.take('req_1', other, [1])

  store.settle('req_1', one, [1], [1])
  store.settle('req_1', other, [1], [1])
  store.settle('req_1', other, [1], [1])

  t.equal(cells.held(0), 0)
  t.equal(cells.held(1), 0)
})

t.test('a cell is held from the take to the settle of every call, also of one that took nothing', async (t) => {
  const cells = openCells(cellsMemory({ workers: 1, slots: 1 }), 0)
  const clock = testClock()
  const store = memoryStore(cells, { clock })
  const set = setMaker(clock)(rate({ burst: 1 }))
  store.take('req_1', set, [0])
  store.take('req_2', set, [1])
  const refused = store.take('req_3', set, [1])

  const open = cells.held(0)
  store.settle('req_1', set, [0], [1])
  store.settle('req_2', set, [1], [1])

  t.equal(refused.is, 'refused')
  t.equal(open, 2)
  t.equal(cells.held(0), 0)
})

t.test('control holds nothing, and no worker has the column of another', async (t) => {
  const memory = cellsMemory({ workers: 2, slots: 4 })

  t.throws(() => openCells(memory, null).hold(0, 1), /has no column/)
  t.throws(() => openCells(memory, 2), RangeError)
  t.strictSame(openCells(memory, null).layout, { workers: 2, slots: 4 })
})
