import { controlClient } from '../../src/control/client.ts'
import { contenders, startUpstream, type Proxy } from './proxies.ts'
import { Samples, shown, type Finding } from './table.ts'
import { measure } from './wrk.ts'
import type { World } from './world.ts'

const modes = ['handover', 'reusePort'] as const
const connectionCounts = [8, 64, 1000]

interface Runner {
  readonly name: string
  readonly proxy: Proxy
}

interface Shape {
  readonly connections: number
  /** A new connection for each call. */
  readonly isFresh: boolean
}

/** How connections come to two workers, both ways: what it costs, and how evenly they are spread. */
export async function accept(world: World): Promise<readonly Finding[]> {
  const { options, report, cores } = world
  const samples = new Samples(report)
  const upstream = await startUpstream(world)
  const runners: Runner[] = []
  for (const { name, isRelay, start } of contenders(world)) {
    if (!isRelay) continue
    for (const mode of modes) {
      const proxy = await start({ upstream: upstream.port, accept: mode, workers: 2, cores: cores.pair })
      runners.push({ name: `${name}, ${mode}`, proxy })
    }
  }
  for (const { proxy } of runners) await warm(world, proxy)
  const shapes = [false, true].flatMap((isFresh) => connectionCounts.map((connections): Shape => ({ connections, isFresh })))
  for (const shape of shapes) {
    for (let round = 1; round <= options.rounds; round++) {
      for (const { name, proxy } of runners) {
        const { bad, share, ...measured } = await measureShared(world, proxy, shape)
        samples.add({ section: 'accept', shape: textOf(shape), name, round, values: { ...measured, bad, share } })
        report.say(`accept, ${textOf(shape)}, round ${round}: ${name} ${measured.cpu.toFixed(1)} µs, ${measured.rate.toFixed(0)}/s`)
        if (bad > 0) report.trouble(`${name}: ${bad} calls of "${textOf(shape)}" went wrong`)
      }
    }
  }
  await Promise.all([...runners.map(({ proxy }) => proxy.process.stop()), upstream.process.stop()])
  return [finding(world, { samples, runners, shapes })]
}

async function warm(world: World, proxy: Proxy): Promise<void> {
  for (const isFresh of [false, true]) {
    await measure(world, proxy, { method: 'POST', isTls: false, connections: 64, seconds: Math.min(3, world.options.seconds), isFresh })
  }
}

/** While the load runs, the control socket tells a few times which worker has how many connections. */
async function measureShared(world: World, proxy: Proxy, { connections, isFresh }: Shape) {
  const { seconds } = world.options
  const counts: number[] = []
  const client = controlClient(proxy.control ?? '')
  const ask = async (): Promise<void> => {
    const { workers } = await client.status()
    for (const { index, connections: open } of workers) counts[index] = (counts[index] ?? 0) + open
  }
  let asking = Promise.resolve()
  const failed = (error: unknown): void => world.report.trouble(`${proxy.name} does not tell its status: ${String(error)}`)
  const timer = setInterval(
    () => {
      asking = asking.then(ask).catch(failed)
    },
    (seconds * 1000) / 4,
  )
  const measured = await measure(world, proxy, { method: 'POST', isTls: false, connections, seconds, isFresh })
  clearInterval(timer)
  await asking
  await client.close()
  return { ...measured, share: (100 * Math.max(...counts)) / counts.reduce((sum, count) => sum + count, 0) }
}

interface Found {
  readonly samples: Samples
  readonly runners: readonly Runner[]
  readonly shapes: readonly Shape[]
}

function finding({ options, cores }: World, { samples, runners, shapes }: Found): Finding {
  const rows = shapes.flatMap((shape) =>
    runners.map(({ name }) => {
      const value = (key: string): number => samples.value(textOf(shape), name, key)
      return [
        textOf(shape),
        name,
        shown(value('rate'), 0),
        shown(value('cpu'), 1),
        shown(value('p50'), 2),
        shown(value('p99'), 2),
        `${shown(value('share'), 0)} : ${shown(100 - value('share'), 0)}`,
      ]
    }),
  )
  const shared = cores.pair.includes(cores.load) ? ', one of which load and upstream use too: calls/s is a lower bound' : ''
  return {
    title: `Two workers, POST, ${options.seconds} s, medians of ${options.rounds} rounds`,
    columns: ['connections', 'accept', 'calls/s', 'CPU µs a call', 'p50 ms', 'p99 ms', 'share of the workers %'],
    rows,
    notes: [`Relay is on cores ${cores.pair.join(' and ')}${shared}. The share is of the connections that are open under the load.`],
  }
}

function textOf({ connections, isFresh }: Shape): string {
  return `${connections}, ${isFresh ? 'a new one a call' : 'kept'}`
}
