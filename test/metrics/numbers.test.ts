import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'

import { workerColumn } from '../../src/metrics/column.ts'
import { readHistogram } from '../../src/metrics/histogram.ts'
import { failureIndex, poolGauges } from '../../src/metrics/layout.ts'
import { numbers, type Numbers } from '../../src/metrics/numbers.ts'
import { slotTable } from '../../src/metrics/slots.ts'
import { statusLabels, statusSlot } from '../../src/metrics/statuses.ts'

const code = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData.module).then(({ workerColumn }) => {
  const column = workerColumn(workerData.memory, workerData.index)
  for (let call = 0; call < 1000; call += 1) {
    column.callStarted()
    column.callEnded(1, 200, 20, 'done')
  }
  for (let open = 0; open < 5; open += 1) {
    column.callStarted()
    column.connectionOpened()
    column.streamOpened()
  }
  column.tokens(1, { input: 1, output: 2, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5, estimated: false })
  const pool = column.pool(1)
  pool.limit(8)
  pool.gauges(4, 3, 2)
  column.logDropped(7)
  parentPort.postMessage('counted')
  parentPort.on('message', () => {})
})`

async function startWorker(shared: Numbers, index: number): Promise<Worker> {
  const module = new URL('../../src/metrics/column.ts', import.meta.url).href
  const worker = new Worker(code, { eval: true, workerData: { memory: shared.memory, index, module } })
  await once(worker, 'message')
  return worker
}

function totals(shared: Numbers) {
  const { layout } = shared
  const sums = shared.read()
  const pool = layout.pools + poolGauges.length
  return {
    calls: sums[layout.calls + statusLabels.length + statusSlot(200)],
    done: sums[layout.ends + 6],
    tokens: [...sums.subarray(layout.tokens + 5, layout.tokens + 10)],
    dropped: sums[layout.logDropped],
    gauges: [sums[layout.connections], sums[layout.activeCalls], sums[layout.streams], ...sums.subarray(pool, pool + 4)],
  }
}

t.test('two workers add up, and one that is killed leaves its counts but none of its gauges', async (t) => {
  const shared = numbers({ workers: 2 })
  shared.routeSlots.slotsOf(['v1/messages'])
  const workers = await Promise.all([startWorker(shared, 0), startWorker(shared, 1)])
  t.teardown(async () => Promise.all(workers.map(async (worker) => worker.terminate())))
  const both = { calls: 2000, done: 2000, tokens: [2, 4, 6, 8, 10], dropped: 14, gauges: [10, 10, 10, 8, 6, 4, 16] }
  t.strictSame(totals(shared), both)

  await workers[0]?.terminate()
  shared.workerDied(0)

  t.strictSame(totals(shared), { ...both, gauges: [5, 5, 5, 4, 3, 2, 8] })

  const replacement = await startWorker(shared, 0)
  t.teardown(async () => replacement.terminate())
  t.strictSame(totals(shared), { calls: 3000, done: 3000, tokens: [3, 6, 9, 12, 15], dropped: 21, gauges: both.gauges })
})

t.test('the pools of one upstream add up while an old one drains beside the new', async (t) => {
  const shared = numbers({ workers: 1 })
  const column = workerColumn(shared.memory, 0)
  const [old, fresh] = [column.pool(3), column.pool(3)]
  old.gauges(5, 1, 0)
  old.limit(10)

  fresh.gauges(2, 2, 1)
  fresh.limit(20)
  old.gauges(1, 0, 0)
  const during = shared.read()
  old.close()
  const after = shared.read()

  const at = shared.layout.pools + 3 * poolGauges.length
  t.strictSame([...during.subarray(at, at + 4)], [3, 2, 1, 30])
  t.strictSame([...after.subarray(at, at + 4)], [2, 2, 1, 20])
})

t.test('no deed of one slot or worker spills into a neighbour', async (t) => {
  const shared = numbers({ workers: 2, routes: 3, upstreams: 3 })
  const column = workerColumn(shared.memory, 1)

  column.callEnded(2, 599, 1e9, 'failed')
  column.callEnded(2, 1_000_000, 0, 'failed')
  column.upstreamFirstByte(2, 1e9)
  column.refused(failureIndex('timed_out'))

  const { layout } = shared
  const sums = shared.read()
  t.equal(sums[layout.calls + 2 * statusLabels.length], 2, 'statuses that nobody registered are counted as other')
  t.equal(readHistogram(sums, layout.durations + 2 * 21).count, 2)
  t.equal(sums[layout.ends + 17], 2)
  t.equal(sums[layout.refused + failureIndex('timed_out')], 1)
  t.equal(sums[layout.accepted], 0)
  t.equal(readHistogram(sums, layout.firstBytes + 2 * 21).count, 1)
  t.throws(() => workerColumn(shared.memory, 2), { message: 'worker 2 has no column, there are 2' })
})

t.test('a duration falls in the first bucket whose bound it does not exceed', async (t) => {
  const shared = numbers({ workers: 1 })
  const column = workerColumn(shared.memory, 0)

  for (const ms of [0, 0.5, 0.51, 1000, 600_000, 600_001]) column.callEnded(1, 200, ms, 'done')

  const { cumulative, count } = readHistogram(shared.read(), shared.layout.durations + 21)
  t.strictSame(cumulative, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6])
  t.equal(count, 6)
})

t.test('names keep their slots over reloads, and those beyond the cap share the slot of others', async (t) => {
  const table = slotTable(3)
  t.strictSame(table.slotsOf(['a', 'b', 'c']), [1, 2, 0])

  const reloaded = table.slotsOf(['c', 'b', 'other', '__proto__'])
  const back = table.slotsOf(['a'])

  t.strictSame(reloaded, [0, 2, 0, 0])
  t.strictSame(back, [1])
  t.strictSame(table.names(), ['other', 'a', 'b'])
})
