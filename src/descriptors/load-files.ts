import { basename, dirname, join, normalize, relative } from 'node:path/posix'
import { type At, type Draft, ProtoError } from './draft.ts'
import { builtInFiles } from './known.ts'
import { parseFile } from './parse-file.ts'

/** What a descriptor set is made from. */
export interface ProtoSources {
  /** Paths of the .proto files. */
  readonly files: readonly string[]
  /** Folders in which their imports are looked for, besides the folder of each of them. */
  readonly folders: readonly string[]
  /** The text of a file; null: there is none. Throws where it cannot be read. */
  readonly read: (path: string) => string | null
}

/** What is wrong with a .proto file. */
export interface ProtoFault {
  /** Its path. */
  readonly file: string
  /** null: the file as a whole. */
  readonly at: At | null
  readonly message: string
  readonly remedy: string
}

/** A file that was read, and the path that it was read from. */
export interface LoadedFile {
  readonly draft: Draft
  readonly path: string
}

/** The files and what they import, each behind its imports, and what is wrong with them. Built-in ones are not among them. */
export interface LoadedFiles {
  readonly files: readonly LoadedFile[]
  readonly faults: readonly ProtoFault[]
}

const mostFiles = 1000

/** Reads .proto files and all that they import. */
export function loadFiles(sources: ProtoSources): LoadedFiles {
  const { files, folders } = sources
  const roots = [...new Set([...folders, ...files.map((file) => dirname(file))].map((folder) => normalize(folder)))]
  const loading: Loading = { sources, roots, byPath: new Map(), files: [], faults: [] }
  for (const file of files) {
    const path = normalize(file)
    const remedy = 'correct the path (it is relative to the config file)'
    if (open(path, nameOf(path, folders), loading) === undefined)
      loading.faults.push({ file: path, at: null, message: 'there is no such file', remedy })
  }
  return loading
}

interface Loading {
  readonly sources: ProtoSources
  readonly roots: readonly string[]
  /** null: a file that has faults. */
  readonly byPath: Map<string, LoadedFile | 'reading' | null>
  readonly files: LoadedFile[]
  readonly faults: ProtoFault[]
}

/** Reads a file once; null: it has faults; undefined: there is no such file. */
function open(path: string, name: string, loading: Loading): LoadedFile | 'reading' | null | undefined {
  const { byPath, files, faults } = loading
  const known = byPath.get(path)
  if (known !== undefined) return known
  try {
    const text = loading.sources.read(path)
    if (text === null) return undefined
    byPath.set(path, 'reading')
    const draft = parseFile(name, text)
    // All of them, so that all that is wrong is told at once.
    const isWhole = [...draft.imports].map(([imported, at]) => take(imported, { at, path, draft, loading })).every(Boolean)
    const file = isWhole ? { draft, path } : null
    byPath.set(path, file)
    if (file !== null) files.push(file)
    return file
  } catch (error) {
    faults.push(faultOf(path, error))
    byPath.set(path, null)
    return null
  }
}

function faultOf(file: string, error: unknown): ProtoFault {
  if (error instanceof ProtoError) return { file, at: error.at, message: error.message, remedy: error.remedy }
  const message = `cannot be read: ${error instanceof Error ? error.message : 'it is not text'}`
  return { file, at: null, message, remedy: 'make the file readable' }
}

interface Importing {
  readonly at: At
  readonly path: string
  readonly draft: Draft
  readonly loading: Loading
}

/** Whether an import could be taken in. A file that is imported under another name than its first goes by its first. */
function take(imported: string, { at, path, draft, loading }: Importing): boolean {
  if (builtInFiles.has(imported)) return true
  const { roots, byPath, faults } = loading
  const refuse = (message: string, remedy: string): boolean => faults.push({ file: path, at, message, remedy }) === 0
  if (/^\/|\\|(^|\/)\.{0,2}(\/|$)/.test(imported))
    return refuse(`'${imported}' is not the name of a file to import`, 'write it as it stands below a folder of protoPath')
  if (byPath.size >= mostFiles) return refuse(`more than ${mostFiles} files are imported`, 'name fewer files')
  for (const root of roots) {
    const place = join(root, imported)
    const file = open(place, imported, loading)
    if (file === undefined) continue
    if (file === null) return false
    if (file === 'reading')
      return refuse(`${imported} imports this file, itself or by others`, 'break the circle: move what both need into a third file')
    const first = file.draft.file.name
    if (first !== imported) draft.file.dependency = draft.file.dependency.map((one) => (one === imported ? first : one))
    return true
  }
  const where = roots.map((root) => (root === '.' ? 'the folder of the config' : root)).join(', ')
  return refuse(`there is no ${imported} in ${where}`, 'give the folder that it is relative to as protoPath')
}

/** A file's name as others import it: from the first folder on that it is in. */
function nameOf(path: string, folders: readonly string[]): string {
  for (const folder of folders) {
    const name = relative(normalize(folder), path)
    if (name !== '' && !name.startsWith('..') && !name.startsWith('/')) return name
  }
  return basename(path)
}
