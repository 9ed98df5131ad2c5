import type { Limit } from '../base/limit.ts'
import { limitAttempts, type LimiterCounts } from './attempts.ts'
import type { Cells } from './cells.ts'
import type { Clock } from './clock.ts'
import { leaseReading } from './lease/reading.ts'
import type { AskLeases } from './lease/wish.ts'
import type { Limiter } from './limiter.ts'
import { memoryStore } from './memory/memory-store.ts'
import type { ExactStore } from './redis/exact.ts'
import { limitSets } from './sets.ts'
import type { LimitShared } from './shared.ts'
import { redisWay, waysBy, type Way } from './ways.ts'

/** A worker's limiter, with what it counted. */
export interface WorkerLimiter extends Limiter {
  readonly counts: LimiterCounts
}

export interface WorkerLimiterOptions {
  readonly cells: Cells
  readonly clock: Clock
  readonly shared: LimitShared
  /** The slots of keys in their order, -1 where there is no room. */
  readonly askSlots: (keys: readonly string[]) => Promise<readonly number[]>
  /** null: all buckets are in this process's memory. */
  readonly redis: RedisParts | null
  /** Which way a limit goes; by default that of its own. */
  readonly wayOf?: (limit: Limit) => Way
}

/** What a limiter needs where buckets are in Redis. */
export interface RedisParts {
  readonly exact: ExactStore
  /** Asks control for more of leased buckets. */
  readonly ask: AskLeases
  /** ms that a command may take. */
  readonly timeoutMs: number
}

/** What control may need beyond Redis's own time: its event loop may be busy. */
const marginMs = 25

/**
 * The limiter of a worker. Each bucket has a way, found once a set: memory; leased, spent from what the process holds; exact, in Redis
 * call by call. A call whose buckets are in memory, or with leases that suffice, is decided at once, without a promise.
 */
export function workerLimiter(options: WorkerLimiterOptions): WorkerLimiter {
  const { cells, clock, shared, redis, wayOf = redis === null ? () => 'memory' as const : redisWay } = options
  const memory = memoryStore(cells, { clock })
  const local = memoryStore(cells, { clock, nodes: () => shared.nodes })
  const sets = limitSets(options)
  const attempts =
    redis === null
      ? null
      : limitAttempts({
          ...{ cells, clock, shared, memory, local, exact: redis.exact, ask: redis.ask },
          // A command, another where Redis is in another period, and what waited before it.
          waitMs: 2 * redis.timeoutMs + marginMs,
          waysOf: waysBy(wayOf),
        })

  const store = attempts ?? memory

  return {
    bind: (subject, limits) => sets.bind(subject, limits),
    forget: () => sets.forget(),
    take: (call, set, amounts) => store.take(call, set, amounts),
    settle: (call, set, taken, used) => store.settle(call, set, taken, used),
    reading: (bucket) => {
      const way = wayOf(bucket.limit)
      if (redis === null || way === 'memory') return memory.reading(bucket)
      if (shared.isAway && bucket.limit.away === 'local') return local.reading(bucket)
      return way === 'leased' ? leaseReading(cells, bucket, clock) : redis.exact.reading(bucket)
    },
    close: async () => redis?.exact.close(),
    counts: attempts?.counts ?? { localRefusals: 0, questions: 0, withoutRedis: 0, open: 0 },
  }
}
