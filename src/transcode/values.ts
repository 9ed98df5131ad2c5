import { create, fromJson, ScalarType, type DescEnum, type DescField, type DescMessage, type JsonValue } from '@bufbuild/protobuf'
import { protoSnakeCase, reflect } from '@bufbuild/protobuf/reflect'
import { base64Decode } from '@bufbuild/protobuf/wire'
import { shown } from './problem.ts'

/** Text of a path or a query as a value for the reflection of a message; throws an Error that says what was expected. */
export type Parse = (text: string) => unknown

/** How the text of a field (of one element of it) is read; null: it is a message that is no single value. */
export function parserOf(field: DescField): Parse | null {
  if (field.enum !== undefined) return enumParser(field.enum)
  if (field.scalar !== undefined) return scalarParser(field.scalar)
  return field.message === undefined ? null : messageParser(field.message)
}

/** How the key of a map is read. */
export function scalarParser(scalar: ScalarType): Parse {
  switch (scalar) {
    case ScalarType.STRING:
      return (text) => text
    case ScalarType.BOOL:
      return (text) => (text === 'true' ? true : text === 'false' ? false : unexpected('true or false', text))
    case ScalarType.BYTES:
      // A `+` of base64 that was not escaped has become a space.
      return (text) => (base64.test(text) ? base64Decode(text.replaceAll(' ', '+')) : unexpected('base64', text))
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return (text) => float(text, scalar === ScalarType.FLOAT)
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return (text) => Number(integer(text, 'int32', -(2n ** 31n), 2n ** 31n))
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return (text) => Number(integer(text, 'uint32', 0n, 2n ** 32n))
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return (text) => integer(text, 'int64', -(2n ** 63n), 2n ** 63n)
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return (text) => integer(text, 'uint64', 0n, 2n ** 64n)
  }
}

function integer(text: string, type: string, least: bigint, end: bigint): bigint {
  const value = decimal.test(text) ? BigInt(text) : unexpected(type, text)
  return value >= least && value < end ? value : unexpected(type, text)
}

function float(text: string, isSingle: boolean): number {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text)
  const value = number.test(text) ? Number(text) : NaN
  return Number.isFinite(isSingle ? Math.fround(value) : value) ? value : unexpected(isSingle ? 'a float' : 'a double', text)
}

function enumParser(of: DescEnum): Parse {
  const byName = new Map(of.values.flatMap((value) => [[value.name, value.number] as const, [value.jsonName, value.number] as const]))
  const numbers = new Set(byName.values())
  return (text) => {
    const named = byName.get(text)
    if (named !== undefined) return named
    const value = decimal.test(text) ? Number(integer(text, `a value of ${of.typeName}`, -(2n ** 31n), 2n ** 31n)) : null
    return value !== null && (of.open || numbers.has(value)) ? value : unexpected(`a value of ${of.typeName}`, text)
  }
}

function messageParser(of: DescMessage): Parse | null {
  switch (of.typeName) {
    case 'google.protobuf.Timestamp':
    case 'google.protobuf.Duration':
      return (text) => fromText(of, text, (it) => it)
    case 'google.protobuf.FieldMask':
      // Paths as protobuf has them and as JSON has them.
      return (text) => reflect(of, create(of, { paths: text === '' ? [] : text.split(',').map(protoSnakeCase) }))
    case 'google.protobuf.Struct':
    case 'google.protobuf.Value':
    case 'google.protobuf.ListValue':
      return (text) => fromText(of, text, (it) => JSON.parse(it) as JsonValue)
    default:
      return wrapped(of)
  }
}

function wrapped(of: DescMessage): Parse | null {
  const inner = of.fields[0]
  const isWrapper = of.typeName.startsWith('google.protobuf.') && of.typeName.endsWith('Value')
  if (!isWrapper || inner?.fieldKind !== 'scalar') return null
  const parse = scalarParser(inner.scalar)
  return (text) => {
    const message = reflect(of)
    message.set(inner, parse(text))
    return message
  }
}

function fromText(of: DescMessage, text: string, json: (text: string) => JsonValue): unknown {
  try {
    return reflect(of, fromJson(of, json(text)))
  } catch (error) {
    throw new Error(`expected a ${of.typeName}, got ${shown(text)}`, { cause: error })
  }
}

function unexpected(what: string, text: string): never {
  throw new Error(`expected ${what}, got ${shown(text)}`)
}

const decimal = /^-?\d{1,20}$/
const number = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const base64 = /^[\w+/ -]*={0,2}$/
