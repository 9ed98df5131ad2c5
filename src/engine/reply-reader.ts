import type { BodyEnd } from '../base/ends.ts'
import { ChunkDecoder } from '../protocol/chunked.ts'
import { CHUNKED, UNTIL_CLOSE, replyFraming, silentLength } from '../protocol/framing.ts'
import { Head, refusal, type Refusal } from '../protocol/head.ts'
import { keepAliveSeconds } from '../protocol/keep-alive.ts'
import { StatusLine, checkPartialReply } from '../protocol/status-line.ts'
import { upgradeOf } from '../protocol/upgrade.ts'
import { Body, type Source } from './body.ts'
import { Reply, type Call } from './call.ts'
import type { UpstreamTunnel } from './upstream-tunnel.ts'

/**
 * Reads the replies of one upstream connection, one after the other, cut anywhere. It lends the connection's buffer to the body it
 * pushes; only heads are copied, because stages may look at them later.
 */
export class ReplyReader implements Source {
  /** The reply's body, from its head to its end. */
  body: Body | null = null
  /** Whether the connection may carry another call when this reply is over. */
  isReusable = false
  /** How long the connection may wait for that call, in ms: what the upstream said, less a second. */
  keptMs = Infinity
  private readonly head = new Head()
  private partial: Buffer | null = null
  private framing = 0
  private remaining = 0
  private decoder: ChunkDecoder | null = null
  private informs = 0
  private readonly line: ReplyLine

  constructor(line: ReplyLine) {
    this.line = line
  }

  /** A new call goes out: the next bytes are its reply. */
  begin(): void {
    this.body = null
    this.partial = null
    this.informs = 0
    this.isReusable = false
  }

  /** Bytes while no head has been read: the reply once its head is whole, null before, a refusal for what cannot be one. */
  readHead(chunk: Buffer, call: Call): Reply | Refusal | null {
    const bytes = this.partial === null ? chunk : Buffer.concat([this.partial, chunk])
    let from = 0
    for (;;) {
      const end = bytes.indexOf(blankLine, from)
      if (end < 0) return this.keepPartial(bytes, from)
      if (end - from > maxHead) return tooLong
      const own = Buffer.allocUnsafe(end + 4 - from)
      bytes.copy(own, 0, from, end + 4)
      from = end + 4
      const refused = statusLine.parse(own, 0) ?? this.head.parse(own, statusLine.next, own.length - 2, maxFields)
      if (refused !== null) return refused
      const { status, minor } = statusLine
      if (status >= 200) return this.start(call, status, minor, bytes, from)
      if (status === 101) return this.switched(call, bytes, from)
      if (++this.informs > maxInforms) return tooManyInforms
      const framing = replyFraming(this.head, minor, status, false)
      if (typeof framing !== 'number') return framing
      call.informed?.inform(status, this.head)
    }
  }

  /** Bytes of the body; how many of them did not belong to it. */
  readBody(chunk: Buffer, from: number): number | Refusal {
    const body = this.body!
    if (body.isComplete) return chunk.length - from
    if (this.framing === CHUNKED) return this.readChunks(body, chunk, from)
    const rest = chunk.length - from
    const take = this.framing === UNTIL_CLOSE ? rest : Math.min(rest, this.remaining)
    this.remaining -= take
    if (take > 0 && !body.push(from === 0 && take === rest ? chunk : chunk.subarray(from, from + take), false)) this.line.pauseReading()
    if (this.remaining === 0) this.finish(none, take < rest)
    return rest - take
  }

  /** The upstream closed: true where that is how the body ends. */
  closed(): boolean {
    if (this.body === null || this.framing !== UNTIL_CLOSE) return false
    this.body.finish(none)
    return true
  }

  pause(): void {
    this.line.pauseReading()
  }

  resume(): void {
    this.line.resumeReading()
  }

  ended(end: BodyEnd): void {
    this.line.replyEnded(end)
  }

