import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import type { Tenant } from '../base/tenant.ts'
import type { Used } from '../base/tokens.ts'
import type { Head } from '../protocol/head.ts'
import type { RequestHead } from '../protocol/request.ts'
import { Name } from '../protocol/names.ts'
import { Edits } from '../protocol/edits.ts'
import type { Body, Sink } from './body.ts'

/**
 * One call: what was asked, by whom, and what came of it. The one mutable shape of the engine; stages change heads only through
 * `edits`. Its head is lent: the fields until an origin's head is out, the rest until the call has settled. Who needs a text later takes
 * it before.
 */
export class Call {
  readonly id: string
  /** ms, monotonic. */
  readonly startedAt: number
  readonly head: RequestHead
  /** The caller's body; once a tunnel stands, whatever the caller sends from then on. */
  body: Body
  /** What goes out: the caller's body, unless a stage puts another in its place (one that can be sent again, or a translated one). */
  outgoing: Body
  readonly caller: Caller
  readonly edits = new Edits()
  route: RouteInfo = unrouted
  /** The method that goes out: the caller's, unless a stage translates the call. */
  method: string
  /** The protocol that the caller wants to go on with behind a 101 (`websocket`), on a route that allows it; null elsewhere. */
  upgrade: string | null = null
  /** What goes out in place of the target: these bytes, then the target's own from `targetFrom` on. */
  targetPrefix: Buffer = nothing
  targetFrom: number
  /** Waits on the upstream's side, in ms; set by the route. */
  firstByteMs = 0
  idleMs = 0
  /** When all of it must be over, as its caller said: ms, monotonic. */
  deadlineAt = Infinity
  status = 0
  /** The status that the upstream gave, where a stage tells it in another way than by that of the reply; 0 elsewhere. */
  upstreamStatus = 0
  attempts = 0
  /** ms from the start to the reply's head, -1 before. */
  firstByteAfterMs = -1
  /** Body bytes of the reply handed to the caller's connection. */
  bytesOut = 0
  end: BodyEnd | null = null
  /** How its caller is told of relay's own refusals and failures, where a route's callers speak in a way of their own; null: by its content type. */
  tellFailure: ((error: RelayError, call: Call) => Reply) | null = null
  /** What failed, where something did. */
  error: RelayError | null = null
  /**
   * What must stop at once when the caller leaves: a wait for a connection, or the connection itself. A stage that keeps a call waiting
   * stands here meanwhile; `hold` (hold.ts) does that for it.
   */
  work: { cancel(end: BodyEnd): void } | null = null
  /** Told of each 1xx head (but 101) that the upstream sends before its reply. */
  informed: Informed | null = null
  /** What the call used, where the reply tells; complete when `tokensRead` has resolved, or at once where that is null. */
  tokens: Used | null = null
  tokensRead: Promise<void> | null = null
  /** Whose call it is, once its key has been checked; null where nobody is asked for one. */
  tenant: Tenant | null = null
  /** What its body asks for, where a stage has looked; null before, and where nobody does. */
  asked: Asked | null = null
  /** When its caller leaves once it has been sent, the reply is read to its end all the same, for what it used; it ends in `cancelled` then. */
  drains = false
  /** What was taken for it when it was let through; null before, and where nobody is limited, written down or counted. */
  reserved: Reserved | null = null
  private listeners: CallListener[] | null = null

  // oxlint-disable-next-line max-params -- once a call: an options object would be one more allocation
  constructor(id: string, startedAt: number, head: RequestHead, body: Body, caller: Caller) {
    this.id = id
    this.startedAt = startedAt
    this.head = head
    this.body = body
    this.outgoing = body
    this.caller = caller
    this.method = head.method
    this.targetFrom = head.pathStart
    this.edits.drop(1 << Name.host)
  }

  /** Told once when the call is over, its reply delivered or not; at once where that is so already (its caller left while a stage waited). */
  onEnd(listener: CallListener): void {
    if (this.end !== null) listener(this, this.end)
    else if (this.listeners === null) this.listeners = [listener]
    else this.listeners.push(listener)
  }

