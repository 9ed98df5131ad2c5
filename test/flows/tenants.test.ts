import { gzipSync, zstdCompressSync } from 'node:zlib'
import { networkInterfaces } from 'node:os'
import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { ask } from '../claude/helpers.ts'
import { relay as run } from '../helpers/cli.ts'
import { recordingOrigin, type OriginConnection } from '../helpers/recording-origin.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, post, rawCall, type RawReply } from './caller.ts'
import { callerLines, someStream, streamRequest } from './events.ts'
import { chunk, lastChunk, streamHead } from './origin.ts'
import { digestOf, keyOf, linesOf, rowsOf, tenantsWith } from './tenancy.ts'

const upstream = await recordingOrigin()
t.teardown(() => upstream.close())
const usage = { input_tokens: 10, output_tokens: 10 }
const message = JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [], usage })
const ok = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${message.length}\r\n\r\n${message}`
let streaming: OriginConnection | null = null
upstream.answer = (call, connection) => {
  const { socket } = connection
  if (!call.body.includes('"stream":true')) return void socket.write(ok)
  // The first event alone: the test sends the others.
  streaming = connection
  socket.write(Buffer.concat([Buffer.from(streamHead), chunk(someStream()[0]!)]))
}

const secret = 'sk-ant-api03-of-all-tenants'
const allKeys = ['search', 'old', 'new', 'picky', 'routed'].map(keyOf)
const tenants = {
  ...tenantsWith(['search'], {}),
  rotating: { keys: [digestOf(keyOf('old')), digestOf(keyOf('new'))] },
  ...tenantsWith(['picky'], { models: ['claude-opus-*', 'claude-haiku-4-5'] }),
  ...tenantsWith(['routed'], { routes: ['allowed'] }),
}
const config = {
  listen: '0.0.0.0:0',
  upstreams: {
    claude: { url: `http://127.0.0.1:${upstream.port}`, kind: 'claude', credential: { env: 'SHARED_KEY' } },
  },
  routes: { '/': 'claude', allowed: { to: 'claude', rewrite: '/' } },
  ledger: { flush: '20ms' },
  shed: false,
}
const relay = await relayProcess(t, { ...config, tenants }, { env: { SHARED_KEY: secret } })
const body = JSON.stringify(ask('hi'))

async function send(lines: readonly string[], path = '/v1/messages', text: string | Buffer = body): Promise<RawReply> {
  const call = rawCall(relay.port, post(path, text, lines))
  const reply = await call.reply
  call.socket.destroy()
  return reply
}

/** Status and `error.type` of a reply, as the Claude API shapes them. */
function told({ status, body, fields }: RawReply): readonly unknown[] {
  if (status === 200) return [200]
  const { type, error, request_id } = JSON.parse(body.toString()) as { type: string; error: { type: string }; request_id: string }
  const isWhole = type === 'error' && request_id.startsWith('req_') && fields.get('content-type') === 'application/json'
  return isWhole ? [status, error.type] : [status, 'another shape']
}

const key = keyOf('search')
const shown: Readonly<Record<string, readonly [lines: readonly string[], status: number]>> = {
  'as x-api-key': [[`x-api-key: ${key}`], 200],
  'as Authorization: Bearer': [[`authorization: Bearer ${key}`], 200],
  'with bearer in small letters': [[`authorization: bearer ${key}`], 200],
  'in both, as an apiKeyHelper sends it': [[`x-api-key: ${key}`, `authorization: Bearer ${key}`], 200],
  'in neither': [[], 401],
  'that nobody knows': [[`x-api-key: ${keyOf('nobody')}`], 401],
  'of the API': [['x-api-key: sk-ant-api03-whatever'], 401],
  'in two that differ': [[`x-api-key: ${key}`, `authorization: Bearer ${keyOf('old')}`], 401],
  'with a character too many': [[`x-api-key: ${key}x`], 401],
  twice: [[`x-api-key: ${key}`, `x-api-key: ${key}`], 401],
  'as Basic': [[`authorization: Basic ${key}`], 401],
}

for (const [how, [lines, status]] of Object.entries(shown))
  t.test(`a key ${how}: ${status}`, async (t) => {
    upstream.forget()

    const reply = await send([...lines, 'anthropic-version: 2023-06-01'])

    t.strictSame(told(reply), status === 200 ? [200] : [401, 'authentication_error'])
    t.equal(upstream.calls.length, status === 200 ? 1 : 0)
    const fields = new Map(upstream.calls.flatMap((call) => call.fields))
    t.equal(fields.get('x-api-key'), status === 200 ? secret : undefined, "the upstream's own credential")
    t.notOk(fields.has('authorization'))
    t.notOk(upstream.calls.some(({ raw }) => raw.includes('rk_')))
  })

t.test('of a tenant with two keys each is good, until one is taken away by a reload; open streams of it go on', async (t) => {
  t.equal((await send(linesOf('old'))).status, 200)
  t.equal((await send(linesOf('new'))).status, 200)
  upstream.forget()
  const stream = rawCall(relay.port, post('/v1/messages', streamRequest, linesOf('old')))
  await stream.bytes(someStream()[0]!.length)

  const outcome = await relay.reload({ ...config, tenants: { ...tenants, rotating: { keys: [digestOf(keyOf('new'))] } } })

  t.match(outcome, { is: 'applied' })
  t.equal((await send(linesOf('old'))).status, 401)
  t.equal((await send(linesOf('new'))).status, 200)
  await streaming?.send(
    ...someStream()
      .slice(1)
      .map((event) => chunk(event).toString('latin1')),
    lastChunk,
  )
  const { end, body } = await stream.reply
  t.equal(end, 'whole')
  t.strictSame(body, Buffer.concat(someStream()))
  stream.socket.destroy()
  t.match(await relay.reload({ ...config, tenants }), { is: 'applied' })
  t.equal((await send(linesOf('old'))).status, 200, 'and when it is given back it is good again')
})

