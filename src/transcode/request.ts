import { create, type Message } from '@bufbuild/protobuf'
import { isReflectMessage, reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import { RelayError } from '../base/errors.ts'
import type { Binding } from './binding.ts'
import { encodeAsked, fitting, readJson, type Codec } from './codec.ts'
import { fieldOf, setSame } from './field-path.ts'
import { decodeSegment, decodeSegments } from './percent.ts'
import { bad, said } from './problem.ts'
import { bindQuery } from './query.ts'

/** An HTTP call that a binding matched: the segments of its path, without the verb, and its query. */
export interface Asked {
  readonly binding: Binding
  readonly segments: readonly string[]
  readonly query: string
  readonly codec: Codec
}

/** The serialized message of a call whose body is whole. */
export function requestMessage(asked: Asked, body: Uint8Array, contentType: string): Uint8Array {
  const message = bodyMessage(asked, body, contentType)
  bindFields(asked, message)
  return encodeAsked(asked.binding.method.input, message, asked.codec.most)
}

/** What the body says, as a message; the fields of path and query are not in it yet. */
export function bodyMessage({ binding, codec }: Asked, body: Uint8Array, contentType: string): Message {
  const { method, body: rule } = binding
  fitting(body, codec.most)
  if (rule.is === 'none' && body.length > 0)
    throw bad(`${binding.httpMethod} ${binding.template.text} takes no body, and one of ${body.length} bytes came`)
  if (binding.isRawBody) return rawMessage(binding, body, contentType)
  if (body.length === 0) return create(method.input)
  try {
    return readJson(method.input, rule.is === 'field' ? rule.field : null, body, codec.asked)
  } catch (error) {
    throw error instanceof RelayError ? error : bad(said(error), error)
  }
}

/** Puts what path and query say into a message; the path goes before all, and what says something else is a bad_request. */
export function bindFields({ binding, segments, query, codec }: Asked, message: Message): void {
  if (binding.variables.length === 0 && query === '') return
  const fields = reflect(binding.method.input, message)
  for (const { variable, path } of binding.variables) {
    const isToEnd = variable.to === binding.template.segments.length
    const text = segments.slice(variable.from, isToEnd ? undefined : variable.to).join('/')
    setSame(fields, path, variable.isOne ? decodeSegment(text) : decodeSegments(text), inPath)
  }
  if (query !== '') bindQuery(fields, query, binding, codec.asked.json.ignoreUnknownFields === true)
}

/** A message whose `google.api.HttpBody` (the message itself, or the field that is the body) has these bytes. */
export function rawMessage(binding: Pick<Binding, 'method' | 'body'>, bytes: Uint8Array, contentType: string): Message {
  const message = reflect(binding.method.input)
  if (binding.body.is === 'field') {
    message.set(binding.body.field, reflect(needed(binding.body.field.message)))
    const inner = message.get(binding.body.field)
    if (isReflectMessage(inner)) setHttpBody(inner, bytes, contentType)
  } else setHttpBody(message, bytes, contentType)
  return message.message
}

/** Fills a `google.api.HttpBody`. */
export function setHttpBody(message: ReflectMessage, bytes: Uint8Array, contentType: string): void {
  message.set(needed(fieldOf(message.desc, 'content_type')), contentType)
  message.set(needed(fieldOf(message.desc, 'data')), bytes)
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('google.api.HttpBody is not whole')
  return value
}

const inPath = { where: 'path', isSaid: false } as const
