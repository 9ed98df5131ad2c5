import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf'
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt'
import { RelayError } from '../base/errors.ts'
import type { Binding } from './binding.ts'
import { encodeAsked, readJson, type Codec } from './codec.ts'
import { incoming } from './incoming.ts'
import { outgoing, outgoingBody } from './outgoing.ts'
import { bad, said } from './problem.ts'
import { decodeReply, renderJson } from './rendered.ts'
import type { HttpRequest, Method, Rendered } from './types.ts'

/** A method and its bindings. */
export class TranscodedMethod implements Method {
  readonly path: string
  readonly name: string
  readonly service: string
  readonly input: DescMessage
  readonly output: DescMessage
  readonly clientStreaming: boolean
  readonly serverStreaming: boolean
  readonly rawReply: boolean
  readonly isSafe: boolean
  /** Those that a message may go out by: with one form of replies, and for a stream with one form of messages. */
  private readonly bindings: readonly Binding[]
  private readonly codec: Codec

  constructor(method: DescMethod, bindings: readonly Binding[], codec: Codec) {
    this.service = method.parent.typeName
    this.name = nameOf(method)
    this.path = `/${this.name}`
    this.input = method.input
    this.output = method.output
    this.clientStreaming = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
    this.serverStreaming = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming'
    this.rawReply = bindings[0]?.isRawReply ?? false
    this.isSafe = method.idempotency === Idempotency.NO_SIDE_EFFECTS
    this.bindings = this.clientStreaming ? bindings.slice(0, 1) : bindings.filter(({ response }) => response === bindings[0]?.response)
    this.codec = codec
  }

  requestFromJson(json: Uint8Array): Uint8Array {
    return encodeAsked(this.input, this.readRequest(json), this.codec.most)
  }

  replyToJson(message: Uint8Array): Buffer {
    return renderJson({ of: this.output, field: null, options: this.codec.plain }, decodeReply(this.output, message, this.codec.plain))
      .bytes
  }

  toHttp(message: Uint8Array): HttpRequest {
    return outgoing(this.bindings, message, this.codec)
  }

  toHttpBody(message: Uint8Array): Rendered | null {
    return outgoingBody(this.bindings, message, this.codec)
  }

  fromHttp(body: Uint8Array, contentType: string): Uint8Array {
    const [binding] = this.bindings
    if (binding === undefined) throw new Error(`${this.name} has no binding`)
    return incoming(binding, body, contentType, this.codec)
  }

  private readRequest(json: Uint8Array): Message {
    try {
      return readJson(this.input, null, json, this.codec.loose)
    } catch (error) {
      throw error instanceof RelayError ? error : bad(said(error), error)
    }
  }
}

/** `package.Service/Method` */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`
}
