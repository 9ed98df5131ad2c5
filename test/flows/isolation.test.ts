import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { rawCall } from './caller.ts'
import { answer, origin, type OriginCall } from './origin.ts'
import { keyOf, messageCall, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const usage = { input_tokens: 10, output_tokens: 10 }
const message = answer(200, JSON.stringify({ type: 'message', model: 'claude-opus-5-5', content: [], usage }))
let serve = ({ socket }: OriginCall): void => void socket.write(message)
const upstream = await origin(t, (call) => serve(call))

/** What 20 calls use is the limit; where nothing is refilled counts are exact. */
const kinds: Readonly<Record<string, object>> = {
  requests: { requests: { rate: '1/month', burst: 20 } },
  input: { inputTokens: { rate: '1/month', burst: 200 } },
  output: { outputTokens: { rate: '1/month', burst: 200 } },
  // Ten tokens of input and ten of output, at 4 and 20 USD a million.
  money: { budget: '0.0048usd/month' },
  // Refilled so fast that calls wait for it where the route lets them.
  quick: { requests: { rate: '4/s', burst: 4 } },
}
const offered = 20 * 20
const quickOffered = 20 * 4
const most = 4
const routes = ['plain', 'queued']
const pairs = [...Object.keys(kinds), 'calls'].flatMap((kind) => routes.map((route) => `${kind}-${route}`))
const tenants = Object.fromEntries(
  pairs.flatMap((pair) => {
    const limits = kinds[pair.split('-')[0]!] ?? { concurrency: most }
    return Object.entries(tenantsWith([`a-${pair}`, `b-${pair}`], limits))
  }),
)
const quiet = tenantsWith(['quiet'], { requests: { rate: '1/month', burst: 20 } })

const config = {
  upstreams: { claude: { url: upstream.url, kind: 'claude', credential: { env: 'SHARED_KEY' } } },
  routes: {
    plain: { to: 'claude', rewrite: '/' },
    // So short that A alone fills it: a call of B that had to wait would be refused.
    queued: { to: 'claude', rewrite: '/', queue: { size: 2, timeout: '20s' } },
  },
  tenants: { ...tenants, ...quiet },
  prices: { 'claude-opus-5-5': { input: 4, output: 20 } },
  ledger: { flush: '50ms' },
  log: { access: false },
  shed: false,
}
const relay = await relayProcess(t, config, { env: { SHARED_KEY: 'sk-ant-shared' } })

type Statuses = Readonly<Record<number, number>>

/** One call with a key: its status, and how many requests are left. */
async function call(key: string, route: string): Promise<Response> {
  const body = { model: 'claude-opus-5-5', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }
  const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  const reply = await fetch(`${relay.url}/${route}/v1/messages`, { method: 'POST', headers, body: JSON.stringify(body) })
  await reply.arrayBuffer()
  return reply
}

/** So many calls, some of them at once: how many ended with each status. */
async function offer(count: number, atOnce: number, one: () => Promise<Response>): Promise<Statuses> {
  const statuses: Record<number, number> = {}
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { status } = await one()
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, lane))
  return statuses
}

async function refusals(tenant: string): Promise<number> {
  return relay.metric('relay_limit_hits_total', `tenant="${tenant}"`)
}

for (const pair of pairs.filter((pair) => !pair.startsWith('calls'))) {
  const [kind = '', route = ''] = pair.split('-')
  const [ofA, ofB] = kind === 'quick' ? [quickOffered, 2] : [offered, 10]
  t.test(`A offers 20 times its limit of ${kind} on a ${route} route, and none of B's calls is refused or waits`, async (t) => {
    const [a, b] = await Promise.all([
      offer(ofA, 40, () => call(keyOf(`a-${pair}`), route)),
      offer(ofB, 1, () => call(keyOf(`b-${pair}`), route)),
    ])

    t.strictSame(b, { 200: ofB })
    t.equal(await refusals(`b-${pair}`), 0)
    t.equal((a[200] ?? 0) + (a[429] ?? 0), ofA, 'nothing else becomes of calls')
    if (kind === 'requests') t.equal(a[200], 20)
    else if (kind !== 'quick') t.ok((a[200] ?? 0) > 0 && (a[200] ?? 0) <= 20, `${a[200]} of A's calls`)
    t.ok((a[429] ?? 0) > 0)
  })
}

for (const route of routes)
  t.test(`A has 20 times as many calls open as it may on a ${route} route, and B's go out at once`, async (t) => {
    const out = { a: [] as OriginCall[], b: [] as OriginCall[] }
    const before = serve
    serve = (call) => void out[call.body.includes('of B') ? 'b' : 'a'].push(call)
    t.teardown(() => (serve = before))
    const open = (tenant: string, whose: string) =>
      rawCall(relay.port, messageCall(tenant, { messages: [{ role: 'user', content: `of ${whose}` }] }, `/${route}/v1/messages`))
    const ofA = Array.from({ length: 20 * most }, () => open(`a-calls-${route}`, 'A'))
    let refused = 0
    for (const { head } of ofA) void head.then(({ status }) => (refused += Number(status === 429)))
    // Two places over all workers, and one at least in each of the two.
    const places = async (): Promise<number> => relay.metric('relay_queue_waiting', `route="queued"`)
    await until(async () => refused + (await places()) === 20 * most - most)
    const waiting = await places()
    t.ok(route === 'queued' ? waiting === 2 || waiting === 3 : waiting === 0, `${waiting} calls wait`)

    const ofB = Array.from({ length: most / 2 }, () => open(`b-calls-${route}`, 'B'))
    await until(() => out.b.length === most / 2)

    t.equal(out.a.length, most, 'all that A may have')
    t.equal(await places(), waiting, 'those of A, and none of B')
    t.equal(await refusals(`b-calls-${route}`), 0)
    serve = before
    for (const { socket } of [...out.a, ...out.b]) socket.write(message)
    t.strictSame(await Promise.all(ofB.map(async ({ reply }) => (await reply).status)), [200, 200])
    const all = await Promise.all(ofA.map(async ({ reply }) => (await reply).status))
    t.equal(all.filter((status) => status === 200).length, most + waiting)
    for (const { socket } of [...ofA, ...ofB]) socket.destroy()
  })

t.test('a flood of keys that nobody knows takes nothing from anybody', async (t) => {
  const keys = [keyOf('nobody'), 'sk-ant-api03-of-nobody', '', `rk_${'x'.repeat(60)}`]
  const before = upstream.calls.length
  let at = 0

  const [flood, b] = await Promise.all([
    offer(400, 40, () => call(keys[at++ % keys.length]!, 'plain')),
    offer(10, 1, () => call(keyOf('quiet'), 'plain')),
  ])

  t.strictSame(flood, { 401: 400 })
  t.strictSame(b, { 200: 10 })
  t.equal(upstream.calls.length - before, 10, "nothing but B's calls went out")
  const last = await call(keyOf('quiet'), 'plain')
  t.equal(last.headers.get('anthropic-ratelimit-requests-remaining'), '9')
  t.equal(await refusals('quiet'), 0)
})
