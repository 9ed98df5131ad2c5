import type { MessagePort } from 'node:worker_threads'
import { workerTenants } from '../auth/worker-tenants.ts'
import type { ShedPlan } from '../config/plan.ts'
import type { WorkerData, WorkerRedis } from '../control/worker-data.ts'
import { ledgerWriter } from '../ledger/writer.ts'
import { openCells } from '../limits/cells.ts'
import { processClock } from '../limits/clock.ts'
import { redisClient } from '../limits/redis/client.ts'
import { exactStore } from '../limits/redis/exact.ts'
import { limitShared } from '../limits/shared.ts'
import { workerLimiter, type RedisParts } from '../limits/worker-limiter.ts'
import type { Column } from '../metrics/column.ts'
import { peekBudget } from '../stages/peek-budget.ts'
import { workerQueues } from '../stages/queue.ts'
import type { Asking } from './ask.ts'
import { watchLoad } from './load.ts'
import type { Services } from './services.ts'

/** The services, and what control may change of them. */
export interface OpenedServices extends Services {
  useDirectory(memory: SharedArrayBuffer): void
  useLedger(port: MessagePort): void
  /** Scripts sent to Redis by this worker, since its start. */
  roundTrips(): number
  /** Sends what is left to the ledger and to Redis, within the time given. */
  close(timeoutMs: number): Promise<void>
}

export interface OpenServicesOptions {
  readonly asking: Asking
  readonly column: Column
  /** The plan in force says what is too much; null before the first. */
  readonly shed: () => ShedPlan | null
}

/** Opens what this worker's snapshots share, from what control started it with. */
export function openServices(data: WorkerData, { asking, column, shed }: OpenServicesOptions): OpenedServices {
  const redis = data.redis === null ? null : openRedis(data.redis, asking)
  const tenants = workerTenants({ memory: data.directory, ask: async (id) => asking.ask({ of: 'tenant', id }) })
  const limiter = workerLimiter({
    cells: openCells(data.cells, data.index),
    clock: processClock(),
    shared: limitShared(data.limits),
    askSlots: async (keys) => asking.ask({ of: 'slots', keys }),
    redis,
  })
  const unsettled = new Set<Promise<void>>()
  const ledger = data.ledger === null ? null : ledgerWriter(data.ledger.port, data.ledger)
  return {
    tenants,
    limiter,
    ledger,
    peeks: peekBudget(data.peeks, data.index),
    load: watchLoad({ plan: shed }),
    queues: workerQueues({ numbersOf: (route) => column.queue(route) }),
    settling: (work) => {
      unsettled.add(work)
      void work.finally(() => unsettled.delete(work))
    },
    useDirectory: (memory) => tenants.useDirectory(memory),
    useLedger: (port) => ledger?.reconnect(port),
    roundTrips: () => redis?.exact.counts.roundTrips ?? 0,
    close: async (timeoutMs) => {
      const from = performance.now()
      // Before what they are settled with: a coded reply is read behind its last byte.
      await within(Promise.all(unsettled), timeoutMs / 2)
      const leftMs = timeoutMs - (performance.now() - from)
      await Promise.all([ledger?.flush(leftMs), within(limiter.close(), leftMs)])
      await redis?.close()
    },
  }
}

interface OpenedRedis extends RedisParts {
  close(): Promise<void>
}

/** A connection of the worker's own: an exact limit is asked for without a detour. */
function openRedis({ place, scripts }: WorkerRedis, asking: Asking): OpenedRedis {
  const client = redisClient(place)
  const exact = exactStore({ client, texts: scripts, prefix: place.prefix, isCluster: place.mode.is === 'cluster' })
  return {
    exact,
    ask: async (wishes) => asking.ask({ of: 'leases', wishes }),
    timeoutMs: place.timeoutMs,
    close: async () => client.close(),
  }
}

async function within(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
