import type { Call, Reply } from './call.ts'
import type { LookUp } from './resolve.ts'
import type { Slab } from './slab.ts'
import type { Sweep } from './sweep.ts'

/** What sends calls to one origin, whatever version is spoken there. */
export interface Dispatcher {
  readonly options: PoolOptions
  /** Sends a call and waits for the head of its reply. */
  dispatch(call: Call): Promise<Reply>
  /** No new work is expected; resolves when the last connection has closed. Calls that still come are served. */
  close(): Promise<void>
}

/** An origin and how to deal with it. Times in ms. */
export interface PoolOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: { readonly ca: string | null } | null
  /** The version that is spoken: pinned, never negotiated down. */
  readonly http: 1 | 2
  readonly connections: number
  /** Calls at once on one connection of HTTP/2, if its server allows as many. */
  readonly streams: number
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

/** What calls name as their host: the port stands where it is not the scheme's own. */
export function authorityOf({ host, port, tls }: PoolOptions): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (tls === null ? 80 : 443) ? name : `${name}:${port}`
}
