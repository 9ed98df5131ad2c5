import t from 'tap'
import { fakeClaude } from '../../src/claude/fake/fake.ts'
import { ask as question, sdks } from '../claude/helpers.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, post, rawCall, type RawReply } from './caller.ts'
import { callerLines, someStream, streamRequest } from './events.ts'
import { answer, chunk, lastChunk, origin, streamHead, type OriginCall } from './origin.ts'

let serve: (call: OriginCall) => void = () => undefined
const upstream = await origin(t, (call) => serve(call))
const fake = fakeClaude({ now: () => 0 })
const { port: fakePort } = await fake.listen()
t.teardown(() => fake.close())
const relay = await relayProcess(t, {
  upstreams: {
    claude: { url: upstream.url, kind: 'claude' },
    away: { url: 'http://127.0.0.1:1', kind: 'claude' },
    fake: { url: `http://127.0.0.1:${fakePort}`, kind: 'claude' },
  },
  routes: {
    v1: 'claude',
    away: { to: 'away', rewrite: '/' },
    fake: { to: 'fake', rewrite: '/' },
    hasty: { to: 'claude', rewrite: '/', timeouts: { firstByte: '300ms' } },
    'v1/user': `${upstream.url}/v3/user`,
    'v2/chat': `${upstream.url}/2024-03/chat`,
  },
})

function ask(path: string, lines: readonly string[] = callerLines, port = relay.port): Promise<RawReply> {
  return rawCall(port, post(path, streamRequest, lines)).reply
}

for (const status of [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]) {
  t.test(`a ${status} reaches the caller as the API sent it, field for field and byte for byte`, async (t) => {
    const text = `[error ${status}${status === 429 ? ' retry-after 17 should-retry true' : ''}]`
    const body = JSON.stringify(question(text))

    const direct = await rawCall(fakePort, post('/v1/messages', body, callerLines)).reply
    const relayed = await rawCall(relay.port, post('/fake/v1/messages', body, callerLines)).reply

    t.equal(relayed.status, status)
    t.strictSame(comparable(relayed), comparable(direct))
  })
}

/** All but what belongs to a connection, or differs from call to call. */
function comparable({ head, body, end }: RawReply): readonly unknown[] {
  const mine = /^(connection|keep-alive|date|request-id):/i
  const lines = head.split('\r\n').slice(1)
  return [lines.filter((line) => !mine.test(line)).sort(), body.toString().replace(/req_\w+/, 'req'), end]
}

t.test('an upstream that cannot be reached is a 502 of relay, in the shape of the API and with leave to try again', async (t) => {
  const { status, fields, body } = await ask('/away/v1/messages')

  t.equal(status, 502)
  t.equal(fields.get('x-should-retry'), 'true')
  t.equal(fields.get('content-type'), 'application/json')
  const error = JSON.parse(body.toString())
  t.match(error, { type: 'error', error: { type: 'api_error', message: 'cannot connect to away' }, request_id: fields.get('request-id') })
  t.notMatch(body.toString(), /127\.0\.0\.1|ECONN/)
  const line = await relay.logged(({ id }) => id === fields.get('request-id'))
  t.match(line['failure'], 'upstream_failed: cannot connect to away (connect ECONNREFUSED 127.0.0.1:1)', 'the reason is for the log')
})

t.test('what an upstream breaks before it answers the SDKs try again, and get their message', async (t) => {
  for (const [name, sdk] of sdks) {
    let attempts = 0
    serve = ({ socket }) => {
      if (++attempts === 1) socket.resetAndDestroy()
      else if (attempts === 2) socket.end()
      else socket.write(Buffer.concat([Buffer.from(streamHead), ...someStream().map(chunk), Buffer.from(lastChunk)]))
    }
    const client = new sdk({ apiKey: 'sk-caller', baseURL: relay.url, maxRetries: 2 })

    const message = await client.messages.stream(question('hi')).finalMessage()

    t.equal(message.stop_reason, 'end_turn', name)
    t.equal(attempts, 3, 'relay itself sent none of them twice')
  }
})

t.test(
  'an upstream that says nothing is a 504 in time: the time of the route, or what the caller itself would wait and a little more',
  async (t) => {
    serve = () => undefined

    const [hasty, patient] = await Promise.all([
      timed(() => ask('/hasty/v1/messages')),
      timed(() => ask('/hasty/v1/messages', [...callerLines, 'x-stainless-timeout: 1'])),
    ])

    for (const { status, body } of [hasty.reply, patient.reply]) {
      t.equal(status, 504)
      t.match(JSON.parse(body.toString()), { type: 'error', error: { type: 'timeout_error' } })
    }
    t.ok(hasty.ms >= 300)
    t.ok(patient.ms > 1_000, 'the caller gives up first')
  },
)

async function timed(work: () => Promise<RawReply>): Promise<{ readonly reply: RawReply; readonly ms: number }> {
  const started = performance.now()
  const reply = await work()
  return { reply, ms: performance.now() - started }
}

t.test('an answer that is no HTTP, or that lies about its length, is a 502 and its connection is not used again', async (t) => {
  for (const bytes of [
    'SSH-2.0-server\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}{}',
  ]) {
    serve = ({ socket }) => void socket.write(bytes)
    const coming = upstream.next()

    const { status, body } = await ask('/v1/messages')

    t.equal(status, 502, bytes)
    t.match(JSON.parse(body.toString()), { error: { type: 'api_error' } })
    await (
      await coming
    ).closed
  }
})

t.test('a path without a route is a 404 of relay; both SDKs know it', async (t) => {
  const reply = await rawCall(relay.port, get('/nowhere')).reply

  t.equal(reply.status, 404)
  for (const [name, sdk] of sdks) {
    const client = new sdk({ apiKey: 'sk-caller', baseURL: `${relay.url}/nowhere`, maxRetries: 3 })
    const error: unknown = await client.messages.create(question('hi')).catch((error: unknown) => error)
    t.match(error, { status: 404, error: { error: { type: 'not_found_error' } } }, name)
  }
})

const mapped: readonly (readonly [string, string])[] = [
  ['/v1/user', '/v3/user'],
  ['/v1/user/42?x=1', '/v3/user/42?x=1'],
  ['/v1/user/a%2Fb/%2e%2e%2f', ''],
  ['/v1/user/a%2Fb', '/v3/user/a%2Fb'],
  ['/v1/user?', '/v3/user?'],
  ['/v2/chat/rooms//', '/2024-03/chat/rooms//'],
  ['/v1/users', '/v1/users'],
  ['/v1/user/../admin', ''],
  ['/v1/user/%2e%2E/admin', ''],
  ['/v1/user/./x', ''],
]
for (const [asked, expected] of mapped) {
  t.test(`${asked} ${expected === '' ? 'is refused' : `goes out as ${expected}`}`, async (t) => {
    serve = ({ socket }) => void socket.write(answer(200, '{}'))
    const before = upstream.calls.length

    const { status } = await rawCall(relay.port, get(asked)).reply

    t.equal(status, expected === '' ? 400 : 200)
    t.equal(upstream.calls.length, before + (expected === '' ? 0 : 1))
    if (expected !== '') t.equal(upstream.calls.at(-1)?.line, `GET ${expected} HTTP/1.1`)
  })
}
