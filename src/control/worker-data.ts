import type { MessagePort } from 'node:worker_threads'
import type { LogLevel } from '../base/log.ts'
import type { RedisPlace } from '../base/redis.ts'

/** What control starts a worker with: plain data and shared memories, all of it fixed for the worker's life. */
export interface WorkerData {
  readonly index: number
  readonly numbers: SharedArrayBuffer
  readonly logLevel: LogLevel
  readonly logFd: number
  /** The buckets of all limits, and what control tells all limiters. */
  readonly cells: SharedArrayBuffer
  readonly limits: SharedArrayBuffer
  /** Bytes that each worker's peeks hold. */
  readonly peeks: SharedArrayBuffer
  /** The directory of tenants. */
  readonly directory: SharedArrayBuffer
  /** null: every bucket is in memory. */
  readonly redis: WorkerRedis | null
  /** null: nothing is written down. */
  readonly ledger: WorkerLedger | null
}

/** What a worker needs for exact limits in Redis. */
export interface WorkerRedis {
  readonly place: RedisPlace
  /** By name, without the ending. */
  readonly scripts: Readonly<Record<'take' | 'settle' | 'renew' | 'nodes', string>>
}

/** A worker's end of the ledger. */
export interface WorkerLedger {
  readonly port: MessagePort
  readonly flushMs: number
  readonly queue: number
}
