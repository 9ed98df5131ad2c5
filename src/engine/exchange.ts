import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import { Edits } from '../protocol/edits.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'
import { statusLine } from '../protocol/status.ts'
import { upgradeLines } from '../protocol/upgrade.ts'
import type { Sink } from './body.ts'
import type { Call, Reply } from './call.ts'
import { ExchangeBase, type ExchangeHost } from './exchange-base.ts'
import { closeLine, keepAliveLine, maxFirst, replyFramingFor, writeReply, type ReplyFraming } from './reply-writer.ts'
import { lastChunkWith, writeChunk } from './request-writer.ts'

/** What an exchange needs of the connection that carries it. */
export interface ExchangeLine extends ExchangeHost {
  readonly socket: Socket
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
}

/** One call on a caller's HTTP/1 connection: the sink of the reply's body. */
export class Exchange extends ExchangeBase {
  private readonly line: ExchangeLine
  private framing: ReplyFraming = 'none'
  private persists: boolean
  /** The last chunk went out with the head. */
  private isWritten = false

  constructor(call: Call, line: ExchangeLine) {
    super(call, line)
    this.line = line
    const { minor, fields } = call.head
    this.persists = !fields.saysClose && (minor === 1 || fields.saysKeepAlive)
    if (minor === 1) call.informed = this
    else call.edits.drop(1 << Name.expect)
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

  override cut(): void {
    this.persists = false
    super.cut()
  }

  protected begin(reply: Reply): void {
    this.writeHead(reply)
    reply.body.pipe(reply.uplink === null ? this : this.line.tunnel(this, reply.uplink))
  }

  private writeHead(reply: Reply): void {
    const { call, line } = this
    const { body } = reply
    const { method, minor } = call.head
    const framing = (this.framing = replyFramingFor(reply, method, minor))
    // The rest of a request that has been refused is not waited for: its sender learns from `close` that it may stop.
    const isEarly = !call.body.isComplete && (reply.status >= 400 || call.error !== null)
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
}

/** Whether relay itself ended it: what is on its way may still arrive then. */
function isCut(end: BodyEnd): boolean {
  return end === 'drained' || end === 'timed_out'
}
