import t from 'tap'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { get, rawCall } from './caller.ts'
import { fleet, type Ship } from './fleet.ts'
import { until } from './until.ts'

const streams = 200
const entry = new URL('../helpers/mortal-cli.ts', import.meta.url)

for (const accept of ['handover', 'reusePort'])
  for (const how of ['exception', 'heap']) {
    t.test(
      `a worker that dies under ${streams} streams takes its own with it and no others, and is replaced (${how}, ${accept})`,
      async (t) => {
        const { upstream, open, step, finish } = await fleet(t)
        const config = {
          accept,
          upstreams: { claude: { url: upstream.url, kind: 'claude' } },
          routes: { '/': { to: 'claude', headers: { reply: { set: { 'x-id': '${request.id}' } } } } },
        }
        const relay = await relayProcess(t, config, { entry, env: { HOW: how }, args: ['--worker-heap', '96'] })
        const ships = await open(relay.port, streams)
        const dying = await ofWorker(ships, 0)
        const living = await ofWorker(ships, 1)

        relay.child.kill('SIGUSR2')
        const ended = await Promise.all(dying.map(({ call }) => call.reply))
        await relay.logged('worker 0 ended')

        t.equal(dying.length + living.length, streams)
        t.ok(dying.length > 0 && living.length > 0)
        t.equal(ended.filter(({ end }) => end === 'whole').length, 0)
        await gauge(relay, 'relay_open_streams', living.length)
        await gauge(relay, 'relay_active_calls', living.length)
        await gauge(relay, 'relay_open_connections', living.length)
        await gauge(relay, 'relay_workers', 2)
        t.equal(await relay.metric('relay_worker_restarts_total'), 1)
        step()
        finish()
        const whole = await Promise.all(living.map(({ call }) => call.reply))
        t.equal(whole.filter(({ body, end }, at) => end === 'whole' && body.equals(living[at]!.expected)).length, living.length)
        for (const { call } of living) call.socket.destroy()
        for (const name of ['relay_open_streams', 'relay_active_calls', 'relay_open_connections']) await gauge(relay, name, 0)
        const again = await open(relay.port, 40)
        t.ok((await ofWorker(again, 0)).length > 0, 'the new worker serves')
        t.equal((await rawCall(relay.port, get('/nowhere')).head).status, 200)
      },
    )
  }

/** Relay's call ids begin with the number of their worker. */
async function ofWorker(ships: readonly Ship[], worker: number): Promise<readonly Ship[]> {
  const ids = await Promise.all(ships.map(async ({ call }) => (await call.head).fields.get('x-id') ?? ''))
  return ships.filter((_, at) => ids[at]!.startsWith(`req_${worker}`))
}

async function gauge(relay: RelayProcess, name: string, wanted: number): Promise<void> {
  await until(async () => (await relay.metric(name)) === wanted)
}
