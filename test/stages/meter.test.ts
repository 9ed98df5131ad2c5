import { brotliCompressSync, gzipSync } from 'node:zlib'
import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call, type Next } from '../../src/engine/call.ts'
import { aim } from '../../src/stages/aim.ts'
import { meter } from '../../src/stages/meter.ts'
import { callOf, FakeSink, headOf, outgoing } from '../engine/shapes.ts'

const none = Buffer.alloc(0)
const start =
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":25,"cache_read_input_tokens":7,"output_tokens":1}}}\n\n'
const delta =
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, you"}}\n\n'
const last = 'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}\n\n'
const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
const failed = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
const json = '{"id":"msg_1","type":"message","usage":{"input_tokens":10,"output_tokens":20,"cache_creation_input_tokens":3}}'
const stream = 'content-type: text/event-stream; charset=utf-8'

interface Metered {
  readonly call: Call
  readonly reply: Reply
  readonly sink: FakeSink
  /** Pushes the parts, then ends; the tokens are there when it resolves. */
  readonly play: (parts: readonly (string | Buffer)[], end?: BodyEnd) => Promise<void>
}

async function metered(fields: string, { status = 200, path = '/v1/messages', asksIdentity = true } = {}): Promise<Metered> {
  const call = callOf(`POST ${path} HTTP/1.1\nhost: r\naccept-encoding: gzip, br`)
  const body = new Body(-1, null)
  const send: Next = async () => new Reply(status, headOf(fields), body)
  const reply = await meter({ asksIdentity })(call, send)
  const sink = new FakeSink()
  reply.body.pipe(sink)
  return {
    call,
    reply,
    sink,
    async play(parts, end = 'done') {
      for (const part of parts) body.push(Buffer.from(part), true)
      if (end === 'done') body.finish(none)
      else if (end === 'cancelled') body.cancel(end)
      else body.fail(end, new RelayError('upstream_failed', 'it broke'))
      await call.tokensRead
    },
  }
}

t.test('an uncoded reply is asked for, unless the route says that the coding passes; and on Messages only', async (t) => {
  t.same(outgoing((await metered(stream)).call), ['accept-encoding: identity'])
  t.same(outgoing((await metered(stream, { path: '/v1/messages?beta=true' })).call), ['accept-encoding: identity'])
  t.same(outgoing((await metered(stream, { asksIdentity: false })).call), ['accept-encoding: gzip, br'])
  t.same(outgoing((await metered(stream, { path: '/v1/models' })).call), ['accept-encoding: gzip, br'])
})

t.test('what is metered is what goes out: a path that a route makes Messages counts', async (t) => {
  const call = callOf('POST /chat HTTP/1.1\nhost: r')
  const pointed = aim({ path: { is: 'exact', path: '/chat' }, rewrite: '/v1/messages', base: '' })

  await pointed(call, (call) =>
    meter({ asksIdentity: true })(call, async () => new Reply(200, headOf('content-type: text/plain'), Body.of(none))),
  )

  t.same(outgoing(call), ['accept-encoding: identity'])
})

t.test('a whole stream: its usage as the API said it, its bytes unchanged', async (t) => {
  const { call, sink, play } = await metered(stream)
  const parts = [start, delta, last, stop]

  await play(parts)

  t.match(call.tokens, { input: 25, output: 15, cacheRead: 7, estimated: false })
  t.equal(sink.text, parts.join(''))
  t.equal(sink.told.at(-1), 'finish')
})

t.test('a JSON reply: its usage, whole or cut anywhere', async (t) => {
  for (const parts of [[json], json.split('')]) {
    const { call, sink, play } = await metered('Content-Type: application/json')

    await play(parts)

    t.match(call.tokens, { input: 10, output: 20, cacheWrite5m: 3, estimated: false })
    t.equal(sink.text, json)
  }
})

for (const [coding, coded] of [
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
] as const) {
  t.test(`a coded stream (${coding}) passes as it is and is read all the same`, async (t) => {
    const bytes = coded(start + delta + last + stop)
    const { call, sink, play } = await metered(`${stream}\ncontent-encoding: ${coding}`, { asksIdentity: false })

    await play([bytes.subarray(0, 20), bytes.subarray(20)])

    t.match(call.tokens, { input: 25, output: 15, estimated: false })
    t.equal(sink.text, bytes.toString('latin1'))
  })
}

t.test('a stream that ends without message_stop has failed, and says so in its own words between two events', async (t) => {
  const { call, reply, sink, play } = await metered(stream)

  await play([start, delta])

  t.equal(reply.body.end, 'upstream_failed')
  t.match(sink.text, /\n\nevent: error\ndata: \{"type":"error","error":\{"type":"api_error"/)
  t.equal(sink.told.at(-1), 'fail upstream_failed')
  t.match(call.tokens, { input: 25, estimated: true })
  t.ok(call.tokens!.output >= 1)
})

t.test('in the middle of an event nothing is said: it would be taken for a part of it', async (t) => {
  const { sink, play } = await metered(stream)
  const half = delta.slice(0, 60)

  await play([start, half], 'upstream_failed')

  t.equal(sink.text, start + half)
  t.equal(sink.told.at(-1), 'fail upstream_failed')
})

t.test('a drain is told as overload, so that clients come back', async (t) => {
  const { sink, play } = await metered(stream)

  await play([start], 'drained')

  t.match(sink.text, /event: error\ndata: .*overloaded_error/)
})

t.test('behind a message_stop nothing is said, whatever happens', async (t) => {
  const { sink, play } = await metered(stream)

  await play([start, stop], 'upstream_failed')

  t.equal(sink.text, start + stop)
})

t.test(
  "an error that the API tells in the stream passes as it is, ends as the API ends it, and counts as the upstream's failure",
  async (t) => {
    const { call, reply, sink, play } = await metered(stream)

    await play([start, failed])

    t.equal(sink.text, start + failed)
    t.equal(reply.body.end, 'done')
    t.equal(call.error?.failure, 'upstream_failed')
  },
)

t.test('who leaves in the middle is counted by what had come', async (t) => {
  const { call, sink, play } = await metered(stream)

  await play([start, delta], 'cancelled')

  t.match(call.tokens, { input: 25, estimated: true })
  t.equal(sink.text, start + delta)
})

t.test('a reply that is neither a stream nor JSON is not read; an error in JSON has no usage', async (t) => {
  const plain = await metered('content-type: text/html')
  await plain.play(['<p>usage</p>'])
  const refused = await metered('content-type: application/json', { status: 429 })
  await refused.play(['{"type":"error","error":{"type":"rate_limit_error","message":"no"}}'])

  t.same([plain.call.tokens, refused.call.tokens], [null, null])
  t.equal(plain.reply.body.end, 'done')
})

t.test('an error status with an event stream is not broken off for want of a message_stop', async (t) => {
  const { reply, play } = await metered(stream, { status: 529 })

  await play([failed])

  t.equal(reply.body.end, 'done')
})

t.test('a coded stream that was cut is known for one, though its connection reads another reply before it is decoded', async (t) => {
  const { call, reply, play } = await metered(`${stream}\ncontent-encoding: gzip`)

  const played = play([gzipSync(start + delta)])
  reply.head?.forget()
  await played

  t.match(call.error, { failure: 'upstream_failed', message: /without message_stop/ })
})