  /** The upstream goes on in the protocol that the caller asked for: what stands behind the head is no HTTP any more. */
  private switched(call: Call, bytes: Buffer, from: number): Reply | Refusal {
    if (call.upgrade === null) return unasked
    if (statusLine.minor !== 1 || upgradeOf(this.head) !== call.upgrade) return otherProtocol
    const tunnel = this.line.tunnel(call)
    if (from < bytes.length) tunnel.read(bytes.subarray(from))
    return new Reply(101, this.head, tunnel.body, { uplink: tunnel })
  }

  private keepPartial(bytes: Buffer, from: number): Refusal | null {
    if (bytes.length - from > maxHead + 3) return tooLong
    const refused = checkPartialReply(bytes, from)
    if (refused !== null) return refused
    this.partial = Buffer.from(bytes.subarray(from))
    return null
  }

  // oxlint-disable-next-line max-params -- the five things that are known when a head is whole, once a call
  private start(call: Call, status: number, minor: number, bytes: Buffer, from: number): Reply | Refusal {
    const { head } = this
    this.partial = null
    const isHead = call.method === 'HEAD'
    const framing = replyFraming(head, minor, status, isHead)
    if (typeof framing !== 'number') return framing
    this.framing = framing
    this.remaining = framing === UNTIL_CLOSE || framing === CHUNKED ? Infinity : framing
    // The upstream closes after the time that it names: a call must not be on its way to it just then.
    this.keptMs = keepAliveSeconds(head) * 1000 - 1000
    this.isReusable = minor === 1 && !head.saysClose && framing !== UNTIL_CLOSE && this.keptMs > 0
    const body = (this.body = new Body(framing < 0 ? -1 : framing, this))
    const reply = new Reply(status, head, body, framing === 0 ? { silentLength: silentLength(head, minor, status, isHead) } : undefined)
    if (framing === CHUNKED) this.decoder = new ChunkDecoder()
    if (framing === 0) body.finish(none)
    const surplus = framing === 0 ? bytes.length - from : from < bytes.length ? this.readBody(bytes, from) : 0
    if (surplus === 0) return reply
    return typeof surplus === 'number' ? wrongLength : surplus
  }

  /** Bytes behind the body make the connection unfit for another call, before anybody can be given it. */
  private finish(trailers: Buffer, hasSurplus: boolean): void {
    if (hasSurplus) this.isReusable = false
    this.body!.finish(trailers)
  }

  private readChunks(body: Body, chunk: Buffer, from: number): number | Refusal {
    const decoder = this.decoder!
    const refused = decoder.feed(chunk, from, chunk.length)
    if (refused !== null) return refused
    const { payloadStart, payloadEnd } = decoder
    if (payloadEnd > payloadStart && !body.push(chunk.subarray(payloadStart, payloadEnd), false)) this.line.pauseReading()
    if (!decoder.isDone) return 0
    this.decoder = null
    this.finish(decoder.trailers, decoder.consumed < chunk.length)
    return chunk.length - decoder.consumed
  }
}

/** What the reader needs of the connection it reads from. */
export interface ReplyLine {
  pauseReading(): void
  resumeReading(): void
  replyEnded(end: BodyEnd): void
  tunnel(call: Call): UpstreamTunnel
}

const statusLine = new StatusLine()
const blankLine = Buffer.from('\r\n\r\n')
const none = Buffer.alloc(0)
const maxHead = 131072
const maxFields = 512
const maxInforms = 64
const unasked = refusal('upstream_failed', 'an upgrade that nobody asked for')
const otherProtocol = refusal('upstream_failed', 'a 101 that does not name the protocol that was asked for')
const tooLong = refusal('upstream_failed', 'a head of more than 128 KiB')
const tooManyInforms = refusal('upstream_failed', 'more than 64 informational heads')
const wrongLength = refusal('upstream_failed', 'more bytes than its Content-Length says')
