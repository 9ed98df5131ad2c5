import { ChunkDecoder } from '../protocol/chunked.ts'
import { CHUNKED, requestFraming } from '../protocol/framing.ts'
import type { Refusal } from '../protocol/head.ts'
import type { RequestHead } from '../protocol/request.ts'
import { checkMeaning, checkPartial, skipEmptyLines, tooLong } from '../protocol/request-checks.ts'
import { Body } from './body.ts'
import type { RequestLine } from './request-line.ts'

type State = 'head' | 'body' | 'busy' | 'off'

/**
 * Cuts the bytes of one caller's connection into calls, however they arrive: heads, bodies, and what is sent ahead while a call is
 * under way (kept up to a bound, then the socket is paused).
 */
export class RequestReader {
  private state: State = 'head'
  private isPaused = false
  /** Bytes of a head that is not whole, or sent ahead; `pendingLength` of them count. */
  private pending: Buffer | null = null
  private pendingLength = 0
  private remaining = 0
  private decoder: ChunkDecoder | null = null
  private body: Body | null = null
  private readonly line: RequestLine

  constructor(line: RequestLine) {
    this.line = line
  }

  /** Whether bytes of a body are waited for. */
  get isInBody(): boolean {
    return this.state === 'body' && !this.isPaused
  }

  /** Whether a head has begun and is not whole. */
  get isInHead(): boolean {
    return this.state === 'head' && this.pending !== null
  }

  data(chunk: Buffer): void {
    switch (this.state) {
      case 'head':
        return this.readHead(chunk)
      case 'body':
        return this.readBody(chunk)
      case 'busy':
        return this.keepAhead(chunk)
      case 'off':
    }
  }

  /** The call is over: on to the next, which may be here already. */
  next(): void {
    this.state = 'head'
    this.body = null
    const ahead = this.takePending()
    const wasPaused = this.isPaused
    this.isPaused = false
    if (ahead === null) this.line.waitFor('idle')
    else this.readHead(ahead)
    // Where what is ahead is still too much it has been paused again: else each call that ends would let in another read.
    if (wasPaused && !this.isPaused) this.line.resumeSocket()
  }

  /** The body has its end; if that came early, the rest of its bytes is nobody's. */
  bodyEnded(): void {
    if (this.state === 'body') this.release()
  }

  /** Nothing more is wanted. */
  release(): void {
    this.state = 'off'
    this.pending = null
    this.decoder = null
    this.resume()
  }

  /** What follows is no HTTP any more, and somebody else's to read: what has been sent ahead, if anything. The socket may be paused. */
  handOver(): Buffer | null {
    const ahead = this.takePending()
    this.state = 'off'
    this.isPaused = false
    return ahead
  }

  pause(): void {
    if (this.isPaused || this.state !== 'body') return
    this.isPaused = true
    this.line.waitForNothing()
    this.line.pauseSocket()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    if (this.state === 'body') this.line.waitFor('body')
    this.line.resumeSocket()
  }

  private readHead(chunk: Buffer): void {
    const before = this.pendingLength
    const bytes = this.withPending(chunk)
    const from = skipEmptyLines(bytes)
    const end = bytes.indexOf(blankLine, Math.max(from, before - 3))
    if (end < 0) {
      const refused = checkPartial(bytes, from, before, this.line.limits.head)
      if (refused !== null) return this.refuse(refused)
      if (this.pending === null) this.keep(chunk)
      if (before === 0) this.line.waitFor(from === bytes.length ? 'idle' : 'head')
      return
    }
    this.pending = null
    this.pendingLength = 0
    if (end + 2 - from > this.line.limits.head) return this.refuse(tooLong(bytes, from, this.line.limits.head))
    const head = this.line.takeHead()
    const refused = head.parse(bytes, from, end + 2, this.line.limits.fields) ?? checkMeaning(head) ?? this.start(head, bytes, end + 4)
    if (refused === null) return
    this.line.returnHead(head)
    this.refuse(refused)
  }

