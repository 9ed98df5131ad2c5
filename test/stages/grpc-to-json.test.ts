import { gzipSync } from 'node:zlib'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import type { Call } from '../../src/engine/call.ts'
import { framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { readRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { statusInTrailers } from '../../src/protocol/grpc/status.ts'
import { grpcToJson } from '../../src/stages/grpc-to-json.ts'
import { callOf, FakeSink, FakeSource } from '../engine/shapes.ts'
import { framesIn, through, type Got } from './grpc-world.ts'
import { outcomeOf } from './helpers.ts'
import { FakeBackend, item, plenty, shop } from './transcode-world.ts'

const stage = grpcToJson({ transcoder: shop, base: '/base', isClaude: false, mostMessage: 1000, budget: plenty })

function ask(method: string, body: Buffer | Body, fields = ''): Call {
  const made = body instanceof Body ? body : Body.of(body)
  return callOf(`POST /shop.v1.Shop/${method} HTTP/1.1\nhost: r\ncontent-type: application/grpc\nte: trailers\n${fields}`, { body: made })
}

async function answered(call: Call, answer: ConstructorParameters<typeof FakeBackend>[0]): Promise<{ got: Got; backend: FakeBackend }> {
  const backend = new FakeBackend(answer)
  return { got: await through(stage, call, backend.next), backend }
}

const statusAtEnd = (got: Got): ReturnType<typeof statusInTrailers> =>
  statusInTrailers(Buffer.from((got.sink.told.at(-1) ?? '').replace(/^(?:finish|fail \w+) /, ''), 'latin1'))
const statusInHead = (got: Got): ReturnType<typeof statusInTrailers> =>
  statusInTrailers(Buffer.from(`${got.lines.join('\r\n')}\r\n`, 'latin1'))

t.test('a gRPC call becomes the HTTP call that its rule says, and the JSON of the reply a message', async (t) => {
  const call = ask('Put', framed(item('a/b', 'cup')), 'grpc-timeout: 1S\ngrpc-accept-encoding: gzip\nx-user: ann')

  const { got, backend } = await answered(call, { body: '{"id":"9","colour":"red"}', fields: 'x-lead: 1' })

  t.equal(backend.line, 'PUT /base/v1/items/a%2Fb')
  t.strictSame(backend.lines, ['x-user: ann', 'content-type: application/json', 'accept: application/json', 'accept-encoding: identity'])
  t.strictSame(JSON.parse(backend.asked.text), { name: 'cup' })
  t.equal(got.status, 200)
  t.strictSame(got.lines, ['x-lead: 1', 'content-type: application/grpc'])
  t.strictSame(framesIn(got.bytes), [`0:${item('9').toString('latin1')}`])
  t.equal(statusAtEnd(got)?.code, 0)
})

t.test('fields that the path does not take are the query of a call without a body', async (t) => {
  const { backend } = await answered(ask('Get', framed(item('7', 'a cup'))), { body: '{}' })

  t.equal(backend.line, 'GET /base/v1/items/7?name=a%20cup')
  t.equal(backend.asked.text, '')
})

t.test('a compressed message is read', async (t) => {
  const coded = gzipSync(item('7', 'cup'))
  const call = ask('Put', Buffer.concat([framePrefix(coded.length, 1), coded]), 'grpc-encoding: gzip')

  const { backend } = await answered(call, { body: '{}' })

  t.strictSame(JSON.parse(backend.asked.text), { name: 'cup' })
})

t.test('a backend that streams on demand is asked as the method is', async (t) => {
  const streamed = await answered(ask('Wish', framed(item('1'))), { type: 'text/event-stream', body: '' })
  t.strictSame(JSON.parse(streamed.backend.asked.text), { id: '1', stream: true })
  t.ok(streamed.backend.lines.some((line) => line.startsWith('accept: text/event-stream')))

  const once = await answered(ask('Once', Buffer.from([0, 0, 0, 0, 2, 0x10, 1])), { body: '{}' })
  t.strictSame(JSON.parse(once.backend.asked.text), {})
})

t.test('what a backend answers in failure is a status: its own words first, else by HTTP', async (t) => {
  const claude = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
  const cases: readonly (readonly [ConstructorParameters<typeof FakeBackend>[0], number, string])[] = [
    [{ status: 404, body: '{"code":9,"message":"not yet","details":[]}' }, 9, 'not yet'],
    [{ status: 404, body: '{"error":{"message":"no such item"}}' }, 5, 'no such item'],
    [{ status: 400, body: '{"error":"bad"}' }, 3, 'bad'],
    [{ status: 529, body: claude }, 14, 'Overloaded'],
    [{ status: 418, body: '{}' }, 9, '{}'],
    [{ status: 500, body: '{"message":"oops"}' }, 13, 'oops'],
    [{ status: 429, type: 'text/html', body: '<p>' }, 14, 'the upstream answered with HTTP status 429'],
    [{ status: 400, type: 'text/html', body: '<p>' }, 13, 'the upstream answered with HTTP status 400'],
    [{ status: 302, type: 'text/html', body: '' }, 2, 'the upstream answered with HTTP status 302'],
  ]
  for (const [answer, code, message] of cases) {
    for (const method of ['Get', 'List']) {
      const { got } = await answered(ask(method, framed(item('7'))), answer)

      t.equal(got.status, 200)
      t.match(statusInHead(got), { code, message })
      t.equal(got.sink.text, '')
    }
  }
  const { got } = await answered(ask('Get', framed(item('7'))), { status: 429, body: '{"error":"slow"}', fields: 'retry-after: 3' })
  t.match(readRichStatus(statusInHead(got)!.details!), { code: 8, details: [{ typeUrl: /RetryInfo$/ }] })
})

t.test('of a long explanation four kilobytes are told, in whole characters', async (t) => {
  const roomy = grpcToJson({ transcoder: shop, base: '', isClaude: false, mostMessage: 1 << 17, budget: plenty })
  const long = `abc${'é€😀'.repeat(6000)}`
  const event = (data: object): string => `event: error\ndata: ${JSON.stringify(data)}\n\n`
  const explained = [{ error: { message: long } }, { code: 9, message: long, details: [] }] as const
  for (const said of explained) {
    for (const answer of [
      { status: 400, body: JSON.stringify(said) },
      { type: 'text/event-stream', body: event(said) },
    ]) {
      const got = await through(roomy, ask('List', framed(item(''))), new FakeBackend(answer).next)

      const message = (statusInHead(got) ?? statusAtEnd(got))?.message ?? ''
      t.ok(long.startsWith(message) && message.isWellFormed(), 'it is the beginning, and no character is broken')
      t.ok(Buffer.byteLength(message) <= 4096 && Buffer.byteLength(message) > 4090, `${Buffer.byteLength(message)} bytes`)
    }
  }
  const endless = { type: 'text/event-stream', body: event({ error: { message: long + long } }) }
  const got = await through(roomy, ask('List', framed(item(''))), new FakeBackend(endless).next)
  t.match(statusAtEnd(got), { code: 2, message: 'the upstream told an error' }, 'one of more than 64 KiB is not read')
})

t.test('a stream of events, lines or an array is a stream of messages', async (t) => {
  const two = [`0:${item('1').toString('latin1')}`, `0:${item('2').toString('latin1')}`]
  const forms: readonly (readonly [string, string])[] = [
    ['text/event-stream; charset=utf-8', ': hi\n\nevent: a\ndata: {"id":"1"}\n\ndata: {"id":"2","x":1}\n\ndata: [DONE]\n\n'],
    ['application/x-ndjson', '{"id":"1"}\n{"id":"2"}\n'],
    ['application/json', '[{"id":"1"},{"id":"2"}]'],
  ]
  for (const [type, body] of forms) {
    const { got } = await answered(ask('List', framed(item(''))), { type, body })

    t.strictSame(framesIn(got.bytes), two, type)
    t.equal(statusAtEnd(got)?.code, 0)
    t.equal(got.reply.isStream, true)
  }
})

t.test('a stream that comes coded, though nobody asked for it, is understood where that can be', async (t) => {
  const coded = new FakeBackend({ type: 'application/x-ndjson', fields: 'content-encoding: gzip' })
  const replied = through(stage, ask('List', framed(item(''))), coded.next)
  const got = await replied
  coded.body.push(gzipSync('{"id":"1"}\n'), true)
  coded.body.finish(Buffer.alloc(0))
  await new Promise<void>((resolve) => got.reply.body.onEnd(() => resolve()))
  t.strictSame(framesIn(got.bytes), [`0:${item('1').toString('latin1')}`])

  const odd = new FakeBackend({ type: 'application/x-ndjson', fields: 'content-encoding: odd', body: 'x' })
  t.equal((await outcomeOf(stage, ask('List', framed(item(''))), odd.next)).error?.failure, 'upstream_failed')
})

t.test('an error inside a stream, a stream that breaks off and one that is malformed end in a status', async (t) => {
  const begun = 'data: {"id":"1"}\n\n'
  const claude = 'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"slow"}}\n\n'
  const told = await answered(ask('List', framed(item(''))), { type: 'text/event-stream', body: begun + claude })
  t.match(statusAtEnd(told.got), { code: 8, message: 'slow' })

  const broken = await answered(ask('List', framed(item(''))), { type: 'text/event-stream' })
  broken.backend.body.push(Buffer.from(begun), true)
  broken.backend.body.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))
  t.match(statusAtEnd(broken.got), { code: 14, message: 'gone' })

  const malformed = await answered(ask('List', framed(item(''))), { type: 'application/x-ndjson', body: '{"id":1}\n' })
  t.match(statusAtEnd(malformed.got), { code: 13 })
})

