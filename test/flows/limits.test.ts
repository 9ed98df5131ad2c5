import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { relay as run } from '../helpers/cli.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { post, rawCall, type RawReply } from './caller.ts'
import { messageStream, streamRequest } from './events.ts'
import { answer, chunk, lastChunk, origin, streamHead, type OriginCall } from './origin.ts'
import { until } from './until.ts'

let serve: (call: OriginCall) => void = () => undefined
const upstream = await origin(t, (call) => serve(call))
const claude = { url: upstream.url, kind: 'claude', credential: { env: 'SHARED_KEY' } }

/** A key as relay makes them, and how the config knows it. */
function key(name: string): { readonly key: string; readonly digest: string } {
  const text = `rk_${name.padEnd(43, 'x')}`
  return { key: text, digest: `sha256:${createHash('sha256').update(text).digest('hex')}` }
}

const keys = { search: key('search'), poor: key('poor'), quiet: key('quiet'), one: key('one'), killed: key('killed'), read: key('read') }
const relay = await relayProcess(
  t,
  {
    upstreams: { claude },
    tenants: {
      search: { business: 'shop', keys: [keys.search.digest], requests: '3/m' },
      // An estimate is 1,000 tokens of output: 0.025 USD, and less for its input.
      poor: { keys: [keys.poor.digest], budget: '0.03usd/day' },
      quiet: { keys: [keys.quiet.digest], requests: '100/m' },
      one: { keys: [keys.one.digest], concurrency: 1 },
      killed: { keys: [keys.killed.digest], concurrency: 1, outputTokens: '1M/m' },
      read: { keys: [keys.read.digest], budget: '1usd/day' },
    },
    estimate: { outputTokens: 1000 },
    prices: { 'claude-opus-5-5': { input: 5, output: 25, cacheRead: 0.5 } },
    routes: {
      '/': 'claude',
      queued: { to: 'claude', rewrite: '/', queue: { size: 10, timeout: '5s' } },
      drained: { to: 'claude', rewrite: '/', onLeave: 'drain' },
    },
    ledger: { file: 'ledger.db' },
  },
  { env: { SHARED_KEY: 'sk-ant-shared' } },
)

const usage = { input_tokens: 100, output_tokens: 40, cache_read_input_tokens: 9000 }
const message = JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [], usage })
const replied = ({ socket }: OriginCall): void => void socket.write(answer(200, message, ['anthropic-ratelimit-requests-limit: 4000']))

type Name = keyof typeof keys
const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 1000, messages: [{ role: 'user', content: 'hi' }] })

async function ask(name: Name, path = '/v1/messages'): Promise<RawReply> {
  return rawCall(relay.port, post(path, body, [`x-api-key: ${keys[name].key}`, 'anthropic-version: 2023-06-01'])).reply
}

interface Row {
  readonly tenant: string
  readonly end: string
  readonly status: number
  readonly input: number
  readonly output: number
  readonly source: string
  readonly cost: number | null
}

/** The rows of a tenant, as soon as there are so many. */
async function rows(tenant: Name, count: number): Promise<readonly Row[]> {
  const ledger = new DatabaseSync(relay.home.path('ledger.db'), { readOnly: true })
  const read = ledger.prepare('SELECT * FROM calls WHERE tenant = ? ORDER BY at, id')
  try {
    await until(() => read.all(tenant).length >= count)
    return read.all(tenant) as unknown as Row[]
  } finally {
    ledger.close()
  }
}

function linesOfCalls(): readonly string[] {
  return relay
    .log()
    .split('\n')
    .filter((line) => line.endsWith('"msg":"call"}'))
}

