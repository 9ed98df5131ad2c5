import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pause } from './numbers.ts'

/** A program that was started here: it is ended with everything else, however this process ends. */
export interface Started {
  readonly name: string
  readonly pid: number
  readonly child: ChildProcess
  /** The end of what it printed. */
  log(): string
  stop(): Promise<void>
}

/** How a program is started. */
export interface StartOptions {
  readonly name: string
  /** Cores it is pinned to. */
  readonly cores: readonly number[]
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  /** Its standard output: a pipe, or a file with its errors; its errors may be thrown away. */
  readonly output?: 'file' | 'pipe' | 'ipc'
  readonly errors?: 'file' | 'nowhere'
}

/** A folder for all files of this run, gone at its end. */
export const folder: string = mkdtempSync(join(tmpdir(), 'relay-perf-'))

const running = new Set<Started>()
let count = 0

// However this process ends, but by a kill that nobody can see.
process.on('exit', () => {
  for (const { pid } of running) kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Starts a program pinned to cores, in a process group of its own, so that a Ctrl-C here reaches it once and from here only. */
export function start({ name, cores, command, env = {}, output = 'file', errors = 'file' }: StartOptions): Started {
  const logPath = join(folder, `${name.replaceAll(/\W/g, '-')}-${count++}.log`)
  const log = openSync(logPath, 'w')
  const nowhere = openSync('/dev/null', 'w')
  const err = errors === 'file' ? log : nowhere
  const child = spawn('taskset', ['-c', cores.join(','), ...command], {
    cwd: folder,
    env: { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, ...env },
    stdio: output === 'ipc' ? ['ignore', log, err, 'ipc'] : ['ignore', output === 'pipe' ? 'pipe' : log, err],
    detached: true,
  })
  closeSync(log)
  closeSync(nowhere)
  // A program that could not be started shows by its exit.
  child.on('error', () => undefined)
  const started: Started = {
    name,
    pid: child.pid ?? 0,
    child,
    log: () => readFileSync(logPath, 'utf8').slice(-2000),
    stop: () => stop(started),
  }
  running.add(started)
  child.once('exit', () => running.delete(started))
  return started
}

/** Waits until something listens on a port; a program that ends before that is an error with its last words. */
export async function listening(started: Started, port: number): Promise<void> {
  const until = Date.now() + 20_000
  while (Date.now() < until) {
    if (hasEnded(started.child)) break
    if (await accepts(port)) return
    await pause(50)
  }
  throw new Error(`${started.name} does not listen on port ${port}\n${started.log()}`)
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** What a program prints. */
export function capture(command: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  return `${stdout ?? ''}${stderr ?? ''}`.trim()
}

/** Ends everything that was started, and takes the folder away. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((started) => started.stop()))
  rmSync(folder, { recursive: true, force: true })
}

/** A signal that ends this process ends what it started first. */
export function endWithThisProcess(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      process.stderr.write(`${signal}: ending what was started\n`)
      void stopAll().finally(() => process.exit(130))
    })
  }
}

/** This project's folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

async function stop({ child, pid }: Started): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  kill(pid, 'SIGTERM')
  const timer = setTimeout(() => kill(pid, 'SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
  // What it started itself and left behind.
  kill(pid, 'SIGKILL')
}

/** The whole group. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(-pid, signal)
  } catch {
    // It has ended already.
  }
}

/** Whether a program has come to its end, or never began. */
export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
