import { create, createFileRegistry, fromJson, type FileRegistry, type JsonObject } from '@bufbuild/protobuf'
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt'
import { jsonName } from './json-names.ts'

/** Files of Google's own that descriptor sets import and often leave out, by name; in an order in which each stands behind its imports. */
export const knownFiles: ReadonlyMap<string, FileDescriptorProto> = new Map(ownFiles().map((file) => [file.name, file]))

/** The types of these files: rules, bodies, statuses and their details. */
export const knownTypes: FileRegistry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...knownFiles.values()] }))

function ownFiles(): readonly FileDescriptorProto[] {
  return [
    file_google_protobuf_any.proto,
    file_google_protobuf_source_context.proto,
    file_google_protobuf_type.proto,
    file_google_protobuf_api.proto,
    file_google_protobuf_descriptor.proto,
    file_google_protobuf_duration.proto,
    file_google_protobuf_empty.proto,
    file_google_protobuf_field_mask.proto,
    file_google_protobuf_struct.proto,
    file_google_protobuf_timestamp.proto,
    file_google_protobuf_wrappers.proto,
    http(),
    annotations(),
    httpBody(),
    status(),
    errorDetails(),
  ]
}

/** A field: name, number, type (a scalar, or the full name of a message), and what else it is. */
type Field = readonly [name: string, number: number, type: string, more?: 'repeated' | 'pattern' | 'map']
type Message = readonly [name: string, fields: readonly Field[], nested?: readonly Message[]]

function http(): FileDescriptorProto {
  const rule: readonly Field[] = [
    ['selector', 1, 'string'],
    ['get', 2, 'string', 'pattern'],
    ['put', 3, 'string', 'pattern'],
    ['post', 4, 'string', 'pattern'],
    ['delete', 5, 'string', 'pattern'],
    ['patch', 6, 'string', 'pattern'],
    ['custom', 8, 'google.api.CustomHttpPattern', 'pattern'],
    ['body', 7, 'string'],
    ['response_body', 12, 'string'],
    ['additional_bindings', 11, 'google.api.HttpRule', 'repeated'],
  ]
  return file('google/api/http.proto', [
    [
      'Http',
      [
        ['rules', 1, 'google.api.HttpRule', 'repeated'],
        ['fully_decode_reserved_expansion', 2, 'bool'],
      ],
    ],
    ['HttpRule', rule],
    [
      'CustomHttpPattern',
      [
        ['kind', 1, 'string'],
        ['path', 2, 'string'],
      ],
    ],
  ])
}

function annotations(): FileDescriptorProto {
  const imports = ['google/api/http.proto', 'google/protobuf/descriptor.proto']
  const described = file('google/api/annotations.proto', [], imports)
  const extension = { ...field(['http', 72_295_728, 'google.api.HttpRule']), extendee: '.google.protobuf.MethodOptions' }
  return fromJson(FileDescriptorProtoSchema, {
    name: described.name,
    package: 'google.api',
    dependency: imports,
    extension: [extension],
    syntax: 'proto3',
  })
}

function httpBody(): FileDescriptorProto {
  const fields: readonly Field[] = [
    ['content_type', 1, 'string'],
    ['data', 2, 'bytes'],
    ['extensions', 3, 'google.protobuf.Any', 'repeated'],
  ]
  return file('google/api/httpbody.proto', [['HttpBody', fields]], ['google/protobuf/any.proto'])
}

function status(): FileDescriptorProto {
  const fields: readonly Field[] = [
    ['code', 1, 'int32'],
    ['message', 2, 'string'],
    ['details', 3, 'google.protobuf.Any', 'repeated'],
  ]
  return file('google/rpc/status.proto', [['Status', fields]], ['google/protobuf/any.proto'])
}

function errorDetails(): FileDescriptorProto {
  const texts = (...names: readonly string[]): readonly Field[] => names.map((name, at) => [name, at + 1, 'string'])
  const list = (name: string, of: string, nested: readonly Message[]): Message => [
    of,
    [[name, 1, `google.rpc.${of}.${nested[0]?.[0]}`, 'repeated']],
    nested,
  ]
  const violation = (...names: readonly string[]): readonly Message[] => [['Violation', texts(...names)]]
  const metadata: Field = ['metadata', 3, 'google.rpc.ErrorInfo.MetadataEntry', 'map']
  const badField: readonly Field[] = [...texts('field', 'description', 'reason'), ['localized_message', 4, 'google.rpc.LocalizedMessage']]
  const quota: readonly Field[] = [
    ...texts('subject', 'description', 'api_service', 'quota_metric', 'quota_id'),
    ['quota_dimensions', 6, 'google.rpc.QuotaFailure.Violation.QuotaDimensionsEntry', 'map'],
    ['quota_value', 7, 'int64'],
  ]
  return file(
    'google/rpc/error_details.proto',
    [
      ['ErrorInfo', [...texts('reason', 'domain'), metadata], [['MetadataEntry', texts('key', 'value')]]],
      ['RetryInfo', [['retry_delay', 1, 'google.protobuf.Duration']]],
      [
        'DebugInfo',
        [
          ['stack_entries', 1, 'string', 'repeated'],
          ['detail', 2, 'string'],
        ],
      ],
      list('violations', 'QuotaFailure', [['Violation', quota, [['QuotaDimensionsEntry', texts('key', 'value')]]]]),
      list('violations', 'PreconditionFailure', violation('type', 'subject', 'description')),
      list('field_violations', 'BadRequest', [['FieldViolation', badField]]),
      ['RequestInfo', texts('request_id', 'serving_data')],
      ['ResourceInfo', texts('resource_type', 'resource_name', 'owner', 'description')],
      list('links', 'Help', [['Link', texts('description', 'url')]]),
      ['LocalizedMessage', texts('locale', 'message')],
    ],
    ['google/protobuf/duration.proto'],
  )
}

function file(name: string, messages: readonly Message[], imports: readonly string[] = []): FileDescriptorProto {
  const parts = { name, package: name.startsWith('google/rpc/') ? 'google.rpc' : 'google.api', dependency: [...imports] }
  return fromJson(FileDescriptorProtoSchema, { ...parts, messageType: messages.map(message), syntax: 'proto3' })
}

function message([name, fields, nested = []]: Message): JsonObject {
  const oneofDecl = fields.some((each) => each[3] === 'pattern') ? [{ name: 'pattern' }] : []
  const options = name.endsWith('Entry') ? { options: { mapEntry: true } } : {}
  return { name, field: fields.map(field), nestedType: nested.map(message), oneofDecl, ...options }
}

function field([name, number, type, more]: Field): JsonObject {
  const repeated = more === 'repeated' || more === 'map'
  const typed = type.includes('.') ? { type: 'TYPE_MESSAGE', typeName: `.${type}` } : { type: `TYPE_${type.toUpperCase()}` }
  return {
    name,
    number,
    jsonName: jsonName(name),
    label: repeated ? 'LABEL_REPEATED' : 'LABEL_OPTIONAL',
    ...typed,
    ...(more === 'pattern' ? { oneofIndex: 0 } : {}),
  }
}
