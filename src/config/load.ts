import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { ConfigError } from '../base/errors.ts'
import { findConfig, searchPlaces } from './find.ts'
import { planFromText } from './load-text.ts'
import type { Plan } from './plan.ts'
import { liveSources, readBounded, readFault } from './sources.ts'

/** A config that loaded. */
export interface LoadedConfig {
  /** Its whole path. */
  readonly file: string
  readonly text: string
  /** SHA-256 of the text, in hexadecimal: tells one version of the file from another. */
  readonly hash: string
  readonly plan: Plan
  /** The other files that it was made from (certificates, keys, secrets, header values): a change in one is a change of the config. */
  readonly files: readonly string[]
}

/** What a config is loaded from; the defaults are this process and this machine. */
export interface LoadOptions {
  /** The config file; without it, the one that stands in `folder`. */
  readonly file?: string
  readonly folder?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly readFile?: (path: string) => string
  readonly parallelism?: number
}

const mostBytes = 16 * 2 ** 20
/** Keys that say what gRPC methods are. */
const speaksOfMethods = /\b(?:proto|descriptors)\b/

/** Loads a config file, or throws a ConfigError with everything that is wrong with it. */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const { folder = process.cwd(), parallelism = availableParallelism() } = options
  const file = options.file === undefined ? await found(folder) : resolve(folder, options.file)
  const text = readText(file, options.readFile)
  // A file that is being written is empty for a moment: taken for a config, it would take every route away.
  if (text.trim() === '') {
    throw new ConfigError([
      { file: nameFor(file), line: 1, column: 1, path: '', message: 'the config file is empty', remedy: 'write one with `relay init`' },
    ])
  }
  const descriptors = speaksOfMethods.test(text) ? (await import('../descriptors/tools.ts')).descriptorTools : null
  const sources = liveSources({ ...options, file, parallelism, descriptors })
  const plan = planFromText(text, { file: nameFor(file), sources })
  return { file, text, hash: createHash('sha256').update(text).digest('hex'), plan, files: [...sources.files] }
}

async function found(folder: string): Promise<string> {
  const file = await findConfig(folder).catch((error: unknown) => {
    throw new ConfigError([
      { path: '', message: `cannot look for a config file in ${folder}: ${readFault(error)}`, remedy: 'name it with --config' },
    ])
  })
  if (file !== undefined) return file
  const remedy = `write one with \`relay init\`, name one with --config, or start without one: relay start --upstream https://api.anthropic.com; searched for: ${searchPlaces.join(', ')}`
  throw new ConfigError([{ path: '', message: `there is no config file in ${folder}`, remedy }])
}

function readText(file: string, readFile = (path: string) => readBounded(path, mostBytes)): string {
  try {
    return readFile(file)
  } catch (error) {
    const message = `cannot read the config file: ${readFault(error)}`
    throw new ConfigError([
      { file: nameFor(file), path: '', message, remedy: 'name a readable file with --config, or write one with `relay init`' },
    ])
  }
}

// The path that a person would type: from where they stand, unless that is elsewhere altogether.
function nameFor(file: string): string {
  const near = relative(process.cwd(), file)
  return near === '' || near.startsWith('..') ? file : near
}
