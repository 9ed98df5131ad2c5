import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DescriptorTools } from '../descriptors/tools.ts'

/** Where a config takes secrets, certificates and variables from; the only part of it that looks at the machine. */
export interface Sources {
  /** False: nothing outside of the text is read, and what comes from outside counts as right (for edits by somebody else than relay's user). */
  readonly live: boolean
  readonly parallelism: number
  /** Reads what gRPC methods are; null: nobody looks at that. */
  readonly descriptors: DescriptorTools | null
  env(name: string): string | undefined
  /** The whole path of a file that is written relative to the config. */
  path(path: string): string
  /** The text of a file, relative to the config; throws when it cannot be read. */
  file(path: string): string
  /** The bytes of a file of at most 64 MiB, relative to the config; throws when it cannot be read. */
  bytes(path: string): Uint8Array
}

/** How sources are made; the defaults are this process and this machine. */
export interface SourcesOptions {
  /** The config file: paths in it are relative to its folder. */
  readonly file?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly readFile?: (path: string) => string
  readonly readBytes?: (path: string) => Uint8Array
  readonly descriptors?: DescriptorTools | null
  readonly parallelism: number
}

/** Sources that read the environment and the disk, and remember which files they read. */
export function liveSources(options: SourcesOptions): Sources & { readonly files: ReadonlySet<string> } {
  const { env = process.env, readFile = (path: string) => readBounded(path), readBytes = readBoundedBytes, parallelism } = options
  const folder = options.file === undefined ? process.cwd() : dirname(resolve(options.file))
  const files = new Set<string>()
  return {
    live: true,
    parallelism,
    descriptors: options.descriptors ?? null,
    files,
    env: (name) => (Object.hasOwn(env, name) ? env[name] : undefined),
    path: (path) => resolve(folder, path),
    file(path) {
      const full = resolve(folder, path)
      files.add(full)
      return readFile(full)
    },
    bytes(path) {
      const full = resolve(folder, path)
      files.add(full)
      // A Buffer would be sent to workers with all that lies beside it, and shown in JSON in a way of its own.
      return new Uint8Array(readBytes(full))
    },
  }
}

/** Sources that know nothing and object to nothing: for checking a text alone. */
export const offlineSources: Sources = {
  live: false,
  parallelism: 1,
  descriptors: null,
  env: () => 'x',
  path: (path) => path,
  file: () => 'x',
  bytes: () => new Uint8Array(),
}

/** Reads a file of at most `mostBytes` (1 MiB). */
export function readBounded(path: string, mostBytes = 2 ** 20): string {
  return readBoundedBytes(path, mostBytes).toString('utf8')
}

/** The same as bytes (of 64 MiB). */
function readBoundedBytes(path: string, mostBytes = 2 ** 26): Buffer {
  const stats = statSync(path)
  // A pipe would make relay wait for a writer that never comes.
  if (!stats.isFile()) throw new Error('it is not a file')
  if (stats.size > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`)
  return readFileSync(path)
}

/** Why a file could not be read, in a word or two. */
export function readFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'relay may not read it'
  if (code === 'EISDIR') return 'it is a folder'
  return error instanceof Error ? error.message : 'it cannot be read'
}
