import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  type DescriptorProtoSchema,
  type FieldDescriptorProtoSchema,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt'
import { jsonName } from './json-names.ts'

/** A field: name, number, type (a scalar, or the full name of a message), and what else it is; `oneof`: of the one that is called pattern. */
export type Field = readonly [
  name: string,
  number: number,
  type: keyof typeof scalars | `google.${string}`,
  more?: 'repeated' | 'optional' | 'oneof',
]
export type Message = readonly [name: string, fields: readonly Field[], nested?: readonly Message[]]

/** The descriptor of a proto3 file. A message whose name ends in `Entry` is an entry of a map. */
export function describe(name: string, { package: within, imports = [], messages = [], extensions = [] }: FileParts): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, {
    ...{ name, package: within, dependency: [...imports], syntax: 'proto3' },
    messageType: messages.map(message),
    extension: extensions.map(([of, each]) => ({ ...field(each, []), extendee: `.${of}` })),
  })
}

export interface FileParts {
  readonly package: string
  readonly imports?: readonly string[]
  readonly messages?: readonly Message[]
  readonly extensions?: readonly (readonly [of: string, field: Field])[]
}

function message([name, fields, nested = []]: Message): MessageInitShape<typeof DescriptorProtoSchema> {
  const oneofs = [...new Set(fields.flatMap((each) => oneofOf(each) ?? []))]
  return {
    ...{ name, field: fields.map((each) => field(each, oneofs)), nestedType: nested.map(message) },
    oneofDecl: oneofs.map((each) => ({ name: each })),
    ...(name.endsWith('Entry') ? { options: { mapEntry: true } } : {}),
  }
}

function field(given: Field, oneofs: readonly string[]): MessageInitShape<typeof FieldDescriptorProtoSchema> {
  const [name, number, type, more] = given
  const oneof = oneofOf(given)
  return {
    ...{ name, number, jsonName: jsonName(name), label: more === 'repeated' ? Label.REPEATED : Label.OPTIONAL },
    ...(isScalar(type) ? { type: scalars[type] } : { type: Type.MESSAGE, typeName: `.${type}` }),
    ...(oneof === null ? {} : { oneofIndex: oneofs.indexOf(oneof), proto3Optional: more === 'optional' }),
  }
}

/** A field with presence is alone in a oneof of its own. */
function oneofOf([name, , , more]: Field): string | null {
  return more === 'oneof' ? 'pattern' : more === 'optional' ? `_${name}` : null
}

function isScalar(type: Field[2]): type is keyof typeof scalars {
  return type in scalars
}

const scalars = { string: Type.STRING, bytes: Type.BYTES, bool: Type.BOOL, int32: Type.INT32, int64: Type.INT64 }
