import { accessSync, constants, readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { capture } from './processes.ts'

/** Which cores do what: proxies are alone on theirs. */
export interface Cores {
  readonly all: readonly number[]
  readonly proxy: number
  readonly load: number
  /** The two cores of a relay with two workers. */
  readonly pair: readonly [number, number]
}

/** Programs that are not relay's own: where they are, or null, and the Debian package that has them. */
export interface Tools {
  readonly taskset: string | null
  readonly nginx: string | null
  readonly caddy: string | null
  readonly haproxy: string | null
  readonly wrk: string | null
  readonly h2load: string | null
  readonly openssl: string | null
  readonly redis: string | null
}

const packages: Readonly<Record<keyof Tools, string>> = {
  taskset: 'util-linux',
  nginx: 'nginx-light',
  caddy: 'caddy',
  haproxy: 'haproxy',
  wrk: 'wrk',
  h2load: 'nghttp2-client',
  openssl: 'openssl',
  redis: 'redis-server',
}

/** Looks for the programs on the PATH and where Debian keeps servers. */
export function findTools(): Tools {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  const find = (name: string): string | null => folders.map((folder) => join(folder, name)).find(isProgram) ?? null
  return {
    taskset: find('taskset'),
    nginx: find('nginx'),
    caddy: find('caddy'),
    haproxy: find('haproxy'),
    wrk: find('wrk'),
    h2load: find('h2load'),
    openssl: find('openssl'),
    redis: find('redis-server'),
  }
}

/** One line for each program that is missing, with what is left out without it. */
export function missingTools(tools: Tools): readonly string[] {
  const without: Readonly<Record<keyof Tools, string>> = {
    taskset: 'nothing can be measured',
    nginx: 'calls, idle and accept are left out, streams have nothing to be compared with',
    caddy: 'its rows are left out',
    haproxy: 'its rows are left out',
    wrk: 'calls and accept are left out',
    h2load: 'translate is left out',
    openssl: 'TLS is left out',
    redis: 'limits in Redis are left out',
  }
  // The keys are those of the record above.
  const names = Object.keys(without) as (keyof Tools)[]
  return names.filter((name) => tools[name] === null).map((name) => `${name} is missing (Debian: ${packages[name]}): ${without[name]}`)
}

/** Two cores of those that this process may use: the first for proxies, the last for load and upstream. */
export function coresHere(): Cores {
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'
  const all = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, k) => from + k)
  })
  const proxy = all[0] ?? 0
  return { all, proxy, load: all.at(-1) ?? proxy, pair: [proxy, all[1] ?? proxy] }
}

/** The machine in a few lines: figures mean nothing without it. */
export function machineLines(cores: Cores, tools: Tools): readonly string[] {
  const [one, five] = loadavg()
  const versions = [
    tools.nginx === null ? null : capture(tools.nginx, ['-v']).replace('nginx version: ', ''),
    tools.caddy === null ? null : `caddy ${capture(tools.caddy, ['version']).split(' ')[0]}`,
    tools.haproxy === null ? null : /HAProxy version \S+/.exec(capture(tools.haproxy, ['-v']))?.[0],
    tools.wrk === null ? null : /wrk \S+/.exec(capture(tools.wrk, ['-v']))?.[0],
  ]
  return [
    `machine   ${cores.all.length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB; Linux ${release()}; load ${one?.toFixed(2)} ${five?.toFixed(2)}`,
    `programs  node ${process.version}, ${versions.filter((version) => version !== null && version !== undefined).join(', ')}`,
    `cores     proxy on ${cores.proxy}, load and upstream on ${cores.load}${cores.proxy === cores.load ? ' (ONE core for all: the figures are not comparable)' : ''}`,
  ]
}

/** Open files that a process may have: the bound of connections here. */
export function openFiles(): number {
  const limit = /Max open files\s+\S+\s+(\S+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
  return limit === undefined || limit === 'unlimited' ? Infinity : Number(limit)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
