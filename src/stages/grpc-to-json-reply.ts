import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call } from '../engine/call.ts'
import { converted } from '../engine/convert.ts'
import { Edits, fieldLine, fieldName } from '../protocol/edits.ts'
import { Code } from '../protocol/grpc/code.ts'
import { fieldText } from '../protocol/grpc/field.ts'
import { framed } from '../protocol/grpc/frames.ts'
import { statusLines, type GrpcStatus } from '../protocol/grpc/status.ts'
import type { Head } from '../protocol/head.ts'
import { Name } from '../protocol/names.ts'
import type { RepliedMethod } from './grpc-replied.ts'
import { decodedBody } from './decoded-body.ts'
import { ownHead } from './grpc-head.ts'
import { EventMessages, JsonMessages, RawMessages, type MessageSource } from './grpc-to-json-stream.ts'
import { lineTypes } from './stream-format.ts'
import { mostExplanation, statusOfRest } from './rest-status.ts'
import { wholeReply } from './whole-body.ts'

/** A REST backend's reply as the one message of a method, or as its status. */
export async function repliedMessage(call: Call, reply: Reply, of: RepliedMethod): Promise<Reply> {
  const head = headWithoutGrpc(reply)
  if (!isSuccess(reply)) return failed(call, reply, head, of)
  const { bytes } = await wholeReply(call, reply, { most: of.mostMessage })
  const message = of.method.fromHttp(bytes, head.text(Name.contentType) ?? '')
  const body = new Body(-1, null)
  body.push(framed(asBuffer(message)), true)
  body.finish(okTrailers)
  return new Reply(200, head, body, { edits: ofGrpc(new Edits()) })
}

/** A REST backend's reply as a stream of messages, each as it comes: events, lines of JSON, a JSON array's elements, or raw bytes. */
export async function repliedMessages(call: Call, reply: Reply, of: RepliedMethod): Promise<Reply> {
  const head = headWithoutGrpc(reply)
  if (!isSuccess(reply)) return failed(call, reply, head, of)
  const coding = head.text(Name.contentEncoding)
  const isPlain = coding === null || coding.toLowerCase() === 'identity'
  // Nobody asked for a coding; a backend that codes all the same is understood.
  const plain = isPlain ? reply.body : decodedBody(reply.body, coding, mostDecoded)
  if (plain === null) {
    reply.body.cancel('cancelled')
    throw new RelayError('upstream_failed', `the upstream coded its stream in ${coding}, which nobody asked for`)
  }
  const body = converted(plain, sourceFor(head, of))
  const made = new Reply(200, head, body, { edits: ofGrpc(new Edits()) })
  made.isStream = true
  return made
}

function sourceFor(head: Head, of: RepliedMethod): MessageSource {
  const type = head.text(Name.contentType) ?? ''
  const essence = type.split(';')[0]!.trim().toLowerCase()
  if (of.method.rawReply) return new RawMessages(of, type)
  return essence === 'text/event-stream' ? new EventMessages(of) : new JsonMessages(of, lineTypes.has(essence))
}

async function failed(call: Call, reply: Reply, head: Head, { transcoder }: RepliedMethod): Promise<Reply> {
  const isJson = (head.text(Name.contentType) ?? '').toLowerCase().includes('json')
  const body = await errorBody(call, reply)
  const failure = { status: reply.status, body, isJson: isJson && body.length > 0, retryAfter: fieldText(head, retryAfter) }
  return statusOnly(statusOfRest(failure, transcoder.statuses), head)
}

/** What a backend says of its failure; one that says too much, or breaks off meanwhile, has failed all the same. */
async function errorBody(call: Call, reply: Reply): Promise<Buffer> {
  try {
    return (await wholeReply(call, reply, { most: mostExplanation })).bytes
  } catch (error) {
    if (call.end !== null) throw error
    return nothing
  }
}

/** A reply without messages: its status stands in its head. */
function statusOnly(status: GrpcStatus, head: Head): Reply {
  const reply = new Reply(200, head, Body.of(nothing), { edits: ofGrpc(new Edits()) })
  reply.edits.line(statusLines(status))
  return reply
}

function isSuccess({ status }: Reply): boolean {
  return status >= 200 && status < 300
}

/** A backend's own head; what it may say of gRPC is not its to say. */
function headWithoutGrpc(reply: Reply): Head {
  reply.edits.removePrefix(grpcPrefix)
  return ownHead(reply)
}

/** Says that the new body is gRPC, and takes away what was the old one's. */
function ofGrpc(edits: Edits): Edits {
  edits.drop(1 << Name.contentEncoding)
  edits.setLine(contentType, grpcType)
  return edits
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const nothing = Buffer.alloc(0)
const okTrailers = statusLines({ code: Code.ok, message: '', details: null })
const grpcPrefix = Buffer.from('grpc-')
const contentType = fieldName('content-type')
const grpcType = fieldLine(contentType, 'application/grpc')
const retryAfter = Buffer.from('retry-after')
/** Bytes of a stream that came coded. */
const mostDecoded = 268_435_456
