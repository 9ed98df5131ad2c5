import { fromBinary, type DescField, type Message } from '@bufbuild/protobuf'
import { isReflectMessage, reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import type { JsonWriteOptions, DescMessage } from '@bufbuild/protobuf'
import { RelayError } from '../base/errors.ts'
import { Code } from '../protocol/grpc/code.ts'
import type { Binding } from './binding.ts'
import { writeJson, type Codec } from './codec.ts'
import { fieldOf } from './field-path.ts'
import { tooManyValues } from './message-weight.ts'
import { said } from './problem.ts'
import type { Rendered } from './types.ts'
import { hasTooManyValues } from './wire-count.ts'

/** One message of a reply, by what its binding lets out. */
export function renderReply(binding: Binding, bytes: Uint8Array, codec: Codec): Rendered {
  const { output } = binding.method
  const message = decodeReply(output, bytes, codec.reply)
  if (!binding.isRawReply) return renderJson({ of: output, field: binding.response, options: codec.reply }, message)
  return renderRaw(bodyIn(reflect(output, message), binding.response))
}

/** A message that an upstream sent, out of its bytes. */
export function decodeReply(of: DescMessage, bytes: Uint8Array, use: Partial<JsonWriteOptions>): Message {
  if (hasTooManyValues(of, bytes, use))
    throw new RelayError('upstream_failed', `the reply is too large: ${tooManyValues}`, { grpc: Code.resourceExhausted })
  try {
    return fromBinary(of, bytes)
  } catch (error) {
    throw new RelayError('upstream_failed', `the reply is no ${of.typeName}: ${said(error)}`, { cause: error, grpc: Code.internal })
  }
}

export interface JsonParts {
  readonly of: DescMessage
  readonly field: DescField | null
  readonly options: Partial<JsonWriteOptions>
}

/** The JSON of an upstream's message. */
export function renderJson({ of, field, options }: JsonParts, message: Message): Rendered {
  try {
    const bytes = Buffer.from(JSON.stringify(writeJson(of, field, message, options)))
    return { is: 'json', bytes, contentType: 'application/json' }
  } catch (error) {
    throw new RelayError('upstream_failed', `the reply has no JSON: ${said(error)}`, { cause: error, grpc: Code.internal })
  }
}

/** The bytes of a `google.api.HttpBody`. */
export function renderRaw(body: ReflectMessage | null): Rendered {
  const data = body === null ? null : valueOf(body, 'data')
  const type = body === null ? null : valueOf(body, 'content_type')
  const bytes = data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.alloc(0)
  return { is: 'raw', bytes, contentType: typeof type === 'string' && plainType.test(type) ? type : 'application/octet-stream' }
}

/** The `google.api.HttpBody` that a message is, or that a field of it is; null: the field is not set. */
export function bodyIn(message: ReflectMessage, field: DescField | null): ReflectMessage | null {
  if (field === null) return message
  const inner = message.isSet(field) ? message.get(field) : null
  return isReflectMessage(inner) ? inner : null
}

function valueOf(message: ReflectMessage, name: string): unknown {
  const field = fieldOf(message.desc, name)
  return field === undefined ? null : message.get(field)
}

/** What may stand in a header field. */
const plainType = /^[\x20-\x7e]+$/
