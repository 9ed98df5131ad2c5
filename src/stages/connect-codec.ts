import { RelayError } from '../base/errors.ts'
import type { Call, Next } from '../engine/call.ts'
import type { GrpcCaller } from '../protocol/grpc/caller.ts'
import type { Transcoder } from '../transcode/types.ts'
import { outgoingPath } from './aim.ts'
import type { PeekBudget } from './peek-budget.ts'

/** What callers of Connect need. */
export interface ConnectOptions {
  /** For messages in JSON; null: only binary ones are spoken. */
  readonly codecs: MessageCodecs | null
  /** Bytes of a message at most, decoded. */
  readonly most: number
  /** What bodies that are read whole hold together. */
  readonly budget?: PeekBudget
}

/** What a call of Connect is passed on with. */
export interface ConnectUse extends ConnectOptions {
  readonly next: Next
}

/** Finds what puts a method's messages into JSON and back, by the method's path (`/package.Service/Method`); null: it is not known. */
export type MessageCodecs = (path: string) => MessageCodec | null

/** One method's messages in JSON and in binary; what does not fit throws a `RelayError`. */
export interface MessageCodec {
  toProto(json: Buffer): Buffer
  toJson(message: Buffer): Buffer
}

/** Codecs made of the methods that a transcoder knows. */
export function codecsOf(transcoder: Pick<Transcoder, 'method'>): MessageCodecs {
  return (path) => {
    const method = transcoder.method(path)
    if (method === null) return null
    return {
      toProto: (json) => asBuffer(method.requestFromJson(json)),
      toJson: (message) => method.replyToJson(message),
    }
  }
}

/** The codec of a call whose messages are JSON; null where they are binary already. A JSON that nobody can read is not supported. */
export function codecFor(call: Call, { codec }: GrpcCaller, codecs: MessageCodecs | null): MessageCodec | null {
  if (codec !== 'json') return null
  if (codecs === null)
    throw new RelayError('unsupported_type', 'messages in JSON are not spoken on this route: its upstream has no descriptors')
  const path = outgoingPath(call)
  const found = codecs(path)
  if (found === null) throw new RelayError('no_route', `no method ${path} is known`)
  return found
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
