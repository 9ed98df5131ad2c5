import type { MessagePort } from 'node:worker_threads'
import type { Registry } from '../auth/registry.ts'
import type { Log } from '../base/log.ts'
import type { Plan } from '../config/plan.ts'
import type { WorkerData } from '../control/worker-data.ts'
import { ledgerHost, type LedgerHost } from '../ledger/host.ts'
import { redisClient, type OpenRedisClient } from '../limits/redis/client.ts'
import type { Numbers } from '../metrics/numbers.ts'
import { forgetPeeks } from '../stages/peek-budget.ts'
import { answerer, type Knowing } from './answers.ts'
import { openLimiting, type Limiting } from './limiting.ts'
import { luaTexts } from './lua-source.ts'
import { sharedMemories, type SharedMemories, usePeek } from './shared.ts'
import { openTenants, tenantConfig } from './tenants.ts'
import { ledgerSource } from './worker-source.ts'
import type { WorkerThread } from './worker-thread.ts'

/** What all workers are served with by control: tenants, limits and the ledger. Opened before the first worker, closed after the last. */
export interface Services {
  readonly tenants: Registry
  readonly limiting: Limiting
  readonly ledger: LedgerHost | null
  readonly redis: OpenRedisClient | null
  readonly answer: ReturnType<typeof answerer>
  /** What a worker is started with, and what of it moves to its thread. */
  dataFor(index: number): { readonly data: ServiceData; readonly transfer: readonly MessagePort[] }
  /** Resolves when what its calls held is free, and what they are taken to have spent is spent. */
  workerDied(index: number): Promise<void>
  /** A new version is in force; resolves when its tenants are let in, and those that it took away are not. */
  useConfig(plan: Plan): Promise<void>
}

type ServiceData = Omit<WorkerData, 'index' | 'numbers' | 'logLevel' | 'logFd'>

export interface ServicesOptions {
  readonly plan: Plan
  readonly workers: number
  readonly numbers: Numbers
  readonly log: Log
  readonly threads: {
    readonly live: () => readonly WorkerThread[]
    /** Those that are starting too: what they were started with may be out of date already. */
    readonly all: () => readonly WorkerThread[]
  }
  /** What a worker may take to forget its slots, in ms. */
  readonly forgetMs: number
}

/** Opens them; what cannot be opened throws a ConfigError. */
export async function openServices(options: ServicesOptions, opened: AsyncDisposableStack): Promise<Services> {
  const { plan, numbers, log, threads } = options
  const shared = sharedMemories(options.workers, plan.bounds.peek)
  const redis = await openRedis(options, opened)
  // The estimates of a relay that was killed are in the ledger before there is anything to spend.
  let limiting: Limiting | null = null
  const ledger = await openLedger(options, opened, (budgets) => limiting?.addSpent(budgets))
  const moved = (memory: SharedArrayBuffer) => threads.all().forEach((thread) => thread.tell({ is: 'directory', memory }))
  const tenants = await openTenants({ plan, redis, numbers, log, moved }, opened)
  const everyoneForgets = forgetting(options)
  const limits = (limiting = openLimiting({ plan, shared, redis, ledger, log, everyoneForgets }, opened))
  const knowing: Knowing = { tenant: async (id) => tenants.tenant(id), slots: limits.slots, leases: limits.leases }
  return {
    tenants,
    limiting: limits,
    ledger,
    redis,
    answer: answerer(knowing, log),
    dataFor: (index) => dataFor(index, { plan, shared, tenants, ledger }),
    workerDied: async (index) => {
      forgetPeeks(shared.peeks, index)
      // First what its calls are taken to have spent, then what they held of it: in between nobody else may have the money.
      await ledger?.left(index)
      limits.workerDied(index)
    },
    useConfig: async ({ tenancy, bounds }) => {
      usePeek(shared, options.workers, bounds.peek)
      await tenants.useConfig(tenantConfig(tenancy))
    },
  }
}

interface DataParts {
  readonly plan: Plan
  readonly shared: SharedMemories
  readonly tenants: Registry
  readonly ledger: LedgerHost | null
}

function dataFor(index: number, { plan, shared, tenants, ledger }: DataParts): ReturnType<Services['dataFor']> {
  const port = ledger?.joined(index) ?? null
  const data: ServiceData = {
    ...shared,
    directory: tenants.memory,
    redis: plan.redis === null || plan.limitStore === 'memory' ? null : { place: plan.redis, scripts: luaTexts() },
    ledger: port === null || plan.ledger === null ? null : { port, flushMs: plan.ledger.flushMs, queue: plan.ledger.queue },
  }
  return { data, transfer: port === null ? [] : [port] }
}

/** Whether it is there is told, and not waited for longer than it takes to know: relay starts without it, by its limits' policies. */
async function openRedis({ plan, log }: ServicesOptions, opened: AsyncDisposableStack): Promise<OpenRedisClient | null> {
  const isUsed = plan.redis !== null && (plan.limitStore === 'redis' || plan.tenancy?.from?.is === 'redis')
  if (plan.redis === null || !isUsed) return null
  const client = redisClient(plan.redis)
  opened.defer(() => client.close())
  client.onChange((isAway) => {
    if (isAway) log.error({ error: client.lastError }, 'Redis is away: limits go by their policies until it is back')
    else log.info({}, 'Redis is back')
  })
  await client.first
  return client
}

async function openLedger(
  { plan, log, threads }: ServicesOptions,
  opened: AsyncDisposableStack,
  onLost: (budgets: ReadonlyMap<string, number>) => void,
): Promise<LedgerHost | null> {
  if (plan.ledger === null) return null
  const ledger = await ledgerHost({
    source: ledgerSource(),
    options: plan.ledger,
    log,
    onLost,
    onPort: (worker, port) =>
      threads
        .all()
        .find((thread) => thread.index === worker)
        ?.tell({ is: 'ledger', port }, [port]),
  })
  opened.defer(() => ledger.close())
  return ledger
}

/** Every live worker forgets its slots; one that does not answer in time may still hold some, so then nothing is given away. */
function forgetting({ threads, forgetMs }: ServicesOptions): () => Promise<void> {
  let last = 0
  return async () => {
    const round = ++last
    const isIt = (said: { readonly is: string; readonly round?: number }) => said.is === 'forgotten' && said.round === round
    const answers = await Promise.all(threads.live().map((thread) => thread.ask({ is: 'forget', round }, isIt, forgetMs)))
    if (answers.some(({ is }) => is === 'silent')) throw new Error('a worker did not forget its slots in time')
  }
}
