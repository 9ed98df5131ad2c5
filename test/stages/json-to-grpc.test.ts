import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import type { Call, Stage } from '../../src/engine/call.ts'
import { codeBinary } from '../../src/protocol/grpc/binary.ts'
import { retryInfo, writeRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { jsonFailures, jsonToGrpc } from '../../src/stages/json-to-grpc.ts'
import { callOf, FakeSource } from '../engine/shapes.ts'
import { FakeUpstream, framesIn, through, type Answer, type Got } from './grpc-world.ts'
import { outcomeOf } from './helpers.ts'
import { item, plenty, shop } from './transcode-world.ts'

const options = { transcoder: shop, base: '', mostMessage: 1000, budget: plenty }
const stage: Stage = (call, next) => jsonFailures(options)(call, (told) => jsonToGrpc(options)(told, next))

function ask(line: string, body: string | Body = '', fields = ''): Call {
  const made = body instanceof Body ? body : Body.of(Buffer.from(body))
  return callOf(`${line} HTTP/1.1\nhost: r\ncontent-type: application/json\n${fields}`, { body: made })
}

async function answered(call: Call, answer: Answer): Promise<{ got: Got; upstream: FakeUpstream; call: Call }> {
  const upstream = new FakeUpstream(answer)
  return { got: await through(stage, call, upstream.next), upstream, call }
}

const sent = (upstream: FakeUpstream): string[] => framesIn(Buffer.from(upstream.asked.text, 'latin1'))
const frame = (message: Buffer): string => `0:${message.toString('latin1')}`

t.test('a call becomes a gRPC call of the method that its path means, and the reply JSON', async (t) => {
  const call = ask('GET /v1/items/7?name=cup', '', 'x-user: ann\naccept-encoding: gzip\ngrpc-evil: 1\nx-key-bin: AAE\nx-bad-bin: *')
  const trailers = 'grpc-status: 0\r\nx-sum: 3\r\n'

  const { got, upstream } = await answered(call, {
    messages: [framed(item('7', 'cup'))],
    fields: 'x-lead: 1\ngrpc-encoding: identity',
    trailers,
  })

  t.equal(call.method, 'POST')
  t.equal(call.targetPrefix.toString(), '/shop.v1.Shop/Get')
  t.equal(call.targetFrom, call.head.targetEnd, 'without the query')
  t.strictSame(upstream.lines, ['x-user: ann', 'x-key-bin: AAE', 'content-type: application/grpc', 'grpc-accept-encoding: identity'])
  t.strictSame(sent(upstream), [frame(item('7', 'cup'))])
  t.equal(got.status, 200)
  t.strictSame(got.lines, ['x-lead: 1', 'x-sum: 3', 'content-type: application/json'])
  t.strictSame(JSON.parse(got.sink.text), { id: '7', name: 'cup' })
})

t.test('a body is read with the path, plain or coded', async (t) => {
  const coded = Body.of(gzipSync('{"name":"cup"}'))
  for (const call of [ask('PUT /v1/items/7', '{"name":"cup"}'), ask('PUT /v1/items/7', coded, 'content-encoding: gzip')]) {
    const { got, upstream } = await answered(call, { messages: [framed(item('7'))] })

    t.strictSame(sent(upstream), [frame(item('7', 'cup'))])
    t.strictSame(JSON.parse(got.sink.text), { id: '7' })
  }
})

t.test('a status is an HTTP status and a google.rpc.Status in JSON, wherever it stands', async (t) => {
  const details = codeBinary(writeRichStatus({ code: 8, message: 'slow down', details: [retryInfo(1500)] }))
  const lines = `grpc-status: 8\r\ngrpc-message: slow%20down\r\ngrpc-status-details-bin: ${details}\r\nx-why: tired\r\n`
  const inHead = lines.trim().replaceAll('\r\n', '\n')

  for (const answer of [{ trailers: lines }, { fields: inHead, trailers: '' }]) {
    const { got } = await answered(ask('GET /v1/items/7'), answer)

    t.equal(got.status, 429)
    t.strictSame(JSON.parse(got.sink.text), {
      code: 8,
      message: 'slow down',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.500s' }],
    })
    t.ok(got.lines.includes('x-why: tired'))
    t.notOk(got.lines.some((line) => line.startsWith('grpc-')))
  }
})

t.test('statuses that nobody knows, and replies that are no gRPC, are failures', async (t) => {
  const cases: readonly (readonly [Answer, number, number])[] = [
    [{ trailers: 'grpc-status: 17\r\n' }, 500, 2],
    [{ trailers: 'grpc-status: 2147483648\r\n' }, 500, 2],
    [{ trailers: 'grpc-status: x\r\n' }, 500, 2],
    [{ trailers: '' }, 500, 2],
    [{ trailers: 'grpc-status: 16\r\n' }, 401, 16],
    [{ status: 503, type: 'text/html', trailers: '' }, 503, 14],
    [{ type: 'text/html', trailers: '' }, 500, 2],
  ]
  for (const [answer, status, code] of cases) {
    const { got } = await answered(ask('GET /v1/items/7'), answer)

    t.equal(got.status, status, JSON.stringify(answer))
    t.equal((JSON.parse(got.sink.text) as { code: number }).code, code)
    t.equal(got.lines.includes('www-authenticate: Bearer'), status === 401)
  }
})

t.test('a reply with no message, with two, or with half of one is the upstream’s failure', async (t) => {
  const whole = framed(item('7'))
  for (const messages of [[], [whole, whole], [whole.subarray(0, 6)], [framePrefix(2000)], [framed(Buffer.from([0xff]))]]) {
    const { error } = await outcomeOf(stage, ask('GET /v1/items/7'), new FakeUpstream({ messages }).next)

    t.equal(error?.failure, 'upstream_failed', String(messages.length))
  }
})

t.test('what does not fit is refused before anything goes out, and said in the words of the route', async (t) => {
  const cases: readonly (readonly [Call, number, number])[] = [
    [ask('GET /v1/nothing'), 404, 12],
    [ask('DELETE /v1/items/7'), 405, 12],
    [ask('GET /v1/items/7?colour=red'), 400, 3],
    [ask('GET /v1/items/7?price=dear'), 400, 3],
    [ask('PUT /v1/items/7', '{"id":"8"}'), 400, 3],
    [ask('PUT /v1/items/7', '{'), 400, 3],
    [ask('PUT /v1/items/7', `{"name":"${'x'.repeat(2000)}"}`), 413, 8],
  ]
  for (const [call, status, code] of cases) {
    const upstream = new FakeUpstream({})
    const { error } = await outcomeOf(stage, call, upstream.next)

    t.ok(error instanceof RelayError)
    const told = call.tellFailure!(error!, call)
    t.equal(told.status, status, `${call.head.method} ${call.head.path}`)
    t.equal((JSON.parse(told.body.take()!.toString()) as { code: number }).code, code)
    t.strictSame(upstream.lines, [])
  }
})

t.test('a stream of messages is what the caller accepts: events, lines, or an array', async (t) => {
  const messages = [framed(item('1')), framed(item('2'))]
  const forms: readonly (readonly [string, string, string])[] = [
    ['text/event-stream', 'text/event-stream', 'data: {"id":"1"}\n\ndata: {"id":"2"}\n\n'],
    ['application/x-ndjson', 'application/x-ndjson', '{"id":"1"}\n{"id":"2"}\n'],
    ['*/*', 'application/json', '[{"id":"1"},{"id":"2"}]'],
  ]
  for (const [accept, type, text] of forms) {
    const { got } = await answered(ask('GET /v1/items', '', `accept: ${accept}`), { messages, trailers: 'grpc-status: 0\r\nx-sum: 2\r\n' })

    t.ok(got.lines.includes(`content-type: ${type}`))
    t.equal(got.sink.text, text)
    t.equal(got.sink.told.at(-1), 'finish x-sum: 2\r\n')
    t.equal(got.reply.isStream, true)
  }
  const { got } = await answered(ask('GET /v1/items'), { messages: [] })
  t.equal(got.sink.text, '[]')
})

t.test('a stream that fails before its first message has a status; behind it, the stream says so and breaks off', async (t) => {
  const trailers = 'grpc-status: 5\r\ngrpc-message: gone\r\n'
  const early = await answered(ask('GET /v1/items'), { messages: [], trailers })
  t.equal(early.got.status, 404)

  const broken = new FakeUpstream({ messages: [], trailers: null })
  const waiting = outcomeOf(stage, ask('GET /v1/items'), broken.next)
  await setImmediate()
  broken.body.fail('upstream_failed', new RelayError('upstream_failed', 'gone', { grpc: 13 }))
  t.match((await waiting).error, { failure: 'upstream_failed', grpc: 13 }, 'as it has where it breaks off')

  const error = '{"code":5,"message":"gone","details":[]}'
  const forms: readonly (readonly [string, string])[] = [
    ['text/event-stream', `data: {"id":"1"}\n\nevent: error\ndata: ${error}\n\n`],
    ['application/x-ndjson', `{"id":"1"}\n{"error":${error}}\n`],
    ['application/json', `[{"id":"1"},{"error":${error}}`],
  ]
  for (const [accept, text] of forms) {
    const { got } = await answered(ask('GET /v1/items', '', `accept: ${accept}`), { messages: [framed(item('1'))], trailers })

    t.equal(got.status, 200)
    t.equal(got.sink.text, text)
    t.equal(got.sink.told.at(-1), 'fail upstream_failed')
  }
})

t.test('a stream whose upstream breaks off, or sends what is no message, says so; one that is left is cancelled', async (t) => {
  const call = ask('GET /v1/items', '', 'accept: text/event-stream')
  const { got, upstream } = await answered(call, { messages: [framed(item('1'))], trailers: null })
  upstream.body.fail('timed_out', new RelayError('timed_out', 'too slow'))
  t.match(got.sink.text, /event: error\ndata: \{"code":4,"message":"too slow"/)
  t.equal(got.sink.told.at(-1), 'fail timed_out')

  const broken = await answered(ask('GET /v1/items'), { messages: [framed(item('1')), Buffer.from([1, 0, 0, 0, 1, 0])], trailers: null })
  t.equal(broken.got.sink.told.at(-1), 'fail upstream_failed')

  const left = await answered(ask('GET /v1/items'), { messages: [framed(item('1'))], trailers: null })
  left.got.reply.body.cancel('cancelled')
  t.ok(left.upstream.source.told.includes('ended cancelled'))
})

t.test('a stream of requests goes out message by message as its lines come; a line that is none ends it', async (t) => {
  const source = new FakeSource()
  const body = new Body(-1, source)
  const call = ask('POST /v1/items', body, 'content-type: application/x-ndjson')
  const upstream = new FakeUpstream({ messages: [framed(item('9'))] })
  body.push(Buffer.from('{"id":"1"}\n{"na'), false)
  const replied = through(stage, call, upstream.next)
  body.push(Buffer.from('me":"cup"}\n'), false)
  body.finish(Buffer.alloc(0))

  t.strictSame(JSON.parse((await replied).sink.text), { id: '9' })
  t.strictSame(sent(upstream), [frame(item('1')), `0:${Buffer.from([0x12, 3]).toString('latin1')}cup`])

  const wrong = new Body(-1, new FakeSource())
  const other = new FakeUpstream({ trailers: null })
  const refused = stage(ask('POST /v1/items', wrong, ''), other.next)
  await setImmediate()
  wrong.push(Buffer.from('{"price":"dear"}\n'), false)
  other.body.fail('failed', null)
  await t.rejects(refused)
  t.equal(other.asked.told.at(-1), 'fail failed')
  t.equal(other.asked.error?.failure, 'bad_request')
})

t.test('raw bytes come back with their own type', async (t) => {
  const body = Buffer.concat([Buffer.from([0x0a, 9]), Buffer.from('image/png'), Buffer.from([0x12, 3]), Buffer.from('png')])
  const { got } = await answered(ask('GET /v1/items/7/file'), { messages: [framed(body)] })

  t.ok(got.lines.includes('content-type: image/png'))
  t.equal(got.sink.text, 'png')
})

t.test('callers of gRPC pass untouched; without descriptors others are told to come back', async (t) => {
  const call = callOf('POST /shop.v1.Shop/Get HTTP/1.1\nhost: r\ncontent-type: application/grpc', { body: Body.of(framed(item('7'))) })
  const upstream = new FakeUpstream({ messages: [framed(item('7'))] })
  const got = await through(stage, call, upstream.next)
  t.strictSame(framesIn(got.bytes), [frame(item('7'))])

  const nothingKnown = { transcoder: null, base: '', mostMessage: 1000, budget: plenty }
  const unknown = jsonToGrpc(nothingKnown)
  const waiting = ask('GET /v1/items/7')
  const { error } = await outcomeOf(jsonFailures(nothingKnown), waiting, async (told) => unknown(told, upstream.next))
  t.equal(error?.failure, 'unavailable')
  t.match(JSON.parse(waiting.tellFailure!(error!, waiting).body.take()!.toString()), { code: 14 })
})
