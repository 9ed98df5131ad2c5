import { echoFrame, echoPath, echoText, grpcFields } from './echo.ts'
import { measureHttp2, type Http2Load } from './h2load.ts'
import { freePort, listening, root, start, type Started } from './processes.ts'
import { contenders, startScript, startUpstream, type Proxy } from './proxies.ts'
import { messagesPath, requestBody, sdkFields } from './request.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import { configsFor, type Translation } from './translate-configs.ts'
import { measure, type Load, type Measured } from './wrk.ts'
import type { World } from './world.ts'

interface Shape {
  readonly kind: Translation
  readonly title: string
  readonly rivals: readonly string[]
}

const shapes: readonly Shape[] = [
  { kind: 'grpc', title: 'gRPC passed on', rivals: ['nginx', 'haproxy'] },
  { kind: 'json', title: 'JSON over HTTP/1.1 to gRPC', rivals: [] },
  { kind: 'http2', title: 'HTTP/2 callers on HTTP/1.1', rivals: ['nginx', 'haproxy'] },
]

/** Relay, HTTP/1.1 on both sides, the same call: what HTTP/2 is compared with. */
const plain = 'HTTP/1.1 callers'

/** What a translated call costs, beside those that translate too and the same proxy in grpc-js. */
export async function translate(world: World): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const shape of shapes) findings.push(await measured(world, shape))
  return findings
}

interface Runner {
  readonly name: string
  readonly proxy: Proxy
  readonly run: (seconds: number) => Promise<Measured>
}

async function measured(world: World, shape: Shape): Promise<Finding> {
  const { options, report } = world
  const samples = new Samples(report)
  const upstream = shape.kind === 'http2' ? await startUpstream(world) : await startGrpc(world)
  const runners = await startAll(world, shape, upstream.port)
  for (const { run } of runners) await run(Math.min(3, options.seconds))
  for (let round = 1; round <= options.rounds; round++) {
    for (const { name, run } of runners) {
      const { bad, ...values } = await run(options.seconds)
      samples.add({ section: 'translate', shape: shape.title, name, round, values: { ...values, bad } })
      report.say(`${shape.title}, round ${round}: ${name} ${values.cpu.toFixed(1)} µs, ${values.rate.toFixed(0)}/s`)
      if (bad > 0) report.trouble(`${name}: ${bad} calls of "${shape.title}" went wrong`)
    }
  }
  const names = new Set(runners.map(({ proxy }) => proxy.process))
  await Promise.all([...[...names].map((one) => one.stop()), upstream.process.stop()])
  return findingOf(shape, { samples, runners, world })
}

async function startGrpc(world: World): Promise<{ readonly port: number; readonly process: Started }> {
  const port = await freePort()
  const command = [process.execPath, `${root}/test/perf/grpc-upstream.ts`, String(port)] as const
  const started = start({ name: 'grpc-upstream', cores: [world.cores.load], command })
  await listening(started, port)
  return { port, process: started }
}

async function startAll(world: World, { kind, rivals }: Shape, upstream: number): Promise<readonly Runner[]> {
  const runners: Runner[] = []
  const wanted = { upstream, configs: configsFor(kind) }
  for (const { name, isRelay, start: begin } of contenders(world)) {
    if (!isRelay && !rivals.includes(name)) continue
    const proxy = await begin(wanted)
    runners.push({ name, proxy, run: runOf(world, proxy, kind) })
    if (isRelay && kind === 'http2')
      runners.push({ name: `${name}, ${plain}`, proxy, run: async (seconds) => measure(world, proxy, post(seconds)) })
  }
  if (kind === 'http2') return runners
  const script = [`${root}/test/perf/grpc-js-proxy.ts`, kind === 'grpc' ? 'pass' : 'json']
  const proxy = await startScript(world, 'grpc-js', script, { upstream })
  return [...runners, { name: 'grpc-js', proxy, run: runOf(world, proxy, kind) }]
}

function runOf(world: World, proxy: Proxy, kind: Translation): Runner['run'] {
  if (kind === 'json') return async (seconds) => measure(world, proxy, { ...post(seconds), call: jsonCall })
  const call = kind === 'grpc' ? grpcCall : sdkCall
  return async (seconds) => measureHttp2(world, proxy, { ...call, seconds })
}

function post(seconds: number): Load {
  return { method: 'POST', isTls: false, connections: 64, seconds }
}

const jsonCall = { path: echoPath, fields: [['content-type', 'application/json']] as const, body: JSON.stringify({ text: echoText }) }
const grpcCall: Omit<Http2Load, 'seconds'> = { path: echoPath, fields: grpcFields, body: echoFrame(echoText) }
const sdkCall: Omit<Http2Load, 'seconds'> = { path: messagesPath, fields: sdkFields, body: Buffer.from(requestBody) }

interface Found {
  readonly samples: Samples
  readonly runners: readonly Runner[]
  readonly world: World
}

function findingOf(shape: Shape, { samples, runners, world: { options } }: Found): Finding {
  const { title, kind } = shape
  const value = (name: string, key: string): number => samples.value(title, name, key)
  const compared = kind === 'http2' ? 'nginx' : 'grpc-js'
  const rows = runners.map(({ name, proxy }) => [
    name,
    shown(value(name, 'cpu'), 1),
    shown(samples.ratio(title, [name, compared], 'cpu'), 2),
    shown(value(name, 'rate'), 0),
    shown(value(name, 'p50'), 2),
    shown(value(name, 'p99'), 2),
    proxy.control !== null && !name.endsWith(plain) ? goals(shape, samples, name) : '',
  ])
  return {
    title: `${title}: 64 calls at once, ${options.seconds} s, medians of ${options.rounds} rounds`,
    columns: ['proxy', 'CPU µs a call', `× ${compared}`, 'calls/s', 'p50 ms', 'p99 ms', 'goals'],
    rows,
    notes: [],
  }
}

function goals({ kind, title }: Shape, samples: Samples, name: string): string {
  const cpu = samples.value(title, name, 'cpu')
  const toGrpcJs = samples.ratio(title, [name, 'grpc-js'], 'cpu')
  if (kind === 'json') return goal('≤ 1/2 grpc-js', toGrpcJs, toGrpcJs <= 0.5)
  if (kind === 'grpc') return [goal('≤ 60 µs', cpu, cpu <= 60), goal('≤ 1/2 grpc-js', toGrpcJs, toGrpcJs <= 0.5)].join(', ')
  const toPlain = samples.ratio(title, [name, `${name}, ${plain}`], 'cpu')
  return goal(`≤ 2.5 × HTTP/1.1 (${shown(toPlain, 2)})`, toPlain, toPlain <= 2.5)
}
