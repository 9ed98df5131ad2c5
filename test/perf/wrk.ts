import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cpuBetween, cpuOf, processTree } from './cpu.ts'
import { folder, start } from './processes.ts'
import type { Proxy } from './proxies.ts'
import { messagesPath, requestBody, sdkFields } from './request.ts'
import type { World } from './world.ts'

/** A load of calls. */
export interface Load {
  readonly method: 'GET' | 'POST'
  readonly isTls: boolean
  readonly connections: number
  readonly seconds: number
  /** A new connection for each call. */
  readonly isFresh?: boolean
  /** Something else than the SDK's call. */
  readonly call?: { readonly path: string; readonly fields: readonly (readonly [string, string])[]; readonly body: string }
}

/** What a load cost, and how it went: µs of CPU a call, calls a second, ms, percent of one core. */
export interface Measured {
  readonly cpu: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly core: number
  readonly calls: number
  /** Answers other than 2xx, and socket errors. */
  readonly bad: number
}

/** Runs wrk against a proxy on the load's core, and counts what the proxy's processes used meanwhile. */
export async function measure(world: World, proxy: Proxy, load: Load): Promise<Measured> {
  const pids = processTree(proxy.process.pid)
  const before = cpuOf(pids)
  const startedAt = performance.now()
  const result = await run(world, proxy, load)
  const used = cpuBetween(before, cpuOf(pids))
  const wall = (performance.now() - startedAt) * 1000
  const { calls, duration, p50, p99, bad } = result
  return { cpu: used / calls, rate: calls / (duration / 1e6), p50: p50 / 1000, p99: p99 / 1000, core: (100 * used) / wall, calls, bad }
}

interface WrkResult {
  readonly calls: number
  readonly duration: number
  readonly p50: number
  readonly p99: number
  readonly bad: number
}

async function run(world: World, proxy: Proxy, load: Load): Promise<WrkResult> {
  const { method, isTls, connections, seconds, isFresh = false, call = sdkCall } = load
  const out = join(folder, 'wrk.json')
  writeFileSync(out, '')
  const script = scriptFor({ method, isFresh, call }, out)
  const url = isTls ? `https://127.0.0.1:${proxy.tls}${call.path}` : `http://127.0.0.1:${proxy.clear}${call.path}`
  const wrk = world.tools.wrk ?? 'wrk'
  const command = [wrk, '-t1', `-c${connections}`, `-d${seconds}`, '--latency', '--timeout', '10', '-s', script, url] as const
  const started = start({ name: 'wrk', cores: [world.cores.load], command })
  await once(started.child, 'exit')
  const text = readFileSync(out, 'utf8')
  if (text === '') throw new Error(`wrk said nothing\n${started.log()}`)
  // The script below writes it.
  return JSON.parse(text) as WrkResult
}

const sdkCall = { path: messagesPath, fields: sdkFields, body: requestBody }

function scriptFor({ method, isFresh, call }: Required<Pick<Load, 'method' | 'isFresh' | 'call'>>, out: string): string {
  const path = join(folder, `${method}${isFresh ? '-fresh' : ''}.lua`)
  const fields = [...call.fields, ...(isFresh ? [['connection', 'close'] as const] : [])]
  const lines = [
    `wrk.method = ${JSON.stringify(method)}`,
    ...fields.map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`),
    ...(method === 'POST' ? [`wrk.body = [==[${call.body}]==]`] : []),
    'function done(summary, latency)',
    '  local e = summary.errors',
    `  local file = io.open(${JSON.stringify(out)}, "w")`,
    '  file:write(string.format(\'{"calls":%d,"duration":%d,"p50":%d,"p99":%d,"bad":%d}\', summary.requests, summary.duration,',
    '    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))',
    '  file:close()',
    'end',
  ]
  writeFileSync(path, lines.join('\n'))
  return path
}
