import { type DescEnum, type DescExtension, type DescField, type JsonValue, type Registry, ScalarType } from '@bufbuild/protobuf'
import { type At, type OptionPart, type OptionValue, ProtoError } from './draft.ts'

/** Where a value stands, and what it may speak of. */
export interface ValueContext {
  readonly at: At
  readonly types: Registry
}

type AnyField = DescField | DescExtension

/** The value of an option as protobuf's JSON has it, for the field that it is for; a ProtoError where it does not fit. */
export function valueJson(value: OptionValue, field: AnyField, context: ValueContext): JsonValue {
  switch (field.fieldKind) {
    case 'scalar':
      return scalarJson(value, field.scalar, context)
    case 'enum':
      return enumJson(value, field.enum, context)
    case 'message':
      return messageJson(value, field, context)
    case 'list': {
      const values = value.is === 'list' ? value.values : [value]
      return values.map((one) => itemJson(one, field, context))
    }
    case 'map':
      return mapJson(value, field, context)
  }
}

type MessageField = Extract<AnyField, { readonly fieldKind: 'message' }>
type ListField = Extract<AnyField, { readonly fieldKind: 'list' }>
type MapField = Extract<AnyField, { readonly fieldKind: 'map' }>

function itemJson(value: OptionValue, field: ListField, context: ValueContext): JsonValue {
  if (field.listKind === 'scalar') return scalarJson(value, field.scalar, context)
  return field.listKind === 'enum' ? enumJson(value, field.enum, context) : messageJson(value, field, context)
}

function messageJson(value: OptionValue, { message }: Pick<MessageField, 'message'>, context: ValueContext): JsonValue {
  if (value.is !== 'message') throw unfit('a message: { field: value }', context)
  const json: Record<string, JsonValue> = {}
  for (const [part, one] of value.fields) {
    const field = fieldOf(part, message.fields, context)
    const key = field.kind === 'extension' ? `[${field.typeName}]` : field.jsonName
    const made = valueJson(one, field, context)
    const before = json[key]
    // A repeated field is written once for each of its values.
    if (Array.isArray(before) && Array.isArray(made)) before.push(...made)
    else if (before === undefined) json[key] = made
    else if (field.fieldKind === 'map') Object.assign(before as object, made)
    else throw new ProtoError(context.at, `${part.text} is set twice`, 'keep one of them')
  }
  return json
}

function fieldOf({ text, isExtension }: OptionPart, fields: readonly DescField[], { at, types }: ValueContext): AnyField {
  const found = isExtension ? types.getExtension(text.replace(/^\./, '')) : fields.find(({ name }) => name === text)
  if (found !== undefined) return found
  throw new ProtoError(at, `there is no field ${text}`, `known: ${fields.map(({ name }) => name).join(', ')}`)
}

function mapJson(value: OptionValue, field: MapField, context: ValueContext): JsonValue {
  const entries = value.is === 'list' ? value.values : [value]
  const json: Record<string, JsonValue> = {}
  for (const entry of entries) {
    if (entry.is !== 'message') throw unfit('{ key: …, value: … }', context)
    const part = (name: string): OptionValue | undefined => entry.fields.find(([{ text }]) => text === name)?.[1]
    const [key, item] = [part('key'), part('value')]
    if (key === undefined || item === undefined) throw unfit('{ key: …, value: … }', context)
    json[String(scalarJson(key, field.mapKey, context))] = mapValue(item, field, context)
  }
  return json
}

function mapValue(value: OptionValue, field: MapField, context: ValueContext): JsonValue {
  if (field.mapKind === 'scalar') return scalarJson(value, field.scalar, context)
  return field.mapKind === 'enum' ? enumJson(value, field.enum, context) : messageJson(value, field, context)
}

function enumJson(value: OptionValue, { values }: DescEnum, context: ValueContext): JsonValue {
  if (value.is === 'integer') return Number(value.value)
  if (value.is === 'name' && values.some(({ name }) => name === value.text)) return value.text
  throw unfit(`one of ${values.map(({ name }) => name).join(', ')}`, context)
}

function scalarJson(value: OptionValue, type: ScalarType, context: ValueContext): string | number | boolean {
  switch (type) {
    case ScalarType.STRING:
      if (value.is === 'string') return value.bytes.toString()
      throw unfit('a string', context)
    case ScalarType.BYTES:
      if (value.is === 'string') return value.bytes.toString('base64')
      throw unfit('a string', context)
    case ScalarType.BOOL:
      if (value.is === 'name' && (value.text === 'true' || value.text === 'false')) return value.text === 'true'
      throw unfit('true or false', context)
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return floatJson(value, context)
    default:
      if (value.is === 'integer') return value.value.toString()
      throw unfit('a whole number', context)
  }
}

function floatJson(value: OptionValue, context: ValueContext): string | number {
  if (value.is === 'integer') return Number(value.value)
  const number = value.is === 'float' ? value.value : value.is === 'name' ? named[value.text] : undefined
  if (number === undefined) throw unfit('a number', context)
  return Number.isFinite(number) ? number : String(number)
}

const named: Readonly<Record<string, number | undefined>> = { inf: Infinity, nan: NaN }

function unfit(wanted: string, { at }: ValueContext): ProtoError {
  return new ProtoError(at, 'the value does not fit the option', `write ${wanted}`)
}
