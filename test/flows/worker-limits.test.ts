import t from 'tap'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { rawCall, type RawCall } from './caller.ts'
import { agreeing, ask, replied, sumsOf, type Made } from './ledger-world.ts'
import { origin, type OriginCall } from './origin.ts'
import { messageCall, rowsFor, rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const entry = new URL('../helpers/mortal-cli.ts', import.meta.url)
const most = 40
/** A call costs a dollar, as it is and as it is expected to be. */
const price = { input: 0, output: 100_000 }
const unbounded = { requests: '1000000/m', budget: '1000000usd/month' }
const flushMs = 200

/** One whose limits are full of calls that the upstream keeps; what the others ask is answered at once. */
interface World {
  readonly relay: RelayProcess
  readonly open: (count: number) => readonly RawCall[]
  readonly out: OriginCall[]
  /** How many of the calls that were opened were refused. */
  readonly refused: () => number
}

type Scope = Parameters<typeof origin>[0]

async function world(t: Scope, how: string, limits: object, sync = false): Promise<World> {
  const out: OriginCall[] = []
  let refused = 0
  const upstream = await origin(t, (call) => (call.body.includes('is kept') ? void out.push(call) : replied(call)))
  const config = {
    upstreams: { claude: { url: upstream.url, kind: 'claude', credential: { env: 'SHARED_KEY' } } },
    routes: { '/': 'claude' },
    headers: { request: { set: { 'x-id': '${request.id}' } }, reply: { set: { 'x-id': '${request.id}' } } },
    prices: { 'claude-opus-5-5': price },
    tenants: { ...tenantsWith(['full'], limits), ...tenantsWith(['other'], unbounded) },
    ledger: { flush: `${flushMs}ms`, sync },
    log: { access: false },
    shed: false,
  }
  const env = { HOW: how, SHARED_KEY: 'sk-ant-shared' }
  const relay = await relayProcess(t, config, { entry, env, args: ['--worker-heap', '96'] })
  return {
    relay,
    out,
    refused: () => refused,
    open: (count) =>
      Array.from({ length: count }, () => {
        const messages = [{ role: 'user', content: 'it is kept' }]
        const call = rawCall(relay.port, messageCall('full', { max_tokens: 10, messages }))
        call.head.then(
          ({ status }) => (refused += Number(status === 429)),
          () => undefined,
        )
        return call
      }),
  }
}

/** Asks and asks again, also while workers die; the calls that were made whole. */
function stubborn(url: string): { readonly made: readonly Made[]; readonly stop: () => Promise<unknown> } {
  const made: Made[] = []
  const over = new AbortController()
  const lane = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const reply = await ask(url, 'other')
      if (reply !== null) made.push(reply)
    }
  }
  const ended = Promise.all([lane(), lane(), lane(), lane()])
  return {
    made,
    stop: async () => {
      over.abort()
      return ended
    },
  }
}

/** Looks at counters until it is stopped; what went back meanwhile. */
function watchCounters(relay: RelayProcess): () => Promise<readonly string[]> {
  const names = ['relay_calls_total', 'relay_tenant_calls_total', 'relay_tenant_tokens_total', 'relay_tenant_cost_usd_total']
  const back: string[] = []
  const over = new AbortController()
  const watching = (async () => {
    const last = new Map<string, number>()
    while (!over.signal.aborted)
      for (const name of names) {
        const value = await relay.metric(name)
        if (value < (last.get(name) ?? 0)) back.push(`${name}: ${last.get(name)} -> ${value}`)
        last.set(name, value)
      }
  })()
  return async () => {
    over.abort()
    await watching
    return back
  }
}

const cases = [
  ['exception', 'permits', { concurrency: most }],
  ['exception', 'reserved money', { budget: `${most}usd/month` }],
  ['heap', 'permits and reserved money', { concurrency: most, budget: `${2 * most}usd/month` }],
] as const

for (const [how, what, limits] of cases)
  t.test(`a worker that dies under load (${how}): the ${what} of its calls are free at once, and nobody else's are touched`, async (t) => {
    const { relay, open, out, refused } = await world(t, how, limits)
    const { made, stop } = stubborn(relay.url)
    const wentBack = watchCounters(relay)
    const calls = open(most)
    await until(() => out.length === most)
    open(1)
    await until(() => refused() === 1)
    const dying = out.filter(({ fields }) => fields.get('x-id')!.startsWith('req_0')).length
    await until(() => made.filter(({ id }) => id.startsWith('req_0')).length > 20)

    const diedAt = performance.now()
    relay.child.kill('SIGUSR2')
    await relay.logged('worker 0 ended')
    const more = open(dying)
    await until(() => out.length === most + dying || refused() > 1)
    open(1)
    await until(() => refused() === 2)

    t.ok(dying > 0 && dying < most, `${dying} calls died`)
    t.equal(out.length, most + dying, 'as many as have died, and not one more')
    for (const call of out) if (!call.socket.destroyed) replied(call)
    const ends = await Promise.all(
      [...calls, ...more].map(async ({ reply }) =>
        reply.then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    )
    t.equal(ends.filter((status) => status === 200).length, most, 'all others are whole')
    await stop()
    t.strictSame(await wentBack(), [], 'no counter went back')
    const whole = made.filter(({ endedAt, id }) => endedAt < diedAt - flushMs || id.startsWith('req_1'))
    await until(() => rowsOf(relay, 'full').filter(({ end }) => end === 'done').length === most)
    await until(() => has(relay, whole))
    await until(() => Object.entries(agreeing).every(([name, value]) => sumsOf(relay)[name] === value))
    t.ok(made.every(({ status }) => status === 200))
    const rows = await rowsFor(relay, 'full', most)
    t.equal(
      rows.filter(({ end }) => end === 'done').reduce((sum, row) => sum + (row.costNanoUsd ?? 0), 0),
      most * 1e9,
    )
  })

t.test(
  'with sync, what the calls of a worker that dies are taken to have spent is spent at once: nobody else gets that money',
  async (t) => {
    const { relay, open, out, refused } = await world(t, 'exception', { budget: `${most}usd/month` }, true)
    const calls = open(most)
    await until(() => out.length === most)
    const dying = out.filter(({ fields }) => fields.get('x-id')!.startsWith('req_0')).length

    relay.child.kill('SIGUSR2')
    await relay.logged('worker 0 ended')
    open(dying)
    await until(() => refused() === dying)
    for (const call of out) if (!call.socket.destroyed) replied(call)
    await Promise.allSettled(calls.map(({ reply }) => reply))

    t.ok(dying > 0, `${dying} calls died`)
    t.equal(out.length, most)
    await until(() => rowsOf(relay, 'full').filter(({ end }) => end === 'done').length === most - dying)
    const spent = rowsOf(relay, 'full').reduce((sum, row) => sum + (row.costNanoUsd ?? 0), 0)
    t.equal(spent, most * 1e9, 'the bill is the budget')
    t.equal(rowsOf(relay, 'full').filter(({ end }) => end === 'lost').length, dying)
  },
)

/** Whether all these calls have their rows. */
function has(relay: RelayProcess, made: readonly Made[]): boolean {
  const ids = new Set(rowsOf(relay, 'other').map(({ id }) => id))
  return made.every(({ id }) => ids.has(id))
}
