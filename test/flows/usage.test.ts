import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { Message } from '@anthropic-ai/sdk/resources/messages'
import t from 'tap'
import { ask as question, sdks } from '../claude/helpers.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { post, rawCall, type RawReply } from './caller.ts'
import { callerLines, messageStream, streamRequest } from './events.ts'
import { until } from './until.ts'
import { answer, chunk, lastChunk, origin, streamHead, type OriginCall } from './origin.ts'

let serve: (call: OriginCall) => void = () => undefined
const upstream = await origin(t, (call) => serve(call))
const claude = { url: upstream.url, kind: 'claude' }
const relay = await relayProcess(t, {
  upstreams: { claude, fake: 'builtin:claude' },
  routes: { '/': 'claude', passed: { to: 'claude', rewrite: '/', compression: 'pass' }, fake: { to: 'fake', rewrite: '/' } },
})

const types = ['input', 'output', 'cache_write_5m', 'cache_write_1h', 'cache_read'] as const
const usage = {
  input_tokens: 25,
  output_tokens: 1,
  cache_read_input_tokens: 9_000,
  cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 30 },
}
const counted = { input: 25, output: 15, cache_write_5m: 400, cache_write_1h: 30, cache_read: 9_000 }
const events = messageStream(['Hello', ' 世界', ' again and again'], usage, 15)

/** What a call adds to the token metrics of a route, and how many calls were counted by report and by estimate. */
async function used(route: string, call: () => Promise<unknown>): Promise<Record<string, number>> {
  const read = async (): Promise<readonly (readonly [string, number])[]> => [
    ...(await Promise.all(
      types.map(async (type) => [type, await relay.metric('relay_tokens_total', `route="${route}"`, `type="${type}"`)] as const),
    )),
    ['estimated', await relay.metric('relay_usage_calls_total', `route="${route}"`, 'source="estimated"')],
  ]
  const before = new Map(await read())
  const lines = relay.log().split('"msg":"call"').length
  await call()
  // The line of a call is written when its usage is settled.
  await relay.logged(() => relay.log().split('"msg":"call"').length > lines)
  return Object.fromEntries((await read()).map(([name, value]) => [name, value - (before.get(name) ?? 0)]))
}

function ask(path = '/v1/messages', lines: readonly string[] = []): Promise<RawReply> {
  return rawCall(relay.port, post(path, streamRequest, [...callerLines, ...lines])).reply
}

function whole(bytes: readonly Buffer[], head = streamHead) {
  return ({ socket }: OriginCall): void => {
    socket.write(head)
    for (const piece of bytes) socket.write(chunk(piece))
    socket.write(lastChunk)
  }
}

t.test('metrics tell the tokens that a stream told, cache reads and both kinds of writes apart', async (t) => {
  serve = whole(events)

  const added = await used('/', () => ask())

  t.match(added, { ...counted, estimated: 0 })
})

t.test('cumulative deltas are not added up', async (t) => {
  const delta = (output: number): Buffer =>
    Buffer.from(`event: message_delta\ndata: {"type":"message_delta","delta":{},"usage":{"output_tokens":${output}}}\n\n`)
  serve = whole([...events.slice(0, -2), delta(4), delta(9), ...events.slice(-2)])

  t.match(await used('/', () => ask()), { ...counted, estimated: 0 })
})

t.test('a message without a stream is counted the same', async (t) => {
  const message = { type: 'message', content: [], usage: { ...usage, output_tokens: 15, cache_creation_input_tokens: 430 } }
  serve = ({ socket }) => socket.write(answer(200, JSON.stringify(message)))

  t.match(await used('/', () => ask()), { ...counted, estimated: 0 })
})

t.test('what the SDKs are told in usage is what the metrics count', async (t) => {
  for (const [name, sdk] of sdks) {
    const client = new sdk({ apiKey: 'sk-caller', baseURL: `${relay.url}/fake`, maxRetries: 0 })
    const system = [
      { type: 'text' as const, text: 'x'.repeat(4_000), cache_control: { type: 'ephemeral' as const, ttl: '1h' as const } },
      { type: 'text' as const, text: 'y'.repeat(2_000), cache_control: { type: 'ephemeral' as const } },
    ]
    const request = { ...question('[cache read 777] [deltas 3] [tokens 30]'), system }
    let told: Message['usage'] | undefined

    const streamed = await used('fake', async () => (told = (await client.messages.stream(request).finalMessage()).usage))
    const plain = await used('fake', () => client.messages.create(request))

    t.strictSame(streamed, plain, name)
    t.equal(streamed['output'], 30)
    t.equal(streamed['cache_read'], 777)
    t.equal(streamed['cache_write_1h'], told?.cache_creation?.ephemeral_1h_input_tokens)
    t.equal(streamed['cache_write_5m'], told?.cache_creation?.ephemeral_5m_input_tokens)
    t.equal(streamed['input'], told?.input_tokens)
    t.ok((streamed['cache_write_1h'] ?? 0) > 1_000 && (streamed['cache_write_5m'] ?? 0) > 500)
  }
})

