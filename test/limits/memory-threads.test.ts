import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import { cellsMemory, openCells, Word, type Cells } from '../../src/limits/cells.ts'
import { processClock } from '../../src/limits/clock.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import type { LimitSet } from '../../src/limits/store.ts'
import { Seen, type HammerOrder, type HammerResult } from './hammer-order.ts'
import { budget, permits, rate, setMaker } from './world.ts'

const threads = 4
const clock = processClock()

t.test('threads together never get more out of a bucket than its burst and its rate', async (t) => {
  for (const [count, burst] of [
    [20_000, 100],
    [1, 50],
  ] as const) {
    const world = hammerWorld(rate({ count, periodMs: 1000, burst }))

    const { admitted, elapsedUs } = await world.run(250)

    const most = burst + (count * elapsedUs) / 1e6
    t.ok(admitted <= most, `${admitted} of at most ${most}`)
    t.ok(admitted >= burst, 'all of the burst')
  }
})

t.test('threads together never hold more permits than there are, and give all of them back', async (t) => {
  for (const most of [1, 3]) {
    const world = hammerWorld(permits(most))

    const { inside, admitted } = await world.run(250)

    t.ok(inside <= most, `${inside} of ${most}`)
    t.ok(admitted > most)
    t.equal(world.cells.held(0), 0)
  }
})

t.test('threads together never spend more than a budget, and what they spent is on the books to the nano-dollar', async (t) => {
  const world = hammerWorld(budget(2000))

  const { used } = await world.run(400)

  t.ok(used[0]! <= 2000, `${used[0]} spent`)
  t.ok(used[0]! > 2000 - 20, 'until nearly nothing is left')
  t.equal(world.cells.read(0, Word.level), used[0])
  t.equal(world.cells.held(0), 0)
})

t.test('threads together never reserve more money than there is, while what others reserved comes back all the time', async (t) => {
  const world = hammerWorld(budget(3))

  const { inside, admitted } = await world.run(250, 'refund')

  t.ok(inside <= 3, `${inside} of 3`)
  t.ok(admitted > 3)
  t.equal(world.remaining(0), 3)
})

t.test('when every call has settled, the books of all limits are exactly right, whatever was refused meanwhile', async (t) => {
  // A token a minute: none comes back while the test runs.
  const tokens = rate({ name: 'input-tokens', kind: 'input_tokens', count: 1, periodMs: 60_000, burst: 100_000_000 })
  const world = hammerWorld(tokens, permits(3), rate({ count: 30_000, periodMs: 1000, burst: 20 }), budget(1e15))

  const { used, inside, admitted, refused } = await world.run(400)

  t.ok(inside <= 3)
  t.ok(refused > 0, 'calls were refused and rolled back')
  t.equal(used[2], admitted)
  t.equal(world.remaining(0), 100_000_000 - used[0]!)
  t.equal(world.remaining(1), 3)
  t.equal(world.remaining(3), 1e15 - used[3]!)
  t.strictSame(
    [0, 1, 2, 3].map((slot) => world.cells.held(slot)),
    [0, 0, 0, 0],
  )
})

t.test('what a thread held when it died is free again, and what it had spent stays spent', async (t) => {
  const world = hammerWorld(permits(4), budget(1_000_000))
  const [worker] = await world.start({ count: 1, ms: 0, deed: 'hold' })
  world.begin()
  await once(worker!, 'message')

  await worker!.terminate()
  const stuck = world.cells.held(0)
  world.cells.workerDied(0)

  t.ok(stuck >= 1, 'its permits were still taken')
  t.equal(world.cells.held(0), 0)
  t.equal(world.cells.held(1), 0)
  const left = world.remaining(1)
  t.equal(left, 1_000_000 - world.cells.read(1, Word.level))
  const store = memoryStore(openCells(world.memory, 0), { clock })
  const verdicts = [1, 2, 3, 4].map((call) => store.take(`req_${call}`, world.set, [1, Math.floor(left / 4)]).is)
  t.strictSame(verdicts, ['taken', 'taken', 'taken', 'taken'])
})

t.test('all threads read the same time from their clocks', async (t) => {
  const world = hammerWorld(rate({ count: 1, periodMs: 3_600_000, burst: 1000 }))

  const before = clock.us()
  await world.run(50)
  const after = clock.us()

  const usedAt = world.cells.read(0, Word.usedAt)
  t.ok(usedAt >= before - 1000 && usedAt <= after + 1000, `${before} ${usedAt} ${after}`)
})

interface HammerWorld {
  readonly memory: SharedArrayBuffer
  /** As control sees them. */
  readonly cells: Cells
  readonly set: LimitSet
  readonly start: (order: Pick<HammerOrder, 'ms' | 'deed'> & { readonly count: number }) => Promise<readonly Worker[]>
  readonly begin: () => void
  /** All threads at once, for so long. */
  readonly run: (
    ms: number,
    deed?: 'run' | 'refund',
  ) => Promise<HammerResult & { readonly admitted: number; readonly inside: number; readonly elapsedUs: number }>
  readonly remaining: (at: number) => number
}

function hammerWorld(...limits: readonly Limit[]): HammerWorld {
  const memory = cellsMemory({ workers: threads, slots: 8 })
  const cells = openCells(memory, null)
  const set = setMaker(clock)(...limits)
  const seen = new Int32Array(new SharedArrayBuffer(16))
  const store = memoryStore(cells, { clock })

  const begin = (): void => {
    Atomics.store(seen, Seen.begin, 1)
    Atomics.notify(seen, Seen.begin)
  }
  const start: HammerWorld['start'] = async ({ count, ms, deed }) =>
    Promise.all(
      Array.from({ length: count }, async (_none, index) => {
        const order: HammerOrder = { cells: memory, index, set, seen: seen.buffer, ms, deed }
        const worker = new Worker(new URL('hammer.ts', import.meta.url), { workerData: order })
        t.teardown(async () => worker.terminate())
        await once(worker, 'message')
        return worker
      }),
    )

  return {
    memory,
    cells,
    set,
    start,
    begin,
    run: async (ms, deed = 'run') => {
      const workers = await start({ count: threads, ms, deed })
      const ends = workers.map(async (worker) => {
        // The worker says nothing else after it has begun.
        const [result] = (await once(worker, 'message')) as [HammerResult]
        return result
      })
      const begunAt = clock.us()
      begin()
      const results = await Promise.all(ends)
      const elapsedUs = clock.us() - begunAt
      await Promise.all(workers.map(async (worker) => worker.terminate()))
      return {
        used: limits.map((_limit, at) => results.reduce((sum, { used }) => sum + used[at]!, 0)),
        refused: results.reduce((sum, { refused }) => sum + refused, 0),
        admitted: Atomics.load(seen, Seen.admitted),
        inside: Atomics.load(seen, Seen.most),
        elapsedUs,
      }
    },
    remaining: (at) => store.reading(set.buckets[at]!).remaining,
  }
}
