import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Status } from '../../src/control/api.ts'

const entry = fileURLToPath(new URL('./relay-cli.ts', import.meta.url))

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A folder of its own, with its own place for control sockets, gone after the test. */
export interface Home {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** What is run: a program and its first arguments; relay with the workers of the tests where it is not given. */
  readonly command?: readonly [string, ...string[]]
  path(name: string): string
  write(name: string, text: string): string
}

export function home(t: Scope): Home {
  const folder = mkdtempSync(join(tmpdir(), 'relay-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const runtime = join(folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  const path = (name: string) => join(folder, name)
  return {
    folder,
    path,
    env: { XDG_RUNTIME_DIR: runtime },
    write: (name, text) => {
      writeFileSync(path(name), text)
      return path(name)
    },
  }
}

/** What a command line printed, and how it ended. */
export interface Ran {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Where compiled sources are kept while tests run: nothing that a program could notice. */
const { NODE_COMPILE_CACHE } = process.env
const compileCache = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }

function launch({ folder, env, command = [process.execPath, entry] }: Home, args: readonly string[]): Child {
  const [program, ...first] = command
  return spawn(program, [...first, ...args], { cwd: folder, env: { ...compileCache, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Runs a command to its end. */
export async function relay(home: Home, ...args: readonly string[]): Promise<Ran> {
  const child = launch(home, args)
  const [out, err] = [text(child.stdout), text(child.stderr)]
  const [exit] = await once(child, 'close')
  return { exit, out: await out, err: await err }
}

export type LogLine = Readonly<Record<string, unknown>>

/** A relay that runs in a process of its own. */
export interface RunningRelay {
  readonly child: Child
  readonly status: Status & { readonly control: string }
  readonly port: number
  readonly url: string
  /** Waits for a log line whose message begins so, or for which the function says so. */
  logged(wanted: string | ((line: LogLine) => boolean)): Promise<LogLine>
  /** All that stands on its standard error so far. */
  log(): string
  /** Waits until it has ended. */
  ended(): Promise<Ran>
}

/** Starts a relay with `--json`, and waits until it listens; it is killed after the test if it still runs. */
export async function started(t: Scope, home: Home, ...args: readonly string[]): Promise<RunningRelay> {
  const child = launch(home, ['start', '--admin', '127.0.0.1:0', '--json', ...args])
  const closed = once(child, 'close')
  t.teardown(() => {
    child.kill('SIGKILL')
    return closed
  })
  const log = logOf(child)
  const lines: string[] = []
  const first = Promise.withResolvers<string>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    first.resolve(line)
  })
  void closed.then(() => first.reject(new Error(`relay did not start: ${log.text()}`)))
  const told = await first.promise
  const status = JSON.parse(told) as RunningRelay['status']
  if (!('listeners' in status)) throw new Error(`relay did not start: ${told}`)
  const port = status.listeners[0]?.port ?? 0
  return {
    child,
    status,
    port,
    url: `http://127.0.0.1:${port}`,
    logged: log.logged,
    log: log.text,
    ended: async () => {
      const [exit] = await closed
      return { exit, out: lines.join('\n'), err: log.text() }
    },
  }
}

function logOf(child: Child) {
  const lines: string[] = []
  const waiting = new Set<(line: string) => void>()
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line)
    for (const heard of waiting) heard(line)
  })
  const logged: RunningRelay['logged'] = (wanted) =>
    new Promise((resolve) => {
      const isWanted = typeof wanted === 'string' ? (line: LogLine) => String(line['msg']).startsWith(wanted) : wanted
      const heard = (line: string) => {
        const fields: LogLine = line.startsWith('{') ? JSON.parse(line) : {}
        if (!isWanted(fields)) return
        waiting.delete(heard)
        resolve(fields)
      }
      waiting.add(heard)
      lines.forEach(heard)
    })
  return { logged, text: () => lines.join('\n') }
}

async function text(stream: Readable): Promise<string> {
  const parts: string[] = []
  for await (const part of stream.setEncoding('utf8')) parts.push(String(part))
  return parts.join('')
}
