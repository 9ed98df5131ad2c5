import type { Limit } from '../../src/base/limit.ts'
import { cellsMemory, openCells, type Cells } from '../../src/limits/cells.ts'
import { processClock, type Clock } from '../../src/limits/clock.ts'
import { leaseKeeper, type LeaseKeeper, type LeaseKeeperOptions } from '../../src/limits/lease/keeper.ts'
import type { LeaseWish } from '../../src/limits/lease/wish.ts'
import { redisClient, type OpenRedisClient } from '../../src/limits/redis/client.ts'
import { exactStore } from '../../src/limits/redis/exact.ts'
import { redisScript, type Script } from '../../src/limits/redis/scripts.ts'
import { limitShared, limitSharedMemory, type LimitShared } from '../../src/limits/shared.ts'
import type { Bucket, LimitSet, Verdict } from '../../src/limits/store.ts'
import type { Way } from '../../src/limits/ways.ts'
import { workerLimiter, type WorkerLimiter } from '../../src/limits/worker-limiter.ts'
import { luaText, luaTexts } from '../../src/relay/lua-source.ts'
import type { RedisServer, Scope } from '../helpers/redis.ts'
import { caller } from './world.ts'

/** A relay process as far as limits go: the keeper of control, and workers that share its memory. */
export interface LimitProcess {
  readonly cells: Cells
  readonly memory: SharedArrayBuffer
  readonly shared: LimitShared
  readonly keeper: LeaseKeeper
  readonly client: OpenRedisClient
  readonly workers: readonly WorkerLimiter[]
  /** Of the first worker. */
  readonly limiter: WorkerLimiter
  readonly clock: MovingClock
  /** Waits until no script is under way. */
  quiet(): Promise<void>
  /** No answer is lost any more. */
  lossless(): void
  close(): Promise<void>
}

/** The real clock, which a test may move on. */
export interface MovingClock extends Clock {
  advance(ms: number): void
}

export interface LimitProcessOptions {
  readonly name?: string
  readonly prefix?: string
  readonly workers?: number
  readonly wayOf?: (limit: Limit) => Way
  /** How long a command may take. */
  readonly timeoutMs?: number
  readonly keeper?: Partial<LeaseKeeperOptions>
  readonly clock?: MovingClock
  /** How far its wall clock is off. */
  readonly skewMs?: number
  /** Whether the answer of a lease's script is lost: it was carried out all the same. */
  readonly lose?: () => boolean
}

export const texts = { ...luaTexts(), lease: luaText('lease') }

/** Starts a process on this Redis; it ends with the test. Nobody looks after its leases but the test. */
export async function limitProcess(t: Scope, server: Pick<RedisServer, 'place'>, options: LimitProcessOptions = {}): Promise<LimitProcess> {
  const {
    name = 'a',
    prefix = 'relay',
    workers = 1,
    skewMs = 0,
    clock = movingClock(skewMs),
    wayOf,
    timeoutMs = 1000,
    lose = () => false,
  } = options
  const client = redisClient({ ...server.place, timeoutMs }, { probeEveryMs: 20 })
  await client.first
  const memory = cellsMemory({ workers, slots: 64 })
  const cells = openCells(memory, null)
  const shared = limitShared(limitSharedMemory())
  const sent = new Set<Promise<unknown>>()
  let isLossy = true
  const run = redisScript(client, texts.lease)
  const script: Script = async (keys, args) => {
    const answer = run(keys, args)
    sent.add(answer)
    const came = await answer.finally(() => sent.delete(answer))
    if (isLossy && lose()) throw new Error('the answer was lost')
    return came
  }
  const keeper = leaseKeeper({ client, script, cells, shared, clock, prefix, process: name, everyMs: null, ...options.keeper })
  const slots = new Map<string, number>()
  const askSlots = async (keys: readonly string[]): Promise<readonly number[]> =>
    keys.map((key) => slots.get(key) ?? slots.set(key, slots.size).size - 1)
  const limiters = Array.from({ length: workers }, (_none, index) => {
    const exact = exactStore({ client, texts, prefix, isCluster: false, wallMs: clock.wallMs })
    const redis = { exact, ask: async (wishes: readonly LeaseWish[]) => keeper.answer(wishes), timeoutMs }
    return workerLimiter({ cells: openCells(memory, index), clock, shared, askSlots, redis, ...(wayOf === undefined ? {} : { wayOf }) })
  })
  const quiet = async (): Promise<void> => {
    // What an answer sets going is sent with the next turns of the event loop.
    for (let turn = 0; turn < 3; turn += 1) {
      await Promise.allSettled(sent)
      await new Promise(setImmediate)
    }
  }
  const close = async (): Promise<void> => {
    await keeper.close(1000)
    await Promise.all(limiters.map(async (limiter) => limiter.close()))
    await client.close()
  }
  const lossless = (): void => {
    isLossy = false
  }
  t.teardown(close)
  return { cells, memory, shared, keeper, client, workers: limiters, limiter: limiters[0]!, clock, quiet, lossless, close }
}

/** A clock that a test moves on. */
function movingClock(skewMs = 0): MovingClock {
  const real = processClock()
  let ahead = 0
  return {
    us: () => real.us() + ahead * 1000,
    wallMs: () => real.wallMs() + skewMs,
    advance: (ms) => {
      ahead += ms
    },
  }
}

let calls = 0

/** A new call's name. */
export function callId(): string {
  calls += 1
  return `req_${calls}`
}

/** The set of these limits as the limiter binds them. */
export async function bound(limiter: WorkerLimiter, ...limits: readonly Limit[]): Promise<LimitSet> {
  return limiter.bind(caller, limits)
}

/** Asks so many times at once; how many were taken. */
export async function burst(
  limiter: WorkerLimiter,
  set: LimitSet,
  { count, amounts }: { readonly count: number; readonly amounts: readonly number[] },
): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: count }, async () => limiter.take(callId(), set, amounts)))
  return verdicts.filter(({ is }) => is === 'taken').length
}

/** What a Redis bucket has left: of a process that has nothing else to do with it. */
export async function taken(limiter: WorkerLimiter, set: LimitSet, amounts: readonly number[]): Promise<Verdict> {
  return limiter.take(callId(), set, amounts)
}

/** The first bucket of a set. */
export function first(set: LimitSet): Bucket {
  return set.buckets[0]!
}

/** Waits until it is so; fails with the test's own time. */
export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 5))
}
