import { parentPort, workerData } from 'node:worker_threads'
import { openCells } from '../../src/limits/cells.ts'
import { leaseSpends } from '../../src/limits/lease/spend.ts'

// The test starts this file, with this data.
const { memory, index, out } = workerData as {
  readonly memory: SharedArrayBuffer
  readonly index: number
  /** Permits that are out, counted by themselves. */
  readonly out: Int32Array<SharedArrayBuffer>
}
const cells = openCells(memory, index)
const spends = leaseSpends(cells)
let [kept, held, over] = [0, 0, 0]

for (let turn = 0; turn < 20_000; turn += 1) {
  const amount = 1 + (turn % 3)
  if (spends.requests.take(0, amount)) {
    const keeps = turn % 4 === 0 ? amount : 0
    spends.requests.settle(0, amount, keeps)
    kept += keeps
  }
  if (spends.concurrency.take(1, 1)) {
    held += 1
    if (Atomics.add(out, 0, 1) >= 2) over += 1
    Atomics.sub(out, 0, 1)
    spends.concurrency.settle(1, 1, 1)
  }
}
parentPort?.postMessage({ kept, held, over })