  /** Engine: the call is over. */
  settle(end: BodyEnd): void {
    if (this.end !== null) return
    this.end = end
    const { listeners } = this
    this.listeners = null
    if (listeners !== null) for (let i = 0; i < listeners.length; i++) listeners[i]!(this, end)
  }

  /** The caller does not want it any more, or relay cuts it. */
  cancel(end: BodyEnd): void {
    const { work } = this
    this.work = null
    work?.cancel(end)
    this.body.cancel(end)
  }
}

/** What came back: a head, its edits and a body. `head` is null where relay answers itself. */
export class Reply {
  readonly status: number
  readonly head: Head | null
  readonly body: Body
  readonly edits: Edits
  /** A reply to HEAD and a 304 may say how long the body would be: that length, or -1. */
  readonly silentLength: number
  /** Where the caller's bytes go behind this head (status 101), while the reply's body is the upstream's; null: no tunnel. */
  readonly uplink: Sink | null
  /** Whether it is a stream that lasts, as a translating stage knows it; null: its content type says so. */
  isStream: boolean | null = null

  constructor(status: number, head: Head | null, body: Body, options: { silentLength?: number; uplink?: Sink; edits?: Edits } = {}) {
    this.status = status
    this.head = head
    this.body = body
    this.edits = options.edits ?? new Edits()
    this.silentLength = options.silentLength ?? -1
    this.uplink = options.uplink ?? null
  }

  /** Both bodies carry on as raw bytes behind this head. */
  get isTunnel(): boolean {
    return this.uplink !== null
  }
}

/** One behaviour around every call of a route; whatever stands behind it is `next`. */
export type Stage = (call: Call, next: Next) => Promise<Reply>
export type Next = (call: Call) => Promise<Reply>

/** Composes stages, outermost first, around what sends the call. Done once a route, when a snapshot is compiled. */
export function compose(stages: readonly Stage[], send: Next): Next {
  return stages.reduceRight<Next>((next, stage) => (call) => stage(call, next), send)
}

/** Passes informational heads on. */
export interface Informed {
  inform(status: number, head: Head): void
}

/** Who calls. */
export interface Caller {
  readonly address: string
  readonly isTls: boolean
  /** Whether its forwarded headers are believed. */
  readonly isTrusted: boolean
}

/** What the body of a Messages call asks for, as far as its beginning was read. */
export interface Asked {
  readonly model: string | null
  readonly maxTokens: number | null
  /** Of the body, decoded: its whole size where that is known, else what has been seen. */
  readonly bytes: number
  /** The whole body, decoded, where all of it was read; it is lent until the call goes out. */
  readonly body: Buffer | null
}

/** What a call was expected to use, and where that counts, until its end says what it really was. */
export interface Reserved {
  /** null: a call that uses no tokens. */
  readonly expected: Used | null
  /** Keys of the budgets that its cost counts on. */
  readonly budgets: readonly string[]
  /** Puts what the call used in the place of what was taken: whether it counts as a request, its tokens, and its cost in nano-dollars. */
  settle(isCounted: boolean, used: Used | null, costNanoUsd: number): void
}

/** What is known of a call's route: its name for people, its slot for numbers, and its upstream. */
export interface RouteInfo {
  readonly name: string
  /** What limits and tenants know it by: its name without its version. */
  readonly family: string
  readonly slot: number
  readonly upstream: string
  readonly upstreamSlot: number
  readonly kind: 'claude' | 'http' | 'grpc'
}

export type CallListener = (call: Call, end: BodyEnd) => void

/** The route of a call that matched none. */
export const unrouted: RouteInfo = { name: '', family: '', slot: 0, upstream: '', upstreamSlot: 0, kind: 'http' }

/** What a call fails with that is stopped before its reply: its caller left, or a drain cut it. */
export function stopped(end: BodyEnd): RelayError {
  if (end === 'drained') return new RelayError('unavailable', 'relay is shutting down', { shouldRetry: true, retryAfterMs: 1000 })
  return new RelayError('cancelled', 'the caller left')
}

const nothing = Buffer.alloc(0)