t.test('a tenant gets what its limit says and not one call more, and the others do not feel it', async (t) => {
  serve = replied
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask('search')))
  const others = await Promise.all(Array.from({ length: 20 }, () => ask('quiet')))

  t.equal(replies.filter(({ status }) => status === 200).length, 3)
  const refused = replies.filter(({ status }) => status === 429)
  t.equal(refused.length, 17)
  t.match(JSON.parse(refused[0]!.body.toString()), {
    type: 'error',
    error: { type: 'rate_limit_error', message: /requests of tenant search, 3 requests a minute/ },
  })
  t.match(refused[0]!.fields.get('retry-after'), /^(1\d|20)$/)
  t.equal(refused[0]!.fields.get('anthropic-ratelimit-requests-limit'), '3')
  t.equal(refused[0]!.fields.get('anthropic-ratelimit-requests-remaining'), '0')
  t.ok(others.every(({ status }) => status === 200))
  t.equal(others[0]!.fields.get('anthropic-ratelimit-requests-limit'), '100', 'not what the upstream says of the shared key')
  t.equal(await relay.metric('relay_limit_hits_total', 'tenant="search"', 'kind="requests"'), 17)
  t.equal(await relay.metric('relay_tenant_calls_total', 'tenant="search"', 'status="2xx"'), 3)
  t.equal(await relay.metric('relay_business_calls_total', 'business="shop"', 'status="4xx"'), 17)
  t.equal(await relay.metric('relay_tenant_info', 'tenant="search"', 'business="shop"'), 1)
})

t.test('a call that relay refused is refused in the log, as in the ledger, and no failure there', async (t) => {
  const ends = (wanted: (line: string) => boolean) => [
    ...new Set(
      linesOfCalls()
        .filter(wanted)
        .map((line) => (JSON.parse(line) as { readonly end: string }).end),
    ),
  ]
  const before = linesOfCalls().length
  const failed = await relay.metric('relay_call_ends_total', 'end="failed"')

  const missing = await rawCall(relay.port, post('/v1/messages', body, ['x-api-key: rk_nobody'])).reply
  const refused = await ask('search')
  await relay.logged(() => linesOfCalls().length === before + 2)

  t.strictSame([missing.status, refused.status], [401, 429])
  t.strictSame(
    ends((line) => line.includes('"status":4')),
    ['refused'],
  )
  t.strictSame(
    ends((line) => line.includes('"status":200')),
    ['done'],
  )
  t.equal(await relay.metric('relay_call_ends_total', 'end="failed"'), failed + 2, 'the ends of bodies have no refusals')
  t.strictSame([...new Set((await rows('search', 21)).map((row) => row.end).toSorted())], ['done', 'refused'])
})

t.test('money: what calls cost is written down once, and when it is gone the caller is told to stop', async (t) => {
  serve = replied
  const first = await ask('poor')
  const cost = 100 * 5000 + 40 * 25_000 + 9000 * 500
  t.equal(first.status, 200)
  t.match(await rows('poor', 1), [{ end: 'done', status: 200, input: 100, output: 40 }])
  t.equal((await rows('poor', 1))[0]?.cost, cost)

  let last = first
  let passed = 0
  while (last.status === 200) {
    passed++
    last = await ask('poor')
  }

  t.match(JSON.parse(last.body.toString()), { error: { type: 'billing_error', message: /budget-day of tenant poor, 0\.03 USD a day/ } })
  t.equal(last.fields.get('x-should-retry'), 'false')
  t.ok(Number(last.fields.get('retry-after')) > 0)
  const all = await rows('poor', passed + 1)
  t.equal(all.filter(({ end }) => end === 'done').length, passed)
  t.equal(all.filter(({ end }) => end === 'refused').length, 1)
  t.ok(all.reduce((sum, row) => sum + (row.cost ?? 0), 0) <= 0.03 * 1e9)
})

t.test('a caller that is killed in mid-call gives its permit back, and its input stays on the bill as an estimate', async (t) => {
  const asked = Promise.withResolvers<void>()
  serve = (): void => asked.resolve()
  const call = rawCall(relay.port, post('/v1/messages', body, [`x-api-key: ${keys.one.key}`]))
  call.reply.catch(() => undefined)
  await asked.promise
  t.equal((await ask('one')).status, 429)
  serve = replied

  call.socket.resetAndDestroy()
  await rows('one', 2)

  t.equal((await ask('one')).status, 200)
  const all = await rows('one', 3)
  t.match(
    all.find(({ end }) => end === 'cancelled'),
    { output: 0, source: 'estimated' },
  )
})

