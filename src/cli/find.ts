import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findConfig } from '../config/find.ts'
import type { Status } from '../control/api.ts'
import { controlClient, NoRelayError, type ControlClient } from '../control/client.ts'
import { chosenPath, controlDirectory, controlPath } from '../control/socket-path.ts'
import { CommandError, type Context } from './command.ts'

/** What names a running relay on the command line. */
export interface Which {
  readonly config?: string
  readonly control?: string
}

/** The config file that was named, or the one of this folder; undefined when there is none. */
export async function configFile({ config }: Which, { io }: Context): Promise<string | undefined> {
  return config === undefined ? findConfig(io.cwd) : resolve(io.cwd, config)
}

/** Talks to the running relay that was meant: by its socket, by its config file, or the only one of this user. */
export async function withRelay<Result>(which: Which, context: Context, talk: (client: ControlClient) => Promise<Result>): Promise<Result> {
  const client = controlClient(await socketOf(which, context))
  try {
    return await talk(client)
  } finally {
    await client.close()
  }
}

/** The same, and null when no relay runs there. */
export async function withRelayIfAny<Result>(
  which: Which,
  context: Context,
  talk: (client: ControlClient) => Promise<Result>,
): Promise<Result | null> {
  try {
    return await withRelay(which, context, talk)
  } catch (error) {
    if (error instanceof NoRelayError) return null
    throw error
  }
}

async function socketOf(which: Which, context: Context): Promise<string> {
  const { env } = context.io
  const chosen = chosenPath(which.control, env)
  if (chosen !== null) return chosen
  const file = await configFile(which, context)
  return file === undefined ? onlyOne(await running(controlDirectory(env))) : socketFor(file, env)
}

/** Another relay than that of the file is never taken for it: it would be the wrong one that stops. */
async function socketFor(file: string, env: NodeJS.ProcessEnv): Promise<string> {
  const path = controlPath({ is: 'file', file }, env)
  if ((await statusAt(path)) !== null) return path
  const others = await running(controlDirectory(env))
  throw new NoRelayError(`with ${file}${others.length === 0 ? '' : `; running are:${list(others)}\n `}`)
}

interface Found {
  readonly path: string
  readonly status: Status
}

function onlyOne(found: readonly Found[]): string {
  const [first, second] = found
  if (first === undefined) throw new NoRelayError('for this user')
  if (second === undefined) return first.path
  throw new CommandError(2, `more than one relay is running; say which:${list(found)}`)
}

function list(found: readonly Found[]): string {
  return found.map(({ path, status }) => `\n  --control ${path}   (${sourceText(status)}, pid ${status.pid})`).join('')
}

/** What a relay was started with, in words. */
export function sourceText({ source }: Status): string {
  return source.is === 'file' ? source.file : `--upstream ${source.upstream}`
}

/** The relays of this user that answer; sockets without one are passed over. */
async function running(directory: string): Promise<readonly Found[]> {
  const paths = socketsIn(directory).slice(0, 64)
  const asked = await Promise.all(paths.map(async (path) => ({ path, status: await statusAt(path) })))
  return asked.flatMap(({ path, status }) => (status === null ? [] : [{ path, status }]))
}

function socketsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.sock'))
      .map((name) => join(directory, name))
  } catch {
    return []
  }
}

async function statusAt(path: string): Promise<Status | null> {
  const client = controlClient(path)
  try {
    return await client.status()
  } catch {
    return null
  } finally {
    await client.close()
  }
}
