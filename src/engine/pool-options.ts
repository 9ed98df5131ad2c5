import type { LookUp } from './resolve.ts'
import type { Slab } from './slab.ts'
import type { Sweep } from './sweep.ts'

/** An origin and how to deal with it. Times in ms. */
export interface PoolOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: { readonly ca: string | null } | null
  readonly connections: number
  readonly waiting: number
  readonly waitMs: number
  readonly idleMs: number
  readonly connectMs: number
  readonly resolveMs: number
}

/** What a pool shares with the rest of its worker, and whom it tells of its size. */
export interface PoolHost {
  readonly slab: Slab
  readonly sweep: Sweep
  /** Bytes of every read of every upstream connection of the worker: valid during the read only. */
  readonly readBuffer: Buffer
  /** How names become addresses; the system's way where it is left out. */
  readonly lookUp?: LookUp
  gauge(open: number, idle: number, waiting: number): void
  opened(): void
  connectFailed(): void
  retried(): void
  /** The last connection of a draining pool has closed. */
  closed(): void
}
