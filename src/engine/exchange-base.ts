import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import type { Head } from '../protocol/head.ts'
import type { Sink } from './body.ts'
import type { Call, Informed, Reply } from './call.ts'
import type { ServerHost } from './server-host.ts'

/** What any exchange needs of the connection that carries it. */
export interface ExchangeHost {
  readonly host: ServerHost
  /** Its caller has left, and its reply is to be read to the end all the same; false: too many are already. */
  readOn(exchange: ExchangeBase): boolean
  /** The reply of one that was read on has ended. */
  readOut(exchange: ExchangeBase): void
}

/** One call of a caller, from its whole head to the end of its reply: what is the same whichever protocol carries it. */
export abstract class ExchangeBase implements Sink, Informed {
  readonly call: Call
  reply: Reply | null = null
  /** Nothing more goes to the caller. */
  protected isEnded = false
  /** How the caller left whose reply is read for what it used, and goes nowhere. */
  private leftBy: BodyEnd | null = null
  private readonly around: ExchangeHost

  constructor(call: Call, around: ExchangeHost) {
    this.call = call
    this.around = around
  }

  abstract push(bytes: Buffer, isOwned: boolean): boolean
  abstract finish(trailers: Buffer): void
  abstract fail(end: BodyEnd, error: RelayError | null, trailers: Buffer | null): void
  abstract inform(status: number, head: Head): void
  /** Writes the head of the reply, and lets its body come. */
  protected abstract begin(reply: Reply): void

  /** Runs the call; both ends of the promise come back here. */
  run(): void {
    this.around.host.handle(this.call).then(
      (reply) => this.answer(reply),
      (error: unknown) => this.answerError(error),
    )
  }

  /** The caller left, or went silent: everything behind this call stops. */
  leave(end: BodyEnd): void {
    if (this.isEnded) return
    const { call, reply } = this
    if (call.drains && this.readOn(end)) return
    if (reply === null) call.cancel(end)
    else reply.body.cancel(end)
    this.settle(end)
  }

  /** A drain ends the call: told in its own words where a reply has begun, as a failure where none has. */
  cut(): void {
    if (this.reply === null) return this.call.cancel('drained')
    const error = new RelayError('unavailable', 'relay is shutting down')
    this.reply.body.fail('drained', error)
    // Of a tunnel the other direction may be all that is left.
    if (this.reply.isTunnel) this.call.body.fail('drained', error)
  }

  protected settle(end: BodyEnd): void {
    this.isEnded = true
    const { call } = this
    if (call.body.end === null) call.body.cancel(call.body.isComplete ? 'done' : end === 'done' ? 'cancelled' : end)
    call.settle(end === 'done' && call.error !== null ? failedEnd(call.error) : end)
  }

  /** The reply of a caller that has left has come to its end, whatever that is. */
  protected readOut(error: RelayError | null): void {
    const { leftBy } = this
    if (leftBy === null) return
    this.leftBy = null
    this.call.error ??= error
    this.settle(leftBy)
    this.around.readOut(this)
  }

  private answer(reply: Reply): void {
    if (this.isEnded) return this.leftBy === null ? reply.body.cancel('cancelled') : this.swallow(reply)
    this.reply = reply
    this.call.status = reply.status
    this.call.firstByteAfterMs = performance.now() - this.call.startedAt
    this.begin(reply)
  }

  private answerError(error: unknown): void {
    const { host } = this.around
    const failed = error instanceof RelayError ? error : new RelayError('internal', 'relay failed', { cause: error })
    if (failed !== error) host.bug(error)
    this.call.error = failed
    if (!this.isEnded) this.answer(host.errorReply(failed, this.call))
    else this.readOut(failed)
  }

  /** Of a call that has been sent whole, the upstream does the work whether its reply is read or not. False: there is nothing to read. */
  private readOn(end: BodyEnd): boolean {
    const { call, reply, around } = this
    if (call.attempts === 0 || call.upgrade !== null || !call.body.isComplete || !around.readOn(this)) return false
    this.isEnded = true
    this.leftBy = end
    // It may have been waiting for the caller to read.
    reply?.body.resume()
    return true
  }

  /** A reply that comes after its caller has left. */
  private swallow(reply: Reply): void {
    this.reply = reply
    this.call.status = reply.status
    this.call.firstByteAfterMs = performance.now() - this.call.startedAt
    reply.body.pipe(this)
  }
}

/** How a call ended whose failure was told in full. */
function failedEnd(error: RelayError): BodyEnd {
  switch (error.failure) {
    case 'upstream_failed':
      return 'upstream_failed'
    case 'timed_out':
    case 'slow_caller':
      return 'timed_out'
    case 'cancelled':
      return 'cancelled'
    default:
      return 'failed'
  }
}
