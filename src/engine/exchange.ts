import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Edits } from '../protocol/edits.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'
import { statusLine } from '../protocol/status.ts'
import { upgradeLines } from '../protocol/upgrade.ts'
import type { Sink } from './body.ts'
import type { Call, Informed, Reply } from './call.ts'
import { closeLine, keepAliveLine, maxFirst, replyFramingFor, writeReply, type ReplyFraming } from './reply-writer.ts'
import { lastChunkWith, writeChunk } from './request-writer.ts'
import type { ServerHost } from './server-host.ts'

/** What an exchange needs of the connection that carries it. */
export interface ExchangeLine {
  readonly socket: Socket
  readonly host: ServerHost
  /** Whether the connection is to close behind this answer. */
  readonly isClosing: boolean
  /** The caller reads slower than the upstream writes; `drained` is called when it has caught up. */
  waitForDrain(): void
  /** The exchange is over: on to the next call, or to the end of the connection. */
  exchanged(goesOn: boolean): void
  /** It broke off: the connection ends in a way that nobody takes for the reply's end. */
  brokeOff(byReset: boolean): void
  /** What follows its head is no HTTP any more, on either side: where the upstream's bytes go. */
  tunnel(exchange: Exchange, uplink: Sink): Sink
  /** Its caller has left, and its reply is to be read to the end all the same; false: too many are already. */
  readOn(exchange: Exchange): boolean
  /** The reply of one that was read on has ended. */
  readOut(exchange: Exchange): void
}

/** One call on a caller's connection, from its whole head to the end of its reply: the sink of the reply's body. */
export class Exchange implements Sink, Informed {
  readonly call: Call
  reply: Reply | null = null
  private readonly line: ExchangeLine
  private framing: ReplyFraming = 'none'
  private persists: boolean
  private isEnded = false
  /** The last chunk went out with the head. */
  private isWritten = false
  /** How the caller left whose reply is read for what it used, and goes nowhere. */
  private leftBy: BodyEnd | null = null

  constructor(call: Call, line: ExchangeLine) {
    this.call = call
    this.line = line
    const { minor, fields } = call.head
    this.persists = !fields.saysClose && (minor === 1 || fields.saysKeepAlive)
    if (minor === 1) call.informed = this
    else call.edits.drop(1 << Name.expect)
  }

  /** Runs the call; both ends of the promise come back here. */
  run(): void {
    this.line.host.handle(this.call).then(
      (reply) => this.answer(reply),
      (error: unknown) => this.answerError(error),
    )
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    if (this.isEnded || bytes.length === 0) return true
    this.call.bytesOut += bytes.length
    if (this.framing === 'none' || this.write(bytes, isOwned)) return true
    this.line.waitForDrain()
    return false
  }

  finish(trailers: Buffer): void {
    if (this.isEnded) return this.readOut(null)
    if (this.framing === 'chunked' && !this.isWritten) this.line.socket.write(lastChunkWith(this.reply!.edits.filter(trailers)))
    const { body } = this.call
    const goesOn = this.persists && body.isComplete && (body.end === null || body.end === 'done')
    this.settle('done')
    this.line.exchanged(goesOn)
  }

  fail(end: BodyEnd, error: RelayError | null, trailers: Buffer | null): void {
    if (this.isEnded) return this.readOut(error)
    this.call.error ??= error
    this.settle(end)
    if (trailers !== null && this.framing === 'chunked') {
      this.line.socket.write(lastChunkWith(this.reply!.edits.filter(trailers)))
      return this.line.exchanged(false)
    }
    // Chunked and counted bodies show by a bare FIN that they are cut; one that ends with its connection only by a reset.
    this.line.brokeOff(this.framing === 'until-close' || (this.framing === 'raw' && !isCut(end)))
  }

