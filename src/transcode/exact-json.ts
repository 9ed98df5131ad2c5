import { fromJson, fromJsonString, ScalarType } from '@bufbuild/protobuf'
import type { DescField, DescMessage, JsonReadOptions, JsonValue, Message } from '@bufbuild/protobuf'
import { ValueSchema } from '@bufbuild/protobuf/wkt'
import { fieldOf } from './field-path.ts'

/** How JSON is read; strict: a name that is said twice in one object is an error, which takes a second look at all of the text. */
export interface Reading {
  readonly json: Partial<JsonReadOptions>
  readonly isStrict: boolean
}

/**
 * A message out of JSON text. Integers that are no exact number in JavaScript (above 2^53, as some languages write their ids) reach 64-bit
 * fields as they were written. Few texts have any, and only those are read a second time.
 */
export function exactMessage(of: DescMessage, text: string, reading: Reading): Message {
  if (!manyDigits.test(text)) return roundedMessage(of, text, reading)
  const found = { any: false }
  const json: unknown = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source ?? ''
    if (typeof value !== 'number' || !integer.test(source) || String(value) === source) return value
    found.any = true
    return new Inexact(value, source)
  })
  if (!found.any) return roundedMessage(of, text, reading)
  if (reading.isStrict) fromJsonString(ValueSchema, text)
  return fromJson(of, exactIn(of, json), reading.json)
}

function roundedMessage(of: DescMessage, text: string, { json, isStrict }: Reading): Message {
  // What JSON.parse makes is JSON.
  return isStrict ? fromJsonString(of, text, json) : fromJson(of, JSON.parse(text) as JsonValue, json)
}

/** An integer that a number does not hold. */
class Inexact {
  readonly value: number
  readonly source: string

  constructor(value: number, source: string) {
    this.value = value
    this.source = source
  }
}

function exactIn(of: DescMessage, json: unknown): JsonValue {
  if (of.fields.length === 1 && of.fields[0]?.scalar !== undefined && json instanceof Inexact) return exactValue(of.fields[0], json)
  const isOwn = !isObject(json) || ownJson.has(of.typeName)
  if (isOwn) return rounded(json)
  return mapped(json, (value, name) => {
    const field = fieldOf(of, name)
    return field === undefined ? rounded(value) : exactField(field, value)
  })
}

function exactField(field: DescField, value: unknown): JsonValue {
  if (field.fieldKind === 'list' && Array.isArray(value)) return value.map((item) => exactValue(field, item))
  if (field.fieldKind === 'map' && isObject(value)) return mapped(value, (item) => exactValue(field, item))
  return exactValue(field, value)
}

function exactValue(field: DescField, value: unknown): JsonValue {
  if (field.message !== undefined) return exactIn(field.message, value)
  return value instanceof Inexact && field.scalar !== undefined && longs.has(field.scalar) ? value.source : rounded(value)
}

function rounded(value: unknown): JsonValue {
  if (value instanceof Inexact) return value.value
  if (Array.isArray(value)) return value.map(rounded)
  // What JSON.parse made is JSON, but for what stands above.
  return isObject(value) ? mapped(value, rounded) : (value as JsonValue)
}

function mapped(object: Readonly<Record<string, unknown>>, change: (value: unknown, name: string) => JsonValue): JsonValue {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Inexact)
}

const manyDigits = /\d{16}/
const integer = /^-?\d+$/
const ownJson: ReadonlySet<string> = new Set(['Any', 'Struct', 'Value', 'ListValue'].map((name) => `google.protobuf.${name}`))
const longs: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
])
