import { gzipSync } from 'node:zlib'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, post, rawCall } from './caller.ts'
import { answer, chunk, lastChunk, origin, streamHead } from './origin.ts'
import { someStream } from './events.ts'
import { digestOf, keyOf, linesOf, messageCall, rowsFor } from './tenancy.ts'
import { until } from './until.ts'

/** What a call of a tenant meets before any limit, through the real relay. */
const upstream = await origin(t, ({ socket }) => void socket.write(answer(200, '{"ok":true}')))
const relay = await relayProcess(
  t,
  {
    upstreams: { claude: { url: upstream.url, kind: 'claude', credential: { env: 'KEY' } } },
    routes: { '/': 'claude' },
    tenants: { search: { keys: [digestOf(keyOf('search'))], models: ['claude-opus-*'] } },
  },
  { env: { KEY: 'sk-ours' } },
)

interface Told {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly shouldRetry: string | undefined
}

async function told(request: Buffer): Promise<Told> {
  const { status, body, fields } = await rawCall(relay.port, request).reply
  const { error } = JSON.parse(body.toString()) as { error?: { type: string; message: string } }
  return { status, type: error?.type ?? '', message: error?.message ?? '', shouldRetry: fields.get('x-should-retry') }
}

t.test('a call with a tenant’s key goes out with the upstream’s credential, and never with the key', async (t) => {
  const coming = upstream.next()
  const { status } = await told(messageCall('search'))
  const { head, fields } = await coming

  t.equal(status, 200)
  t.equal(fields.get('x-api-key'), 'sk-ours')
  t.notMatch(head, 'rk_')
})

const refusals: Readonly<Record<string, readonly [Buffer, Partial<Told>]>> = {
  'without a key': [post('/v1/messages', '{}'), { status: 401, type: 'authentication_error', shouldRetry: 'false' }],
  'with an unknown key': [messageCall('nobody'), { status: 401, type: 'authentication_error', shouldRetry: 'false' }],
  'with another key in the other field': [
    post('/v1/messages', '{}', linesOf('search', `authorization: Bearer ${keyOf('other')}`)),
    { status: 401, type: 'authentication_error' },
  ],
  'to batches': [post('/v1/messages/batches', '{}', linesOf('search')), { status: 403, type: 'permission_error' }],
  'to files': [get('/v1/files', linesOf('search')), { status: 403, type: 'permission_error' }],
  'to a trick path': [messageCall('search', {}, '/v1/files/v1/messages'), { status: 403, type: 'permission_error' }],
  'with a model that is not allowed': [
    messageCall('search', { model: 'claude-haiku-5-5' }),
    { status: 400, type: 'invalid_request_error', message: 'this tenant may not use the model claude-haiku-5-5' },
  ],
  'without a model': [messageCall('search', { model: undefined }), { status: 400, type: 'invalid_request_error' }],
  'with two models': [
    post('/v1/messages', '{"model":"claude-opus-5-5","max_tokens":1,"messages":[],"\\u006dodel":"claude-x"}', linesOf('search')),
    { status: 400, type: 'invalid_request_error', message: 'model stands in the request body more than once' },
  ],
  'with a bomb': [
    post('/v1/messages', gzipSync(Buffer.alloc(40_000_000, ' ')), linesOf('search', 'content-encoding: gzip')),
    { status: 413, type: 'request_too_large' },
  ],
}

for (const [what, [request, expected]] of Object.entries(refusals)) {
  t.test(`a call ${what} is refused in the API’s own shape, and nothing goes upstream`, async (t) => {
    const known = upstream.calls.length

    t.match(await told(request), expected)

    t.equal(upstream.calls.length, known)
  })
}

t.test('a large body that names its model again at its very end never reaches the upstream whole', async (t) => {
  const text = `{"model":"claude-opus-5-5","max_tokens":1,"x":"${'y'.repeat(3_000_000)}","model":"claude-x"}`
  const known = upstream.calls.length

  const { status, message } = await told(post('/v1/messages', text, linesOf('search')))

  t.equal(status, 400)
  t.match(message, 'more than once')
  t.equal(upstream.calls.length, known, 'the origin knows whole calls only')
})

t.test('a large body that the peek cannot read to its end goes through byte for byte', async (t) => {
  const text = `{"model":"claude-opus-5-5","x":"${'y'.repeat(5_000_000)}","max_tokens":1}`
  const coming = upstream.next()

  const { status } = await told(post('/v1/messages', text, linesOf('search')))

  t.equal(status, 200)
  t.ok((await coming).body.equals(Buffer.from(text)))
})

for (const onLeave of ['drain', 'cancel']) {
  t.test(
    `on a route that says ${onLeave}, who leaves a stream in its middle is billed ${onLeave === 'drain' ? 'exactly' : 'by an estimate'}, once`,
    async (t) => {
      const events = someStream()
      const streaming = await origin(t)
      const other = await relayProcess(t, {
        upstreams: { claude: { url: streaming.url, kind: 'claude' } },
        routes: { '/': { upstream: 'claude', onLeave } },
        tenants: { search: { keys: [digestOf(keyOf('search'))] } },
      })
      const coming = streaming.next()
      const caller = rawCall(other.port, messageCall('search', { stream: true }))
      const { socket, closed } = await coming
      socket.write(Buffer.concat([Buffer.from(streamHead), ...events.slice(0, 4).map(chunk)]))
      await caller.bytes(events[0]!.length)

      caller.socket.resetAndDestroy()
      if (onLeave === 'cancel') await closed
      else {
        await until(async () => (await other.metric('relay_open_connections')) === 0)
        socket.write(Buffer.concat([...events.slice(4).map(chunk), Buffer.from(lastChunk)]))
      }
      const rows = await rowsFor(other, 'search', 1)

      t.match(rows, [{ end: 'cancelled', source: onLeave === 'drain' ? 'exact' : 'estimated' }])
      t.equal(rows.length, 1)
      if (onLeave === 'drain') t.match(rows, [{ input: 25, output: 15 }])
    },
  )
}