t.test('a call that its caller leaves is estimated from what had passed, its input as told', async (t) => {
  serve = ({ socket }) => socket.write(Buffer.concat([Buffer.from(streamHead), ...events.slice(0, 6).map(chunk)]))

  const added = await used('/', async () => {
    const call = rawCall(relay.port, post('/v1/messages', streamRequest, callerLines))
    await call.bytes(Buffer.concat(events.slice(0, 6)).length)
    call.socket.destroy()
  })

  t.match(added, { ...counted, output: Math.ceil(Buffer.byteLength('Hello 世界 again and again') / 4), estimated: 1 })
})

t.test('replies are asked for uncoded, so that they can be read; a coded one passes as it is all the same', async (t) => {
  const coded = gzipSync(Buffer.concat(events))
  serve = whole([coded], streamHead.replace('transfer', 'content-encoding: gzip\r\ntransfer'))
  const coming = upstream.next()

  const replies: RawReply[] = []
  const added = await used('/', async () => replies.push(await ask('/v1/messages', ['accept-encoding: gzip, br'])))

  t.equal((await coming).fields.get('accept-encoding'), 'identity')
  t.strictSame(replies[0]?.body, coded)
  t.equal(replies[0]?.end, 'whole')
  t.match(added, { ...counted, estimated: 0 })
})

t.test('with compression: pass the caller chooses the coding, gets its bytes, and is counted', async (t) => {
  const codings = { gzip: gzipSync(Buffer.concat(events)), zstd: zstdCompressSync(Buffer.concat(events)) }
  for (const [coding, coded] of Object.entries(codings)) {
    const bytes = [...coded].map((byte) => Buffer.from([byte]))
    serve = whole(bytes, streamHead.replace('transfer', `content-encoding: ${coding}\r\ntransfer`))
    const coming = upstream.next()

    const replies: RawReply[] = []
    const added = await used('passed', async () =>
      replies.push(await ask('/passed/v1/messages', ['accept-encoding: br;q=0.5, gzip, zstd'])),
    )

    t.equal((await coming).fields.get('accept-encoding'), 'br;q=0.5, gzip, zstd')
    t.strictSame(replies[0]?.body, coded, coding)
    t.equal(replies[0]?.fields.get('content-encoding'), coding)
    t.match(added, { ...counted, estimated: 0 }, coding)
  }
})

t.test('a coded stream of the fake is read by a caller that can decode it', async (t) => {
  const other = await relayProcess(t, { upstreams: { fake: 'builtin:claude' }, routes: { '/': { to: 'fake', compression: 'pass' } } })
  const body = JSON.stringify({ ...question('[gzip] [tokens 5]'), stream: true })

  const { body: coded, fields } = await rawCall(other.port, post('/v1/messages', body, [...callerLines, 'accept-encoding: gzip'])).reply

  t.equal(fields.get('content-encoding'), 'gzip')
  t.match(gunzipSync(coded).toString(), /"text":"the "[^]*message_stop/)
  const line = await other.logged('call')
  t.match(line, { outputTokens: 5, estimated: false, end: 'done' })
})

t.test('calls that count tokens, and errors, cost nothing', async (t) => {
  serve = ({ socket, line }) =>
    socket.write(line.includes('count_tokens') ? answer(200, '{"input_tokens":9}') : answer(529, '{"type":"error"}'))

  const added = await used('/', () => ask('/v1/messages/count_tokens'))
  const failed = await used('/', () => ask())

  for (const type of types) t.same([added[type], failed[type]], [0, 0], type)
})

t.test('a coded stream that ends without message_stop passes as it is, and is counted as failed', async (t) => {
  const short = gzipSync(Buffer.concat(events.slice(0, -1)))
  serve = whole([short], streamHead.replace('transfer', 'content-encoding: gzip\r\ntransfer'))
  const before = await relay.metric('relay_call_ends_total', 'end="upstream_failed"')

  const reply = await ask('/passed/v1/messages', ['accept-encoding: gzip'])

  t.strictSame(reply.body, short)
  await until(async () => (await relay.metric('relay_call_ends_total', 'end="upstream_failed"')) === before + 1)
})
