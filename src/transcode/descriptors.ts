import { create, createFileRegistry, createRegistry, fromBinary, type FileRegistry, type Registry } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema, type FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import { ConfigError } from '../base/errors.ts'
import { withJsonNames } from './json-names.ts'
import { knownFiles, knownTypes } from './known-files.ts'

/** A descriptor set, read. */
export interface Descriptors {
  /** The files of the set, and those of Google's that it imports. */
  readonly files: FileRegistry
  /** All types that an `Any` can be of: those of the set, and the well-known ones. */
  readonly types: Registry
}

/** Reads a serialized `google.protobuf.FileDescriptorSet`, whatever order its files are in; what cannot be used is a ConfigError. */
export function readDescriptors(bytes: Uint8Array): Descriptors {
  try {
    const set = fromBinary(FileDescriptorSetSchema, bytes)
    const files = createFileRegistry(create(FileDescriptorSetSchema, { file: inOrder(set.file.map(withJsonNames)) }))
    return { files, types: createRegistry(knownTypes, files) }
  } catch (error) {
    const message = `the descriptor set cannot be used: ${error instanceof Error ? error.message : String(error)}`
    throw new ConfigError([{ path: 'descriptors', message, remedy: 'make it with protoc --include_imports --descriptor_set_out' }])
  }
}

/** Each file once, behind its imports. An import that nobody has is left out: where a type of it is needed, the registry names that type. */
function inOrder(given: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map([...knownFiles, ...given.map((file) => [file.name, file] as const)])
  const seen = new Set<string>()
  const ordered: FileDescriptorProto[] = []
  const visit = (file: FileDescriptorProto): void => {
    if (seen.has(file.name)) return
    seen.add(file.name)
    const imports = file.dependency.flatMap((name) => byName.get(name) ?? [])
    imports.forEach(visit)
    ordered.push(
      imports.length === file.dependency.length
        ? file
        : { ...file, dependency: imports.map((each) => each.name), publicDependency: [], weakDependency: [] },
    )
  }
  given.forEach(visit)
  return ordered
}
