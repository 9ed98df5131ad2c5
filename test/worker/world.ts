import { bodyEnds } from '../../src/base/ends.ts'
import { logger } from '../../src/base/log.ts'
import type { Plan } from '../../src/config/plan.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { cellsMemory, openCells } from '../../src/limits/cells.ts'
import { processClock } from '../../src/limits/clock.ts'
import { limitShared, limitSharedMemory } from '../../src/limits/shared.ts'
import { workerLimiter } from '../../src/limits/worker-limiter.ts'
import { workerColumn, type Column } from '../../src/metrics/column.ts'
import { poolGauges } from '../../src/metrics/layout.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import { workerQueues } from '../../src/stages/queue.ts'
import { compile, type Snapshot } from '../../src/worker/compile.ts'
import { upstreamPools } from '../../src/worker/pools.ts'
import type { Services } from '../../src/worker/services.ts'
import { planOf } from '../config/helpers.ts'
import { engineWorld, type EngineWorld, type WorldOptions } from '../helpers/engine-world.ts'
import type { Message } from '../helpers/strict-reader.ts'

/** What a worker shares, without control: slots are given out here, and nobody is known. */
export function servicesOf(column: Column, more: Partial<Services> = {}): Services {
  let slots = 0
  return {
    tenants: null,
    limiter: workerLimiter({
      cells: openCells(cellsMemory({ workers: 1, slots: 64 }), 0),
      clock: processClock(),
      shared: limitShared(limitSharedMemory()),
      askSlots: async (keys) => keys.map(() => slots++),
      redis: null,
    }),
    ledger: null,
    peeks: { take: () => true, give: () => {} },
    load: { isOverloaded: false },
    settling: () => {},
    queues: workerQueues({ numbersOf: (slot) => column.queue(slot) }),
    ...more,
  }
}

const log = logger({ level: 'silent' })

/** A worker without its thread: configs compiled and served in this process. */
export interface Worker extends EngineWorld {
  /** Compiles a config, with ORIGIN for the origin's address, and serves it; pools that it does not use drain. */
  readonly use: (config: string) => Snapshot
  readonly caller: EngineWorld['connect']
  readonly ask: (target: string, host?: string) => Promise<Message | undefined>
  /** Calls that have ended, of the route in this slot. */
  readonly endedOf: (slot: number) => number
  /** A gauge of the upstream in this slot. */
  readonly gauge: (slot: number, which: (typeof poolGauges)[number]) => number
}

/** Makes one that ends with its test. */
export async function worker(
  t: { teardown(end: () => Promise<void>): void },
  more: Partial<Services> = {},
  limits: WorldOptions['limits'] = {},
): Promise<Worker> {
  const shared = numbers({ workers: 1 })
  const column = workerColumn(shared.memory, 0)
  const sweep = new Sweep()
  const pools = upstreamPools({ slab: new Slab(), sweep, column })
  const services = servicesOf(column, more)
  let current: Snapshot | null = null
  const world = await engineWorld(t, { stages: [(call) => current!.handle(call)], limits })
  t.teardown(async () => {
    await world.close()
    await pools.close()
  })
  const slots = (plan: Plan): { routes: number[]; upstreams: number[] } => ({
    routes: plan.routes.map((_, k) => k + 1),
    upstreams: plan.upstreams.map(({ name }) => (name === 'b' ? 2 : 1)),
  })
  return {
    ...world,
    use(config) {
      const plan = planOf(config.replaceAll('ORIGIN', `http://127.0.0.1:${world.origin.port}`))
      current = compile({
        version: 1,
        plan,
        slots: slots(plan),
        column,
        log,
        sweep,
        pools,
        services,
        closing: new AbortController().signal,
      })
      pools.keepOnly(current.pools)
      return current
    },
    caller: () => world.connect(),
    async ask(target, host = 'relay') {
      const caller = await world.connect()
      await caller.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      return (await caller.answers(1))[0]
    },
    endedOf: (slot) => {
      const { layout } = shared
      const row = shared.read().slice(layout.ends + slot * bodyEnds.length)
      return row.slice(0, bodyEnds.length).reduce((sum, count) => sum + count, 0)
    },
    gauge: (slot, which) => shared.read()[shared.layout.pools + slot * poolGauges.length + poolGauges.indexOf(which)] ?? -1,
  }
}
