import type { BodyEnd } from '../../base/ends.ts'
import { RelayError } from '../../base/errors.ts'
import { ErrorCode } from '../../protocol/h2/frames.ts'
import type { RequestForm } from '../../protocol/h2/request-form.ts'
import { requestTrailers } from '../../protocol/h2/trailer-form.ts'
import { Edits } from '../../protocol/edits.ts'
import type { Head, Refusal } from '../../protocol/head.ts'
import type { FieldLines } from '../../protocol/hpack/field-lines.ts'
import type { HpackEncoder } from '../../protocol/hpack/encoder.ts'
import { checkMeaning } from '../../protocol/request-checks.ts'
import { Body, type Source } from '../body.ts'
import { Call, type Caller, type Reply } from '../call.ts'
import type { ServerSide } from '../caller-connection.ts'
import type { ExchangeBase } from '../exchange-base.ts'
import type { ServerHost } from '../server-host.ts'
import type { Timed } from '../sweep.ts'
import { encodeReply, replyRoom } from './reply-block.ts'
import { StreamExchange, type ExchangeStream } from './stream-exchange.ts'
import type { StreamHost } from './stream-out.ts'
import { Stream } from './stream.ts'

/** What a caller's stream needs of its session. */
export interface CallerStreamHost extends StreamHost {
  readonly server: ServerSide
  readonly caller: Caller
  readonly peer: { readonly initialWindow: number }
  beginBlock(room: number): HpackEncoder
  endBlock(stream: number, isEnd: boolean): void
  /** The stream breaks a rule: it is reset, and that counts. */
  malformed(stream: CallerStream, code: number, why: string): void
}

/** What a request's head came to: its form in HTTP/1, or why it is refused. */
export type Asking = Readonly<Pick<RequestForm, 'bytes' | 'length' | 'isTunnel' | 'isGuarded'>> | Refusal

/** One call of an HTTP/2 caller: the source of its request's body, and what carries its exchange. */
export class CallerStream extends Stream implements Source, Timed, ExchangeStream {
  deadline = Infinity
  place = -1
  private readonly owner: CallerStreamHost
  private readonly asking: Asking
  private readonly declared: number
  private readonly body: Body
  private exchange: StreamExchange | null = null
  private isPaused = false
  /** When its caller must have taken some of what waits, and sent some of what it still has to. */
  private writeBy = Infinity
  private bodyBy = Infinity

  constructor(id: number, owner: CallerStreamHost, asking: Asking, isEnd: boolean) {
    super(id, owner, owner.peer.initialWindow)
    this.owner = owner
    this.asking = asking
    this.declared = 'bytes' in asking ? asking.length : -1
    this.isRemoteDone = isEnd
    this.body = new Body(isEnd ? 0 : this.declared, this)
    if (isEnd) this.body.finish(none)
  }

  get host(): ServerHost {
    return this.owner.server.host
  }

  /** The call that is under way, if one has begun. */
  get current(): ExchangeBase | null {
    return this.exchange
  }

  /** Session: it has lived for a turn of the event loop, so its work begins. */
  start(): void {
    const { asking, owner } = this
    const { server } = owner
    server.host.sweep.add(this)
    this.waitForBody()
    if ('failure' in asking) return this.refuseCall(asking)
    const head = server.takeHead()
    const { bytes } = asking
    const refused = head.parse(bytes, 0, bytes.length - 2, Infinity) ?? checkMeaning(head)
    if (refused !== null) {
      server.returnHead(head)
      return this.refuseCall(refused)
    }
    head.major = 2
    head.fields.isGuarded = asking.isGuarded
    const { body } = this
    // All of it is here already: an upstream may be told how long it is.
    if (body.isComplete && body.length < 0 && body.trailers.length === 0) body.length = body.received
    const call = new Call(server.nextId(), performance.now(), head, body, owner.caller)
    this.exchange = new StreamExchange(call, this)
    this.exchange.run()
  }

  onData(bytes: Buffer, isOwned: boolean): boolean {
    const { body } = this
    if (this.declared >= 0 && body.received + bytes.length > this.declared) return this.wrongLength()
    if (!body.push(bytes, isOwned)) this.isPaused = true
    this.waitForBody()
    return !this.isPaused
  }

  onEnd(): void {
    this.finishBody(none)
  }

  onHeaders(lines: FieldLines, isEnd: boolean): void {
    const trailers = isEnd ? requestTrailers(lines) : 'HEADERS that do not end the stream'
    if (typeof trailers === 'string') this.owner.malformed(this, ErrorCode.protocol, trailers)
    else this.finishBody(trailers)
  }

