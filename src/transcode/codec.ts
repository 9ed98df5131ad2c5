import { isUtf8 } from 'node:buffer'
import {
  fromBinary,
  ScalarType,
  toBinary,
  toJson,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type JsonWriteOptions,
  type Message,
  type Registry,
} from '@bufbuild/protobuf'
import { RelayError } from '../base/errors.ts'
import { exactMessage, type Reading } from './exact-json.ts'
import { leafParser } from './field-path.ts'
import { hasLongMasks, tooMuchJson } from './json-count.ts'
import { tooManyValues } from './message-weight.ts'
import { bad, said } from './problem.ts'
import { hasTooManyValues } from './wire-count.ts'

/** How messages are read and written. */
export interface Codec {
  /** By what callers say, strict or not, as the transcoder was told. */
  readonly asked: Reading
  /** What may have more fields than are known here. */
  readonly loose: Reading
  readonly reply: Partial<JsonWriteOptions>
  readonly plain: Partial<JsonWriteOptions>
  readonly most: number
}

/** The codec of a transcoder. */
export function codecOf(registry: Registry, { discardUnknown, emitDefaults, most }: CodecOptions): Codec {
  return {
    asked: { json: { registry, ignoreUnknownFields: discardUnknown }, isStrict: true },
    loose: { json: { registry, ignoreUnknownFields: true }, isStrict: false },
    reply: { registry, alwaysEmitImplicit: emitDefaults },
    plain: { registry },
    most,
  }
}

export interface CodecOptions {
  readonly discardUnknown: boolean
  readonly emitDefaults: boolean
  readonly most: number
}

/** A message out of JSON text. With a field, the text is the value of this field alone. Text that would take too long is too_large. */
export function readJson(of: DescMessage, field: DescField | null, bytes: Uint8Array, reading: Reading): Message {
  if (!isUtf8(bytes)) throw new Error('the JSON is not UTF-8')
  const tooMuch = tooMuchJson(of, bytes)
  if (tooMuch !== null) throw tooLarge(tooMuch)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  if (field === null) return wholeMessage(of, text, reading)
  // Text that is no JSON value by itself must not become one (or several fields) by what is put around it.
  JSON.parse(text)
  return wholeMessage(of, `{${JSON.stringify(field.jsonName)}:${text}}`, reading)
}

function wholeMessage(of: DescMessage, text: string, reading: Reading): Message {
  if (hasLongMasks(of, text, reading.json.registry)) throw tooLarge(tooManyValues)
  return exactMessage(of, text, reading)
}

/** A message as a JSON value. With a field, that field alone, its default where it is not set. */
export function writeJson(of: DescMessage, field: DescField | null, message: Message, options: Partial<JsonWriteOptions>): JsonValue {
  const json = toJson(of, message, options)
  return field === null ? json : ((isJsonObject(json) ? json[field.jsonName] : undefined) ?? defaultJson(field))
}

/** What stands for a field that is not set, where something has to. */
export function defaultJson(field: DescField): JsonValue {
  if (field.fieldKind === 'list') return []
  if (field.fieldKind === 'map') return {}
  if (field.fieldKind === 'enum') return field.enum.values[0]?.jsonName ?? 0
  if (field.fieldKind === 'message') return leafParser(field) === null && field.message.typeName !== 'google.protobuf.Any' ? {} : null
  return defaultScalar(field.scalar)
}

/** A message that a caller sent, out of its bytes. */
export function decodeAsked(of: DescMessage, bytes: Uint8Array, use: Partial<JsonWriteOptions>): Message {
  if (hasTooManyValues(of, bytes, use)) throw tooLarge(tooManyValues)
  try {
    return fromBinary(of, bytes)
  } catch (error) {
    throw bad(`the message is no ${of.typeName}: ${said(error)}`, error)
  }
}

/** The bytes of a message that was made of what a caller said. */
export function encodeAsked(of: DescMessage, message: Message, most: number): Uint8Array {
  try {
    return fitting(toBinary(of, message), most)
  } catch (error) {
    throw error instanceof RelayError ? error : bad(said(error), error)
  }
}

/** Bytes of what a caller sent, within the bound on messages. */
export function fitting(bytes: Uint8Array, most: number): Uint8Array {
  if (bytes.length > most) throw new RelayError('too_large', `the message is longer than ${most} bytes`)
  return bytes
}

function tooLarge(what: string): RelayError {
  return new RelayError('too_large', `the message is too large: ${what}`)
}

/** JSON with members, not a list and not a single value. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function defaultScalar(scalar: ScalarType): JsonValue {
  if (scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return ''
  if (scalar === ScalarType.BOOL) return false
  return longs.has(scalar) ? '0' : 0
}

const longs: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
])