const events = messageStream(['Hello, you', ' and you'], { input_tokens: 25, output_tokens: 1, cache_read_input_tokens: 7 }, 15)
/** What a caller has used who leaves behind so many events: what `message_start` says, then the text that it got, then what is final. */
const usedBehind = (count: number): readonly [number, number] =>
  count === 0 ? [Math.ceil(Buffer.byteLength(streamRequest) / 4), 0] : [25, count < 4 ? 1 : count === 4 ? 3 : count < 7 ? 5 : 15]

t.test('a caller that is killed behind any event of a stream is settled once, with what it had until then', async (t) => {
  for (let count = 0; count < events.length; count++) {
    const sent = Promise.withResolvers<void>()
    serve = ({ socket }) =>
      void socket.write(Buffer.concat([Buffer.from(streamHead), ...events.slice(0, count).map(chunk)]), () => sent.resolve())
    const call = rawCall(relay.port, post('/v1/messages', streamRequest, [`x-api-key: ${keys.killed.key}`]))
    call.reply.catch(() => undefined)
    await sent.promise
    await call.bytes(events.slice(0, count).reduce((sum, event) => sum + event.length, 0))
    if (count === 0) await call.head

    call.socket.resetAndDestroy()
    const all = await rows('killed', count + 1)

    const [input, output] = usedBehind(count)
    const source = count < 7 ? 'estimated' : 'exact'
    t.match(all.at(-1), { end: 'cancelled', source, input, output }, `behind ${count} events`)
    t.equal(all.length, count + 1)
  }
})

t.test('where a route drains, a caller that leaves is on the bill with what its call used to the end', async (t) => {
  const gate = Promise.withResolvers<void>()
  serve = ({ socket }) => {
    socket.write(Buffer.concat([Buffer.from(streamHead), chunk(events[0]!)]))
    void gate.promise.then(() => socket.write(Buffer.concat([...events.slice(1).map(chunk), Buffer.from(lastChunk)])))
  }
  const call = rawCall(relay.port, post('/drained/v1/messages', streamRequest, [`x-api-key: ${keys.read.key}`]))
  call.reply.catch(() => undefined)
  await call.bytes(events[0]!.length)

  const before = await relay.metric('relay_open_connections')
  call.socket.resetAndDestroy()
  await until(async () => (await relay.metric('relay_open_connections')) < before)
  gate.resolve()

  t.match(await rows('read', 1), [{ end: 'cancelled', source: 'exact', input: 25, output: 15 }])
})

t.test('where a route has a queue, the call too many waits for the one before it', async (t) => {
  const waiting: OriginCall[] = []
  serve = (call) => void waiting.push(call)
  const first = ask('one', '/queued/v1/messages')
  await until(() => waiting.length === 1)
  const second = ask('one', '/queued/v1/messages')
  await until(async () => (await relay.metric('relay_queue_waiting', 'route="queued"')) === 1)
  t.equal(waiting.length, 1)

  serve = replied
  replied(waiting[0]!)

  t.equal((await first).status, 200)
  t.equal((await second).status, 200)
  t.equal(await relay.metric('relay_queue_waiting', 'route="queued"'), 0)
  t.equal(await relay.metric('relay_queue_waited_seconds_count', 'route="queued"'), 1)
})

t.test('the line of a call names its tenant and its model, and no key', async (t) => {
  await until(() => relay.log().includes('"tenant":"one","model":"claude-opus-5-5"'))

  t.notMatch(relay.log(), /rk_/)
})

t.test('relay tenant show tells what of a budget is spent, while relay runs', async (t) => {
  const shown = async (...more: readonly string[]) =>
    (await run(relay.home, 'tenant', 'show', 'poor', '--config', 'relay.config.yaml', ...more)).out
  const cost = (await rows('poor', 1)).reduce((sum, { cost }) => sum + (cost ?? 0), 0)
  const today = new Date().toISOString().slice(0, 10)

  const [limit] = (JSON.parse(await shown('--json')) as { readonly limits: readonly unknown[] }).limits

  t.ok(cost > 0)
  t.match(limit, { kind: 'budget', spent: { nanoUsd: cost, since: today } })
  t.match(await shown(), new RegExp(`budget-day  0\\.03usd/day \\(UTC\\); [0-9.]+usd spent since ${today}, in this node's ledger\n`))
})
