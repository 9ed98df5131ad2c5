import type { Match, Transcoder } from '../transcode/types.ts'
import type { PeekBudget } from './peek-budget.ts'

/** How callers of HTTP and JSON reach a gRPC upstream. */
export interface JsonToGrpcOptions {
  /** null: what the upstream's methods are is not known yet. */
  readonly transcoder: Transcoder | null
  /** The upstream's own path, before every other. */
  readonly base: string
  /** Bytes of a message, either way. */
  readonly mostMessage: number
  readonly budget: PeekBudget
}

/** Whom a reply is made for. */
export interface Replying {
  readonly match: Match
  readonly transcoder: Transcoder
  readonly mostMessage: number
}
