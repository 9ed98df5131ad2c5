import type { BodyEnd } from '../../base/ends.ts'
import { RelayError } from '../../base/errors.ts'
import { silentLength } from '../../protocol/framing.ts'
import { ErrorCode } from '../../protocol/h2/frames.ts'
import { Head, refusal, type Refusal } from '../../protocol/head.ts'
import type { FieldLines } from '../../protocol/hpack/field-lines.ts'
import { Body, type Sink, type Source } from '../body.ts'
import { Reply, stopped, type Call } from '../call.ts'
import type { Timed } from '../sweep.ts'
import { malformedReply } from '../upstream-errors.ts'
import { bodyLength, readHead, readTrailers, statusOf, wrong } from './reply-head.ts'
import { Resend } from './resend.ts'
import { Stream } from './stream.ts'
import type { StreamOwner } from './stream-owner.ts'
import { resetError } from './session-errors.ts'

/**
 * One call on a session to its origin: the sink of the request's body, and the source of the reply's. Whatever ends it before its time
 * resets the stream at once, and the session lives on.
 */
export class UpstreamStream extends Stream implements Sink, Source, Timed {
  deadline = Infinity
  place = -1
  protected readonly owner: StreamOwner
  protected readonly call: Call
  private resolve: ((reply: Reply) => void) | null
  private reject: ((error: Error) => void) | null
  protected resend: Resend | null = null
  private isRequestDone = false
  protected readonly head = new Head()
  protected body: Body | null = null
  /** Bytes that the reply's body still has by its Content-Length; Infinity where nothing says so. */
  private remaining = Infinity
  private informs = 0
  protected isPaused = false

  // oxlint-disable-next-line max-params -- once a call: an options object would be one more allocation
  constructor(id: number, window: number, owner: StreamOwner, call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void) {
    super(id, owner, window)
    this.owner = owner
    this.call = call
    this.resolve = resolve
    this.reject = reject
  }

  /** Sends the head, and what is there of the body. */
  start(): void {
    const { call, owner } = this
    call.work = this
    call.attempts++
    this.resend = new Resend(call)
    const body = call.outgoing
    const first = body.take()
    const isWhole = first === null && body.isComplete && body.trailers.length === 0
    owner.putHead(this.id, call, isWhole)
    if (isWhole) this.endedLocally()
    this.deadline = owner.now + call.firstByteMs
    const hasRoom = first === null || this.write(first, true)
    body.pipe(this)
    if (!hasRoom) body.pause()
    else if (!this.isRequestDone) this.deadline = Infinity
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    // The reply was over before the request: the rest of it has nowhere to go.
    if (this.isClosed) return true
    const hasRoom = this.write(bytes, isOwned)
    // An upstream that does not take it is waited for as one that does not answer; a caller has its own time for its next bytes.
    if (this.body === null) this.deadline = hasRoom ? Infinity : this.owner.now + this.call.firstByteMs
    return hasRoom
  }

  finish(trailers: Buffer): void {
    this.isRequestDone = true
    if (this.body === null) this.deadline = this.owner.now + this.call.firstByteMs
    if (!this.isLocalDone) this.end(this.call.edits.filter(trailers))
  }

  /** The request's body broke off: what the upstream has of it must not look whole. */
  fail(end: BodyEnd, error: RelayError | null): void {
    this.giveUp(end, error ?? stopped(end))
  }

  /** The caller left, or the call is cut. */
  cancel(end: BodyEnd): void {
    this.giveUp(end, stopped(end))
  }

  expire(): void {
    const { call, owner } = this
    const what = this.body === null ? `no reply within ${call.firstByteMs} ms` : `nothing for ${call.idleMs} ms`
    owner.suspect()
    this.giveUp('timed_out', new RelayError('timed_out', `${owner.name} sent ${what}`))
  }

  pause(): void {
    this.isPaused = true
    this.deadline = Infinity
  }

  resume(): void {
    this.isPaused = false
    this.taken()
    if (!this.isRemoteDone) this.deadline = this.owner.now + this.call.idleMs
  }

  /** The reply's body has its end. */
  ended(end: BodyEnd): void {
    if (this.call.work === this) this.call.work = null
    if (end !== 'done') this.reset(ErrorCode.cancel)
  }

  onDrained(): void {
    if (this.body === null && !this.isRequestDone) this.deadline = Infinity
    this.call.outgoing.resume()
  }

  override onMoved(): void {
    if (this.body === null) this.deadline = this.owner.now + this.call.firstByteMs
  }