  onReset(): void {
    this.left('cancelled')
  }

  onError(_code: number, why: string): void {
    if (this.exchange !== null) this.exchange.call.error ??= new RelayError('bad_request', why)
    this.left('failed')
  }

  onLost(): void {
    this.left('cancelled')
  }

  onDrained(): void {
    this.writeBy = Infinity
    this.rewait()
    this.exchange?.reply?.body.resume()
  }

  override onMoved(): void {
    this.waitForReader()
  }

  override onFlushed(): void {
    const { exchange } = this
    if (exchange !== null && !exchange.flushed()) return
    // The rest of a request that has been answered is not waited for (RFC 9113 §8.1).
    if (!this.isRemoteDone) this.reset(ErrorCode.none)
    if (exchange !== null) this.owner.server.returnHead(exchange.call.head)
  }

  pause(): void {
    this.isPaused = true
    this.rewait()
  }

  resume(): void {
    this.isPaused = false
    this.waitForBody()
    this.taken()
  }

  /** The request's body has its end. */
  ended(end: BodyEnd): void {
    if (end !== 'done') this.deafen()
    this.rewait()
    this.exchange?.bodyEnded(end)
  }

  putReply(reply: Reply, length: number, isEnd: boolean): void {
    const { owner } = this
    // 200 says that a tunnel stands (RFC 8441 §4).
    encodeReply(reply.isTunnel ? 200 : reply.status, reply.head, reply.edits, length, owner.beginBlock(replyRoom(reply)))
    owner.endBlock(this.id, isEnd)
    this.rewait()
  }

  putInform(status: number, head: Head): void {
    const { owner } = this
    encodeReply(status, head, unedited, -1, owner.beginBlock(replyRoom({ head, edits: unedited })))
    owner.endBlock(this.id, false)
  }

  send(bytes: Buffer, isOwned: boolean): boolean {
    const isOut = this.write(bytes, isOwned)
    if (!isOut && this.writeBy === Infinity) this.waitForReader()
    return isOut
  }

  /** The head of the reply was its end. */
  headEnded(): void {
    this.endedLocally()
  }

  readOn(exchange: ExchangeBase): boolean {
    return this.owner.server.readOn(exchange)
  }

  readOut(exchange: ExchangeBase): void {
    this.owner.server.readOut(exchange)
  }

  expire(): void {
    if (this.isStuck) {
      this.left('timed_out')
      this.reset(ErrorCode.cancel)
    } else this.body.fail('timed_out', new RelayError('slow_caller', 'the request body stopped coming'))
  }

  /** Nobody waits for an answer any more. */
  private left(end: BodyEnd): void {
    if (this.exchange === null) this.body.cancel(end)
    else this.exchange.leave(end)
  }

  private finishBody(trailers: Buffer): void {
    if (this.declared >= 0 && this.body.received !== this.declared && this.body.end === null) this.wrongLength()
    else this.body.finish(trailers)
    this.rewait()
  }

  private wrongLength(): boolean {
    this.owner.malformed(this, ErrorCode.protocol, 'not as many bytes as Content-Length says')
    return true
  }

  /** A message that is no call, answered in relay's own words. */
  private refuseCall(refused: Refusal): void {
    const { host } = this
    host.refused(refused.failure)
    const reply = host.errorReply(new RelayError(refused.failure, refused.message), null)
    this.body.cancel('failed')
    this.putReply(reply, reply.body.length, false)
    const bytes = reply.body.take()
    if (bytes !== null) this.send(bytes, true)
    this.end(none)
  }

  private waitForReader(): void {
    this.writeBy = this.host.sweep.now + this.owner.server.limits.writeMs
    this.rewait()
  }

  private waitForBody(): void {
    // What a tunnel carries comes when it likes.
    const isTunnel = 'bytes' in this.asking && this.asking.isTunnel
    this.bodyBy = isTunnel ? Infinity : this.host.sweep.now + this.owner.server.limits.bodyMs
    this.rewait()
  }

  /** Once the reply has begun a caller may be silent: either side speaks when it has something to say, and upstreams have their own time. */
  private rewait(): void {
    const { body } = this
    const isForBody = !this.isPaused && !body.isComplete && body.end === null && (this.exchange?.reply ?? null) === null
    this.deadline = this.isStuck ? this.writeBy : isForBody ? this.bodyBy : Infinity
  }
}

const none = Buffer.alloc(0)
const unedited = new Edits()
