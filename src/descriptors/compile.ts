import { create, createFileRegistry, type Registry, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { ProtoError } from './draft.ts'
import { builtInFiles } from './known.ts'
import { type Linking, link, placeOf } from './link.ts'
import { type LoadedFile, loadFiles, type ProtoFault, type ProtoSources } from './load-files.ts'
import { linkOptions } from './options.ts'
import { type Symbols, symbolTable } from './symbols.ts'

/** A serialized `google.protobuf.FileDescriptorSet`, or all that is wrong. */
export type Compiled =
  | { readonly is: 'set'; readonly bytes: Uint8Array }
  | { readonly is: 'faults'; readonly faults: readonly ProtoFault[] }

/**
 * Compiles .proto files as protoc does with --include_imports: proto2, proto3 and edition 2023, with all options; groups are refused.
 * Names are put in their places first, without options, so that the extensions that options are written with are known.
 */
export function compileProto(sources: ProtoSources): Compiled {
  const { files, faults } = loadFiles(sources)
  if (faults.length > 0) return { is: 'faults', faults }
  const symbols = symbolTable()
  const builtIn = importedBuiltIns(files)
  for (const file of builtIn) symbols.add(file, () => ({ line: 1, column: 1 }))
  const all = new Map([...builtIn, ...files.map(({ draft }) => draft.file)].map((file) => [file.name, file]))
  const doubled = eachFile(files, ({ draft }) => symbols.add(draft.file, (part) => placeOf(part, draft)))
  if (doubled.length > 0) return { is: 'faults', faults: doubled }
  const unlinked = eachFile(files, (file) => link(linkingOf(file, symbols, all)))
  if (unlinked.length > 0) return { is: 'faults', faults: unlinked }
  const set = create(FileDescriptorSetSchema, { file: [...all.values()] })
  const types = registryOf(set, files)
  if ('faults' in types) return { is: 'faults', faults: types.faults }
  const wrong = eachFile(files, (file) => linkOptions({ ...linkingOf(file, symbols, all), types: types.registry }))
  return wrong.length > 0 ? { is: 'faults', faults: wrong } : { is: 'set', bytes: toBinary(FileDescriptorSetSchema, set) }
}

function linkingOf({ draft }: LoadedFile, symbols: Symbols, all: ReadonlyMap<string, FileDescriptorProto>): Linking {
  return { draft, symbols, visible: visibleFrom(draft.file, all) }
}

/** Does something to every file, and tells what is wrong with each. */
function eachFile(files: readonly LoadedFile[], deed: (file: LoadedFile) => void): readonly ProtoFault[] {
  const faults: ProtoFault[] = []
  for (const file of files) {
    try {
      deed(file)
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error
      faults.push({ file: file.path, at: error.at, message: error.message, remedy: error.remedy })
    }
  }
  return faults
}

/** A file, those that it imports, and those that these import for whoever imports them. */
function visibleFrom(file: FileDescriptorProto, all: ReadonlyMap<string, FileDescriptorProto>): ReadonlySet<string> {
  const seen = new Set([file.name])
  const add = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    const imported = all.get(name)
    for (const index of imported?.publicDependency ?? []) add(imported?.dependency[index] ?? '')
  }
  for (const name of file.dependency) add(name)
  return seen
}

/** The built-in files that are imported, each behind its imports. */
function importedBuiltIns(files: readonly LoadedFile[]): readonly FileDescriptorProto[] {
  const found = new Map<string, FileDescriptorProto>()
  const add = (name: string): void => {
    const file = builtInFiles.get(name)
    if (file === undefined || found.has(name)) return
    for (const imported of file.dependency) add(imported)
    found.set(name, file)
  }
  for (const { draft } of files) for (const name of draft.file.dependency) add(name)
  return [...found.values()]
}

// The library checks what is left: numbers out of an extension's range, a oneof without its field, features that contradict each other.
function registryOf(
  set: FileDescriptorSet,
  files: readonly LoadedFile[],
): { readonly registry: Registry } | { readonly faults: readonly ProtoFault[] } {
  try {
    return { registry: createFileRegistry(set) }
  } catch (error) {
    const message = error instanceof Error ? error.message : 'the files do not go together'
    const file = files.find(({ draft }) => message.includes(draft.file.name)) ?? files.at(-1)
    return { faults: [{ file: file?.path ?? '', at: null, message, remedy: 'correct it there' }] }
  }
}
