import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ConfigError } from '../base/errors.ts'

/**
 * Where the control socket of a relay stands: a name made of what the relay was started with, in a directory of the user's own,
 * so that a command finds the relay that serves a file with nothing but the file.
 */

/** What tells one relay from another: its config file, or the address it listens on. */
export type ControlKey =
  | { readonly is: 'file'; readonly file: string }
  | { readonly is: 'address'; readonly host: string; readonly port: number }

/** The environment as far as it decides where control sockets stand. */
export type ControlEnv = Readonly<Record<string, string | undefined>>

/** sun_path holds 108 bytes on Linux and 104 elsewhere, its closing NUL included; the shorter one keeps a path good everywhere. */
const longestPath = 103

/** The socket's path for a relay; nothing is created. */
export function controlPath(key: ControlKey, env: ControlEnv): string {
  return join(controlDirectory(env), `${digest(key)}.sock`)
}

/** The directory that holds the control sockets of this user. */
export function controlDirectory(env: ControlEnv): string {
  const runtime = env['XDG_RUNTIME_DIR']
  const wanted = runtime !== undefined && runtime.startsWith('/') ? join(runtime, 'relay') : join(tmpdir(), `relay-${userId()}`)
  return fits(join(wanted, `${'0'.repeat(16)}.sock`)) ? wanted : join('/tmp', `relay-${userId()}`)
}

/** The path that a flag or the environment asks for, or null. */
export function chosenPath(flag: string | undefined, env: ControlEnv): string | null {
  const chosen = flag ?? env['RELAY_CONTROL']
  if (chosen === undefined || chosen === '') return null
  const path = resolve(chosen)
  if (!fits(path)) {
    const bytes = Buffer.byteLength(path)
    throw problem(`the control socket's path has ${bytes} bytes, a socket's path holds ${longestPath}: ${path}`, 'choose a shorter path')
  }
  return path
}

/** Makes the directory of a socket where it is relay's own, mode 0700, and refuses one that somebody else could change. */
export function secureDirectory(path: string, env: ControlEnv): void {
  const directory = dirname(path)
  if (directory !== controlDirectory(env)) return
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw problem(
      `the directory ${directory} cannot be made: ${text(error)}`,
      'set RELAY_CONTROL or --control to a path that can be written',
    )
  }
  const stat = lstatSync(directory)
  if (!stat.isDirectory() || stat.uid !== userId()) {
    throw problem(`${directory} is not a directory of this user`, 'remove it, or set RELAY_CONTROL or --control to another path')
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(directory, 0o700)
}

function digest(key: ControlKey): string {
  const name = key.is === 'file' ? `file:${realPath(key.file)}` : `listen:${key.host}:${key.port}`
  return createHash('sha256').update(name).digest('hex').slice(0, 16)
}

function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return resolve(file)
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= longestPath
}

function userId(): number {
  return process.getuid?.() ?? userInfo().uid
}

function problem(message: string, remedy: string): ConfigError {
  return new ConfigError([{ path: 'control', message, remedy }])
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
