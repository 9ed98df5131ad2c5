import type { BodyEnd } from '../../base/ends.ts'
import type { RelayError } from '../../base/errors.ts'
import { ErrorCode } from '../../protocol/h2/frames.ts'
import type { Head } from '../../protocol/head.ts'
import type { Call, Reply } from '../call.ts'
import { ExchangeBase, type ExchangeHost } from '../exchange-base.ts'
import { replyFramingFor } from '../reply-writer.ts'

/** What an exchange needs of the stream that carries it. */
export interface ExchangeStream extends ExchangeHost {
  /** Writes the head of the reply; `length` is what it says of its body, or -1. */
  putReply(reply: Reply, length: number, isEnd: boolean): void
  putInform(status: number, head: Head): void
  /** False: it waits for the caller to read; the reply's body goes on when it has. */
  send(bytes: Buffer, isOwned: boolean): boolean
  /** The reply ends behind what was sent; `flushed` is called when all of it is out. */
  end(trailers: Buffer): void
  /** It ended with its head. */
  headEnded(): void
  /** The reply breaks off behind what was sent. */
  breakOff(code: number): void
  /** The stream is over at once. */
  reset(code: number): void
}

/** One call on a stream of HTTP/2: the sink of the reply's body. */
export class StreamExchange extends ExchangeBase {
  private readonly stream: ExchangeStream
  /** The reply has no body: its head was all. */
  private isSilent = false
  private isHeadOnly = false
  /** All that the upstream sends through a tunnel is out, and the caller's side goes on. */
  private isReceived = false

  constructor(call: Call, stream: ExchangeStream) {
    super(call, stream)
    this.stream = stream
    call.informed = this
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    if (this.isEnded || bytes.length === 0) return true
    this.call.bytesOut += bytes.length
    return this.isSilent || this.stream.send(bytes, isOwned)
  }

  finish(trailers: Buffer): void {
    if (this.isEnded) return this.readOut(null)
    if (this.isHeadOnly) this.stream.headEnded()
    else this.stream.end(this.reply!.edits.filter(trailers))
  }

  fail(end: BodyEnd, error: RelayError | null, trailers: Buffer | null): void {
    if (this.isEnded) return this.readOut(error)
    this.call.error ??= error
    this.settle(end)
    if (this.isHeadOnly) this.stream.headEnded()
    else if (trailers !== null) this.stream.end(this.reply!.edits.filter(trailers))
    else if (this.isReceived) this.stream.reset(ErrorCode.cancel)
    else this.stream.breakOff(this.reply?.isTunnel === true ? ErrorCode.cancel : ErrorCode.internal)
  }

  inform(status: number, head: Head): void {
    if (!this.isEnded && this.reply === null) this.stream.putInform(status, head)
  }

  /** Stream: all of the reply is out. False: of a tunnel the caller's side goes on. */
  flushed(): boolean {
    if (this.isEnded) return true
    this.isReceived = this.reply?.isTunnel === true && this.call.body.end === null
    if (!this.isReceived) this.settle('done')
    return !this.isReceived
  }

  /** Stream: the request's body has its end; that of a tunnel is one of two. */
  bodyEnded(end: BodyEnd): void {
    const uplink = this.reply?.uplink ?? null
    if (uplink === null) return
    const { error } = this.call.body
    if (end !== 'done') {
      uplink.fail(end, error, null)
      this.fail(end, error, null)
    } else if (this.isReceived && !this.isEnded) this.settle('done')
  }

  protected begin(reply: Reply): void {
    const { call } = this
    const { body } = reply
    const framing = replyFramingFor(reply, call.head.method, 1)
    this.isSilent = framing === 'none'
    const held = body.take()
    this.isHeadOnly = this.isSilent || (body.isComplete && held === null && body.trailers.length === 0)
    this.stream.putReply(reply, framing === 'length' ? body.length : this.isSilent ? reply.silentLength : -1, this.isHeadOnly)
    // A stream may stay open for an hour: the bytes that its request came in are not kept for it, once an origin has answered.
    if (!body.isComplete && (call.body.isComplete || reply.isTunnel) && reply.head !== null) call.head.fields.forget()
    if (held !== null) this.push(held, true)
    body.pipe(this)
    if (reply.uplink === null) return
    call.body.pipe(reply.uplink)
    if (call.body.end !== null) this.bodyEnded(call.body.end)
  }
}
