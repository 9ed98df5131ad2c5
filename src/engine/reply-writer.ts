import { put, putDecimal } from '../protocol/bytes.ts'
import { chunkHeadRoom, writeChunkHead } from '../protocol/chunked.ts'
import { statusLine } from '../protocol/status.ts'
import type { Reply } from './call.ts'
import { lastChunkWith, maxJoined } from './request-writer.ts'
import type { Slab } from './slab.ts'

/** How a reply's body is framed towards its caller; `raw` is what a tunnel carries behind its head. */
export type ReplyFraming = 'none' | 'length' | 'chunked' | 'until-close' | 'raw'

/** How a reply may be framed: none where the method or status has no body; chunks only for those that know them (RFC 9112 §6.1). */
export function replyFramingFor(reply: Reply, method: string, minor: number): ReplyFraming {
  const { status, body } = reply
  if (status < 200) return reply.isTunnel ? 'raw' : 'none'
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  if (body.length >= 0) return 'length'
  return minor === 0 ? 'until-close' : 'chunked'
}

/** What a reply's head says besides the reply's own fields. */
export interface ReplyHeadOptions {
  readonly framing: ReplyFraming
  /** The connection's fate: `close`, `keep-alive` (said to HTTP/1.0 only), or nothing. */
  readonly connection: Buffer | null
  readonly first: Buffer | null
  /** The first bytes are all there are: a chunked body is ended in the same write. */
  readonly isWhole: boolean
}

/** Writes a reply's head, and the body bytes that are there, at the slab's place; the offset behind them. */
export function writeReply(reply: Reply, options: ReplyHeadOptions, slab: Slab): number {
  const { head, edits, body } = reply
  const { framing, first } = options
  const room = (head === null ? 0 : head.bytes.length) + edits.room + (first === null ? 0 : first.length) + body.trailers.length + 256
  slab.reserve(room)
  const out = slab.bytes
  let o = put(out, slab.at, statusLine(reply.status))
  o = edits.write(head, out, o)
  if (options.connection !== null) o = put(out, o, options.connection)
  if (framing === 'length') o = writeLength(body.length, out, o)
  else if (framing === 'chunked') o = put(out, o, chunked)
  else if (framing === 'none' && reply.silentLength >= 0) o = writeLength(reply.silentLength, out, o)
  o = put(out, o, blank)
  if (framing === 'chunked') return writeFirstChunk(reply, options, out, o)
  return first === null ? o : put(out, o, first)
}

function writeFirstChunk(reply: Reply, { first, isWhole }: ReplyHeadOptions, out: Buffer, at: number): number {
  let o = at
  if (first !== null) {
    o = writeChunkHead(out, o, first.length)
    o = put(out, o, first)
    o = put(out, o, blank)
  }
  return isWhole ? put(out, o, lastChunkWith(reply.edits.filter(reply.body.trailers))) : o
}

function writeLength(length: number, out: Buffer, at: number): number {
  let o = put(out, at, contentLength)
  o = putDecimal(out, o, length)
  return put(out, o, blank)
}

/** Longest first piece of a reply's body that is written together with its head. */
export const maxFirst = maxJoined - chunkHeadRoom

export const closeLine = Buffer.from('connection: close\r\n')
export const keepAliveLine = Buffer.from('connection: keep-alive\r\n')
const contentLength = Buffer.from('content-length: ')
const chunked = Buffer.from('transfer-encoding: chunked\r\n')
const blank = Buffer.from('\r\n')
