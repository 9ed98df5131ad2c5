import { put, putDecimal } from '../protocol/bytes.ts'
import type { Call } from './call.ts'
import type { Slab } from './slab.ts'
import { chunkHeadRoom, lastChunk, writeChunkHead } from '../protocol/chunked.ts'

/** Longest first piece of a body that goes out in one write with its head; a longer one would be copied for nothing. */
export const maxJoined = 65536

/**
 * Writes the head of a call, and the body bytes that are there, at the slab's place; the offset behind them. `Host` is the
 * upstream's; the framing is relay's own: chunked where the length is not known, a length elsewhere.
 */
export function writeRequest(call: Call, hostLine: Buffer, first: Buffer | null, slab: Slab): number {
  const { head, outgoing: body, edits } = call
  const { bytes } = head.fields
  const joined = first === null ? 0 : first.length
  slab.reserve(head.fields.end - head.fields.start + call.targetPrefix.length + bytes.length + edits.room + hostLine.length + joined + 256)
  const out = slab.bytes
  let o = slab.at + out.write(call.method, slab.at, 'latin1')
  out[o++] = 32
  o = writeTarget(call, out, o)
  o = put(out, o, version)
  o = put(out, o, hostLine)
  o = edits.write(head.fields, out, o)
  if (body.length > 0) {
    o = put(out, o, contentLength)
    o = putDecimal(out, o, body.length)
    o = put(out, o, blankAfterLine)
  } else if (body.length < 0) o = put(out, o, chunked)
  else o = put(out, o, wantsLength(call.method) ? emptyBody : blank)
  return first === null ? o : writeFirst(call, first, out, o)
}

function writeFirst(call: Call, first: Buffer, out: Buffer, at: number): number {
  if (call.outgoing.length >= 0) return put(out, at, first)
  let o = writeChunkHead(out, at, first.length)
  o = put(out, o, first)
  out[o++] = 13
  out[o++] = 10
  return o
}

/** Path and query as they came, behind the route's prefix; never empty. */
function writeTarget(call: Call, out: Buffer, at: number): number {
  const { head, targetPrefix, targetFrom } = call
  const { bytes } = head.fields
  let o = at
  if (targetPrefix.length > 0) o = put(out, o, targetPrefix)
  if (o === at && (targetFrom >= head.pathEnd || (bytes[targetFrom] !== 47 && bytes[targetFrom] !== 42))) out[o++] = 47
  return o + bytes.copy(out, o, targetFrom, head.targetEnd)
}

/** Whether a request without a body says so (RFC 9110 §8.6). */
export function wantsLength(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

/** Writes one chunk at the slab's place; the offset behind it. */
export function writeChunk(bytes: Buffer, slab: Slab): number {
  slab.reserve(bytes.length + chunkHeadRoom + 2)
  const out = slab.bytes
  let o = writeChunkHead(out, slab.at, bytes.length)
  o = put(out, o, bytes)
  out[o++] = 13
  out[o++] = 10
  return o
}

/** The end of a chunked body: the last chunk, trailers where there are any, and the empty line. */
export function lastChunkWith(trailers: Buffer): Buffer {
  return trailers.length === 0 ? lastChunk : Buffer.concat([zeroChunk, trailers, blank])
}

const zeroChunk = Buffer.from('0\r\n')
const version = Buffer.from(' HTTP/1.1\r\n')
const contentLength = Buffer.from('content-length: ')
const blankAfterLine = Buffer.from('\r\n\r\n')
const chunked = Buffer.from('transfer-encoding: chunked\r\n\r\n')
const emptyBody = Buffer.from('content-length: 0\r\n\r\n')
const blank = Buffer.from('\r\n')
