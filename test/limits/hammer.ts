import { parentPort, workerData } from 'node:worker_threads'
import { processClock } from '../../src/limits/clock.ts'
import { openCells } from '../../src/limits/cells.ts'
import { memoryStore } from '../../src/limits/memory/memory-store.ts'
import { Seen, type HammerOrder, type HammerResult } from './hammer-order.ts'

const order = workerData as HammerOrder
const seen = new Int32Array(order.seen)
const store = memoryStore(openCells(order.cells, order.index), { clock: processClock() })
const { buckets } = order.set
const used = buckets.map(() => 0)
let calls = 0
let refused = 0

parentPort!.postMessage('ready')
Atomics.wait(seen, Seen.begin, 0)
if (order.deed !== 'hold') {
  const end = performance.now() + order.ms
  while (performance.now() < end) round()
  parentPort!.postMessage({ used, refused } satisfies HammerResult)
} else {
  take(amountsOf(buckets))
  parentPort!.postMessage('holding')
  for (;;) round()
}

/** Up to three calls open at once, as in a worker. */
function round(): void {
  const open: [string, readonly number[]][] = []
  for (let count = 0; count < 3; count += 1) {
    const amounts = amountsOf(buckets)
    const call = take(amounts)
    if (call !== null) open.push([call, amounts])
  }
  for (const [call, amounts] of open) {
    const spent = amounts.map((amount, at) => usedOf(amount, at))
    for (const [at, value] of spent.entries()) used[at] = (used[at] ?? 0) + value
    Atomics.sub(seen, Seen.inside, 1)
    store.settle(call, order.set, amounts, spent)
  }
}

function take(amounts: readonly number[]): string | null {
  calls += 1
  const call = `${order.index}-${calls}`
  const verdict = store.take(call, order.set, amounts)
  if (verdict.is !== 'taken') {
    refused += 1
    return null
  }
  const inside = Atomics.add(seen, Seen.inside, 1) + 1
  Atomics.add(seen, Seen.admitted, 1)
  for (;;) {
    const most = Atomics.load(seen, Seen.most)
    if (most >= inside || Atomics.compareExchange(seen, Seen.most, most, inside) === most) return call
  }
}

function amountsOf(of: typeof buckets): readonly number[] {
  if (order.deed === 'refund') return of.map(() => 1)
  return of.map(({ limit }) => (limit.kind === 'requests' || limit.kind === 'concurrency' ? 1 : 1 + Math.floor(Math.random() * 20)))
}

/** A request stays a request; of tokens and money calls use less than they reserved, and some all of it. */
function usedOf(amount: number, at: number): number {
  if (order.deed === 'refund') return 0
  const kind = buckets[at]!.limit.kind
  return kind === 'requests' || kind === 'concurrency' ? amount : Math.floor(Math.random() * (amount + 1))
}
