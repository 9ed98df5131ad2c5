import type { Limit } from '../../src/base/limit.ts'
import type { Bucket, LimitSet } from '../../src/limits/store.ts'
import type { RedisServer } from '../helpers/redis.ts'
import { limitProcess, type LimitProcess } from '../limits/lease-world.ts'
import { serve } from './serve.ts'

// Times what a limit in Redis costs a call: of one caller at a time, so that a wait is a call's own, and of many.

/** What one run found. */
export interface RedisRun {
  readonly us: number
  readonly p50: number
  readonly p99: number
  readonly callsATrip: number
}

const limit: Limit = {
  name: 'requests',
  kind: 'requests',
  per: ['tenant'],
  routes: null,
  models: null,
  exact: false,
  away: 'local',
  dryRun: false,
  count: 1e6,
  periodMs: 1000,
  burst: 100_000,
}

const cases = {
  'leased, one at a time': { exact: false, callers: 1, calls: 200_000 },
  'exact, one at a time': { exact: true, callers: 1, calls: 5000 },
  'exact, 50 at once': { exact: true, callers: 50, calls: 30_000 },
} as const

let world: LimitProcess | null = null

async function open(port: number): Promise<void> {
  const place = { mode: { is: 'single', host: '127.0.0.1', port, db: 0 }, username: null, password: null, tls: null } as const
  // The process ends with its parent, and its connections with it.
  const scope = { teardown: () => undefined }
  const server: Pick<RedisServer, 'place'> = { place: { ...place, prefix: 'relay', timeoutMs: 1000 } }
  world = await limitProcess(scope, server, { keeper: { everyMs: 200 } })
}

async function run(name: keyof typeof cases): Promise<RedisRun> {
  const { exact, callers, calls } = cases[name]
  const { limiter, keeper } = world!
  const set = setOf({ ...limit, exact })
  const waits = new Float64Array(calls)
  const trips = (): number => keeper.counts().roundTrips
  const tripsBefore = trips()
  const cpuBefore = process.cpuUsage()
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < calls) {
      const k = next++
      const since = performance.now()
      const verdict = limiter.take(`req_${name}_${since}_${k}`, set, [1])
      const taken = verdict instanceof Promise ? await verdict : verdict
      if (taken.is !== 'taken') throw new Error(`a call was not let through: ${taken.is}`)
      waits[k] = performance.now() - since
      limiter.settle(`req_${name}_${since}_${k}`, set, [1], [1])
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const { user, system } = process.cpuUsage(cpuBefore)
  waits.sort()
  const at = (part: number): number => waits[Math.floor(part * (calls - 1))] ?? NaN
  return { us: (user + system) / calls, p50: at(0.5), p99: at(0.99), callsATrip: exact ? 1 : calls / Math.max(1, trips() - tripsBefore) }
}

function setOf(its: Limit): LimitSet {
  const bucket: Bucket = {
    limit: its,
    key: `requests|tenant=${its.exact ? 'exact' : 'leased'}`,
    tag: 'tenant=perf',
    slot: its.exact ? 1 : 0,
  }
  return { buckets: [bucket], validUntil: Infinity }
}

serve({ open, names: () => Object.keys(cases), run })