t.test('messages that are streamed go out as lines, the first one’s path before them', async (t) => {
  const body = new Body(-1, new FakeSource())
  const backend = new FakeBackend({ body: '{"id":"9"}' })
  const replied = through(stage, ask('Add', body), backend.next)
  const both = Buffer.concat([framed(item('1')), framed(item('2'))])
  body.push(both.subarray(0, 9), false)
  body.push(both.subarray(9), false)
  body.finish(Buffer.alloc(0))

  const got = await replied

  t.equal(backend.line, 'POST /base/v1/items')
  t.ok(backend.lines.includes('content-type: application/x-ndjson'))
  t.equal(backend.asked.text, '{"id":"1"}\n{"id":"2"}\n')
  t.equal(framesIn(got.bytes).length, 1)
})

t.test('raw bytes become an HttpBody with their own type', async (t) => {
  const { got } = await answered(ask('File', framed(item('7'))), { type: 'image/png', body: 'png' })

  const reader = new BinaryReader(got.bytes.subarray(5))
  t.strictSame(reader.tag(), [1, WireType.LengthDelimited])
  t.equal(reader.string(), 'image/png')
})

t.test('what is no message, or too many, or of no method is refused; other callers pass', async (t) => {
  const one = framed(item('7'))
  const cases: readonly (readonly [Call, string])[] = [
    [ask('Nothing', one), 'no_route'],
    [ask('Get', Buffer.alloc(0)), 'bad_request'],
    [ask('Get', Buffer.concat([one, one])), 'bad_request'],
    [ask('Get', one.subarray(0, 7)), 'bad_request'],
    [ask('Get', framed(Buffer.from([0x0a, 9]))), 'bad_request'],
    [ask('Get', Buffer.concat([framePrefix(3, 1), Buffer.from('abc')]), 'grpc-encoding: gzip'), 'bad_request'],
    [ask('Get', Buffer.concat([framePrefix(3, 1), Buffer.from('abc')]), 'grpc-encoding: odd'), 'not_supported'],
    [ask('Get', framePrefix(5000)), 'too_large'],
  ]
  for (const [call, failure] of cases) {
    const { error } = await outcomeOf(stage, call, new FakeBackend({ body: '{}' }).next)

    t.equal(error?.failure, failure)
  }
  const plain = callOf('GET /v1/items/7 HTTP/1.1\nhost: r')
  const backend = new FakeBackend({ body: '{}' })
  t.equal((await through(stage, plain, backend.next)).sink.text, '{}')
})

