import { cpuBetween, cpuOf, processTree, residentKb } from './cpu.ts'
import { helper, type Helper } from './helper.ts'
import { pause } from './numbers.ts'
import { allows, contenders, type Proxy } from './proxies.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

const periodMs = 50
const rampMs = 2000
const settleMs = 500

/** What a streamed event and an open stream cost, and what comes late, changed or not at all. */
export async function streams(world: World): Promise<readonly Finding[]> {
  const { options, report } = world
  const problem = allows(options.streams * 2)
  if (problem !== null) {
    report.say(`streams: left out, ${problem}`)
    return []
  }
  const samples = new Samples(report)
  const taking = contenders(world)
  for (let round = 1; round <= options.rounds; round++) {
    for (const one of [null, ...taking]) {
      const name = one?.name ?? 'direct'
      const upstream = helper('sse-upstream.ts', world.cores.load)
      const port = await upstream.ask<number>('listen')
      const proxy = one === null ? null : await one.start({ upstream: port, isUnbuffered: true })
      const { why, ...values } = await stream(world, proxy, proxy?.clear ?? port)
      samples.add({ section: 'streams', shape: '', name, round, values })
      report.say(`streams, round ${round}: ${name} ${shown(values.cpu, 1)} µs an event, first event ${values.first50.toFixed(2)} ms`)
      if (values.lost + values.changed + values.broken > 0)
        report.trouble(`${name}: ${values.lost} events lost, ${values.changed} changed, ${values.broken} streams broken (${why})`)
      await proxy?.process.stop()
      await upstream.process.stop()
    }
  }
  return [finding(world, samples)]
}

interface Told {
  readonly events: number
  readonly lost: number
  readonly changed: number
  readonly broken: number
  readonly why: string
  readonly first50: number
  readonly first99: number
  readonly event50: number
  readonly event99: number
}

async function stream({ options, cores }: World, proxy: Proxy | null, port: number) {
  const load = helper('sse-load.ts', cores.load)
  await load.ask('warm', port)
  await pause(1000)
  // Not before: a server may fork its workers after it listens.
  const pids = proxy === null ? [] : processTree(proxy.process.pid)
  const before = residentKb(pids)
  const lengthMs = rampMs + 2 * settleMs + options.seconds * 1000
  await load.ask('open', port, options.streams, { events: Math.ceil(lengthMs / periodMs), periodMs, overMs: rampMs })
  await pause(settleMs)
  const measured = await window(load, pids, options.seconds)
  const held = residentKb(pids)
  const told = await load.ask<Told>('finish', lengthMs + 15_000)
  await load.process.stop()
  const isMeasured = pids.length > 0
  return { ...told, ...measured, kb: isMeasured ? (held - before) / options.streams : NaN }
}

async function window(load: Helper, pids: readonly number[], seconds: number) {
  const cpu = cpuOf(pids)
  const startedAt = performance.now()
  await load.ask('begin')
  await pause(seconds * 1000)
  const count = await load.ask<number>('counted')
  const used = cpuBetween(cpu, cpuOf(pids))
  const core = used / ((performance.now() - startedAt) * 10)
  return pids.length === 0 ? { cpu: NaN, core: NaN, rate: count / seconds } : { cpu: used / count, core, rate: count / seconds }
}

function finding(world: World, samples: Samples): Finding {
  const { options } = world
  const value = (name: string, key: string): number => samples.value('', name, key)
  const rows = ['direct', ...contenders(world).map(({ name }) => name)].map((name) => [
    name,
    shown(value(name, 'cpu'), 1),
    shown(samples.ratio('', [name, 'nginx'], 'cpu'), 2),
    shown(value(name, 'kb'), 1),
    shown(value(name, 'first50'), 2),
    shown(samples.difference('', [name, 'nginx'], 'first50'), 2),
    shown(value(name, 'first99'), 2),
    shown(value(name, 'event50'), 2),
    shown(value(name, 'event99'), 2),
    shown(value(name, 'rate'), 0),
    String(samples.sum('', name, 'lost')),
    String(samples.sum('', name, 'changed')),
    shown(value(name, 'core'), 0),
    world.relays.some((relay) => relay.name === name) ? goals(samples, name) : '',
  ])
  return {
    title: `${options.streams} SSE streams of ${1000 / periodMs} events a second, ${options.seconds} s, medians of ${options.rounds} rounds`,
    columns: [
      ...['proxy', 'CPU µs an event', '× nginx', 'kB a stream', 'first event p50 ms', '− nginx', 'p99'],
      ...['event p50 ms', 'p99', 'events/s', 'lost', 'changed', '% of its core', 'goals'],
    ],
    rows,
    notes: [],
  }
}

function goals(samples: Samples, name: string): string {
  const toNginx = samples.ratio('', [name, 'nginx'], 'cpu')
  const kb = samples.value('', name, 'kb')
  const later = samples.difference('', [name, 'nginx'], 'first50')
  return [goal('≤ 1.5 × nginx', toNginx, toNginx <= 1.5), goal('≤ 14 kB', kb, kb <= 14), goal('≤ 0.2 ms later', later, later <= 0.2)].join(
    ', ',
  )
}
