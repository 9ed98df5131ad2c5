import { create } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
  MessageOptionsSchema,
} from '@bufbuild/protobuf/wkt'
import { type Draft, type OptionOwner, ProtoError } from './draft.ts'
import { defaultText } from './field-default.ts'
import { jsonName } from '../transcode/json-names.ts'
import { camelCased } from './names.ts'
import { optionList, type Parsing } from './parse-option.ts'
import { refuse } from './tokens.ts'
import type { Token } from './words.ts'

/** The largest number of a field. */
export const mostNumber = 2 ** 29 - 1

/** Where a field stands. */
export interface FieldPlace {
  readonly message: DescriptorProto
  readonly scope: string
  /** The index of its oneof; null: none. */
  readonly oneof: number | null
}

const scalars: Readonly<Record<string, Type>> = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  fixed64: Type.FIXED64,
  fixed32: Type.FIXED32,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  uint32: Type.UINT32,
  sfixed32: Type.SFIXED32,
  sfixed64: Type.SFIXED64,
  sint32: Type.SINT32,
  sint64: Type.SINT64,
}

/** `optional string name = 1 [options];` */
export function field({ message, scope, oneof }: FieldPlace, parsing: Parsing): void {
  const made = fieldOf(scope, parsing, oneof !== null)
  if (oneof !== null) made.oneofIndex = oneof
  message.field.push(made)
}

/** `map<string, Type> name = 1 [options];`, the word `map` read already. */
export function mapField({ message, scope }: FieldPlace, parsing: Parsing): void {
  const { tokens, draft } = parsing
  tokens.expect('<')
  const keyToken = tokens.peek()
  const key = typeOf(tokens.fullName('a type'))
  if (key.type === undefined || key.type === Type.DOUBLE || key.type === Type.FLOAT || key.type === Type.BYTES)
    throw new ProtoError(keyToken.at, `'${keyToken.text}' cannot be the key of a map`, 'use a whole number, bool or string')
  tokens.expect(',')
  const valueToken = tokens.peek()
  const value = typeOf(tokens.fullName('a type'))
  tokens.expect('>')
  const token = tokens.name('the name of a field')
  const part = (name: string, number: number, type: Typed): FieldDescriptorProto =>
    create(FieldDescriptorProtoSchema, { name, number, label: Label.OPTIONAL, jsonName: name, ...type })
  const entry = create(DescriptorProtoSchema, {
    name: `${camelCased(token.text)}Entry`,
    field: [part('key', 1, key), part('value', 2, value)],
    options: create(MessageOptionsSchema, { mapEntry: true }),
  })
  draft.places.set(entry, token.at)
  for (const one of entry.field) draft.places.set(one, valueToken.at)
  const type = { typeName: `.${scope}.${entry.name}` }
  message.nestedType.push(entry)
  message.field.push(finished({ token, label: Label.REPEATED, type, scope }, parsing))
}

/** `Name { fields }`, the word `extend` read already. */
export function extensions({ scope, into }: { readonly scope: string; readonly into: FieldDescriptorProto[] }, parsing: Parsing): void {
  const { tokens } = parsing
  const extendee = tokens.fullName('the message that is extended')
  tokens.expect('{')
  while (!tokens.skip('}')) {
    if (tokens.skip(';')) continue
    const made = fieldOf(scope, parsing, false)
    made.extendee = extendee
    into.push(made)
  }
}

function fieldOf(scope: string, parsing: Parsing, isInOneof: boolean): FieldDescriptorProto {
  const { tokens, draft } = parsing
  const first = tokens.peek()
  const written = labels[first.text]
  if (written !== undefined) tokens.next()
  checkLabel(first, isInOneof, draft)
  const place = tokens.peek()
  if (place.text === 'group') throw new ProtoError(place.at, 'groups are not supported', 'make a message of it, and a field of that type')
  const type = typeOf(tokens.fullName('a type'))
  const made = finished({ token: tokens.name('the name of a field'), label: written ?? Label.OPTIONAL, type, scope }, parsing)
  if (first.text === 'optional' && draft.syntax === 'proto3') made.proto3Optional = true
  return made
}

const labels: Readonly<Record<string, Label | undefined>> = {
  optional: Label.OPTIONAL,
  required: Label.REQUIRED,
  repeated: Label.REPEATED,
}

function checkLabel({ text, at }: Token, isInOneof: boolean, { syntax }: Draft): void {
  const label = labels[text] === undefined ? null : text
  if (isInOneof && label !== null) throw new ProtoError(at, `a field of a oneof cannot be ${label}`, `leave ${label} out`)
  if (label === null && syntax === 'proto2' && !isInOneof)
    throw new ProtoError(
      at,
      `expected optional, required or repeated, found '${text}'`,
      'write one of them, or syntax = "proto3" at the top',
    )
  if (label === 'required' && syntax !== 'proto2') throw new ProtoError(at, 'required is of proto2 alone', 'leave it out')
  if (label === 'optional' && syntax === 'editions')
    throw new ProtoError(at, 'an edition says optional by features.field_presence', 'leave it out')
}

type Typed = { readonly type?: Type; readonly typeName?: string }

function typeOf(name: string): Typed {
  const type = Object.hasOwn(scalars, name) ? scalars[name] : undefined
  return type === undefined ? { typeName: name } : { type }
}

interface Begun {
  readonly token: Token
  readonly label: Label
  readonly type: Typed
  readonly scope: string
}

function finished({ token, label, type, scope }: Begun, parsing: Parsing): FieldDescriptorProto {
  const { tokens, draft } = parsing
  tokens.expect('=')
  const place = tokens.peek()
  const number = tokens.integer('a number')
  if (number < 1n || number > BigInt(mostNumber))
    throw new ProtoError(place.at, `${number} is no number of a field`, `use 1 to ${mostNumber}`)
  if (number >= 19_000n && number < 20_000n)
    throw new ProtoError(place.at, `${number} is reserved for protobuf itself`, 'use a number outside of 19000 to 19999')
  const made = create(FieldDescriptorProtoSchema, {
    name: token.text,
    number: Number(number),
    label,
    ...type,
    jsonName: jsonName(token.text),
  })
  draft.places.set(made, token.at)
  const owner: OptionOwner = { is: 'field', descriptor: made, scope }
  optionList(owner, parsing, (name, value, written) => {
    if (name === 'json_name') made.jsonName = value.is === 'string' ? value.bytes.toString() : refuse(written, 'a string')
    else if (name === 'default' && label !== Label.REPEATED) made.defaultValue = defaultText(type.type, value, written)
    else return false
    return true
  })
  tokens.expect(';')
  return made
}
