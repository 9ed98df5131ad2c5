import { create, toBinary, type Message } from '@bufbuild/protobuf'
import { isReflectMessage, reflect } from '@bufbuild/protobuf/reflect'
import { RelayError } from '../base/errors.ts'
import { Code } from '../protocol/grpc/code.ts'
import type { Binding } from './binding.ts'
import { readJson, type Codec } from './codec.ts'
import { said } from './problem.ts'
import { setHttpBody } from './request.ts'

/** The message that a REST backend's body says; fields that the message does not have are left out. What does not fit is upstream_failed. */
export function incoming(binding: Binding, body: Uint8Array, contentType: string, codec: Codec): Uint8Array {
  const { output } = binding.method
  try {
    return toBinary(output, binding.isRawReply ? rawReply(binding, body, contentType) : jsonReply(binding, body, codec))
  } catch (error) {
    const message = `the upstream's reply is no ${output.typeName}: ${said(error)}`
    throw new RelayError('upstream_failed', message, { cause: error, grpc: codeOf(error) })
  }
}

/** As gRPC's own libraries have it (grpc: doc/statuscodes.md). */
function codeOf(error: unknown): number {
  return error instanceof RelayError && error.failure === 'too_large' ? Code.resourceExhausted : Code.internal
}

function jsonReply({ method, response }: Binding, body: Uint8Array, codec: Codec): Message {
  return body.length === 0 ? create(method.output) : readJson(method.output, response, body, codec.loose)
}

function rawReply({ method, response }: Binding, body: Uint8Array, contentType: string): Message {
  const message = reflect(method.output)
  if (response?.message !== undefined) message.set(response, reflect(response.message))
  const inner = response === null ? message : message.get(response)
  if (isReflectMessage(inner)) setHttpBody(inner, body, contentType)
  return message.message
}