  onHeaders(lines: FieldLines, isEnd: boolean): void {
    if (this.body !== null) return this.readTrailers(this.body, lines, isEnd)
    const status = statusOf(lines)
    if (typeof status !== 'number') return void this.malformed(status)
    const refused = readHead(lines, this.head)
    if (refused !== null) return void this.malformed(refused)
    if (status < 200) return this.inform(status, isEnd)
    const length = bodyLength(this.head, status, this.call.method === 'HEAD')
    if (typeof length !== 'number') return void this.malformed(length)
    if (isEnd && length > 0) return void this.malformed(wrong.tooShort)
    this.begin(status, isEnd ? 0 : length, isEnd)
  }

  onData(bytes: Buffer, isOwned: boolean): boolean {
    const { body } = this
    if (body === null) return this.malformed(wrong.early)
    this.remaining -= bytes.length
    if (this.remaining < 0) return this.malformed(wrong.tooLong)
    this.deadline = this.owner.now + this.call.idleMs
    if (!body.push(bytes, isOwned)) this.pause()
    return !this.isPaused
  }

  onEnd(): void {
    if (this.body === null) this.malformed(wrong.early)
    else this.endReply(this.body, none)
  }

  onReset(code: number): void {
    const { owner } = this
    if (code === ErrorCode.refusedStream) {
      owner.refusedOne()
      if (this.goAgain()) return
    }
    this.giveUp('upstream_failed', resetError(owner.name, code))
  }

  /** Session: the upstream has said that it took nothing of this stream. */
  notTaken(): void {
    if (this.isClosed) return
    this.close()
    if (!this.goAgain()) this.giveUp('upstream_failed', resetError(this.owner.name, ErrorCode.refusedStream))
  }

  onError(_code: number, why: string): void {
    this.malformed(refusal('upstream_failed', why))
  }

  onLost(): void {
    this.giveUp('upstream_failed', this.owner.lostError(this.id, this.body !== null))
  }

  private inform(status: number, isEnd: boolean): void {
    if (isEnd) return void this.malformed(wrong.endedEarly)
    if (++this.informs > maxInforms) return void this.malformed(wrong.tooManyInforms)
    this.call.informed?.inform(status, this.head)
  }

  /** The reply's head is there. */
  protected begin(status: number, length: number, isEnd: boolean): void {
    const { head } = this
    const isHead = this.call.method === 'HEAD'
    const body = new Body(length, this)
    if (length >= 0) this.remaining = length
    const silent = length === 0 ? silentLength(head, 1, status, isHead) : -1
    const reply = new Reply(status, head, body, silent < 0 ? undefined : { silentLength: silent })
    this.answer(reply, isEnd)
  }

  protected answer(reply: Reply, isEnd: boolean): void {
    const { call, owner, resolve } = this
    const body = (this.body = reply.body)
    this.resend = this.resend!.letGo()
    this.resolve = this.reject = null
    this.deadline = owner.now + call.idleMs
    if (isEnd) this.endReply(body, none)
    resolve!(reply)
  }

  private readTrailers(body: Body, lines: FieldLines, isEnd: boolean): void {
    const trailers = readTrailers(lines)
    if (!Buffer.isBuffer(trailers)) return void this.malformed(trailers)
    if (!isEnd) return void this.malformed(wrong.endless)
    this.endReply(body, trailers)
  }

  protected endReply(body: Body, trailers: Buffer): void {
    if (this.remaining > 0 && this.remaining < Infinity) return void this.malformed(wrong.tooShort)
    this.deadline = Infinity
    body.finish(trailers)
    // What is left of the request has nowhere to go.
    if (!this.isLocalDone) this.reset(ErrorCode.cancel)
  }

  /** Sends the call once more, if nothing of it would be lost; false: it would. */
  private goAgain(): boolean {
    const { call, owner, resolve, reject } = this
    if (resolve === null || reject === null || this.informs > 0 || call.attempts >= maxAttempts) return false
    if (this.resend?.renew(call) !== true) return false
    this.resolve = this.reject = null
    owner.again(call, resolve, reject)
    return true
  }

  /** False, for `onData`. */
  private malformed(refused: Refusal): false {
    this.giveUp('upstream_failed', malformedReply(this.owner.name, refused), ErrorCode.protocol)
    return false
  }

  protected giveUp(end: BodyEnd, error: RelayError, code: number = ErrorCode.cancel): void {
    const { reject, call, body } = this
    this.resolve = this.reject = null
    if (call.work === this) call.work = null
    this.reset(code)
    if (reject !== null) reject(error)
    else body?.fail(end, error)
  }
}

const none = Buffer.alloc(0)
const maxInforms = 64
/** How often a call goes out that its upstream has not taken. */
const maxAttempts = 4
