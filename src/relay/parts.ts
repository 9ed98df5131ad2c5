import { randomBytes } from 'node:crypto'
import type { Log } from '../base/log.ts'
import type { Plan } from '../config/plan.ts'
import type { WorkerData } from '../control/worker-data.ts'
import { numbers, type Numbers } from '../metrics/numbers.ts'
import { acceptMode, type Accept, type Platform } from './accept.ts'
import { builtinFake, type BuiltinFake } from './builtin.ts'
import { crew, type Crew } from './crew.ts'
import { handover, type Handover } from './handover.ts'
import { workerHeapMb } from './heap.ts'
import { listeners, type Listeners } from './listeners.ts'
import { loads, type Loads } from './load-of.ts'
import { reflections, type Reflections } from './reflection.ts'
import { serial, type Serial } from './serial.ts'
import { openServices, type Services } from './services.ts'
import type { Waits } from './waits.ts'
import type { WorkerSource } from './worker-source.ts'
import { workerThread } from './worker-thread.ts'

/** What lives as long as relay, whatever is reloaded. */
export interface Parts {
  readonly accept: Accept
  readonly workers: number
  readonly numbers: Numbers
  readonly loads: Loads
  readonly listeners: Listeners
  readonly handover: Handover
  readonly crew: Crew
  readonly fake: BuiltinFake
  readonly services: Services
  readonly reflections: Reflections
  /** Every change of the snapshot and every start of a worker on it, one after the other. */
  readonly changes: Serial
  /** One set for all workers, so that any of them resumes any session; made anew with each start of relay. */
  readonly ticketKeys: Uint8Array
}

export interface PartsOptions {
  readonly platform: Platform
  readonly worker: WorkerSource
  readonly heapMb: number | null
  readonly waits: Waits
  readonly log: Log
  /** The plan that runs. */
  readonly plan: () => Plan
}

/** Makes the parts for the first plan, and opens what its calls are served with; nothing is bound, no worker started yet. */
export async function makeParts(options: PartsOptions, opened: AsyncDisposableStack): Promise<Parts> {
  const { waits, log } = options
  const first = options.plan()
  const accept = acceptMode(first.accept, options.platform)
  const workers = accept === 'alone' ? 1 : first.workers
  const shared = numbers({ workers })
  const load = loads(shared)
  const changes = serial()
  const spread = handover({ takers: () => takers, limit: () => options.plan().bounds.connections, wait: waits.handover })
  const threads = crewToBe()
  const services = await openServices({ plan: first, workers, numbers: shared, log, threads, forgetMs: waits.forget }, opened)
  const team = crew({
    count: workers,
    accept,
    changes,
    waits,
    log,
    spawn: spawner(options, { workers, numbers: shared, services }),
    onLive: () => {
      takers = team.live().map((thread) => taker(thread, load))
      spread.flush()
    },
    onEnd: async (index) => {
      load.died(index)
      takers = team.live().map((thread) => taker(thread, load))
      await services.workerDied(index)
    },
  })
  threads.use(team)
  // Looked at for every connection, so it is made anew only when a worker comes or goes.
  let takers: ReturnType<typeof taker>[] = []
  return {
    accept,
    workers,
    numbers: shared,
    loads: load,
    listeners: listeners(accept, spread.accept),
    handover: spread,
    crew: team,
    fake: builtinFake(),
    services,
    reflections: reflections({ log, waitMs: waits.reflect }),
    changes,
    ticketKeys: randomBytes(48),
  }
}

function spawner(options: PartsOptions, { workers, numbers: shared, services }: Pick<Parts, 'workers' | 'numbers' | 'services'>) {
  const heapMb = options.heapMb ?? workerHeapMb(workers)
  return (index: number) => {
    const { data, transfer } = services.dataFor(index)
    const workerData: WorkerData = { ...data, index, numbers: shared.memory, logLevel: options.plan().log.level, logFd: 2 }
    return workerThread({ index, source: options.worker, heapMb, workerData, transfer, onQuestion: services.answer })
  }
}

function taker(thread: ReturnType<typeof workerThread>, load: Loads) {
  const { index } = thread
  return {
    load: () => load.load(index),
    hand: (listener: number, socket: Parameters<typeof thread.hand>[1]) => {
      load.sent(index)
      thread.hand(listener, socket)
    },
  }
}

/** Services are opened before there is a crew, and may have something to tell it by then: 100,000 tenants move the directory. */
function crewToBe(): Pick<Crew, 'live'> & { readonly all: Crew['threads']; readonly use: (crew: Crew) => void } {
  let made: Crew | null = null
  return { live: () => made?.live() ?? [], all: () => made?.threads() ?? [], use: (crew) => (made = crew) }
}
