import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { post, rawCall } from './caller.ts'
import { streamRequest } from './events.ts'
import { answer, origin, type OriginCall } from './origin.ts'
import { until } from './until.ts'

const upstream = await origin(t)
const relay = await relayProcess(t, {
  upstreams: { claude: { url: upstream.url, kind: 'claude' } },
  limits: [{ name: 'spend', per: [], budget: '10usd/day' }],
  estimate: { outputTokens: 1000 },
  prices: { 'claude-opus-5-5': { input: 5, output: 25, cacheRead: 0.5 } },
  routes: { '/': 'claude' },
  ledger: { file: 'ledger.db', sync: true },
})

/** All rows: how each ended, its figures, and whether it still waits for its call's end. */
function rows(): readonly Record<string, unknown>[] {
  const ledger = new DatabaseSync(relay.home.path('ledger.db'), { readOnly: true })
  const all = ledger.prepare('SELECT end, input, output, cost, source, owner IS NOT NULL AS open FROM calls ORDER BY at').all()
  ledger.close()
  return all
}

function reply({ socket }: OriginCall): void {
  const usage = { input_tokens: 20, output_tokens: 4 }
  socket.write(answer(200, JSON.stringify({ id: 'msg_1', type: 'message', model: 'claude-opus-5-5', content: [], usage })))
}

t.test('a call stands in the ledger before its upstream has seen a byte of it, and once when it is over', async (t) => {
  const coming = upstream.next()
  const asked = rawCall(relay.port, post('/v1/messages', streamRequest)).reply
  const call = await coming

  const input = Math.ceil(Buffer.byteLength(streamRequest) / 4)
  t.match(rows(), [{ end: 'lost', open: 1, source: 'estimated', input, output: 100, cost: input * 5000 + 100 * 25_000 }])
  reply(call)
  t.equal((await asked).status, 200)
  await until(() => rows().every(({ open }) => open === 0))

  t.match(rows(), [{ end: 'done', open: 0, source: 'exact', input: 20, output: 4, cost: 20 * 5000 + 4 * 25_000 }])
})

t.test('a model without a price does not go out where a budget counts, and is told what would help', async (t) => {
  const before = upstream.calls.length

  const refused = await rawCall(relay.port, post('/v1/messages', streamRequest.replace('claude-opus-5-5', 'claude-unheard-of'))).reply

  t.equal(refused.status, 400)
  t.match(JSON.parse(refused.body.toString()), {
    error: { type: 'invalid_request_error', message: /claude-unheard-of has no price.*prices/ },
  })
  t.equal(upstream.calls.length, before)
})
