import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RedisPlace } from '../../src/base/redis.ts'

/** A real redis-server of one test, on a port of its own. */
export interface RedisServer {
  readonly port: number
  readonly place: RedisPlace
  /** A command over a connection of the test's own. */
  ask(name: string, ...args: readonly (string | number)[]): Promise<unknown>
  /** SIGKILL; what is not on its disk is gone. */
  kill(): Promise<void>
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>
  /** SIGSTOP: connections stand, nothing answers. */
  pause(): void
  resume(): void
}

export interface RedisServerOptions {
  /** Writes are on the disk before they are answered (`always`), within a second, or never (null, the default). */
  readonly appendOnly?: 'always' | 'everysec' | null
  /** Further arguments of the command line. */
  readonly args?: readonly string[]
  readonly port?: number
  readonly isTls?: boolean
  /** Lines of a configuration: makes a Sentinel of it. */
  readonly sentinel?: readonly string[]
}

/** What is left of a test when it ends. */
export interface Scope {
  teardown(work: () => unknown): unknown
}

/** Starts a redis-server; it ends with the test. */
export async function redisServer(t: Scope, options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'relay-redis-'))
  let running: ChildProcess | null = null
  let admin: Redis | null = null
  const end = async () => {
    admin?.disconnect()
    admin = null
    await killed(running)
    running = null
  }
  t.teardown(async () => {
    await end()
    rmSync(folder, { recursive: true, force: true })
  })

  let port = options.port ?? (await freePort())
  for (let turn = 0; running === null; turn += 1) {
    running = await launched(folder, port, options)
    if (running !== null) break
    // Somebody else has taken the port between the look and the start.
    if (turn === 5 || options.port !== undefined) throw new Error(`redis-server did not start on port ${port}`)
    port = await freePort()
  }
  const place = placeOf({ is: 'single', host: '127.0.0.1', port, db: 0 })

  return {
    port,
    place,
    ask: async (name, ...args) => {
      admin ??= quiet(new Redis({ host: '127.0.0.1', port, protocol: 2 }))
      return admin.call(name, ...args)
    },
    kill: end,
    start: async () => {
      running ??= await launched(folder, port, options)
      if (running === null) throw new Error(`redis-server did not come back on port ${port}`)
    },
    pause: () => running?.kill('SIGSTOP'),
    resume: () => running?.kill('SIGCONT'),
  }
}

/** Where a test's Redis is: no secrets, and time enough for a machine that is busy with other tests. */
export function placeOf(mode: RedisPlace['mode'], more: Partial<RedisPlace> = {}): RedisPlace {
  return { mode, username: null, password: null, tls: null, prefix: 'relay', timeoutMs: 250, ...more }
}

/** A port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
  })
  return promise
}

const children = new Set<ChildProcess>()
// A test that is killed leaves no server behind.
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** The process once it takes connections; null when it could not listen. */
async function launched(folder: string, port: number, options: RedisServerOptions): Promise<ChildProcess | null> {
  const child = spawn('redis-server', commandLine(folder, port, options), { stdio: ['ignore', 'pipe', 'ignore'] })
  children.add(child)
  const { promise, resolve } = Promise.withResolvers<ChildProcess | null>()
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length < 100_000) output += text
    if (/Ready to accept connections|\+monitor/.test(output)) resolve(child)
  })
  child.once('error', () => resolve(null))
  child.once('exit', () => {
    children.delete(child)
    resolve(null)
  })
  return promise
}

function commandLine(folder: string, port: number, options: RedisServerOptions): readonly string[] {
  const { appendOnly = null, args = [], isTls = false, sentinel } = options
  const place = [
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    ...(isTls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)]),
  ]
  if (sentinel !== undefined) {
    // It writes down what it learns.
    const file = join(folder, 'sentinel.conf')
    writeFileSync(file, `${sentinel.join('\n')}\n`)
    return [file, '--sentinel', ...place, ...args]
  }
  const persistence = appendOnly === null ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendOnly]
  return [...place, '--save', '', ...persistence, ...args]
}

async function killed(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return
  const { promise, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  child.kill('SIGKILL')
  return promise
}

function quiet(connection: Redis): Redis {
  return connection.on('error', () => {})
}
