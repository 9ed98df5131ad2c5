import { type DescExtension, type DescField, type DescMessage, fromJson, type JsonValue, type Registry } from '@bufbuild/protobuf'
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  ExtensionRangeOptionsSchema,
  FieldOptionsSchema,
  FileOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceOptionsSchema,
} from '@bufbuild/protobuf/wkt'
import { type OptionOwner, ProtoError, type WrittenOption } from './draft.ts'
import type { Linking } from './link.ts'
import { valueJson } from './option-json.ts'

/** What options are looked into with: `types` holds the extensions of all files. */
export interface OptionsLinking extends Linking {
  readonly types: Registry
}

const schemas: Readonly<Record<OptionOwner['is'], DescMessage>> = {
  file: FileOptionsSchema,
  message: MessageOptionsSchema,
  field: FieldOptionsSchema,
  oneof: OneofOptionsSchema,
  enum: EnumOptionsSchema,
  value: EnumValueOptionsSchema,
  service: ServiceOptionsSchema,
  method: MethodOptionsSchema,
  range: ExtensionRangeOptionsSchema,
}

type Json = { [key: string]: JsonValue }

/** Puts the options of a draft into its descriptors; throws a ProtoError for one that does not exist or does not fit. */
export function linkOptions(linking: OptionsLinking): void {
  const byOwner = Map.groupBy(linking.draft.options, ({ owner }) => owner.descriptor)
  for (const [descriptor, options] of byOwner) {
    const [first] = options
    if (first === undefined) continue
    const schema = schemas[first.owner.is]
    const json: Json = {}
    for (const option of options) setOption(json, option, schema, linking)
    try {
      descriptor.options = fromJson(schema, json, { registry: linking.types })
    } catch (error) {
      throw new ProtoError(
        first.at,
        `the options do not fit: ${error instanceof Error ? error.message : 'wrong values'}`,
        'correct their values',
      )
    }
  }
}

/** Goes down the parts of a name, `(a.b).c.d`, and sets what it ends at. */
function setOption(json: Json, option: WrittenOption, schema: DescMessage, linking: OptionsLinking): void {
  const { name, value, at } = option
  let here = json
  let message = schema
  for (const [index, part] of name.entries()) {
    const field = part.isExtension ? extensionOf(part.text, message, option, linking) : message.fields.find((one) => one.name === part.text)
    if (field === undefined) throw unknownOption(part.text, message, option)
    const key = field.kind === 'extension' ? `[${field.typeName}]` : field.jsonName
    if (index === name.length - 1) return assign(here, { key, field, value, at }, linking.types)
    if (field.fieldKind !== 'message') throw new ProtoError(at, `${part.text} has no fields`, 'leave out what stands behind it')
    const below = here[key]
    const next: Json = isJson(below) ? below : {}
    here[key] = next
    here = next
    message = field.message
  }
}

function extensionOf(
  written: string,
  message: DescMessage,
  { owner, at }: WrittenOption,
  { symbols, visible, types }: OptionsLinking,
): DescExtension {
  const name = symbols.resolve(written, owner.scope, visible, 'other')
  const found = name === undefined ? undefined : types.getExtension(name)
  if (found?.extendee.typeName === message.typeName) return found
  const file = symbols.hidden(written, owner.scope)
  const remedy = file === undefined || visible.has(file) ? 'check its name, and import the file that has it' : `add: import "${file}";`
  throw new ProtoError(at, `there is no option (${written}) for this`, remedy)
}

function unknownOption(name: string, message: DescMessage, { at }: WrittenOption): ProtoError {
  const known = message.fields.map((field) => field.name).filter((one) => one !== 'uninterpreted_option')
  return new ProtoError(at, `there is no option ${name}`, `known: ${known.join(', ')}; one of your own stands in parentheses`)
}

interface Assigned extends Pick<WrittenOption, 'value' | 'at'> {
  readonly key: string
  readonly field: DescField | DescExtension
}

function assign(here: Json, { key, field, value, at }: Assigned, types: Registry): void {
  const json = valueJson(value, field, { at, types })
  const before = here[key]
  if (Array.isArray(before) && Array.isArray(json)) before.push(...json)
  else if (before === undefined) here[key] = json
  else throw new ProtoError(at, 'the option is set twice', 'keep one of them')
}

function isJson(value: JsonValue | undefined): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
