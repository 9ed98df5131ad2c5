import type { MessagePort } from 'node:worker_threads'
import type { LogLevel } from '../base/log.ts'
import type { RedisPlace } from '../base/redis.ts'

/** What control starts a worker with: plain data and shared memories, all of it fixed for the worker's life. */
export interface WorkerData {
  readonly index: number
  readonly numbers: SharedArrayBuffer
  readonly logLevel: LogLevel
  readonly logFd: number
  /** The buckets of all limits. */
  readonly cells: SharedArrayBuffer
  /** Bytes that each worker's peeks hold. */
  readonly peeks: SharedArrayBuffer
  /** The heads of the workers' queues. */
  readonly queues: SharedArrayBuffer
  /** The directory of tenants; null where nobody is asked for a key. */
  readonly directory: SharedArrayBuffer | null
  /** null: every bucket is in memory. */
  readonly redis: { readonly place: RedisPlace; readonly scripts: Readonly<Record<string, string>> } | null
  /** null: nothing is written down. */
  readonly ledger: { readonly port: MessagePort; readonly queue: number } | null
}
