import { create, createFileRegistry, type FileRegistry } from '@bufbuild/protobuf'
import {
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
import { describe, type Field, type Message } from './describe.ts'

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

function http(): FileDescriptorProto {
  const rule: readonly Field[] = [
    ['selector', 1, 'string'],
    ['get', 2, 'string', 'oneof'],
    ['put', 3, 'string', 'oneof'],
    ['post', 4, 'string', 'oneof'],
    ['delete', 5, 'string', 'oneof'],
    ['patch', 6, 'string', 'oneof'],
    ['custom', 8, 'google.api.CustomHttpPattern', 'oneof'],
    ['body', 7, 'string'],
    ['response_body', 12, 'string'],
    ['additional_bindings', 11, 'google.api.HttpRule', 'repeated'],
  ]
  const rules: readonly Field[] = [
    ['rules', 1, 'google.api.HttpRule', 'repeated'],
    ['fully_decode_reserved_expansion', 2, 'bool'],
  ]
  const messages: readonly Message[] = [
    ['Http', rules],
    ['HttpRule', rule],
    ['CustomHttpPattern', texts('kind', 'path')],
  ]
  return describe('google/api/http.proto', { package: 'google.api', messages })
}

function annotations(): FileDescriptorProto {
  return describe('google/api/annotations.proto', {
    package: 'google.api',
    imports: ['google/api/http.proto', 'google/protobuf/descriptor.proto'],
    extensions: [['google.protobuf.MethodOptions', ['http', 72_295_728, 'google.api.HttpRule']]],
  })
}

function httpBody(): FileDescriptorProto {
  const fields: readonly Field[] = [
    ['content_type', 1, 'string'],
    ['data', 2, 'bytes'],
    ['extensions', 3, 'google.protobuf.Any', 'repeated'],
  ]
  const imports = ['google/protobuf/any.proto']
  return describe('google/api/httpbody.proto', { package: 'google.api', imports, messages: [['HttpBody', fields]] })
}

function status(): FileDescriptorProto {
  const fields: readonly Field[] = [
    ['code', 1, 'int32'],
    ['message', 2, 'string'],
    ['details', 3, 'google.protobuf.Any', 'repeated'],
  ]
  const imports = ['google/protobuf/any.proto']
  return describe('google/rpc/status.proto', { package: 'google.rpc', imports, messages: [['Status', fields]] })
}

function errorDetails(): FileDescriptorProto {
  const metadata: Field = ['metadata', 3, 'google.rpc.ErrorInfo.MetadataEntry', 'repeated']
  const badField: readonly Field[] = [...texts('field', 'description', 'reason'), ['localized_message', 4, 'google.rpc.LocalizedMessage']]
  const quota: readonly Field[] = [
    ...texts('subject', 'description', 'api_service', 'quota_metric', 'quota_id'),
    ['quota_dimensions', 6, 'google.rpc.QuotaFailure.Violation.QuotaDimensionsEntry', 'repeated'],
    ['quota_value', 7, 'int64'],
    ['future_quota_value', 8, 'int64', 'optional'],
  ]
  const debug: readonly Field[] = [
    ['stack_entries', 1, 'string', 'repeated'],
    ['detail', 2, 'string'],
  ]
  const messages: readonly Message[] = [
    ['ErrorInfo', [...texts('reason', 'domain'), metadata], [['MetadataEntry', texts('key', 'value')]]],
    ['RetryInfo', [['retry_delay', 1, 'google.protobuf.Duration']]],
    ['DebugInfo', debug],
    list('violations', 'QuotaFailure', [['Violation', quota, [['QuotaDimensionsEntry', texts('key', 'value')]]]]),
    list('violations', 'PreconditionFailure', [['Violation', texts('type', 'subject', 'description')]]),
    list('field_violations', 'BadRequest', [['FieldViolation', badField]]),
    ['RequestInfo', texts('request_id', 'serving_data')],
    ['ResourceInfo', texts('resource_type', 'resource_name', 'owner', 'description')],
    list('links', 'Help', [['Link', texts('description', 'url')]]),
    ['LocalizedMessage', texts('locale', 'message')],
  ]
  return describe('google/rpc/error_details.proto', { package: 'google.rpc', imports: ['google/protobuf/duration.proto'], messages })
}

/** Fields of text, numbered as they stand. */
function texts(...names: readonly string[]): readonly Field[] {
  return names.map((name, at) => [name, at + 1, 'string'])
}

/** A message that is a list of the first of its nested ones. */
function list(name: string, of: string, nested: readonly [Message, ...(readonly Message[])]): Message {
  return [of, [[name, 1, `google.rpc.${of}.${nested[0][0]}`, 'repeated']], nested]
}
