import { Worker } from 'node:worker_threads'
import t from 'tap'
import { cellsMemory, openCells, Word } from '../../src/limits/cells.ts'
import { slotAllocator } from '../../src/limits/slots.ts'
import { redisServer } from '../helpers/redis.ts'
import { bound, burst, callId, first, limitProcess, taken } from './lease-world.ts'
import { budget, permits, rate } from './world.ts'

const leased = { exact: false } as const
const hour = { count: 1, periodMs: 3_600_000, ...leased } as const

t.test('threads that spend one lease together never spend more than it holds, and give all of it back', async (t) => {
  const workers = 3
  const memory = cellsMemory({ workers, slots: 2 })
  const cells = openCells(memory, null)
  const out = new Int32Array(new SharedArrayBuffer(4))
  cells.write(0, Word.leased, 5000)
  cells.write(0, Word.granted, 5000)
  cells.write(1, Word.granted, 2)

  const counts = await Promise.all(Array.from({ length: workers }, async (_none, index) => spending({ memory, index, out })))

  const sum = (of: (count: Spending) => number): number => counts.reduce((all, count) => all + of(count), 0)
  t.equal(sum(({ kept }) => kept) + cells.read(0, Word.leased), 5000)
  t.equal(
    sum(({ over }) => over),
    0,
    'never more than two permits at once',
  )
  t.ok(sum(({ held }) => held) > 0)
  t.equal(cells.held(1), 0)
})

t.test('what one process does not use for a second is there for another', async (t) => {
  const server = await redisServer(t)
  const [a, b] = [await limitProcess(t, server, { name: 'a' }), await limitProcess(t, server, { name: 'b' })]
  const limits = [rate({ ...hour, burst: 100 }), permits(40, leased), budget(1000, leased)]
  const call = callId()
  const [setA, setB] = [await bound(a.limiter, ...limits), await bound(b.limiter, ...limits)]
  await a.limiter.take(call, setA, [1, 1, 100])
  a.limiter.settle(call, setA, [1, 1, 100], [1, 1, 40])

  const before = await b.limiter.take(callId(), setB, [99, 40, 960])
  a.clock.advance(1500)
  a.keeper.look()
  await a.quiet()
  b.clock.advance(1500)
  const after = await b.limiter.take(callId(), setB, [99, 40, 960])

  t.equal(before.is, 'refused')
  t.equal(after.is, 'taken')
  t.ok(a.keeper.counts().handedBack > 0)
})

t.test('a process that closes hands everything back at once', async (t) => {
  const server = await redisServer(t)
  const [a, b] = [await limitProcess(t, server, { name: 'a' }), await limitProcess(t, server, { name: 'b' })]
  const limits = [rate({ ...hour, burst: 100 }), permits(40, leased), budget(1000, leased)]
  const call = callId()
  const set = await bound(a.limiter, ...limits)
  await a.limiter.take(call, set, [10, 1, 500])
  a.limiter.settle(call, set, [10, 1, 500], [2, 1, 300])

  await a.keeper.close(1000)

  t.equal((await b.limiter.take(callId(), await bound(b.limiter, ...limits), [98, 40, 700])).is, 'taken')
})

t.test('permits and money of a worker that died are there again, for its siblings and for others', async (t) => {
  const server = await redisServer(t)
  const a = await limitProcess(t, server, { name: 'a', workers: 2 })
  const b = await limitProcess(t, server, { name: 'b' })
  const limits = [permits(20, leased), budget(1000, leased)]
  const [one, other] = [a.workers[0]!, a.workers[1]!]
  t.equal(await burst(one, await bound(one, ...limits), { count: 20, amounts: [1, 50] }), 20)
  t.equal((await taken(other, await bound(other, ...limits), [1, 50])).is, 'refused')

  a.cells.workerDied(0)
  const sibling = await burst(other, await bound(other, ...limits), { count: 5, amounts: [1, 50] })
  a.clock.advance(1500)
  a.keeper.look()
  await a.quiet()
  const elsewhere = await burst(b.limiter, await bound(b.limiter, ...limits), { count: 20, amounts: [1, 50] })

  t.equal(sibling, 5)
  t.equal(elsewhere, 15)
})

t.test('money that was spent is known to other nodes within a second, and a crash loses no more than that', async (t) => {
  const server = await redisServer(t)
  const keeper = { leaseMs: 400 }
  const a = await limitProcess(t, server, { name: 'a', keeper })
  const limit = budget(1000, leased)
  const set = await bound(a.limiter, limit)
  const calls = [callId(), callId()]
  for (const call of calls) await a.limiter.take(call, set, [300])
  a.limiter.settle(calls[0]!, set, [300], [300])
  await a.quiet()
  a.cells.write(first(set).slot, Word.usedAt, a.clock.us() + 10_000_000)
  a.clock.advance(1001)
  a.keeper.look()
  await a.quiet()

  // The process is gone without a word: what it held lapses, what it spent stays.
  await a.client.close()
  const b = await limitProcess(t, server, { name: 'b', keeper })
  const setB = await bound(b.limiter, limit)
  let verdict = await b.limiter.take(callId(), setB, [700])
  t.equal(verdict.is, 'refused')
  while (verdict.is === 'refused') {
    await new Promise((resolve) => setTimeout(resolve, 20))
    verdict = await b.limiter.take(callId(), setB, [700])
  }

  t.equal(verdict.is, 'taken')
  t.equal((await taken(b.limiter, setB, [1])).is, 'refused')
})

t.test('what the ledger says was spent before this process began is not told to Redis again', async (t) => {
  const server = await redisServer(t)
  const a = await limitProcess(t, server, { name: 'a' })
  const set = await bound(a.limiter, budget(1000, leased))
  const slots = slotAllocator(a.cells, { clock: a.clock, spent: async () => 600 })
  const [slot] = await slots.slotsOf([first(set).key])

  t.equal(slot, first(set).slot)
  t.equal((await taken(a.limiter, set, [1000])).is, 'taken')
})

t.test('a bucket that refills beside a lease never holds more than its burst together with it', async (t) => {
  const server = await redisServer(t)
  let ms = 1_800_000_000_000
  const keeper = { callerUs: () => ms * 1000 }
  const limit = rate({ count: 1000, periodMs: 1000, burst: 400, exact: false })
  const [a, b] = [await limitProcess(t, server, { name: 'a', keeper }), await limitProcess(t, server, { name: 'b', keeper })]
  const [setA, setB] = [await bound(a.limiter, limit), await bound(b.limiter, limit)]
  await taken(a.limiter, setA, [1])
  const held = a.cells.read(first(setA).slot, Word.leased)

  ms += 30_000
  const there = await burst(b.limiter, setB, { count: 400, amounts: [1] })
  const here = await burst(a.limiter, setA, { count: 400, amounts: [1] })

  t.ok(held > 0)
  t.ok(here >= held)
  t.ok(there + here <= 400, `${there} and ${here}`)
})

interface Spending {
  /** Tokens that were taken for good. */
  readonly kept: number
  readonly held: number
  /** Times that more permits were out than there are. */
  readonly over: number
}

async function spending(data: object): Promise<Spending> {
  const worker = new Worker(new URL('lease-thread.ts', import.meta.url), { workerData: data })
  const { promise, resolve, reject } = Promise.withResolvers<Spending>()
  worker.once('message', resolve)
  worker.once('error', reject)
  const came = await promise
  await worker.terminate()
  return came
}
