import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call } from '../engine/call.ts'
import { converted, type Converter, type Out, type Room } from '../engine/convert.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import type { GrpcCaller } from '../protocol/grpc/caller.ts'
import { endStream } from '../protocol/grpc/connect-json.ts'
import { fieldText } from '../protocol/grpc/field.ts'
import { FrameCursor } from '../protocol/grpc/frame-cursor.ts'
import { frameError } from '../protocol/grpc/frames.ts'
import { statusInTrailers, statusOfEnd, trailerHead, type GrpcStatus } from '../protocol/grpc/status.ts'
import { codecFor, type ConnectUse, type MessageCodec } from './connect-codec.ts'
import { fromGrpc, toGrpc } from './connect-head.ts'
import { MappedMessages } from './connect-messages.ts'
import { contentType, noStatus, ownHead, readReply } from './grpc-head.ts'
import { tellToContinue } from './peek-more.ts'

/** A streaming call of Connect: its frames are gRPC's, but for the last one of the reply, which stands for the trailers. */
export async function streamCall(call: Call, caller: GrpcCaller, use: ConnectUse): Promise<Reply> {
  const { most } = use
  const codec = codecFor(call, caller, use.codecs)
  const { fields } = call.head
  const sent = fieldText(fields, connectEncoding)
  tellToContinue(call)
  if (codec !== null) {
    const map = (message: Buffer): Buffer => codec.toProto(message)
    call.outgoing = converted(call.outgoing, new MappedMessages({ most, from: 'caller', encoding: sent ?? 'identity', map }))
    toGrpc(call, { sent: null, understood: null })
  } else toGrpc(call, { sent, understood: fieldText(fields, connectAcceptEncoding) })
  return streamReply(await use.next(call), codec, most)
}

function streamReply(inner: Reply, codec: MessageCodec | null, most: number): Reply {
  const head = ownHead(inner)
  const read = readReply(inner.status, head)
  const type = codec === null ? proto : json
  if (read.is === 'foreign') {
    inner.body.cancel('cancelled')
    return typed(new Reply(200, null, Body.of(endStream(read.status, null))), type)
  }
  const encoding = fieldText(head, grpcEncoding)
  const map = codec === null ? null : (message: Buffer): Buffer => codec.toJson(message)
  const frames = map === null ? new PassedFrames() : new MappedMessages({ most, from: 'upstream', encoding: encoding ?? 'identity', map })
  fromGrpc(inner)
  const reply = new Reply(200, inner.head, converted(inner.body, new StreamWriter(frames, read.status, inner)), { edits: inner.edits })
  reply.isStream = inner.isStream
  if (encoding !== null && codec === null) reply.edits.line(fieldLine(contentEncoding, encoding))
  return typed(reply, type)
}

function typed(reply: Reply, type: Buffer): Reply {
  reply.edits.setLine(contentType, type)
  return reply
}

/** A reply's frames, and the last one that says how it ended. */
class StreamWriter implements Converter {
  private readonly frames: Frames
  /** The status that the head said, of a reply without messages. */
  private readonly told: GrpcStatus | null
  private readonly reply: Reply

  constructor(frames: Frames, told: GrpcStatus | null, reply: Reply) {
    this.frames = frames
    this.told = told
    this.reply = reply
  }

  read(bytes: Buffer, out: Room): void {
    this.frames.read(bytes, out)
  }

  end(trailers: Buffer, out: Out): Buffer {
    this.frames.end(trailers, out)
    const status = statusInTrailers(trailers) ?? this.told ?? noStatus
    out.push(endStream(status, trailerHead(this.reply.edits.filter(trailers))), true)
    return nothing
  }

  broken(end: BodyEnd, error: RelayError | null, out: Out): Buffer | null {
    // Within a message, its bytes would be taken for the rest of it.
    if (!this.frames.isBetween) return null
    out.push(endStream(statusOfEnd(end, error), null), true)
    return nothing
  }
}

/** What becomes of a reply's frames. */
interface Frames extends Converter {
  /** What has gone out so far ends with a frame. */
  readonly isBetween: boolean
}

/** Frames that pass as they are. */
class PassedFrames implements Frames {
  private readonly cursor = new FrameCursor()

  get isBetween(): boolean {
    return this.cursor.isBetween
  }

  read(bytes: Buffer, out: Out): void {
    this.cursor.read(bytes)
    out.push(bytes, false)
  }

  end(trailers: Buffer): Buffer {
    const refused = this.cursor.end()
    if (refused !== null) throw frameError(refused)
    return trailers
  }
}

const nothing = Buffer.alloc(0)
const connectEncoding = Buffer.from('connect-content-encoding')
const connectAcceptEncoding = Buffer.from('connect-accept-encoding')
const grpcEncoding = Buffer.from('grpc-encoding')
const contentEncoding = fieldName('connect-content-encoding')
const proto = fieldLine(contentType, 'application/connect+proto')
const json = fieldLine(contentType, 'application/connect+json')
