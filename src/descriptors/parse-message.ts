import { create } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProto_ExtensionRangeSchema,
  DescriptorProto_ReservedRangeSchema,
  DescriptorProtoSchema,
  OneofDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { ProtoError, within } from './draft.ts'
import { enumeration } from './parse-enum.ts'
import { extensions, field, mapField, mostNumber } from './parse-field.ts'
import { optionLine, optionList, type Parsing } from './parse-option.ts'
import { ranges, reservedNames } from './parse-ranges.ts'
import { refuse } from './tokens.ts'

const deepest = 32

/** `Name { … }`, the word `message` read already. */
export function message(scope: string, parsing: Parsing, depth: number): DescriptorProto {
  const { tokens, draft } = parsing
  const token = tokens.name('the name of a message')
  if (depth > deepest) throw new ProtoError(token.at, `messages are more than ${deepest} levels deep`, 'make them flatter')
  const made = create(DescriptorProtoSchema, { name: token.text })
  draft.places.set(made, token.at)
  tokens.expect('{')
  while (!tokens.skip('}')) entry({ made, scope: within(scope, made.name), depth }, parsing)
  addSyntheticOneofs(made)
  return made
}

interface Inside {
  readonly made: DescriptorProto
  readonly scope: string
  readonly depth: number
}

function entry({ made, scope, depth }: Inside, parsing: Parsing): void {
  const { tokens } = parsing
  if (tokens.skip(';')) return
  const token = tokens.peek()
  if (token.is !== 'name' && token.text !== '.') refuse(token, 'a field')
  if (!keywords.has(token.text)) return field({ message: made, scope, oneof: null }, parsing)
  tokens.next()
  switch (token.text) {
    case 'message':
      return void made.nestedType.push(message(scope, parsing, depth + 1))
    case 'enum':
      return void made.enumType.push(enumeration(scope, parsing))
    case 'option':
      return optionLine({ is: 'message', descriptor: made, scope }, parsing)
    case 'oneof':
      return oneof(made, scope, parsing)
    case 'map':
      return mapField({ message: made, scope, oneof: null }, parsing)
    case 'extend':
      return extensions({ scope, into: made.extension }, parsing)
    case 'extensions':
      return extensionRanges(made, scope, parsing)
    default:
      return reserved(made, parsing)
  }
}

const keywords = new Set(['message', 'enum', 'option', 'oneof', 'map', 'extend', 'extensions', 'reserved'])

function oneof(made: DescriptorProto, scope: string, parsing: Parsing): void {
  const { tokens, draft } = parsing
  const token = tokens.name('the name of a oneof')
  const one = create(OneofDescriptorProtoSchema, { name: token.text })
  const at = made.oneofDecl.length
  draft.places.set(one, token.at)
  made.oneofDecl.push(one)
  const before = made.field.length
  tokens.expect('{')
  while (!tokens.skip('}')) {
    if (tokens.skip(';')) continue
    if (tokens.skip('option')) optionLine({ is: 'oneof', descriptor: one, scope }, parsing)
    else field({ message: made, scope, oneof: at }, parsing)
  }
  if (made.field.length === before) throw new ProtoError(token.at, `the oneof ${one.name} has no field`, 'give it one')
}

function extensionRanges(made: DescriptorProto, scope: string, parsing: Parsing): void {
  const { tokens, draft } = parsing
  const { at } = tokens.peek()
  if (draft.syntax === 'proto3') throw new ProtoError(at, 'proto3 has no extension ranges', 'leave it out, or write syntax = "proto2"')
  const made2 = ranges({ least: 1, most: mostNumber }, parsing).map(({ start, end }) =>
    create(DescriptorProto_ExtensionRangeSchema, { start, end: end + 1 }),
  )
  const first = made2[0]
  made.extensionRange.push(...made2)
  if (first !== undefined) {
    optionList({ is: 'range', descriptor: first, scope }, parsing)
    // What is written once holds for all ranges of the line.
    for (const range of made2.slice(1))
      for (const option of draft.options.filter(({ owner }) => owner.descriptor === first))
        draft.options.push({ ...option, owner: { ...option.owner, descriptor: range } })
  }
  tokens.expect(';')
}

function reserved(made: DescriptorProto, parsing: Parsing): void {
  const names = reservedNames(parsing)
  if (names.length > 0) made.reservedName.push(...names)
  else
    for (const { start, end } of ranges({ least: 1, most: mostNumber }, parsing))
      made.reservedRange.push(create(DescriptorProto_ReservedRangeSchema, { start, end: end + 1 }))
  parsing.tokens.expect(';')
}

/** An `optional` field of proto3 stands alone in a oneof that nobody wrote; those come behind all others. */
function addSyntheticOneofs(made: DescriptorProto): void {
  const taken = new Set([...made.field, ...made.oneofDecl, ...made.nestedType, ...made.enumType].map(({ name }) => name))
  for (const field of made.field.filter(({ proto3Optional }) => proto3Optional)) {
    let name = field.name.startsWith('_') ? field.name : `_${field.name}`
    while (taken.has(name)) name = `X${name}`
    taken.add(name)
    field.oneofIndex = made.oneofDecl.length
    made.oneofDecl.push(create(OneofDescriptorProtoSchema, { name }))
  }
}
