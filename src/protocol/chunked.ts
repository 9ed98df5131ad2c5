import { CR, LF, hexValue } from './bytes.ts'
import { extensionEnd, extensionStart, nextInExtension } from './chunk-extension.ts'
import { Head, refusal, type Refusal } from './head.ts'
import { notInTrailers } from './names.ts'

/**
 * Decodes a chunked body (RFC 9112 §7.1) cut anywhere. The payload of what is fed stands, whole and in place, between
 * `payloadStart` and `payloadEnd` of the same buffer: where one read holds many chunks their data is moved together, so that each
 * read becomes one write. Extensions are read over and never forwarded.
 */
export class ChunkDecoder {
  payloadStart = 0
  payloadEnd = 0
  /** Offset behind the body's last byte, once `isDone`. */
  consumed = 0
  isDone = false
  /** Trailer lines as they came, each with its CRLF; empty where there are none. */
  trailers: Buffer = none
  private state: State = size
  private remaining = 0
  private digits = 0
  /** Where in an extension. */
  private place = extensionEnd
  private overhead = 0
  private section: Buffer = none
  private sectionLength = 0

  /** Feeds bytes between two offsets; a refusal ends the body. */
  feed(bytes: Buffer, from: number, to: number): Refusal | null {
    this.payloadStart = this.payloadEnd = from
    let isEmpty = true
    let at = from
    while (at < to) {
      if (this.state === data) {
        const take = Math.min(this.remaining, to - at)
        if (isEmpty) this.payloadStart = this.payloadEnd = at
        else bytes.copyWithin(this.payloadEnd, at, at + take)
        isEmpty = false
        this.payloadEnd += take
        this.remaining -= take
        at += take
        if (this.remaining === 0) this.state = dataCr
        continue
      }
      const next = this.whole(bytes, at, to)
      if (next > 0) {
        at = next
        continue
      }
      const refused = this.step(bytes[at]!)
      if (refused !== null) return refused
      at++
      if (this.isDone) break
    }
    this.consumed = at
    return null
  }

  /** A plain size line, or the line end behind data, that stands whole in these bytes: the offset behind it, 0 where it does not. */
  private whole(bytes: Buffer, start: number, to: number): number {
    let at = start
    if (this.state === dataCr) {
      if (at + 1 >= to || bytes[at] !== CR || bytes[at + 1] !== LF) return 0
      this.state = size
      this.digits = 0
      return at + 2
    }
    if (this.state !== size || this.digits !== 0) return 0
    let value = 0
    for (; at < to && at - start < 7 && hexValue[bytes[at]!]! < 16; at++) value = value * 16 + hexValue[bytes[at]!]!
    if (at === start || at + 1 >= to || bytes[at] !== CR || bytes[at + 1] !== LF) return 0
    this.remaining = value
    this.state = value > 0 ? data : trailerStart
    return at + 2
  }

  private step(byte: number): Refusal | null {
    switch (this.state) {
      case size:
        return this.sizeByte(byte)
      case extension:
        return this.extensionByte(byte)
      case sizeLf:
        if (byte !== LF) return badChunk
        this.state = this.remaining > 0 ? data : trailerStart
        return null
      case dataCr:
        this.state = dataLf
        return byte === CR ? null : badChunk
      case dataLf:
        this.state = size
        this.digits = 0
        return byte === LF ? null : badChunk
      default:
        return this.trailerByte(byte)
    }
  }

  private sizeByte(byte: number): Refusal | null {
    const digit = hexValue[byte]!
    if (digit !== 255) {
      if (++this.digits > maxDigits) return badChunk
      this.remaining = (this.digits === 1 ? 0 : this.remaining) * 16 + digit
      return null
    }
    if (this.digits === 0) return badChunk
    if (byte === CR) this.state = sizeLf
    else if (byte === SEMICOLON) {
      this.state = extension
      this.place = extensionStart
    } else return badChunk
    return null
  }

  private extensionByte(byte: number): Refusal | null {
    this.place = nextInExtension(this.place, byte)
    if (this.place < 0) return badChunk
    if (this.place === extensionEnd) this.state = sizeLf
    return this.count()
  }

  /** Extensions and trailers of a body share one bound: without it they are an unmetered stream. */
  private count(): Refusal | null {
    return ++this.overhead > maxOverhead ? tooMuchOverhead : null
  }

  private trailerByte(byte: number): Refusal | null {
    if (this.state === lastLf) {
      if (byte !== LF) return badChunk
      this.isDone = true
      return this.sectionLength === 0 ? null : this.readTrailers()
    }
    if (this.state === trailerStart && byte === CR) {
      this.state = lastLf
      return null
    }
    if (this.sectionLength === this.section.length)
      this.section = Buffer.concat([this.section, Buffer.allocUnsafe(this.sectionLength + 256)])
    this.section[this.sectionLength++] = byte
    if (byte === LF) {
      if (this.section[this.sectionLength - 2] !== CR) return badTrailer
      this.state = trailerStart
    } else this.state = trailer
    return this.count()
  }

  private readTrailers(): Refusal | null {
    const bytes = this.section.subarray(0, this.sectionLength)
    const refused = trailerHead.parse(bytes, 0, bytes.length, maxTrailers)
    if (refused !== null) return badTrailer
    if ((trailerHead.seen & notInTrailers) !== 0) return forbiddenTrailer
    this.trailers = bytes
    return null
  }
}

type State = number
const size = 0
const extension = 1
const sizeLf = 2
const data = 3
const dataCr = 4
const dataLf = 5
const trailerStart = 6
const trailer = 7
const lastLf = 8

const SEMICOLON = 59
const maxDigits = 13
const maxOverhead = 16384
const maxTrailers = 64
const none = Buffer.alloc(0)
const trailerHead = new Head()
const badChunk = refusal('bad_request', 'malformed chunk')
const badTrailer = refusal('bad_request', 'malformed trailer section')
const forbiddenTrailer = refusal('bad_request', 'a field in the trailer section that may not stand there')
const tooMuchOverhead = refusal('bad_request', 'too many bytes of chunk extensions or trailers')

/** Bytes that a chunk head takes at most: 8 hex digits and CRLF. */
export const chunkHeadRoom = 10

/** Writes `SIZE CRLF` at an offset; the offset behind it. */
export function writeChunkHead(out: Buffer, at: number, length: number): number {
  let shift = 28
  while (shift > 0 && length >>> shift === 0) shift -= 4
  let o = at
  for (; shift >= 0; shift -= 4) out[o++] = hexDigits[(length >>> shift) & 15]!
  out[o++] = CR
  out[o++] = LF
  return o
}

const hexDigits = Buffer.from('0123456789abcdef')

/** What ends a chunked body without trailers. */
export const lastChunk = Buffer.from('0\r\n\r\n')