t.test('a Claude upstream’s call says what it asks for, and which version of the API it speaks', async (t) => {
  const claude = grpcToJson({ transcoder: shop, base: '', isClaude: true, mostMessage: 1000, budget: plenty })
  const call = ask('Put', framed(item('7', 'cup')))
  const backend = new FakeBackend({ body: '{}' })

  await through(claude, call, backend.next)

  t.ok(backend.lines.includes('anthropic-version: 2023-06-01'))
  t.match(call.asked, { model: null, bytes: 14 })
})

t.test('a message behind the one that a method takes is not even decompressed', async (t) => {
  const coded = gzipSync(item('7', 'cup'))
  const two = Buffer.concat([framePrefix(coded.length, 1), coded, framePrefix(4, 1), Buffer.from('junk')])

  const { error } = await outcomeOf(stage, ask('Put', two, 'grpc-encoding: gzip'), new FakeBackend({ body: '{}' }).next)

  t.match(error?.message, /2 messages came/)
})

t.test('of many events in few bytes a caller that does not read gets no more than it takes, and all of them at last', async (t) => {
  const backend = new FakeBackend({ type: 'text/event-stream' })
  const reply = await stage(ask('List', framed(item(''))), backend.next)
  const sink = new FakeSink()
  sink.isFull = true
  reply.body.pipe(sink)

  backend.body.push(Buffer.from('event: a\r\ndata: {"id":"2"}\r\n\r\n'.repeat(1000)), false)
  backend.body.finish(Buffer.alloc(0))

  const first = sink.text.length
  t.ok(first <= framed(item('2')).length, `${first} bytes`)
  sink.isFull = false
  reply.body.resume()
  await new Promise<void>((resolve) => reply.body.onEnd(() => resolve()))
  t.equal(framesIn(Buffer.from(sink.text, 'latin1')).length, 1000)
})

t.test('of many messages in few bytes a backend that does not read gets no more than it takes', async (t) => {
  const body = new Body(-1, new FakeSource())
  const backend = new FakeBackend({ body: '{}' })
  backend.asked.isFull = true
  const thousand = Buffer.concat(Array.from({ length: 1000 }, () => framed(item('2'))))
  body.push(framed(item('1')), true)

  await stage(ask('Add', body), backend.next)
  const taken = [body.push(thousand, false), body.push(thousand, false)]

  t.strictSame(taken, [false, false])
  t.equal(backend.asked.text, '{"id":"1"}\n{"id":"2"}\n')
})
