import { create, fromJson, setExtension, toBinary, type JsonObject } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema, MethodOptionsSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import { knownTypes } from '../../src/transcode/known-files.ts'

/** A file of descriptors in few words: fields as in a .proto file, rules as the JSON of a `google.api.HttpRule`. */
export interface FileWords {
  readonly name?: string
  readonly package?: string
  readonly imports?: readonly string[]
  readonly syntax?: 'proto2' | 'proto3'
  readonly messages: Readonly<Record<string, readonly string[]>>
  readonly enums?: Readonly<Record<string, readonly string[]>>
  readonly methods?: Readonly<Record<string, MethodWords>>
}

export interface MethodWords {
  readonly in: string
  readonly out: string
  readonly rule?: JsonObject
  readonly streams?: 'in' | 'out' | 'both'
  readonly isSafe?: boolean
}

/** The serialized set of these files. */
export function setOf(...files: readonly FileWords[]): Uint8Array {
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files.map(fileOf) }))
}

/** A file; its methods are those of one service, `Shop`. */
export function fileOf(words: FileWords): FileDescriptorProto {
  const {
    name = 'shop.proto',
    package: pkg = 'shop.v1',
    imports = googleImports,
    syntax = 'proto3',
    messages,
    enums = {},
    methods = {},
  } = words
  const enumNames = new Set(Object.keys(enums))
  const file = fromJson(FileDescriptorProtoSchema, {
    ...{ name, package: pkg, dependency: [...imports], syntax },
    messageType: Object.entries(messages).map(([each, fields]) => messageJson(each, fields, { pkg, enumNames })),
    enumType: Object.entries(enums).map(([each, values]) => ({ name: each, value: values.map(enumValue) })),
    service: [{ name: 'Shop', method: Object.entries(methods).map(([each, method]) => methodJson(each, method, pkg)) }],
  })
  for (const method of file.service[0]?.method ?? []) {
    const given = methods[method.name]
    if (given?.rule === undefined) continue
    method.options ??= create(MethodOptionsSchema)
    setExtension(method.options, extension, fromJson(rule, given.rule))
  }
  return file
}

interface Scope {
  readonly pkg: string
  readonly enumNames: ReadonlySet<string>
}

function messageJson(name: string, fields: readonly string[], scope: Scope): JsonObject {
  const oneofs: string[] = []
  const nested: JsonObject[] = []
  const field = fields.map((text) => {
    const [, oneof, label = '', type = '', field = '', number = '0', json] = fieldWords.exec(text) ?? []
    const map = /^map<(\w+),\s*([\w.]+)>$/.exec(type)
    const entry = `${field.replaceAll(/(?:^|_)(\w)/g, (_, first: string) => first.toUpperCase())}Entry`
    if (map !== null) {
      const parts = [typed(map[1] ?? '', scope), typed(map[2] ?? '', scope)]
      const entryFields = parts.map((part, at) => ({ name: at === 0 ? 'key' : 'value', number: at + 1, label: 'LABEL_OPTIONAL', ...part }))
      nested.push({ name: entry, field: entryFields, options: { mapEntry: true } })
    }
    const kind = map === null ? typed(type, scope) : { type: 'TYPE_MESSAGE', typeName: `.${scope.pkg}.${name}.${entry}` }
    const within = oneof ?? (label === 'optional' && !text.includes('proto2') ? `_${field}` : undefined)
    if (within !== undefined && !oneofs.includes(within)) oneofs.push(within)
    const isRepeated = label === 'repeated' || map !== null
    return {
      ...{
        name: field,
        number: Number(number),
        ...kind,
        label: isRepeated ? 'LABEL_REPEATED' : label === 'required' ? 'LABEL_REQUIRED' : 'LABEL_OPTIONAL',
      },
      ...(json === undefined ? {} : { jsonName: json }),
      ...(within === undefined ? {} : { oneofIndex: oneofs.indexOf(within), ...(oneof === undefined ? { proto3Optional: true } : {}) }),
    }
  })
  return { name, field, nestedType: nested, oneofDecl: oneofs.map((each) => ({ name: each })) }
}

/** `[oneof] [repeated|optional|required] type name = number [json=name]` */
const fieldWords = /^(?:(\w+): )?(?:(repeated|optional|required) )?(map<[^>]*>|[\w.]+) (\w+) = (\d+)(?: json=(\S+))?/

function typed(type: string, { pkg, enumNames }: Scope): JsonObject {
  if (scalars.has(type)) return { type: `TYPE_${type.toUpperCase()}` }
  const typeName = type.includes('.') ? `.${type}` : `.${pkg}.${type}`
  return { type: enumNames.has(type) || type.endsWith('NullValue') ? 'TYPE_ENUM' : 'TYPE_MESSAGE', typeName }
}

function enumValue(text: string): JsonObject {
  const [name = '', number = '0'] = text.split(' = ')
  return { name, number: Number(number) }
}

function methodJson(name: string, words: MethodWords, pkg: string): JsonObject {
  const full = (type: string): string => (type.includes('.') ? `.${type}` : `.${pkg}.${type}`)
  return {
    ...{ name, inputType: full(words.in), outputType: full(words.out) },
    clientStreaming: words.streams === 'in' || words.streams === 'both',
    serverStreaming: words.streams === 'out' || words.streams === 'both',
    ...(words.isSafe === true ? { options: { idempotencyLevel: 'NO_SIDE_EFFECTS' } } : {}),
  }
}

const scalars = new Set([
  ...['string', 'bytes', 'bool', 'double', 'float', 'int32', 'uint32', 'sint32', 'fixed32', 'sfixed32'],
  ...['int64', 'uint64', 'sint64', 'fixed64', 'sfixed64'],
])
const googleImports = [
  ...['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers'].map((name) => `google/protobuf/${name}.proto`),
  'google/api/httpbody.proto',
  'google/api/annotations.proto',
]
const extension = knownTypes.getExtension('google.api.http')!
const rule = knownTypes.getMessage('google.api.HttpRule')!