  inform(status: number, head: Head): void {
    if (this.isEnded || this.reply !== null) return
    const { slab } = this.line.host
    slab.reserve(head.bytes.length + 64)
    let o = slab.at + statusLine(status).copy(slab.bytes, slab.at)
    o = new Edits().write(head, slab.bytes, o)
    slab.bytes[o++] = 13
    slab.bytes[o++] = 10
    slab.send(this.line.socket, o)
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
    this.persists = false
    if (this.reply === null) return this.call.cancel('drained')
    const error = new RelayError('unavailable', 'relay is shutting down')
    this.reply.body.fail('drained', error)
    // Of a tunnel the other direction may be all that is left.
    if (this.reply.isTunnel) this.call.body.fail('drained', error)
  }

  private answer(reply: Reply): void {
    if (this.isEnded) return this.leftBy === null ? reply.body.cancel('cancelled') : this.swallow(reply)
    this.reply = reply
    this.call.firstByteAfterMs = performance.now() - this.call.startedAt
    this.writeHead(reply)
    reply.body.pipe(reply.uplink === null ? this : this.line.tunnel(this, reply.uplink))
  }

  private answerError(error: unknown): void {
    const { host } = this.line
    const failed = error instanceof RelayError ? error : new RelayError('internal', 'relay failed', { cause: error })
    if (failed !== error) host.bug(error)
    this.call.error = failed
    if (!this.isEnded) this.answer(host.errorReply(failed, this.call))
    else this.readOut(failed)
  }

  /** Of a call that has been sent whole, the upstream does the work whether its reply is read or not. False: there is nothing to read. */
  private readOn(end: BodyEnd): boolean {
    const { call, reply, line } = this
    if (call.attempts === 0 || call.upgrade !== null || !call.body.isComplete || !line.readOn(this)) return false
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

  /** The reply of a caller that has left has come to its end, whatever that is. */
  private readOut(error: RelayError | null): void {
    const { leftBy } = this
    if (leftBy === null) return
    this.leftBy = null
    this.call.error ??= error
    this.settle(leftBy)
    this.line.readOut(this)
  }

  private writeHead(reply: Reply): void {
    const { call, line } = this
    const { body } = reply
    const { method, minor } = call.head
    call.status = reply.status
    const framing = (this.framing = replyFramingFor(reply, method, minor))
    // The rest of a request that has been refused is not waited for: its sender learns from `close` that it may stop.
    const isEarly = !call.body.isComplete && reply.status >= 400
    if (isEarly || line.isClosing || framing === 'until-close' || framing === 'raw') this.persists = false
    const held = body.take()
    const isJoined = held !== null && framing !== 'none' && held.length <= maxFirst
    const first = isJoined ? held : null
    const isWhole = (this.isWritten = body.isComplete && (held === null || isJoined))
    const connection = framing === 'raw' ? upgradeLines(call.upgrade!) : this.persists ? (minor === 0 ? keepAliveLine : null) : closeLine
    const { slab } = line.host
    const hasRoom = slab.send(line.socket, writeReply(reply, { framing, connection, first, isWhole }, slab))
    if (first !== null) call.bytesOut += first.length
    // A stream may stay open for an hour: the bytes that its request came in are not kept for it, once an origin has answered.
    if (!isWhole && call.body.isComplete && reply.head !== null) call.head.fields.forget()
    if (held !== null && !isJoined) this.push(held, true)
    else if (!hasRoom && !isWhole) line.waitForDrain()
  }

  private write(bytes: Buffer, isOwned: boolean): boolean {
    const { slab } = this.line.host
    const { socket } = this.line
    if (this.framing === 'chunked') return slab.send(socket, writeChunk(bytes, slab))
    if (isOwned) return socket.write(bytes)
    slab.reserve(bytes.length)
    return slab.send(socket, slab.at + bytes.copy(slab.bytes, slab.at))
  }

  private settle(end: BodyEnd): void {
    this.isEnded = true
    const { call } = this
    if (call.body.end === null) call.body.cancel(call.body.isComplete ? 'done' : end === 'done' ? 'cancelled' : end)
    call.settle(end === 'done' && call.error !== null ? failedEnd(call.error) : end)
  }
}

/** Whether relay itself ended it: what is on its way may still arrive then. */
function isCut(end: BodyEnd): boolean {
  return end === 'drained' || end === 'timed_out'
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
