import { failures, RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call, type Next } from '../engine/call.ts'
import { Edits, fieldLine, fieldName } from '../protocol/edits.ts'
import { Code, httpOfCode } from '../protocol/grpc/code.ts'
import { Deframer, frameError } from '../protocol/grpc/frames.ts'
import { statusInTrailers, statusOf, trailerHead, type GrpcStatus } from '../protocol/grpc/status.ts'
import type { Head } from '../protocol/head.ts'
import type { Statuses } from '../transcode/types.ts'
import { noStatus, ownHead, readReply } from './grpc-head.ts'
import { plainMessage } from './grpc-messages.ts'
import { addTrailing } from './grpc-metadata.ts'
import type { Replying } from './json-to-grpc-options.ts'
import { wholeReply } from './whole-body.ts'

/** Sends a call and makes its one message, or its status, an HTTP reply. */
export async function repliedOnce(call: Call, next: Next, { match, transcoder, mostMessage }: Replying): Promise<Reply> {
  const reply = await next(call)
  const head = ownHead(reply)
  const early = readReply(reply.status, head).status
  if (early !== null && early.code !== Code.ok) {
    if (!reply.body.isComplete) reply.body.cancel('cancelled')
    return statusReply(early, { statuses: transcoder.statuses, head, edits: new Edits() })
  }
  const { bytes, trailers } = await wholeReply(call, reply, { most: mostMessage + 5 })
  const status = statusInTrailers(trailers) ?? early ?? noStatus
  const edits = new Edits()
  addTrailing(trailerHead(trailers), edits)
  if (status.code !== Code.ok) return statusReply(status, { statuses: transcoder.statuses, head, edits })
  const rendered = match.reply(onlyMessage(bytes, head, mostMessage))
  return new Reply(200, head, Body.of(rendered.bytes), { edits: ofMessage(edits, rendered.contentType) })
}

/** What relay itself has to say, as a status in JSON. */
export function told(error: RelayError, call: Call, statuses: Statuses): Reply {
  const reply = statusReply(statusOf(error), { statuses, head: null, edits: new Edits(), http: failures[error.failure].http })
  reply.edits.line(fieldLine(requestId, call.id))
  if (error.retryAfterMs !== undefined) reply.edits.line(fieldLine(retryAfter, String(Math.ceil(error.retryAfterMs / 1000))))
  for (const line of error.lines) reply.edits.line(line)
  return reply
}

/** What a status is told with. */
export interface Around {
  readonly statuses: Statuses
  readonly head: Head | null
  /** What is to be said besides. */
  readonly edits: Edits
  /** That of the status unless told. */
  readonly http?: number
}

/** A status as an HTTP reply. */
export function statusReply(status: GrpcStatus, { statuses, head, edits, http = httpOfCode(status.code) }: Around): Reply {
  const details = status.details ?? nothing
  const body = Body.of(statuses.toJson({ code: status.code, message: status.message, details }))
  const reply = new Reply(http, head, body, { edits })
  ofMessage(reply.edits, 'application/json')
  // RFC 9110 §11.6.1: a 401 says how to come in.
  if (status.code === Code.unauthenticated) reply.edits.line(challenge)
  return reply
}

/** Says of what type the new body is, and takes away what was gRPC's own. */
export function ofMessage(edits: Edits, type: string): Edits {
  edits.removePrefix(grpcPrefix)
  edits.setLine(contentType, typeLine(type))
  return edits
}

function typeLine(type: string): Buffer {
  return type === 'application/json' ? jsonLine : fieldLine(contentType, type)
}

function onlyMessage(bytes: Buffer, head: Head, most: number): Buffer {
  const messages: Buffer[] = []
  const onMessage = (message: Buffer, flags: number): void =>
    void messages.push(messages.length > 0 ? nothing : plainMessage({ message, flags, head, most, from: 'upstream' }))
  const deframer = new Deframer({ most, from: 'upstream', onMessage })
  const refused = deframer.read(bytes) ?? deframer.end()
  if (refused !== null) throw frameError(refused)
  const [message] = messages
  if (message !== undefined && messages.length === 1) return message
  const many = `the upstream sent ${messages.length} messages where the method has one`
  throw new RelayError('upstream_failed', many, { grpc: Code.unimplemented })
}

const nothing = Buffer.alloc(0)
const grpcPrefix = Buffer.from('grpc-')
const contentType = fieldName('content-type')
const jsonLine = fieldLine(contentType, 'application/json')
const requestId = fieldName('request-id')
const retryAfter = fieldName('retry-after')
const challenge = fieldLine(fieldName('www-authenticate'), 'Bearer')
