import { contenders, startUpstream, type Proxy } from './proxies.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import { measure, type Load } from './wrk.ts'
import type { World } from './world.ts'

interface Shape {
  readonly title: string
  readonly method: 'GET' | 'POST'
  readonly isTls: boolean
}

interface Runner {
  readonly proxy: Proxy
  readonly name: string
  readonly isRelay: boolean
  /** Takes part in this shape only. */
  readonly only: Shape | null
}

const post: Shape = { title: 'POST, 1.1 KB body', method: 'POST', isTls: false }
const shapes: readonly Shape[] = [
  post,
  { title: 'GET', method: 'GET', isTls: false },
  { title: 'POST over TLS', method: 'POST', isTls: true },
  { title: 'GET over TLS', method: 'GET', isTls: true },
]

/** What a call costs: CPU, calls a second, latency; clear and TLS. */
export async function calls(world: World): Promise<readonly Finding[]> {
  const { options, report } = world
  const samples = new Samples(report)
  const upstream = await startUpstream(world)
  const runners = await startAll(world, upstream.port)
  const findings: Finding[] = []
  for (const shape of shapes) {
    const taking = runners.filter(({ only, proxy }) => (only === null || only === shape) && (!shape.isTls || proxy.tls !== null))
    if (taking.length === 0) continue
    const load: Load = { ...shape, connections: options.connections, seconds: options.seconds }
    for (const { proxy } of taking) await measure(world, proxy, { ...load, seconds: Math.min(3, options.seconds) })
    for (let round = 1; round <= options.rounds; round++) {
      for (const { name, proxy } of taking) {
        const { bad, ...measured } = await measure(world, proxy, load)
        samples.add({ section: 'calls', shape: shape.title, name, round, values: { ...measured, bad } })
        report.say(`calls, ${shape.title}, round ${round}: ${name} ${measured.cpu.toFixed(1)} µs, ${measured.rate.toFixed(0)}/s`)
        if (bad > 0) report.trouble(`${name}: ${bad} calls of "${shape.title}" went wrong`)
      }
    }
    findings.push(findingOf(shape, { samples, runners: taking, options }))
  }
  await Promise.all([...runners.map(({ proxy }) => proxy.process.stop()), upstream.process.stop()])
  return findings
}

/** All at once; those that have nothing to do take nothing. */
async function startAll(world: World, upstream: number): Promise<readonly Runner[]> {
  const runners: Runner[] = []
  for (const { name, isRelay, start } of contenders(world)) {
    runners.push({ name, isRelay, only: null, proxy: await start({ upstream, tls: true }) })
    if (isRelay) runners.push({ name: `${name}, access log on`, isRelay, only: post, proxy: await start({ upstream, accessLog: true }) })
  }
  return runners
}

interface Found {
  readonly samples: Samples
  readonly runners: readonly Runner[]
  readonly options: World['options']
}

function findingOf(shape: Shape, { samples, runners, options }: Found): Finding {
  const value = (name: string, key: string): number => samples.value(shape.title, name, key)
  const rows = runners.map(({ name, isRelay, only }) => {
    const toNginx = samples.ratio(shape.title, [name, 'nginx'], 'cpu')
    return [
      name,
      shown(value(name, 'cpu'), 1),
      shown(toNginx, 2),
      shown(samples.ratio(shape.title, [name, 'caddy'], 'cpu'), 2),
      shown(value(name, 'rate'), 0),
      shown(value(name, 'p50'), 2),
      shown(value(name, 'p99'), 2),
      shown(value(name, 'core'), 0),
      isRelay && only === null && shape === post ? goals(samples, name) : '',
    ]
  })
  return {
    title: `${shape.title}: ${options.connections} connections, ${options.seconds} s, medians of ${options.rounds} rounds`,
    columns: ['proxy', 'CPU µs a call', '× nginx', '× caddy', 'calls/s', 'p50 ms', 'p99 ms', '% of its core', 'goals'],
    rows,
    notes: [],
  }
}

function goals(samples: Samples, name: string): string {
  const toNginx = samples.ratio(post.title, [name, 'nginx'], 'cpu')
  const toCaddy = samples.ratio(post.title, [name, 'caddy'], 'cpu')
  const rate = samples.value(post.title, name, 'rate')
  return [
    goal('≤ 1.7 × nginx', toNginx, toNginx <= 1.7),
    goal('(aim 1.4', toNginx, toNginx <= 1.4) + ')',
    goal('≤ 1/3 caddy', toCaddy, toCaddy <= 1 / 3),
    goal('≥ 30000/s', rate, rate >= 30_000),
  ].join(', ')
}
