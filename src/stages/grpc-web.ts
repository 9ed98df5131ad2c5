import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call, type Next, type Stage } from '../engine/call.ts'
import { converted, type Converter, type Out } from '../engine/convert.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Base64Text } from '../protocol/grpc/base64-text.ts'
import { grpcCaller, type GrpcCaller } from '../protocol/grpc/caller.ts'
import { FrameCursor } from '../protocol/grpc/frame-cursor.ts'
import { frameError } from '../protocol/grpc/frames.ts'
import { brokenTrailers, statusInTrailers, statusLines, type GrpcStatus } from '../protocol/grpc/status.ts'
import { webText, webTrailers } from '../protocol/grpc/web.ts'
import { asGrpc, contentType, dropStatus, noStatus, ownHead, readReply } from './grpc-head.ts'
import { tellToContinue } from './peek-more.ts'

/**
 * Callers of gRPC-Web, whose trailers are a last frame of the body and whose bodies may be base64: both are put into gRPC's form and
 * back as they pass. Messages are not looked into.
 */
export function grpcWeb(): Stage {
  return (call, next) => {
    const caller = grpcCaller(call.head.fields)
    return caller === null || (caller.is !== 'web' && caller.is !== 'web_text') ? next(call) : pass(call, caller, next)
  }
}

async function pass(call: Call, caller: GrpcCaller, next: Next): Promise<Reply> {
  const isText = caller.is === 'web_text'
  asGrpc(call, caller.codec)
  call.edits.remove(webField)
  tellToContinue(call)
  if (isText && call.outgoing.length !== 0) call.outgoing = converted(call.outgoing, new TextReader())
  return webReply(await next(call), isText ? texts : caller.codec === 'json' ? jsons : protos, isText)
}

function webReply(inner: Reply, type: Buffer, isText: boolean): Reply {
  const { is, status } = readReply(inner.status, ownHead(inner))
  if (is === 'foreign') {
    inner.body.cancel('cancelled')
    return typed(new Reply(200, null, Body.of(lastFrame(statusLines(status), isText))), type)
  }
  // First of all: a body that is whole is converted at once.
  dropStatus(inner)
  const body = converted(inner.body, new WebWriter(isText, status, inner))
  const reply = new Reply(200, inner.head, body, { edits: inner.edits })
  reply.isStream = inner.isStream
  return typed(reply, type)
}

function typed(reply: Reply, type: Buffer): Reply {
  reply.edits.setLine(contentType, type)
  return reply
}

function lastFrame(lines: Buffer, isText: boolean): Buffer {
  const frame = webTrailers(lines)
  return isText ? webText(frame) : frame
}

/** A request's base64, as the frames it stands for. */
class TextReader implements Converter {
  private readonly text = new Base64Text()

  read(bytes: Buffer, out: Out): void {
    const decoded = this.text.read(bytes)
    if (decoded === null) throw malformed()
    out.push(decoded, true)
  }

  end(trailers: Buffer): Buffer {
    if (!this.text.isWhole) throw malformed()
    return trailers
  }
}

function malformed(): RelayError {
  return new RelayError('bad_request', 'the request body is not the base64 that its content type says')
}

/** A reply's frames, and behind them its trailers as one more. */
class WebWriter implements Converter {
  private readonly cursor = new FrameCursor()
  private readonly isText: boolean
  /** The status that the head said, of a reply without messages. */
  private readonly told: GrpcStatus | null
  private readonly reply: Reply

  constructor(isText: boolean, told: GrpcStatus | null, reply: Reply) {
    this.isText = isText
    this.told = told
    this.reply = reply
  }

  read(bytes: Buffer, out: Out): void {
    this.cursor.read(bytes)
    if (this.isText) out.push(webText(bytes), true)
    else out.push(bytes, false)
  }

  end(trailers: Buffer, out: Out): Buffer {
    const refused = this.cursor.end()
    if (refused !== null) throw frameError(refused)
    const status = statusInTrailers(trailers) ?? this.told ?? noStatus
    const metadata = this.reply.edits.filter(trailers)
    out.push(lastFrame(Buffer.concat([metadata, statusLines(status)]), this.isText), true)
    return nothing
  }

  broken(end: BodyEnd, error: RelayError | null, out: Out): Buffer | null {
    // Within a message, trailers would be taken for the rest of it.
    if (!this.cursor.isBetween) return null
    out.push(lastFrame(brokenTrailers(end, error), this.isText), true)
    return nothing
  }
}

const nothing = Buffer.alloc(0)
const webField = fieldName('x-grpc-web')
const protos = fieldLine(contentType, 'application/grpc-web+proto')
const jsons = fieldLine(contentType, 'application/grpc-web+json')
const texts = fieldLine(contentType, 'application/grpc-web-text+proto')
