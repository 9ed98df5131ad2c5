import { toJson, type DescMethod, type JsonValue, type Message } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { RelayError } from '../base/errors.ts'
import type { Binding } from './binding.ts'
import { decodeAsked, defaultJson, isJsonObject, type Codec } from './codec.ts'
import { pathOf, withoutBound } from './path-out.ts'
import { bad, said } from './problem.ts'
import { queryOf } from './query-out.ts'
import { bodyIn, renderRaw } from './rendered.ts'
import type { HttpRequest, Rendered } from './types.ts'

/** The HTTP request that says what a message says: by the first binding whose path the message fits. */
export function outgoing(bindings: readonly Binding[], bytes: Uint8Array, codec: Codec): HttpRequest {
  const { message, json } = read(bindings, bytes, codec)
  let wrong = ''
  for (const binding of bindings) {
    const made = pathOf(binding, json)
    if ('path' in made) return request(binding, made.path, { message, json })
    wrong ||= made.wrong
  }
  throw bad(wrong)
}

/** The body alone that goes out for a message, by the first binding; null: it has none. */
export function outgoingBody(bindings: readonly Binding[], bytes: Uint8Array, codec: Codec): Rendered | null {
  const binding = bindings[0]
  return binding === undefined ? null : bodyOf(binding, read(bindings, bytes, codec))
}

interface Read {
  readonly message: Message
  readonly json: JsonValue
}

function read(bindings: readonly Binding[], bytes: Uint8Array, codec: Codec): Read {
  const input = inputOf(bindings)
  const message = decodeAsked(input, bytes, codec.plain)
  try {
    return {
      message,
      json: bindings.every((binding) => binding.isRawBody && binding.body.is === 'whole') ? {} : toJson(input, message, codec.plain),
    }
  } catch (error) {
    throw bad(`the message has no JSON: ${said(error)}`, error)
  }
}

function inputOf(bindings: readonly Binding[]): DescMethod['input'] {
  const first = bindings[0]
  if (first === undefined) throw new RelayError('not_supported', 'the method has no HTTP form')
  return first.method.input
}

function request(binding: Binding, path: string, parts: Read): HttpRequest {
  const body = bodyOf(binding, parts)
  const left = isJsonObject(parts.json) ? withoutBound(parts.json, binding.variables) : {}
  const query = binding.body.is === 'whole' ? '' : queryOf(binding.method.input, notInBody(binding, left))
  const method = binding.httpMethod === '*' ? 'POST' : binding.httpMethod
  return { method, target: query === '' ? path : `${path}?${query}`, body: body?.bytes ?? null, contentType: body?.contentType ?? null }
}

function notInBody({ body }: Binding, json: Record<string, JsonValue>): Record<string, JsonValue> {
  if (body.is !== 'field') return json
  const { [body.field.jsonName]: _, ...left } = json
  return left
}

function bodyOf(binding: Binding, { message, json }: Read): Rendered | null {
  const { body, method, isRawBody, variables } = binding
  if (body.is === 'none') return null
  const field = body.is === 'field' ? body.field : null
  if (isRawBody) return renderRaw(bodyIn(reflect(method.input, message), field))
  const left = isJsonObject(json) ? withoutBound(json, variables) : json
  const value = field === null ? left : ((isJsonObject(left) ? left[field.jsonName] : undefined) ?? defaultJson(field))
  return { is: 'json', bytes: Buffer.from(JSON.stringify(value)), contentType: 'application/json' }
}
