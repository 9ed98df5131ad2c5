import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Status } from '../../src/control/api.ts'
import { openFiles } from './machine.ts'
import { pause } from './numbers.ts'
import { folder, freePort, hasEnded, listening, start, type Started } from './processes.ts'
import { caddyProxy, haproxyProxy, nginxProxy, nginxUpstream, relayConfig, secretName, type ProxySetting } from './proxy-configs.ts'
import type { World } from './world.ts'

/** A proxy that listens. */
export interface Proxy {
  readonly name: string
  readonly process: Started
  readonly clear: number
  /** null: it has no TLS listener. */
  readonly tls: number | null
  /** Relay's control socket. */
  readonly control: string | null
}

/** What a section wants of a proxy. */
export interface Wanted {
  readonly upstream: number
  readonly tls?: boolean
  readonly isUnbuffered?: boolean
  readonly workers?: number
  readonly accept?: 'handover' | 'reusePort'
  readonly accessLog?: boolean
  readonly cores?: readonly number[]
  /** Configurations of another kind than calls are measured with. */
  readonly configs?: { readonly nginx: ConfigOf; readonly haproxy: ConfigOf; readonly relay: ConfigOf }
}

type ConfigOf = (setting: ProxySetting) => string

/** A proxy that can be started: the ratios are taken to nginx, which stands first. */
export interface Contender {
  readonly name: string
  readonly isRelay: boolean
  readonly start: (wanted: Wanted) => Promise<Proxy>
}

/** Who takes part: what is installed, and every relay. Caddy and HAProxy stand last, so that nginx and relay are neighbours in time. */
export function contenders(world: World): readonly Contender[] {
  const { options, tools } = world
  const others = [
    tools.nginx === null ? null : { name: 'nginx', isRelay: false, start: (wanted: Wanted) => startNginx(world, wanted) },
    ...world.relays.map(({ name, command }) => ({
      name,
      isRelay: true,
      start: (wanted: Wanted) => startRelay(world, { ...wanted, name, command }),
    })),
    tools.haproxy === null ? null : { name: 'haproxy', isRelay: false, start: (wanted: Wanted) => startHaproxy(world, wanted) },
    tools.caddy === null ? null : { name: 'caddy', isRelay: false, start: (wanted: Wanted) => startCaddy(world, wanted) },
  ]
  return others.filter((one) => one !== null).filter(({ name }) => options.only === null || name === 'nginx' || options.only.includes(name))
}

/** nginx with a fixed answer, on the core of the load. */
export async function startUpstream(world: World): Promise<{ readonly port: number; readonly process: Started }> {
  const port = await freePort()
  const path = write('upstream.conf', nginxUpstream(port))
  const process = start({ name: 'upstream', cores: [world.cores.load], command: nginxCommand(world, path) })
  await listening(process, port)
  return { port, process }
}

async function startNginx(world: World, wanted: Wanted): Promise<Proxy> {
  const setting = await settingFor(world, wanted)
  const path = write('nginx.conf', (wanted.configs?.nginx ?? nginxProxy)(setting))
  return begun(world, { name: 'nginx', setting, wanted, command: nginxCommand(world, path) })
}

async function startCaddy(world: World, wanted: Wanted): Promise<Proxy> {
  const setting = await settingFor(world, wanted)
  const path = write('Caddyfile', caddyProxy(setting))
  const command = [world.tools.caddy ?? 'caddy', 'run', '--config', path, '--adapter', 'caddyfile'] as const
  return begun(world, { name: 'caddy', setting, wanted, command, env: { GOMAXPROCS: '1' } })
}

async function startHaproxy(world: World, wanted: Wanted): Promise<Proxy> {
  const setting = await settingFor(world, wanted)
  const path = write('haproxy.cfg', (wanted.configs?.haproxy ?? haproxyProxy)(setting))
  return begun(world, { name: 'haproxy', setting, wanted, command: [world.tools.haproxy ?? 'haproxy', '-f', path] })
}

interface RelayWanted extends Wanted {
  readonly name: string
  readonly command: string
}

let relays = 0

async function startRelay(world: World, wanted: RelayWanted): Promise<Proxy> {
  const { workers = 1, accept = 'handover', accessLog = false } = wanted
  const setting = await settingFor(world, wanted)
  const number = relays++
  const config = wanted.configs?.relay(setting) ?? relayConfig({ ...setting, workers, accept, accessLog })
  const path = write(`relay-${number}.json`, config)
  const control = `${folder}/relay-${number}.sock`
  const command = ['sh', '-c', `exec ${wanted.command} "$@"`, 'relay', 'start', '--config', path, '--control', control, '--json'] as const
  const process = start({
    name: wanted.name,
    cores: wanted.cores ?? [world.cores.proxy],
    command,
    env: { [secretName]: 'sk-ant-perf-0123456789abcdef' },
    output: 'pipe',
    errors: accessLog ? 'nowhere' : 'file',
  })
  await startedLine(process)
  return { name: wanted.name, process, clear: setting.clear, tls: setting.tls?.port ?? null, control }
}

/** Relay says that it listens by one line of JSON. */
async function startedLine(started: Started): Promise<Status> {
  const lines = createInterface({ input: started.child.stdout! })
  const first = new Promise<string>((resolve) => lines.once('line', resolve))
  for (let waited = 0; waited < 20_000; waited += 50) {
    const line = await Promise.race([first, pause(50)])
    // The line is relay's own answer to `--json`.
    if (line !== undefined) return JSON.parse(line) as Status
    if (hasEnded(started.child)) break
  }
  throw new Error(`${started.name} did not start\n${started.log()}`)
}

/** A program of this tree's as a proxy: its arguments stand before its port and `HOST:PORT` of its upstream. */
export async function startScript(world: World, name: string, args: readonly string[], wanted: Wanted): Promise<Proxy> {
  const setting = await settingFor(world, wanted)
  const command = [process.execPath, ...args, String(setting.clear), `127.0.0.1:${wanted.upstream}`] as const
  return begun(world, { name, setting, wanted, command })
}

interface Begin {
  readonly name: string
  readonly setting: ProxySetting
  readonly wanted: Wanted
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
}

async function begun(world: World, { name, setting, wanted, command, env = {} }: Begin): Promise<Proxy> {
  const process = start({ name, cores: wanted.cores ?? [world.cores.proxy], command, env })
  await listening(process, setting.clear)
  return { name, process, clear: setting.clear, tls: setting.tls?.port ?? null, control: null }
}

async function settingFor(world: World, { upstream, tls = false, isUnbuffered = false }: Wanted): Promise<ProxySetting> {
  const { certificate } = world
  const secure = tls && certificate !== null ? { port: await freePort(), ...certificate } : null
  return { clear: await freePort(), tls: secure, upstream, isUnbuffered }
}

function nginxCommand({ tools }: World, path: string): readonly [string, ...string[]] {
  return [tools.nginx ?? 'nginx', '-c', path, '-p', folder, '-e', `${path}.err`]
}

function write(name: string, text: string): string {
  const path = `${folder}/${name}`
  writeFileSync(path, text)
  return path
}

/** Whether this process may have so many connections; if not, says so. */
export function allows(connections: number): string | null {
  const limit = openFiles()
  return connections + 200 <= limit
    ? null
    : `${connections} connections need more open files than the ${limit} that are allowed here (ulimit -n)`
}
