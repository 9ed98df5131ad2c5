import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ReloadOutcome } from '../../src/control/api.ts'
import { controlClient } from '../../src/control/client.ts'
import { home, started, type Home, type RunningRelay } from './cli.ts'

/** The real relay in a process of its own, started with a config; its environment is empty but for what a test puts there. */
export interface RelayProcess extends RunningRelay {
  readonly home: Home
  /** The sum of a metric's samples whose labels hold these texts. */
  metric(name: string, ...labels: readonly string[]): Promise<number>
  /** The status of `/readyz`, and what it says. */
  ready(): Promise<{ readonly status: number; readonly text: string }>
  /** Writes another config and has it taken up, or refused. */
  reload(config: object): Promise<ReloadOutcome>
  /** Resident memory, in bytes. */
  memory(): number
  /** How many sockets it holds open, of whatever kind. */
  sockets(): number
}

export interface RelayProcessOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly args?: readonly string[]
  /** Another command line in the place of relay's own: one whose workers can be killed. */
  readonly entry?: URL
  /** Files beside the config, by name. */
  readonly files?: Readonly<Record<string, string>>
}

interface Scope {
  teardown(work: () => unknown): unknown
}

const source = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const configName = 'relay.config.yaml'

/**
 * Starts relay with a config (two workers, any free port, no delay in its drain, unless the config says so). With `RELAY_BIN` in the
 * environment of the tests that executable is what runs.
 */
export async function relayProcess(t: Scope, config: object, options: RelayProcessOptions = {}): Promise<RelayProcess> {
  const base = home(t)
  const place: Home = { ...base, env: options.env ?? {}, command: command(options.entry) }
  for (const [name, text] of Object.entries(options.files ?? {})) place.write(name, text)
  place.write(configName, written(config))
  const running = await started(t, place, '--config', configName, '--control', place.path('control.sock'), ...(options.args ?? []))
  const control = controlClient(running.status.control)
  t.teardown(() => control.close())
  const { host, port } = running.status.admin ?? { host: '', port: 0 }
  const admin = `http://${host}:${port}`
  return {
    ...running,
    home: place,
    metric: async (name, ...labels) =>
      sample(await (await fetch(`${admin}/metrics`, { headers: { connection: 'close' } })).text(), name, labels),
    ready: async () => {
      const reply = await fetch(`${admin}/readyz`)
      return { status: reply.status, text: await reply.text() }
    },
    reload: (next) => {
      place.write(configName, written(next))
      return control.reload()
    },
    memory: () => residentBytes(running.status.pid),
    sockets: () => openSockets(running.status.pid),
  }
}

function command(entry: URL | undefined): readonly [string, ...string[]] {
  const binary = process.env['RELAY_BIN']
  if (entry !== undefined) return [process.execPath, fileURLToPath(entry)]
  if (binary === undefined || binary === '') return [process.execPath, source]
  if (!existsSync(binary)) throw new Error(`RELAY_BIN names ${binary}, which is not there: npm run build:binary makes it`)
  return [resolve(binary)]
}

/** JSON is YAML. */
function written(config: object): string {
  return JSON.stringify({ listen: '127.0.0.1:0', workers: 2, drain: { delay: 0 }, ...config }, null, 2)
}

function sample(text: string, name: string, labels: readonly string[]): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  if (lines.length === 0 && !text.includes(`# TYPE ${name} `)) throw new Error(`there is no metric ${name}`)
  const wanted = lines.filter((line) => labels.every((label) => line.includes(label)))
  return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')
  return Number(pages) * 4096
}

function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`
  const isSocket = (name: string): boolean => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith('socket:')
    } catch {
      // It was closed between the two looks.
      return false
    }
  }
  return readdirSync(folder).filter(isSocket).length
}
