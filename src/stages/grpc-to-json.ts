import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import type { Call, Stage } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import { Code } from '../protocol/grpc/code.ts'
import { fieldAt } from '../protocol/grpc/field.ts'
import { Deframer, frameError } from '../protocol/grpc/frames.ts'
import { Name } from '../protocol/names.ts'
import type { HttpRequest, Method, Transcoder } from '../transcode/types.ts'
import { withStream } from './grpc-stream-field.ts'
import { sentHead } from './grpc-head.ts'
import { repliedMessage, repliedMessages } from './grpc-to-json-reply.ts'
import { streamedJson } from './grpc-to-json-request.ts'
import { plainMessage } from './grpc-messages.ts'
import { askedFields, askedOf, doubledField } from './peek-asked.ts'
import type { PeekBudget } from './peek-budget.ts'
import { wholeBody } from './whole-body.ts'

/** How gRPC callers reach an upstream of HTTP and JSON. */
export interface GrpcToJsonOptions {
  readonly transcoder: Transcoder
  /** The upstream's own path, before every other. */
  readonly base: string
  readonly isClaude: boolean
  /** Bytes of a message, either way. */
  readonly mostMessage: number
  readonly budget: PeekBudget
}

/**
 * Has gRPC callers (gRPC-Web and Connect too, behind their own stages) reach a REST backend by `google.api.http`, read backwards; all
 * others pass. Metadata are header fields. A field `stream` of a request's message says to the backend whether the method streams its
 * replies: it is set here. Behind this stage a call is the backend's own, so that what it asks for and uses is seen as of any other.
 */
export function grpcToJson(options: GrpcToJsonOptions): Stage {
  return async (call, next) => {
    if (grpcCaller(call.head.fields) === null) return next(call)
    const { transcoder, mostMessage, isClaude } = options
    const method = transcoder.method(call.head.path)
    if (method === null) throw new RelayError('no_route', `${call.head.path} is no method that is served here`)
    const { request, outgoing } = method.clientStreaming
      ? await streamedJson(call, method, options)
      : await oneRequest(call, method, options)
    aimAt(call, options, { request, outgoing, method })
    if (isClaude) call.asked = askedIn(request)
    const reply = await next(call)
    call.upstreamStatus = reply.status
    const replying = { method, transcoder, mostMessage }
    return method.serverStreaming ? repliedMessages(call, reply, replying) : repliedMessage(call, reply, replying)
  }
}

/** What goes out. */
interface Outgoing {
  readonly request: HttpRequest
  readonly outgoing: Body
}

async function oneRequest(call: Call, method: Method, { mostMessage, budget }: GrpcToJsonOptions): Promise<Outgoing> {
  const whole = await wholeBody(call, { most: mostMessage + prefix, budget })
  const messages: Buffer[] = []
  const head = sentHead(call)
  // What stands behind the first one is never decompressed.
  const onMessage = (message: Buffer, flags: number): void =>
    void messages.push(messages.length > 0 ? nothing : plainMessage({ message, flags, head, most: mostMessage, from: 'caller' }))
  const deframer = new Deframer({ most: mostMessage, from: 'caller', onMessage })
  const refused = deframer.read(whole.bytes) ?? deframer.end()
  if (refused !== null) throw frameError(refused)
  const [message] = messages
  if (message === undefined || messages.length > 1)
    throw new RelayError('bad_request', `${messages.length} messages came where ${method.name} takes one`, { grpc: Code.unimplemented })
  const request = method.toHttp(withStream(method, message))
  const outgoing = Body.of(request.body ?? nothing)
  // As long as it waits to go out, its room is taken.
  outgoing.onEnd(() => whole.release())
  return { request, outgoing }
}

function aimAt(call: Call, { base, isClaude }: GrpcToJsonOptions, to: Outgoing & { readonly method: Method }): void {
  const { edits, head } = call
  const { request, outgoing, method } = to
  call.method = request.method
  call.targetPrefix = Buffer.from(base + request.target, 'latin1')
  call.targetFrom = head.targetEnd
  call.outgoing = outgoing
  edits.drop(fieldsOfGrpc)
  edits.removePrefix(grpcPrefix)
  // What stands in the place of a caller's own form of gRPC.
  for (const name of addedNames) edits.clear(name)
  if (request.contentType !== null) edits.line(fieldLine(contentType, request.contentType))
  edits.setLine(accept, method.rawReply ? anything : method.serverStreaming ? streams : json)
  edits.line(identity)
  if (isClaude && fieldAt(head.fields, versionName) < 0) edits.line(version)
}

/** What a Messages call asks for: its body is all there. */
function askedIn({ body }: HttpRequest): NonNullable<Call['asked']> {
  const bytes = body ?? nothing
  shared.reset()
  shared.read(bytes)
  if (shared.doubled !== null) throw doubledField(shared.doubled)
  return askedOf(shared, bytes.length, bytes)
}

/** Nothing waits while it reads: one for all calls of the worker. */
const shared = askedFields()
const nothing = Buffer.alloc(0)
/** Bytes before a message. */
const prefix = 5
const grpcPrefix = Buffer.from('grpc-')
const contentType = fieldName('content-type')
const addedNames = [contentType, fieldName('grpc-encoding'), fieldName('grpc-accept-encoding')]
const accept = fieldName('accept')
const json = fieldLine(accept, 'application/json')
const streams = fieldLine(accept, 'text/event-stream, application/x-ndjson, application/json')
const anything = fieldLine(accept, '*/*')
const identity = fieldLine(fieldName('accept-encoding'), 'identity')
const versionName = Buffer.from('anthropic-version')
/** The one that the messages of `claude.proto` are written for. */
const version = fieldLine(fieldName('anthropic-version'), '2023-06-01')
const fieldsOfGrpc = (1 << Name.contentType) | (1 << Name.contentEncoding) | (1 << Name.acceptEncoding) | (1 << Name.expect)
