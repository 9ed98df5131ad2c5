import type { RelayError } from '../../base/errors.ts'
import type { Call, Reply } from '../call.ts'
import type { StreamHost } from './stream-out.ts'

/** What a call's stream needs of its session. */
export interface StreamOwner extends StreamHost {
  readonly name: string
  /** ms, monotonic. */
  readonly now: number
  /** Writes the head of a call. */
  putHead(id: number, call: Call, isWhole: boolean): void
  /** Nothing of the call was taken: it goes out on another session. */
  again(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void
  /** The upstream refused one more stream. */
  refusedOne(): void
  /** The upstream was silent for longer than a call may wait. */
  suspect(): void
  /** What the session ended with. */
  lostError(id: number, hasReply: boolean): RelayError
}
