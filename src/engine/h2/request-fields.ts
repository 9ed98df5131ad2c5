import { equalsFolded, latin1, put, putDecimal } from '../../protocol/bytes.ts'
import { blockRoom, type HpackEncoder } from '../../protocol/hpack/encoder.ts'
import { StaticName } from '../../protocol/hpack/static-table.ts'
import { Name } from '../../protocol/names.ts'
import { authorityOf, type PoolOptions } from '../pool-options.ts'
import { wantsLength } from '../request-writer.ts'
import type { Call } from '../call.ts'

/** What every request to an origin says besides its own fields. */
export interface Origin {
  readonly scheme: Buffer
  readonly authority: Buffer
}

/** How an origin is named in requests. */
export function originOf(options: PoolOptions): Origin {
  return {
    scheme: Buffer.from(options.tls === null ? 'http' : 'https'),
    authority: Buffer.from(authorityOf(options), 'latin1'),
  }
}

/** Bytes that the header block of a call takes at most. */
export function requestRoom({ head, edits, method, targetPrefix }: Call, { authority }: Origin): number {
  const { fields } = head
  const own = method.length + authority.length + targetPrefix.length + ownBytes
  // No added line is shorter than four bytes.
  return blockRoom(fields.end + edits.room + own, fields.count + (edits.room >> 2) + ownFields)
}

/** Writes the fields of a call where the encoder stands: its pseudo-header fields, what its edits leave and add, and relay's own. */
export function encodeRequest(call: Call, origin: Origin, encoder: HpackEncoder): void {
  encodePseudo(methodBytes(call.method), call, origin, encoder)
  encodeFields(call, encoder)
  const { added } = call.edits
  for (let k = 0; k < added.length; k++) encoder.lines(added[k]!, 0, added[k]!.length)
  if (takesTrailers(call)) encoder.lines(teTrailers, 0, teTrailers.length)
  const { length } = call.outgoing
  if (length > 0 || (length === 0 && wantsLength(call.method))) encodeLength(length, encoder)
}

/** Writes the pseudo-header fields of a call. */
export function encodePseudo(method: Buffer, call: Call, origin: Origin, encoder: HpackEncoder): void {
  encoder.named(StaticName.method, method, 0, method.length)
  encoder.named(StaticName.scheme, origin.scheme, 0, origin.scheme.length)
  encoder.named(StaticName.authority, origin.authority, 0, origin.authority.length)
  encodePath(call, encoder)
}

/** Writes what a call's edits leave of its fields. */
export function encodeFields({ head, edits }: Call, encoder: HpackEncoder): void {
  const { fields } = head
  const { bytes, count, isGuarded } = fields
  for (let k = 0; k < count; k++) {
    if (edits.leavesOut(fields, k)) continue
    encoder.field(bytes, fields.lineStart(k), fields.nameEnd(k), fields.valueStartOf(k), fields.valueEndOf(k), isGuarded)
  }
}

/** Path and query as they came, behind the route's prefix; never empty. */
function encodePath(call: Call, encoder: HpackEncoder): void {
  const { head, targetPrefix, targetFrom } = call
  const { bytes } = head.fields
  const begins = targetFrom < head.pathEnd && (bytes[targetFrom] === 47 || bytes[targetFrom] === 42)
  if (targetPrefix.length === 0 && begins) return encoder.named(StaticName.path, bytes, targetFrom, head.targetEnd)
  const room = targetPrefix.length + head.targetEnd - targetFrom + 1
  if (room > scratch.length) scratch = Buffer.allocUnsafeSlow(2 * room)
  let o = put(scratch, 0, targetPrefix)
  if (o === 0) scratch[o++] = 47
  o += bytes.copy(scratch, o, targetFrom, head.targetEnd)
  encoder.named(StaticName.path, scratch, 0, o)
}

/** gRPC servers take a request without it for one that came through a proxy that does not know trailers. */
function takesTrailers({ head, edits }: Call): boolean {
  const { fields } = head
  if (fields.has(Name.te) && fields.is(Name.te, trailers)) return true
  if ((edits.mask & (1 << Name.contentType)) !== 0) return edits.added.some(namesGrpc)
  if (!fields.has(Name.contentType)) return false
  const at = fields.valueStart(Name.contentType)
  return fields.valueEnd(Name.contentType) - at >= grpc.length && equalsFolded(fields.bytes, at, at + grpc.length, grpc)
}

/** Whether lines that a stage has added say that the content is gRPC's. */
function namesGrpc(lines: Buffer): boolean {
  return /^content-type:[ \t]*application\/grpc/im.test(latin1(lines, 0, lines.length))
}

function encodeLength(length: number, encoder: HpackEncoder): void {
  const end = putDecimal(scratch, 0, length)
  encoder.named(StaticName.contentLength, scratch, 0, end)
}

function methodBytes(method: string): Buffer {
  return method === 'POST' ? post : method === 'GET' ? get : Buffer.from(method, 'latin1')
}

let scratch = Buffer.allocUnsafeSlow(4096)
const post = Buffer.from('POST')
const get = Buffer.from('GET')
const trailers = Buffer.from('trailers')
const grpc = Buffer.from('application/grpc')
const teTrailers = Buffer.from('te: trailers\r\n')
/** Names of the fields that relay writes itself, and a length. */
const ownBytes = 128
const ownFields = 6
