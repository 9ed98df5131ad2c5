import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { collect, type Collected } from '../engine/collect.ts'
import { Reply, type Call } from '../engine/call.ts'
import { awaitFor } from '../engine/hold.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import type { GrpcCaller } from '../protocol/grpc/caller.ts'
import { Code, httpOfCode } from '../protocol/grpc/code.ts'
import { connectError, isReserved } from '../protocol/grpc/connect-json.ts'
import { fieldText } from '../protocol/grpc/field.ts'
import { Deframer, Flag, frameError, framed, prefixLength } from '../protocol/grpc/frames.ts'
import { statusInTrailers, trailerHead, type GrpcStatus } from '../protocol/grpc/status.ts'
import type { Head } from '../protocol/head.ts'
import { codecFor, type ConnectUse, type MessageCodec } from './connect-codec.ts'
import { fromGrpc, toGrpc } from './connect-head.ts'
import { inflated } from './connect-messages.ts'
import { contentType, noStatus, ownHead, readReply } from './grpc-head.ts'
import { wholeBody } from './whole-body.ts'

/** A unary call of Connect: its body is one message, put into a frame; the reply's one frame, and its status, become a reply of HTTP. */
export async function unaryCall(call: Call, caller: GrpcCaller, use: ConnectUse): Promise<Reply> {
  const codec = codecFor(call, caller, use.codecs)
  const understood = codec === null ? call.head.fields.values('accept-encoding').join(',') : null
  const whole = await wholeBody(call, use)
  call.outgoing = Body.of(framed(codec === null ? whole.bytes : codec.toProto(whole.bytes)))
  call.outgoing.onEnd(() => whole.release())
  toGrpc(call, { sent: null, understood })
  return unaryReply(call, await use.next(call), { codec, most: use.most })
}

interface Reading {
  readonly codec: MessageCodec | null
  readonly most: number
}

async function unaryReply(call: Call, inner: Reply, { codec, most }: Reading): Promise<Reply> {
  const head = ownHead(inner)
  const read = readReply(inner.status, head)
  if (read.is === 'foreign') {
    inner.body.cancel('cancelled')
    return answer(new Reply(httpOfCode(read.status.code), null, Body.of(connectError(read.status))), json)
  }
  const { bytes, trailers } = await wholeOf(call, inner.body, most)
  const status = statusInTrailers(trailers) ?? read.status ?? noStatus
  const metadata = metadataLines(inner.edits.filter(trailers))
  const reply = status.code === Code.ok ? message(head, bytes, { codec, most }) : failed(head, status)
  for (const line of metadata) reply.edits.line(line)
  return reply
}

/** The body of a unary reply: one message in its frame. */
async function wholeOf(call: Call, body: Body, most: number): Promise<Collected> {
  const tooLarge = (): RelayError =>
    new RelayError('upstream_failed', `the reply's message has more than the ${most} bytes allowed here`, { grpc: Code.resourceExhausted })
  try {
    return await awaitFor(call, collect(body, most + prefixLength, tooLarge))
  } catch (error) {
    body.cancel('cancelled')
    throw error
  }
}

function message(head: Head, frames: Buffer, { codec, most }: Reading): Reply {
  const { bytes, flags } = onlyMessage(frames, most)
  const encoding = (flags & Flag.compressed) === 0 ? null : (fieldText(head, grpcEncoding) ?? 'identity')
  if (encoding === 'identity')
    throw frameError({ failure: 'upstream_failed', message: 'a message that is compressed with nothing', grpc: Code.internal })
  if (codec !== null) {
    const plain = encoding === null ? bytes : inflated(bytes, { encoding, most, from: 'upstream' })
    return answer(new Reply(200, head, Body.of(codec.toJson(plain))), json)
  }
  const reply = answer(new Reply(200, head, Body.of(bytes)), proto)
  if (encoding !== null) reply.edits.setLine(contentEncoding, fieldLine(contentEncoding, encoding))
  return reply
}

function onlyMessage(frames: Buffer, most: number): { readonly bytes: Buffer; readonly flags: number } {
  const all: { readonly bytes: Buffer; readonly flags: number }[] = []
  const deframer = new Deframer({ most, from: 'upstream', onMessage: (bytes, flags) => void all.push({ bytes, flags }) })
  const refused = deframer.read(frames) ?? deframer.end()
  if (refused !== null) throw frameError(refused)
  if (all.length === 1) return all[0]!
  const many = all.length === 0 ? 'no message' : 'more than one message'
  throw new RelayError('upstream_failed', `${many} in the reply to a unary call`, { grpc: Code.unimplemented })
}

function failed(head: Head, status: GrpcStatus): Reply {
  return answer(new Reply(httpOfCode(status.code), head, Body.of(connectError(status))), json)
}

function answer(reply: Reply, type: Buffer): Reply {
  fromGrpc(reply)
  reply.edits.setLine(contentType, type)
  // Its head may still say that it is gRPC's: what lasts there is over here.
  reply.isStream = false
  return reply
}

/** Trailing metadata, as fields of the head. */
function metadataLines(trailers: Buffer): Buffer[] {
  const lines: Buffer[] = []
  const head = trailerHead(trailers)
  for (let k = 0; k < head.count; k++) {
    const name = head.name(k)
    if (!isReserved(name)) lines.push(fieldLine(fieldName(`trailer-${name}`), head.value(k)))
  }
  return lines
}

const grpcEncoding = Buffer.from('grpc-encoding')
const contentEncoding = fieldName('content-encoding')
const proto = fieldLine(contentType, 'application/proto')
const json = fieldLine(contentType, 'application/json')