  private refuse(refused: Refusal): void {
    this.release()
    this.line.refuse(refused)
  }

  /** A head is whole and means one thing: begins its body, and the call. */
  private start(head: RequestHead, bytes: Buffer, from: number): Refusal | null {
    const framing = requestFraming(head.fields, head.minor)
    if (typeof framing !== 'number') return framing
    const body = (this.body = new Body(framing === CHUNKED ? -1 : framing, this.line))
    this.state = framing === 0 ? 'busy' : 'body'
    this.remaining = framing
    if (framing === CHUNKED) this.decoder = new ChunkDecoder()
    if (framing === 0) body.finish(none)
    if (from < bytes.length) {
      const refused = framing === 0 ? this.keepRest(bytes, from) : this.feed(bytes, from)
      if (refused !== null) return refused
    }
    if (this.state === 'body' && !this.isPaused) this.line.waitFor('body')
    else this.line.waitForNothing()
    this.line.begin(head, body)
    return null
  }

  private readBody(chunk: Buffer): void {
    this.line.waitFor('body')
    const refused = this.feed(chunk, 0)
    if (refused !== null) return this.refuse(refused)
    if (this.state === 'busy') this.line.waitForNothing()
  }

  private feed(bytes: Buffer, from: number): Refusal | null {
    const { decoder } = this
    const body = this.body!
    if (decoder === null) {
      const take = Math.min(this.remaining, bytes.length - from)
      this.remaining -= take
      if (!body.push(bytes.subarray(from, from + take), true) && this.remaining > 0) this.pause()
      return this.remaining === 0 ? this.finishBody(none, bytes, from + take) : null
    }
    const refused = decoder.feed(bytes, from, bytes.length)
    if (refused !== null) return refused
    const { payloadStart, payloadEnd } = decoder
    if (payloadEnd > payloadStart && !body.push(bytes.subarray(payloadStart, payloadEnd), true) && !decoder.isDone) this.pause()
    return decoder.isDone ? this.finishBody(decoder.trailers, bytes, decoder.consumed) : null
  }

  private finishBody(trailers: Buffer, bytes: Buffer, from: number): Refusal | null {
    this.decoder = null
    // A body that was given up in this very read leaves the reader off: what follows it is not a call of anybody's.
    if (this.state === 'off') return null
    this.state = 'busy'
    this.body!.finish(trailers)
    return this.keepRest(bytes, from)
  }

  private keepRest(bytes: Buffer, from: number): null {
    if (from < bytes.length) this.keepAhead(bytes.subarray(from))
    return null
  }

  private keepAhead(chunk: Buffer): void {
    if (this.pending === null) this.keep(chunk)
    else this.withPending(chunk)
    if (this.pendingLength <= maxAhead || this.isPaused) return
    this.isPaused = true
    this.line.pauseSocket()
  }

  private keep(chunk: Buffer): void {
    this.pending = chunk
    this.pendingLength = chunk.length
  }

  private takePending(): Buffer | null {
    const ahead = this.pending === null ? null : this.pending.subarray(0, this.pendingLength)
    this.pending = null
    this.pendingLength = 0
    return ahead
  }

  /** The chunk behind what is kept; room grows by doubling, so that single bytes do not cost a copy of everything each. */
  private withPending(chunk: Buffer): Buffer {
    const { pending, pendingLength } = this
    if (pending === null) return chunk
    const length = pendingLength + chunk.length
    let room = pending
    if (length > pending.length) {
      room = Buffer.allocUnsafe(Math.max(length, 2 * pending.length, 512))
      pending.copy(room, 0, 0, pendingLength)
    }
    chunk.copy(room, pendingLength)
    this.pending = room
    this.pendingLength = length
    return room.subarray(0, length)
  }
}

const maxAhead = 65536
const none = Buffer.alloc(0)
const blankLine = Buffer.from('\r\n\r\n')
