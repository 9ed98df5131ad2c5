import { isFieldSet } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type as Type,
  FieldDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { type At, type Draft, ProtoError, within } from './draft.ts'
import type { Symbols } from './symbols.ts'

/** What a draft is linked with. */
export interface Linking {
  readonly draft: Draft
  readonly symbols: Symbols
  /** The file itself, and those that it imports, or that those import for others. */
  readonly visible: ReadonlySet<string>
}

/** Puts full names in the place of those that were written, and checks what only the whole can show; throws a ProtoError. */
export function link(linking: Linking): void {
  const { file } = linking.draft
  for (const message of file.messageType) linkMessage(message, file.package, linking)
  for (const one of file.enumType) checkEnum(one, linking)
  for (const field of file.extension) linkExtension(field, file.package, linking)
  for (const service of file.service) {
    const scope = within(file.package, service.name)
    for (const method of service.method) {
      const at = placeOf(method, linking.draft)
      method.inputType = `.${typeName(method.inputType, { scope, at, wants: 'message' }, linking)}`
      method.outputType = `.${typeName(method.outputType, { scope, at, wants: 'message' }, linking)}`
    }
  }
}

/** Where a part of a draft stands. */
export function placeOf(descriptor: object, draft: Draft): At {
  return draft.places.get(descriptor) ?? { line: 1, column: 1 }
}

function linkMessage(message: DescriptorProto, outer: string, linking: Linking): void {
  const scope = within(outer, message.name)
  for (const field of message.field) linkField(field, scope, linking)
  checkNumbers(message, linking.draft)
  for (const nested of message.nestedType) linkMessage(nested, scope, linking)
  for (const one of message.enumType) checkEnum(one, linking)
  for (const field of message.extension) linkExtension(field, scope, linking)
}

function linkExtension(field: FieldDescriptorProto, scope: string, linking: Linking): void {
  const at = placeOf(field, linking.draft)
  field.extendee = `.${typeName(field.extendee, { scope, at, wants: 'message' }, linking)}`
  linkField(field, scope, linking)
}

function linkField(field: FieldDescriptorProto, scope: string, linking: Linking): void {
  if (isFieldSet(field, FieldDescriptorProtoSchema.field.type)) return
  const at = placeOf(field, linking.draft)
  const name = typeName(field.typeName, { scope, at, wants: 'type' }, linking)
  field.typeName = `.${name}`
  field.type = linking.symbols.get(name)?.is === 'enum' ? Type.ENUM : Type.MESSAGE
  if (field.type === Type.MESSAGE && isFieldSet(field, FieldDescriptorProtoSchema.field.defaultValue))
    throw new ProtoError(at, `${field.name} is a message, which has no default`, 'leave it out')
}

interface Wanted {
  readonly scope: string
  readonly at: At
  readonly wants: 'message' | 'type'
}

function typeName(written: string, { scope, at, wants }: Wanted, { symbols, visible }: Linking): string {
  const name = symbols.resolve(written, scope, visible, 'type')
  if (name === undefined) {
    const file = symbols.hidden(written, scope)
    const isOwn = file === undefined || visible.has(file)
    const remedy = isOwn ? 'check its name, and import the file that has it' : `add: import "${file}";`
    throw new ProtoError(at, `there is no type ${written}${isOwn ? '' : ' in what the file imports'}`, remedy)
  }
  if (wants === 'message' && symbols.get(name)?.is !== 'message') throw new ProtoError(at, `${written} is an enum`, 'name a message')
  return name
}

function checkNumbers(message: DescriptorProto, draft: Draft): void {
  const seen = new Map<number, string>()
  for (const field of message.field) {
    const { name, number } = field
    const fault = (text: string, remedy: string): ProtoError => new ProtoError(placeOf(field, draft), text, remedy)
    const first = seen.get(number)
    if (first !== undefined) throw fault(`${name} has the number ${number}, as ${first} has`, 'give it another')
    seen.set(number, name)
    const isIn = ({ start, end }: { readonly start: number; readonly end: number }): boolean => number >= start && number < end
    if (message.reservedRange.some(isIn)) throw fault(`the number ${number} is reserved`, 'give the field another')
    if (message.extensionRange.some(isIn)) throw fault(`the number ${number} is left to extensions`, 'give the field another')
    if (message.reservedName.includes(name)) throw fault(`the name ${name} is reserved`, 'name the field differently')
  }
}

function checkEnum(one: EnumDescriptorProto, { draft }: Linking): void {
  const [first] = one.value
  if (draft.syntax === 'proto3' && first !== undefined && first.number !== 0)
    throw new ProtoError(
      placeOf(first, draft),
      `the first value of ${one.name} is ${first.number}`,
      'proto3 begins with 0: put such a value first',
    )
  for (const value of one.value) {
    const isIn = one.reservedRange.some(({ start, end }) => value.number >= start && value.number <= end)
    if (isIn || one.reservedName.includes(value.name))
      throw new ProtoError(placeOf(value, draft), `${isIn ? value.number : value.name} is reserved`, 'use another')
  }
}
