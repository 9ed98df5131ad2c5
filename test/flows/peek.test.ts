import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { post, rawCall } from './caller.ts'
import { claudeOrigin, model } from './nodes.ts'
import { digestOf, keyOf, linesOf, rowsFor } from './tenancy.ts'

/** Calls with images and PDFs, whose model stands behind them. */
const claude = await claudeOrigin(t, { input: 1000, output: 100 })

function config(bounds: object): object {
  return {
    bounds,
    upstreams: { claude: claude.upstream },
    routes: { '/': 'claude' },
    prices: { [model]: { input: 5, output: 25, cacheWrite5m: 1, cacheWrite1h: 1, cacheRead: 1 } },
    tenants: { search: { keys: [digestOf(keyOf('search'))], models: [model], budget: '1000usd/day' } },
  }
}

async function relayWith(t: Test, bounds: object): Promise<RelayProcess> {
  return relayProcess(t, config(bounds), { env: { SHARED_KEY: 'sk-ant-shared' } })
}

/** A body of so many bytes of content, its model last. */
function modelLast(bytes: number): string {
  const content = randomBytes(Math.ceil((bytes * 3) / 4)).toString('base64')
  return JSON.stringify({ messages: [{ role: 'user', content }], max_tokens: 100, model })
}

interface Told {
  readonly status: number
  readonly message: string
}

async function told({ port }: RelayProcess, body: string | Buffer, ...lines: readonly string[]): Promise<Told> {
  const { status, body: reply } = await rawCall(port, post('/v1/messages', body, linesOf('search', ...lines))).reply
  const { error } = JSON.parse(reply.toString()) as { error?: { message: string } }
  return { status, message: error?.message ?? '' }
}

t.test('a body of 3 MB whose model is its last field passes where bounds.peek lets it, is metered and billed', async (t) => {
  const relay = await relayWith(t, { peek: '8MiB' })
  const body = modelLast(3_000_000)
  const known = claude.calls.length

  const { status } = await told(relay, body)
  const coded = await told(relay, gzipSync(body), 'content-encoding: gzip')
  const rows = await rowsFor(relay, 'search', 2)

  t.equal(status, 200)
  t.ok(claude.calls[known]?.body.equals(Buffer.from(body)), 'and byte for byte')
  t.equal(coded.status, 200)
  // 1000 × 5 and 100 × 25 dollars a million.
  for (const row of rows) t.match(row, { model, input: 1000, output: 100, source: 'exact', costNanoUsd: 7_500_000 })
})

t.test('the same body is refused by default, with what helps; a reload with another bound lets it pass, several at once', async (t) => {
  const relay = await relayWith(t, {})
  const body = modelLast(3_000_000)

  const plain = await told(relay, body)
  const coded = await told(relay, gzipSync(body), 'content-encoding: gzip')
  const nameless = await told(relay, '{"max_tokens":1,"messages":[]}')
  const reloaded = await relay.reload(config({ peek: '32MiB' }))
  const after = await Promise.all(Array.from({ length: 6 }, async () => told(relay, body)))

  t.match(plain, { status: 400, message: /does not name a model in that part.*send model before messages, or have bounds\.peek raised/ })
  t.match(coded, { status: 413, message: /may have 1048576 bytes here.*bounds\.peek/ })
  t.match(nameless, { status: 400, message: /^the request body does not name a model, and this tenant may use certain models only$/ })
  t.match(reloaded, { is: 'applied' })
  t.same(
    after.map(({ status }) => status),
    [200, 200, 200, 200, 200, 200],
  )
})
