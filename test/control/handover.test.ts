import { once } from 'node:events'
import { Socket } from 'node:net'
import t from 'tap'
import { workerColumn } from '../../src/metrics/column.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import { handover } from '../../src/relay/handover.ts'
import { loads } from '../../src/relay/load-of.ts'

function world() {
  let now = 1000
  const shared = numbers({ workers: 2 })
  const columns = [workerColumn(shared.memory, 0), workerColumn(shared.memory, 1)]
  const load = loads(shared, () => now)
  const taken: number[] = []
  const takers = [0, 1].map((index) => ({
    load: () => load.load(index),
    hand: () => {
      load.sent(index)
      taken.push(index)
    },
  }))
  return { columns, load, takers, taken, pass: (ms: number) => (now += ms) }
}

t.test('connections that come at once are spread although no worker has seen one yet', async (t) => {
  const { takers, taken } = world()
  const spread = handover({ takers: () => takers, limit: () => 100, wait: 1000 })

  for (let at = 0; at < 6; at++) spread.accept(0, new Socket())

  t.same(taken, [0, 1, 0, 1, 0, 1])
})

t.test('a worker that holds fewer connections gets the next ones', async (t) => {
  const { takers, taken, columns } = world()
  for (let at = 0; at < 3; at++) columns[0]?.connectionOpened()
  const spread = handover({ takers: () => takers, limit: () => 100, wait: 1000 })

  for (let at = 0; at < 3; at++) spread.accept(0, new Socket())

  t.same(taken, [1, 1, 1])
})

t.test('connections that a worker never counted weigh on it for a moment only', async (t) => {
  const { load, pass } = world()
  for (let at = 0; at < 50; at++) load.sent(0)
  const before = load.load(0)

  pass(200)

  t.same([before, load.load(0)], [50, 0])
})

t.test('connections beyond the bound are closed, whether they are open, under way or waiting', async (t) => {
  const { takers, columns, load } = world()
  load.sent(0)
  columns[0]?.connectionOpened()
  const spread = handover({ takers: () => takers, limit: () => 3, wait: 1000 })
  const sockets = Array.from({ length: 4 }, () => new Socket())

  for (const one of sockets) spread.accept(0, one)

  t.same(
    sockets.map(({ destroyed }) => destroyed),
    [false, false, true, true],
  )
  t.equal(spread.refused(), 2)
})

t.test('what waits for a worker is bounded in number and in time, and goes out when one comes', async (t) => {
  const { takers, taken } = world()
  let up: typeof takers = []
  const spread = handover({ takers: () => up, limit: () => 100, wait: 20, waiting: 2 })
  const sockets = Array.from({ length: 3 }, () => new Socket())
  for (const one of sockets) spread.accept(7, one)
  const full = sockets.map(({ destroyed }) => destroyed)

  up = takers
  spread.flush()
  up = []
  const late = new Socket()
  spread.accept(7, late)
  await once(late, 'close')

  t.same(full, [false, false, true])
  t.same(taken, [0, 1])
})
