import type { Failure, RelayError } from '../base/errors.ts'
import type { Call, Reply } from './call.ts'
import type { Slab } from './slab.ts'
import type { Sweep } from './sweep.ts'

/** Bounds and waits on the caller's side; they may change between two calls of a connection. Sizes in bytes, times in ms. */
export interface ServerLimits {
  readonly head: number
  readonly fields: number
  readonly headMs: number
  readonly idleMs: number
  readonly bodyMs: number
  readonly writeMs: number
  /** Calls at once on one HTTP/2 connection. */
  readonly streams: number
}

/** What the engine's caller side asks of the rest of relay. */
export interface ServerHost {
  readonly slab: Slab
  readonly sweep: Sweep
  /** Finds a call's route and runs it. */
  handle(call: Call): Promise<Reply>
  /** What a caller gets for a failure; `call` is null where no call could be read. */
  errorReply(error: RelayError, call: Call | null): Reply
  /** Whether a peer's forwarded headers are believed. */
  isTrusted(address: string): boolean
  connectionOpened(): void
  connectionClosed(): void
  /** A message that was no call. */
  refused(failure: Failure): void
  /** The impossible happened: for the log, with its stack. */
  bug(error: unknown): void
}
