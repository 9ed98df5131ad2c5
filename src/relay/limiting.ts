import { randomBytes } from 'node:crypto'
import type { Log } from '../base/log.ts'
import type { Plan } from '../config/plan.ts'
import type { LedgerHost } from '../ledger/host.ts'
import { openCells } from '../limits/cells.ts'
import { processClock } from '../limits/clock.ts'
import { leaseKeeper, type LeaseKeeper } from '../limits/lease/keeper.ts'
import type { LeaseOutcome, LeaseWish } from '../limits/lease/wish.ts'
import type { OpenRedisClient } from '../limits/redis/client.ts'
import { redisMarker } from '../limits/redis/marker.ts'
import { redisNodes, type Nodes } from '../limits/redis/nodes.ts'
import { redisScript } from '../limits/redis/scripts.ts'
import { limitShared } from '../limits/shared.ts'
import { slotAllocator } from '../limits/slots.ts'
import type { RedisFacts } from '../metrics/metric.ts'
import { luaText, luaTexts } from './lua-source.ts'
import type { SharedMemories } from './shared.ts'

/** Control's part of the limits: who has which bucket's place, what was leased from Redis, and how many nodes there are. */
export interface Limiting {
  readonly slots: (keys: readonly string[]) => Promise<readonly number[]>
  readonly leases: (wishes: readonly LeaseWish[]) => Promise<readonly LeaseOutcome[]>
  /** Calls were lost, and are taken to have spent this on each budget. */
  readonly addSpent: (amounts: ReadonlyMap<string, number>) => void
  /** A worker has ended: what its calls held is free. */
  workerDied(index: number): void
  /** Live nodes, itself among them. */
  readonly nodes: () => number
  /** null where every bucket is in memory. */
  facts(): RedisFacts | null
}

export interface LimitingOptions {
  readonly plan: Plan
  readonly shared: SharedMemories
  readonly redis: OpenRedisClient | null
  readonly ledger: LedgerHost | null
  readonly log: Log
  /** Resolves when each worker has forgotten its slots. */
  readonly everyoneForgets: () => Promise<void>
}

/** Opens the limits; what was leased is handed back when they close. */
export function openLimiting(options: LimitingOptions, opened: AsyncDisposableStack): Limiting {
  const { plan, shared, ledger, everyoneForgets, log } = options
  const cells = openCells(shared.cells, null)
  const clock = processClock()
  const far = plan.limitStore === 'redis' ? openFar(options, opened) : null
  const slots = slotAllocator(cells, {
    clock,
    isNeeded: (slot) => far?.keeper.holds(slot) ?? false,
    ...(ledger === null ? {} : { spent: async (key: string) => (await ledger.spent([key]))[0] ?? 0 }),
  })
  const sweep = setInterval(() => {
    slots.sweep(everyoneForgets).catch((error: unknown) => log.warn({ error }, 'idle buckets could not be freed'))
  }, sweepMs).unref()
  opened.defer(() => clearInterval(sweep))
  return {
    slots: async (keys) => slots.slotsOf(keys),
    leases: async (wishes) => (far === null ? wishes.map(() => ({ is: 'away' })) : far.keeper.answer(wishes)),
    addSpent: (amounts) => slots.addSpent(amounts),
    workerDied: (index) => {
      cells.workerDied(index)
      far?.keeper.look()
    },
    nodes: () => far?.nodes.live ?? 1,
    facts: () => (far === null ? null : factsOf(far.keeper)),
  }
}

interface Far {
  readonly keeper: LeaseKeeper
  readonly nodes: Nodes
}

/** Leases and heartbeats, where the buckets are in Redis. */
function openFar({ plan, shared, redis, log }: LimitingOptions, opened: AsyncDisposableStack): Far {
  if (redis === null || plan.redis === null) throw new Error('limits are kept in Redis, and the plan has none')
  const { prefix } = plan.redis
  const id = `${process.pid}-${randomBytes(6).toString('hex')}`
  const told = limitShared(shared.limits)
  told.nodes = plan.nodes
  const nodes = redisNodes({
    client: redis,
    texts: luaTexts(),
    prefix,
    id,
    expected: plan.nodes,
    onCount: (live) => {
      told.nodes = live
      log.info({ nodes: live }, 'another number of nodes shares the limits now')
    },
  })
  opened.defer(() => nodes.close())
  const marker = redisMarker({ client: redis, prefix, lost: () => log.warn({}, lostMessage) })
  opened.defer(() => marker.close())
  const keeper = leaseKeeper({
    client: redis,
    script: redisScript(redis, luaText('lease')),
    cells: openCells(shared.cells, null),
    shared: told,
    clock: processClock(),
    prefix,
    process: id,
  })
  opened.defer(() => keeper.close(closeMs))
  return { keeper, nodes }
}

function factsOf(keeper: LeaseKeeper): RedisFacts {
  const { isAway, timesAway, roundTrips, leases } = keeper.counts()
  return { isAway, timesAway, roundTrips, leases }
}

const lostMessage =
  'Redis has lost its data: buckets and budgets begin anew (let it persist: appendonly yes, and evict nothing: maxmemory-policy noeviction)'

const sweepMs = 30_000
/** What handing back may take at the end. */
const closeMs = 1000
