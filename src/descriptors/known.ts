import { create } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { knownFiles } from '../transcode/known-files.ts'

/** The files that any .proto file may import, by name: google/protobuf, and what of google/api and google/rpc is about HTTP and statuses. */
export const builtInFiles: ReadonlyMap<string, FileDescriptorProto> = new Map([...knownFiles, ['google/rpc/code.proto', codes()]])

function codes(): FileDescriptorProto {
  const names =
    'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED ' +
    'FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'
  const value = names.split(' ').map((name, number) => ({ name, number }))
  return create(FileDescriptorProtoSchema, {
    name: 'google/rpc/code.proto',
    package: 'google.rpc',
    syntax: 'proto3',
    enumType: [{ name: 'Code', value }],
  })
}
