import { create } from '@bufbuild/protobuf'
import {
  type EnumDescriptorProto,
  EnumDescriptorProto_EnumReservedRangeSchema,
  EnumDescriptorProtoSchema,
  EnumValueDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { ProtoError, within } from './draft.ts'
import { optionLine, optionList, type Parsing } from './parse-option.ts'
import { ranges, reservedNames } from './parse-ranges.ts'

/** `Name { … }`, the word `enum` read already. */
export function enumeration(scope: string, parsing: Parsing): EnumDescriptorProto {
  const { tokens, draft } = parsing
  const token = tokens.name('the name of an enum')
  const made = create(EnumDescriptorProtoSchema, { name: token.text })
  draft.places.set(made, token.at)
  tokens.expect('{')
  while (!tokens.skip('}')) entry(made, within(scope, made.name), parsing)
  if (made.value.length === 0) throw new ProtoError(token.at, `the enum ${made.name} has no value`, 'give it one')
  return made
}

function entry(made: EnumDescriptorProto, scope: string, parsing: Parsing): void {
  const { tokens } = parsing
  if (tokens.skip(';')) return
  const token = tokens.name('the name of a value')
  // A value may be called as these words are.
  const isValue = tokens.peek().text === '='
  if (token.text === 'option' && !isValue) return optionLine({ is: 'enum', descriptor: made, scope }, parsing)
  if (token.text === 'reserved' && !isValue) return reserved(made, parsing)
  tokens.expect('=')
  const place = tokens.peek()
  const number = tokens.integer('a number')
  if (number < -(2n ** 31n) || number >= 2n ** 31n)
    throw new ProtoError(place.at, `${number} is no number of an enum`, 'use a number of 32 bits')
  const value = create(EnumValueDescriptorProtoSchema, { name: token.text, number: Number(number) })
  parsing.draft.places.set(value, token.at)
  optionList({ is: 'value', descriptor: value, scope }, parsing)
  tokens.expect(';')
  made.value.push(value)
}

function reserved(made: EnumDescriptorProto, parsing: Parsing): void {
  const names = reservedNames(parsing)
  if (names.length > 0) made.reservedName.push(...names)
  else {
    // Of an enum both ends belong to a range.
    for (const { start, end } of ranges({ least: -(2 ** 31), most: 2 ** 31 - 1 }, parsing))
      made.reservedRange.push(create(EnumDescriptorProto_EnumReservedRangeSchema, { start, end }))
  }
  parsing.tokens.expect(';')
}