t.test('what has no owner yet is closed to tenants on a shared credential, and says so', async (t) => {
  upstream.forget()
  for (const path of ['/v1/messages/batches', '/v1/files', '/v1/complete', '/v1/organizations/usage_report/messages', '/v1/skills']) {
    const reply = await send(linesOf('search'), path)
    t.strictSame(told(reply), [403, 'permission_error'], path)
    t.match(reply.body.toString(), /messages, count_tokens and models only/)
  }
  for (const path of ['/v1/messages/batches/msgbatch_1/results', '/v1/files/file_1/content', '/v1/models/../files']) {
    const { status } = await rawCall(relay.port, get(path, linesOf('search'))).reply
    t.ok(status === 403 || status === 400, `${path}: ${status}`)
  }
  t.equal(upstream.calls.length, 0)
  for (const path of ['/v1/models', '/v1/models?limit=1000', '/v1/models/claude-opus-5-5'])
    t.equal((await rawCall(relay.port, get(path, linesOf('search'))).reply).status, 200, path)
  t.equal((await send(linesOf('search'), '/v1/messages/count_tokens')).status, 200)
})

t.test('a tenant reaches its routes and its models, and no others, however the body is coded', async (t) => {
  const of = (model: string) => JSON.stringify({ ...ask('hi'), model })
  t.strictSame(told(await send(linesOf('routed'))), [403, 'permission_error'])
  t.strictSame(told(await send(linesOf('routed'), '/allowed/v1/messages')), [200])
  for (const model of ['claude-opus-5-5', 'claude-haiku-4-5']) t.strictSame(told(await send(linesOf('picky'), undefined, of(model))), [200])
  upstream.forget()
  for (const model of ['claude-sonnet-5', 'claude-haiku-4-5-20251001', 'CLAUDE-OPUS-5-5', ''])
    t.strictSame(told(await send(linesOf('picky'), undefined, of(model))), [400, 'invalid_request_error'], model)
  const codings = { gzip: gzipSync, zstd: zstdCompressSync }
  for (const [coding, coded] of Object.entries(codings)) {
    const lines = linesOf('picky', `content-encoding: ${coding}`)
    t.strictSame(told(await send(lines, undefined, coded(of('claude-sonnet-5')))), [400, 'invalid_request_error'], coding)
  }
  t.equal(upstream.calls.length, 0)
  for (const [coding, coded] of Object.entries(codings)) {
    const bytes = coded(of('claude-opus-5-5'))
    t.strictSame(told(await send(linesOf('picky', `content-encoding: ${coding}`), undefined, bytes)), [200], coding)
    t.equal(upstream.calls.at(-1)?.body, bytes.toString('latin1'), 'it goes out as it came')
  }
})

t.test('a body that says model twice is refused, also where the second stands behind megabytes', async (t) => {
  const long = JSON.stringify([{ role: 'user', content: 'x'.repeat(3_000_000) }])
  const twice = {
    near: '{"model":"claude-opus-5-5","model":"claude-sonnet-5","max_tokens":1,"messages":[]}',
    'spelled with an escape': String.raw`{"model":"claude-opus-5-5","mod\u0065l":"claude-sonnet-5","max_tokens":1,"messages":[]}`,
    far: `{"model":"claude-opus-5-5","max_tokens":1,"messages":${long},"model":"claude-sonnet-5"}`,
  }
  for (const [where, text] of Object.entries(twice)) {
    upstream.forget()
    const reply = await send(linesOf('picky'), undefined, text)
    t.strictSame(told(reply), [400, 'invalid_request_error'], where)
    t.equal(upstream.calls.length, 0, `${where}: no whole call reaches the upstream`)
  }
  const coded = await send(linesOf('picky', 'content-encoding: gzip'), undefined, gzipSync(twice.far))
  t.strictSame(told(coded), [400, 'invalid_request_error'])
  const inner = JSON.stringify({ ...ask('hi'), metadata: { model: 'claude-sonnet-5' }, tools: [{ model: 'claude-sonnet-5' }] })
  t.strictSame(told(await send(linesOf('picky'), undefined, inner)), [200], 'what stands deeper is no model')
})

t.test('a listener with tenants may be reached from elsewhere', async (t) => {
  const address =
    Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address ?? '127.0.0.2'
  const socket = connect(relay.port, address)
  await once(socket, 'connect')
  socket.write(post('/v1/messages', body, callerLines))
  const [reply] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  t.match(reply.toString(), /^HTTP\/1\.1 401 /)
})

t.test('no key is in any log, metric, ledger or print of a command, nor the credential that they share', async (t) => {
  await relay.logged('call')
  const admin = relay.status.admin!
  const metrics = await (await fetch(`http://${admin.host}:${admin.port}/metrics`)).text()
  const routes = await run(relay.home, 'route', 'list', '--json', '--config', 'relay.config.yaml')
  const status = await run(relay.home, 'status', '--json', '--control', relay.status.control)
  const listed = await run(relay.home, 'tenant', 'show', 'search', '--json', '--config', 'relay.config.yaml')
  const places = {
    log: relay.log(),
    metrics,
    ledger: JSON.stringify(rowsOf(relay, null)),
    routes: routes.out,
    status: status.out,
    listed: listed.out,
  }

  for (const [place, text] of Object.entries(places)) {
    t.ok(text.length > 20, place)
    for (const one of [...allKeys, secret]) t.notOk(text.includes(one.slice(3)), place)
  }
})
