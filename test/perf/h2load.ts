import { once } from 'node:events'
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpuBetween, cpuOf, processTree } from './cpu.ts'
import { Column } from './numbers.ts'
import { folder, start } from './processes.ts'
import type { Proxy } from './proxies.ts'
import type { World } from './world.ts'
import type { Measured } from './wrk.ts'

/** A load of HTTP/2 calls in the clear. */
export interface Http2Load {
  readonly path: string
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Buffer
  readonly seconds: number
}

/** Connections, and calls at once on each: 64 in all, as many as the other loads have. */
const clients = 8
const streams = 8

/** Runs h2load against a proxy on the load's core, and counts what the proxy's processes used meanwhile. */
export async function measureHttp2(world: World, proxy: Proxy, load: Http2Load): Promise<Measured> {
  const pids = processTree(proxy.process.pid)
  const before = cpuOf(pids)
  const startedAt = performance.now()
  const { calls, bad, times } = await run(world, proxy, load)
  const used = cpuBetween(before, cpuOf(pids))
  const wall = (performance.now() - startedAt) * 1000
  const [p50, p99] = [times.percentile(50) / 1000, times.percentile(99) / 1000]
  return { cpu: used / calls, rate: calls / load.seconds, p50, p99, core: (100 * used) / wall, calls, bad }
}

interface Result {
  readonly calls: number
  readonly bad: number
  /** µs. */
  readonly times: Column
}

async function run(world: World, proxy: Proxy, { path, fields, body, seconds }: Http2Load): Promise<Result> {
  const file = join(folder, 'h2load.body')
  const log = join(folder, 'h2load.log')
  writeFileSync(file, body)
  writeFileSync(log, '')
  const flags = ['-t1', `-c${clients}`, `-m${streams}`, `-D${seconds}`, `--log-file=${log}`, '-d', file]
  const heads = fields.flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const url = `http://127.0.0.1:${proxy.clear}${path}`
  const started = start({ name: 'h2load', cores: [world.cores.load], command: [world.tools.h2load ?? 'h2load', ...flags, ...heads, url] })
  await once(started.child, 'exit')
  return readLog(readFileSync(log, 'latin1'), started.log())
}

/** A line a call: when it began, its status (-1: none) and its time in µs. */
function readLog(text: string, said: string): Result {
  const times = new Column()
  let bad = 0
  for (const line of text.split('\n')) {
    const [, status, time] = line.split('\t')
    if (status === undefined) continue
    if (status === '200') times.add(Number(time))
    else bad++
  }
  if (times.size === 0) throw new Error(`h2load counted no call\n${said}`)
  return { calls: times.size, bad, times }
}
