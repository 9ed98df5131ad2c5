import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import type { Call, Reply, Stage } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import { framed } from '../protocol/grpc/frames.ts'
import { Name } from '../protocol/names.ts'
import { knownTypes } from '../transcode/known-files.ts'
import { statusesOf } from '../transcode/statuses.ts'
import type { Match, Transcoder } from '../transcode/types.ts'
import { outgoingPath } from './aim.ts'
import { dropUnfit } from './grpc-metadata.ts'
import { repliedStream } from './json-to-grpc-stream.ts'
import { repliedOnce, told } from './json-to-grpc-reply.ts'
import type { JsonToGrpcOptions } from './json-to-grpc-options.ts'
import { streamedMessages } from './json-to-grpc-request.ts'
import { wholeBody } from './whole-body.ts'

/**
 * Has HTTP/JSON callers reach a gRPC upstream by `google.api.http`; callers that speak gRPC in any form pass. A message is read whole, a
 * stream as it comes. What the caller has as header fields goes out as metadata and comes back so; trailing metadata of a single reply
 * are header fields too, since all of it is there before its head goes out.
 */
export function jsonToGrpc(options: JsonToGrpcOptions): Stage {
  return async (call, next) => {
    if (grpcCaller(call.head.fields) !== null) return next(call)
    const { transcoder } = options
    if (transcoder === null) throw new RelayError('unavailable', 'the methods of this upstream are not known yet', { retryAfterMs: 1000 })
    const match = matchOf(call, transcoder)
    const { method } = match
    const query = call.head.query().slice(1)
    const outgoing = method.clientStreaming
      ? await streamedMessages(call, match, query, options)
      : await oneMessage(call, match, query, options)
    aimAt(call, options.base + method.path, outgoing)
    const replying = { match, transcoder, mostMessage: options.mostMessage }
    return method.serverStreaming ? repliedStream(call, next, replying) : repliedOnce(call, next, replying)
  }
}

/** Has callers of HTTP and JSON told of refusals and failures as a `google.rpc.Status`. */
export function jsonFailures({ transcoder }: JsonToGrpcOptions): Stage {
  const statuses = transcoder === null ? statusesOf(knownTypes) : transcoder.statuses
  const tell = (error: RelayError, call: Call): Reply => told(error, call, statuses)
  return (call, next) => {
    if (grpcCaller(call.head.fields) === null) call.tellFailure = tell
    return next(call)
  }
}

function matchOf(call: Call, transcoder: Transcoder): Match {
  const path = outgoingPath(call)
  const found = transcoder.find(call.head.method, path)
  switch (found.is) {
    case 'found':
      return found.match
    case 'other_method': {
      const allow = found.allow.join(', ')
      const lines = [fieldLine(allowName, allow)]
      throw new RelayError('method_not_allowed', `${call.head.method} is not allowed at ${path}: ${allow} is`, { lines })
    }
    case 'no_path':
      throw new RelayError('no_route', `no gRPC method is bound to ${call.head.method} ${path}`)
  }
}

async function oneMessage(call: Call, match: Match, query: string, { mostMessage, budget }: JsonToGrpcOptions): Promise<Body> {
  const type = call.head.fields.text(Name.contentType) ?? ''
  if (call.body.length === 0) return Body.of(framed(asBuffer(match.request(query, nothing, type))))
  const whole = await wholeBody(call, { most: mostMessage, budget })
  const body = Body.of(framed(asBuffer(match.request(query, whole.bytes, type))))
  // As long as its message waits to go out, its room is taken.
  body.onEnd(() => whole.release())
  return body
}

/** Points a call at a gRPC method: its path, what it carries, and how it is said that it does. */
function aimAt(call: Call, path: string, outgoing: Body): void {
  const { edits } = call
  call.method = 'POST'
  call.targetPrefix = Buffer.from(path, 'latin1')
  call.targetFrom = call.head.targetEnd
  call.outgoing = outgoing
  dropUnfit(call)
  edits.drop(fieldsOfJson)
  edits.removePrefix(grpcPrefix)
  edits.line(grpcLines)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const nothing = Buffer.alloc(0)
const allowName = fieldName('allow')
const grpcPrefix = Buffer.from('grpc-')
/** What these say is of the JSON, and not of the messages that go out. */
const fieldsOfJson = (1 << Name.contentType) | (1 << Name.contentEncoding) | (1 << Name.acceptEncoding) | (1 << Name.expect)
/** Answers are read here, so they are asked for as they are. */
const grpcLines = Buffer.concat([
  fieldLine(fieldName('content-type'), 'application/grpc'),
  fieldLine(fieldName('grpc-accept-encoding'), 'identity'),
])
