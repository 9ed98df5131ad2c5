import type { MessagePort } from 'node:worker_threads'
import type { Plan } from '../config/plan.ts'
import type { Answers, Question } from './questions.ts'

/** What control says to a worker. Plain data but for `socket`, whose `net.Socket` is transferred. */
export type ToWorker =
  | {
      readonly is: 'prepare'
      readonly version: number
      readonly plan: Plan
      readonly listeners: readonly ListenerSlot[]
      readonly slots: NumberSlots
    }
  | { readonly is: 'commit'; readonly version: number }
  /** Forget a prepared version that will not be committed. */
  | { readonly is: 'discard'; readonly version: number }
  /**
   * Listen on every listener of the committed version: open those that are not open, close those that are gone. Sent again after a
   * commit that changed them. `reusePort` is false where this is the only worker and the platform has no shared ports.
   */
  | { readonly is: 'listen'; readonly reusePort: boolean }
  /** Drain step 1: every answer says `Connection: close` from now on. */
  | { readonly is: 'closing' }
  /** Drain step 2: no new connection; idle ones close; calls get `grace` ms, streams `streamGrace` ms, what is left is cut. */
  | { readonly is: 'drain'; readonly grace: number; readonly streamGrace: number }
  /** Drain now: cut whatever is open. */
  | { readonly is: 'cut' }
  /** The answer to the worker's question of this number. */
  | { readonly is: 'answer'; readonly question: number; readonly answer: Answers[keyof Answers] }
  /** Control does not know, and says why. */
  | { readonly is: 'unanswered'; readonly question: number; readonly why: string }
  /** The directory of tenants has moved to a larger memory. */
  | { readonly is: 'directory'; readonly memory: SharedArrayBuffer }
  /** Forget every slot of a bucket that is held: some are about to be given to other keys. Answered by `forgotten`. */
  | { readonly is: 'forget'; readonly round: number }
  /** The ledger's thread was started anew: its new port is transferred. */
  | { readonly is: 'ledger'; readonly port: MessagePort }

/** A listener after binding: `index` into the plan's listeners, the real port, and the certificate texts where it speaks TLS. */
export interface ListenerSlot {
  readonly index: number
  readonly host: string
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string; readonly ticketKeys: Uint8Array } | null
  /** Whether HTTP/2 is spoken there. */
  readonly http2: boolean
}

/** Where the numbers of each route and each upstream of the plan are kept in the shared memory, in the plan's order. */
export interface NumberSlots {
  readonly routes: readonly number[]
  readonly upstreams: readonly number[]
}

/** A connected socket handed over: sent beside `ToWorker`, as `{ is: 'socket', listener, socket }` with the socket transferred. */
export interface SocketMessage {
  readonly is: 'socket'
  readonly listener: number
  readonly socket: unknown
}

/** What a worker says to control. */
export type FromWorker =
  | { readonly is: 'ready' }
  | { readonly is: 'prepared'; readonly version: number }
  | { readonly is: 'rejected'; readonly version: number; readonly problems: readonly { readonly path: string; readonly message: string }[] }
  | { readonly is: 'committed'; readonly version: number }
  | { readonly is: 'listening' }
  | { readonly is: 'question'; readonly number: number; readonly question: Question }
  | { readonly is: 'forgotten'; readonly round: number }
  /** All calls have ended; `cut` says how many were cut. */
  | { readonly is: 'drained'; readonly cut: { readonly calls: number; readonly streams: number } }
