// Starts other programs. Runs on Node 20, like everything in this folder, and needs no package.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The project's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** Node 26 as the project brings it: the runtime of everything but these scripts. */
export const node = join(root, 'node_modules', 'node', 'bin', 'node')

/** The environment in which a tool of the project finds its Node 26 and the other tools first. */
export function toolEnv(env = process.env) {
  return { ...env, PATH: join(root, 'node_modules', '.bin') + delimiter + machinePath(env) }
}

/** The PATH without any project's tools: what is on the machine itself. */
export function machinePath(env = process.env) {
  const folders = (env.PATH ?? '').split(delimiter)
  return folders.filter((folder) => !/[\\/]node_modules[\\/]/.test(`${folder}/`) && !folder.endsWith('node-gyp-bin')).join(delimiter)
}

/** Prints one line to standard error and ends. */
export function fail(message) {
  process.stderr.write(`relay: ${message}\n`)
  process.exit(1)
}

/** Runs a tool of the project to its end, its output kept: for what is only shown when it fails. */
export function capture(command, args) {
  const options = { cwd: root, env: toolEnv(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20 }
  const result = spawnSync(command, args, options)
  return { ok: result.status === 0, output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}` }
}

/**
 * Runs a program in the foreground and ends as it ends. It gets a process group of its own and its signals from here only: Ctrl-C
 * reaches a whole foreground group, npm passes it on once more, and relay takes a second signal for "now".
 */
export function foreground(command, args, { cwd = process.cwd(), env = process.env } = {}) {
  const child = spawn(command, args, { cwd, env, stdio: 'inherit', detached: true })
  const terminal = process.stdin.isTTY === true
  const last = new Map()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (Date.now() - (last.get(signal) ?? 0) < 300) return
      last.set(signal, Date.now())
      // A closed terminal and `kill -HUP` send the same signal; relay reloads on it, which is not what closing a window asks for.
      child.kill(signal === 'SIGHUP' && terminal && !hasTerminal() ? 'SIGTERM' : signal)
    })
  }
  child.on('error', (error) => fail(`cannot start ${command}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
