import { writeFileSync } from 'node:fs'
import { digestOf, keyOf } from '../flows/tenancy.ts'
import { helper, type Helper } from './helper.ts'
import type { Stream, StreamRun } from './isolation-load.ts'
import { folder, freePort, listening, start, type Started } from './processes.ts'
import { startUpstream } from './proxies.ts'
import { secretName } from './proxy-configs.ts'
import { messagesPath, requestBody } from './request.ts'
import { goal, Samples, shown, type Finding } from './table.ts'
import type { World } from './world.ts'

const limits = { a: 100, b: 1000 }
const rates = { a: 20 * limits.a, b: limits.b / 2 }
const names = ['B alone', 'B, and the load of A goes elsewhere', 'B beside the burst of A']

/** What one tenant's burst does to another's calls. */
export async function isolation(world: World): Promise<readonly Finding[]> {
  const { report, options, cores } = world
  const samples = new Samples(report)
  const upstream = await startUpstream(world)
  for (const { name: relay, command } of world.relays) {
    const { port, process } = await startTenants(world, command, upstream.port)
    const load = helper('isolation-load.ts', cores.load)
    const shapes: Readonly<Record<string, readonly Stream[]>> = {
      [names[0]!]: [streamOf('b', port)],
      [names[1]!]: [streamOf('b', port), streamOf('a', upstream.port)],
      [names[2]!]: [streamOf('b', port), streamOf('a', port)],
    }
    // Code that has just been compiled is not what runs in a relay.
    for (const streams of Object.values(shapes)) await load.ask('run', 2, streams)
    for (let round = 1; round <= options.rounds; round++)
      for (const [name, streams] of Object.entries(shapes)) {
        const values = await measured(load, options.seconds, streams)
        samples.add({ section: 'isolation', shape: relay, name, round, values })
        report.say(`isolation, round ${round}: ${name}, p99 ${shown(values.p99, 2)} ms`)
        const { refused, failed, late } = values
        if (refused + failed + late > 0)
          report.trouble(`${name}: ${refused} calls of B were refused, ${failed} failed, ${late} found no connection`)
      }
    await Promise.all([load.process.stop(), process.stop()])
  }
  await upstream.process.stop()
  return world.relays.map(({ name }) => table(samples, name))
}

async function measured(load: Helper, seconds: number, streams: readonly Stream[]) {
  const [b, a] = await load.ask<readonly StreamRun[]>('run', seconds, streams)
  return { ...b!, ofA: a === undefined ? NaN : a.passed / seconds, refusedOfA: a === undefined ? NaN : a.refused / seconds }
}

function streamOf(tenant: 'a' | 'b', port: number): Stream {
  const fields = ['host: relay', `x-api-key: ${keyOf(tenant)}`, 'anthropic-version: 2023-06-01', 'content-type: application/json']
  const head = `POST ${messagesPath} HTTP/1.1\r\n${fields.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(requestBody)}\r\n\r\n`
  return { port, rate: rates[tenant], connections: 64, request: head + requestBody }
}

async function startTenants(
  { cores }: World,
  command: string,
  upstream: number,
): Promise<{ readonly port: number; readonly process: Started }> {
  const port = await freePort()
  const path = `${folder}/isolation.json`
  const tenant = (name: 'a' | 'b') => ({ keys: [digestOf(keyOf(name))], requests: `${limits[name]}/s`, budget: '1000000usd/month' })
  const config = {
    listen: `127.0.0.1:${port}`,
    admin: false,
    workers: 1,
    drain: { delay: 0, grace: '1s', streamGrace: '1s' },
    log: { level: 'warn', access: false },
    upstreams: { origin: { url: `http://127.0.0.1:${upstream}`, kind: 'claude', credential: { env: secretName } } },
    tenants: { a: tenant('a'), b: tenant('b') },
    prices: { 'claude-perf': { input: 5, output: 25 } },
    routes: { '/': 'origin' },
    ledger: { file: `${folder}/isolation.db` },
  }
  writeFileSync(path, JSON.stringify(config))
  const process = start({
    name: 'relay',
    cores: [cores.proxy],
    command: ['sh', '-c', `exec ${command} "$@"`, 'relay', 'start', '--config', path, '--control', `${folder}/isolation.sock`],
    env: { [secretName]: 'sk-ant-perf-0123456789abcdef' },
  })
  await listening(process, port)
  return { port, process }
}

function table(samples: Samples, relay: string): Finding {
  const value = (name: string, key: string): number => samples.value(relay, name, key)
  const rows = names.map((name, at) => {
    const toAlone = samples.ratio(relay, [name, names[0]!], 'p99')
    return [
      name,
      shown(value(name, 'p50'), 2),
      shown(value(name, 'p99'), 2),
      shown(toAlone, 2),
      shown(samples.sum(relay, name, 'refused'), 0),
      shown(value(name, 'ofA'), 0),
      shown(value(name, 'refusedOfA'), 0),
      at === 2 ? goal('≤ 1.10 × alone', toAlone, toAlone <= 1.1) : '',
    ]
  })
  return {
    title: `${relay}: A offers ${rates.a} calls/s, 20 times its limit, and B ${rates.b}, half of its own`,
    columns: ['', 'p50 ms', 'p99 ms', '× alone', "B's refused", "A's passed/s", "A's refused/s", 'goal'],
    rows,
    notes: [
      'One worker; limits on requests and money, and the ledger. Times are from when a call was due. Both loads come from one process on one core, so the second line shows what that alone does.',
    ],
  }
}
