import type { UpstreamPlan } from '../config/plan.ts'
import { SessionPool } from '../engine/h2/session-pool.ts'
import { Pool } from '../engine/pool.ts'
import type { Dispatcher, PoolHost, PoolOptions } from '../engine/pool-options.ts'
import type { Slab } from '../engine/slab.ts'
import type { Sweep } from '../engine/sweep.ts'
import type { Column } from '../metrics/column.ts'

/** A pool, and what it is known by: the origin and everything that shapes its connections. */
export interface HeldPool {
  readonly key: string
  readonly pool: Dispatcher
}

/** The pools of a worker. Those whose upstream a reload leaves unchanged live on; the others drain, and calls in flight keep them. */
export interface Pools {
  /** The pool for an upstream; it is made if there is none like it. */
  hold(upstream: UpstreamPlan, slot: number): HeldPool
  /** Drains every pool that is not among these. */
  keepOnly(used: ReadonlySet<HeldPool>): void
  /** Drains all; resolves when no connection is left. */
  close(): Promise<void>
}

/** What pools share. */
export interface PoolsOptions {
  readonly slab: Slab
  readonly sweep: Sweep
  readonly column: Column
}

/** Makes the pools of a worker, none yet. */
export function upstreamPools({ slab, sweep, column }: PoolsOptions): Pools {
  const held = new Map<string, HeldPool>()
  const readBuffer = Buffer.allocUnsafeSlow(readSize)

  const make = (upstream: UpstreamPlan, slot: number): Dispatcher => {
    const numbers = column.pool(slot)
    numbers.limit(upstream.pool.connections)
    const host: PoolHost = {
      slab,
      sweep,
      readBuffer,
      gauge: (open, idle, waiting) => numbers.gauges(open, idle, waiting),
      opened: () => numbers.connectionOpened(),
      connectFailed: () => numbers.connectFailed(),
      retried: () => numbers.retried(),
      closed: () => numbers.close(),
    }
    const options = optionsOf(upstream)
    return options.http === 2 ? new SessionPool(options, host) : new Pool(options, host)
  }
  return {
    hold(upstream, slot) {
      const key = JSON.stringify([optionsOf(upstream), slot])
      const known = held.get(key) ?? { key, pool: make(upstream, slot) }
      held.set(key, known)
      return known
    },
    keepOnly(used) {
      for (const one of [...held.values()]) {
        if (used.has(one)) continue
        held.delete(one.key)
        void one.pool.close()
      }
    },
    async close() {
      await Promise.all([...held.values()].map((one) => one.pool.close()))
    },
  }
}

function optionsOf(upstream: UpstreamPlan): PoolOptions {
  const { name, host, port, pool, timeouts } = upstream
  return {
    name,
    host,
    port,
    tls: upstream.tls ? { ca: upstream.ca } : null,
    http: upstream.http,
    connections: pool.connections,
    streams: pool.streams,
    waiting: pool.waiting,
    waitMs: pool.waitTimeout,
    idleMs: pool.idle,
    connectMs: timeouts.connect,
    resolveMs: pool.resolve,
  }
}

/** Bytes of a read at most. */
const readSize = 65536
