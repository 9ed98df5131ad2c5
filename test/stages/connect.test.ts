import { gzipSync } from 'node:zlib'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import type { Stage } from '../../src/engine/call.ts'
import { codeBinary } from '../../src/protocol/grpc/binary.ts'
import { framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { retryInfo, writeRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import type { MessageCodecs } from '../../src/stages/connect-codec.ts'
import { connect } from '../../src/stages/connect.ts'
import { outcomeOf } from './helpers.ts'
import { FakeUpstream, framesIn, grpcCall, through, type Answer } from './grpc-world.ts'

/** JSON is the text in capitals; `!` does not fit. */
const shouting: MessageCodecs = (path) =>
  path !== '/p.S/M'
    ? null
    : {
        toProto(json) {
          if (json.includes('!')) throw new RelayError('bad_request', 'text: no shouting')
          return Buffer.from(json.toString().toLowerCase())
        },
        toJson: (message) => Buffer.from(message.toString().toUpperCase()),
      }

const stage: Stage = connect({ codecs: shouting, most: 1000 })
const unary = 'content-type: application/proto\nconnect-protocol-version: 1\nconnect-timeout-ms: 500'
const json = 'content-type: application/json\nconnect-protocol-version: 1'
const stream = 'content-type: application/connect+proto\nconnect-content-encoding: gzip\nconnect-accept-encoding: gzip, br;q=0'

t.test('a unary call goes out as one frame, and its reply comes back as a bare message with its trailers in the head', async (t) => {
  const trailers = 'grpc-status: 0\r\nx-sum-bin: AAE\r\nx-sum-bin: AAI\r\n'
  const upstream = new FakeUpstream({ fields: 'x-lead: 1', messages: ['hello'], trailers })

  const got = await through(stage, grpcCall(`${unary}\nx-user: ann\naccept-encoding: gzip, deflate;q=0.5, *`, 'hi'), upstream.next)

  t.strictSame(upstream.lines, ['x-user: ann', 'content-type: application/grpc+proto', 'grpc-accept-encoding: identity,gzip,deflate'])
  t.strictSame(framesIn(Buffer.from(upstream.asked.text, 'latin1')), ['0:hi'])
  t.equal(got.status, 200)
  t.strictSame(got.lines, ['x-lead: 1', 'content-type: application/proto', 'trailer-x-sum-bin: AAE', 'trailer-x-sum-bin: AAI'])
  t.equal(got.sink.text, 'hello')
  t.equal(got.reply.isStream, false)
})

t.test('a body that is compressed goes out as it is meant, and a compressed reply comes back as it is', async (t) => {
  const coded = gzipSync('HELLO')
  const answer = { fields: 'grpc-encoding: gzip', messages: [Buffer.concat([framePrefix(coded.length, 1), coded])] }
  const upstream = new FakeUpstream(answer)

  const got = await through(stage, grpcCall(`${unary}\ncontent-encoding: gzip`, gzipSync('hi')), upstream.next)

  t.strictSame(framesIn(Buffer.from(upstream.asked.text, 'latin1')), ['0:hi'])
  t.ok(got.lines.includes('content-encoding: gzip'))
  t.same(got.bytes, coded)
  const plain = await through(stage, grpcCall(json, 'HI'), new FakeUpstream(answer).next)
  t.equal(plain.sink.text, 'HELLO', 'whose messages are to be JSON gets them decoded')
  t.notOk(plain.lines.some((line) => line.startsWith('content-encoding')))
})

t.test('messages in JSON are put into binary ones and back', async (t) => {
  const upstream = new FakeUpstream({ messages: ['hello'] })

  const got = await through(stage, grpcCall(json, 'HI'), upstream.next)

  t.ok(upstream.lines.includes('grpc-accept-encoding: identity'))
  t.strictSame(framesIn(Buffer.from(upstream.asked.text, 'latin1')), ['0:hi'])
  t.ok(got.lines.includes('content-type: application/json'))
  t.equal(got.sink.text, 'HELLO')
})

t.test('what cannot be passed on is refused before the upstream hears of it', async (t) => {
  const unknown = grpcCall(json, 'HI')
  unknown.targetPrefix = Buffer.from('/p.S/Other')
  unknown.targetFrom = unknown.head.targetEnd
  const cases = [
    [stage, grpcCall(json, 'HI!'), 'bad_request', 3],
    [stage, grpcCall(unary, 'x'.repeat(1001)), 'too_large', 8],
    [stage, grpcCall(`${unary}\ncontent-encoding: gzip`, gzipSync('x'.repeat(1001))), 'too_large', 8],
    [stage, grpcCall(`${unary}\ncontent-encoding: gzip`, 'x'), 'bad_request', 3],
    [stage, grpcCall(`${unary}\ncontent-encoding: snappy`, 'x'), 'unsupported_type', 12],
    [stage, unknown, 'no_route', 12],
    [connect({ codecs: null, most: 1000 }), grpcCall(json, 'HI'), 'unsupported_type', 12],
    [connect({ codecs: null, most: 1000 }), grpcCall('content-type: application/connect+json', 'HI'), 'unsupported_type', 12],
  ] as const
  for (const [tried, call, failure, grpc] of cases) {
    const { error } = await outcomeOf(tried, call, async () => t.fail('it was sent') as never)
    t.match(error, { failure, grpc })
  }
})

t.test('an error has its HTTP status, and is told in JSON with its details and metadata', async (t) => {
  const details = codeBinary(writeRichStatus({ code: 8, message: 'slow down', details: [retryInfo(1000)] }))
  const trailers = `grpc-status: 8\r\ngrpc-message: slow%20down\r\ngrpc-status-details-bin: ${details}\r\nx-sum: 1\r\n`

  const got = await through(stage, grpcCall(unary, 'hi'), new FakeUpstream({ fields: 'x-lead: 1', messages: ['half'], trailers }).next)

  t.equal(got.status, 429)
  t.strictSame(got.lines, ['x-lead: 1', 'content-type: application/json', 'trailer-x-sum: 1'])
  t.strictSame(JSON.parse(got.sink.text), {
    code: 'resource_exhausted',
    message: 'slow down',
    details: [{ type: 'google.rpc.RetryInfo', value: 'CgIIAQ' }],
  })
})

t.test('whatever comes in the place of one message and a status has one', async (t) => {
  const seen = async (answer: Answer): Promise<unknown> => {
    const got = await through(stage, grpcCall(unary, 'hi'), new FakeUpstream(answer).next)
    const { code }: { code: string } = JSON.parse(got.sink.text)
    return [got.status, code]
  }
  t.same(await seen({ fields: 'grpc-status: 5', trailers: '' }), [404, 'not_found'], 'in the head')
  t.same(await seen({ messages: ['a'], trailers: '' }), [500, 'unknown'])
  t.same(await seen({ trailers: 'grpc-status: 17\r\n' }), [500, 'unknown'])
  t.same(await seen({ trailers: 'grpc-status: 2147483648\r\n' }), [500, 'unknown'])
  t.same(await seen({ status: 502, type: 'text/html', trailers: '' }), [503, 'unavailable'])

  const failed = async (answer: Answer): Promise<number | undefined> =>
    (await outcomeOf(stage, grpcCall(unary, 'hi'), new FakeUpstream(answer).next)).error?.grpc
  t.equal(await failed({}), 12, 'no message')
  t.equal(await failed({ messages: ['a', 'b'] }), 12, 'two')
  t.equal(await failed({ messages: [framePrefix(5)] }), 13, 'half of one')
  t.equal(await failed({ messages: [Buffer.from('nonsense')] }), 13, 'no frame')
  t.equal(await failed({ messages: ['x'.repeat(1001)] }), 8, 'one that is too large')
})

t.test('a call that is given up while its reply is read stops the upstream', async (t) => {
  const upstream = new FakeUpstream({ messages: ['one'], trailers: null })
  const call = grpcCall(unary, 'hi')
  const sent = outcomeOf(stage, call, upstream.next)
  await new Promise(setImmediate)

  call.cancel('cancelled')

  t.match(await sent, { error: { failure: 'cancelled' } })
  t.ok(upstream.source.told.includes('ended cancelled'))
})

t.test("a stream's frames pass, and its last one says how it ended", async (t) => {
  const trailers = 'grpc-status: 9\r\ngrpc-message: not%20now\r\nx-sum: 1\r\n'
  const upstream = new FakeUpstream({ fields: 'grpc-encoding: gzip\nx-lead: 1', messages: ['one', 'two'], trailers })
  const coded = Buffer.concat([framePrefix(3, 1), Buffer.from('abc')])

  const got = await through(stage, grpcCall(stream, coded), upstream.next)

  t.strictSame(upstream.lines, ['content-type: application/grpc+proto', 'grpc-encoding: gzip', 'grpc-accept-encoding: identity,gzip'])
  t.strictSame(framesIn(Buffer.from(upstream.asked.text, 'latin1')), ['1:abc'])
  t.equal(got.status, 200)
  t.strictSame(got.lines, ['x-lead: 1', 'connect-content-encoding: gzip', 'content-type: application/connect+proto'])
  const end = '{"error":{"code":"failed_precondition","message":"not now"},"metadata":{"x-sum":["1"]}}'
  t.strictSame(framesIn(got.bytes), ['0:one', '0:two', `2:${end}`])
})

t.test('a stream without messages, or without gRPC, ends by its status', async (t) => {
  const seen = async (answer: Answer): Promise<string[]> =>
    framesIn((await through(stage, grpcCall(stream), new FakeUpstream(answer).next)).bytes)

  t.strictSame(await seen({ fields: 'grpc-status: 5', trailers: '' }), ['2:{"error":{"code":"not_found"}}'])
  t.strictSame(await seen({ messages: ['a'] }), ['0:a', '2:{}'])
  t.match(await seen({ status: 504, type: 'text/plain' }), [/^2:.*unavailable.*504/])
})

t.test('a stream in JSON is converted message by message', async (t) => {
  const upstream = new FakeUpstream({ trailers: null })
  const sent = new Body(-1, null)
  const got = await through(stage, grpcCall('content-type: application/connect+json\nconnect-content-encoding: gzip', sent), upstream.next)

  sent.push(framed(Buffer.from('HI')).subarray(0, 6), false)
  sent.push(Buffer.concat([Buffer.from('I'), framePrefix(gzipSync('YOU').length, 1), gzipSync('YOU')]), false)
  upstream.body.push(framed(Buffer.from('hello')), false)
  upstream.body.finish(Buffer.from('grpc-status: 0\r\n'))

  t.strictSame(framesIn(Buffer.from(upstream.asked.text, 'latin1')), ['0:hi', '0:you'])
  t.notOk(upstream.lines.some((line) => line.startsWith('grpc-encoding')))
  t.strictSame(framesIn(got.bytes), ['0:HELLO', '2:{}'])
})

t.test('a message of a stream that does not fit fails the request, and one of the reply ends it by a status', async (t) => {
  const upstream = new FakeUpstream({ messages: [framePrefix(9), 'x'], trailers: null })
  const sent = new Body(-1, null)
  const got = await through(stage, grpcCall('content-type: application/connect+json', sent), upstream.next)

  sent.push(framed(Buffer.from('HI!')), false)
  upstream.body.finish(Buffer.from('grpc-status: 0\r\n'))

  t.match(upstream.asked.error, { failure: 'bad_request' })
  t.match(framesIn(got.bytes), [/^2:\{"error":\{"code":"internal"/])
  t.equal(got.sink.told.at(-1), 'fail upstream_failed ')
})

t.test('a stream that breaks between two messages says so; within one it breaks off', async (t) => {
  const between = new FakeUpstream({ messages: ['one'], trailers: null })
  const told = await through(stage, grpcCall(stream), between.next)
  told.reply.body.fail('timed_out', new RelayError('timed_out', 'too late'))
  t.strictSame(framesIn(told.bytes), ['0:one', '2:{"error":{"code":"deadline_exceeded","message":"too late"}}'])
  t.equal(told.sink.told.at(-1), 'fail timed_out ')
  t.ok(between.source.told.includes('ended timed_out'))

  const within = new FakeUpstream({ messages: [framePrefix(3)], trailers: null })
  const cut = await through(stage, grpcCall(stream), within.next)
  within.body.fail('upstream_failed', null)
  t.equal(cut.sink.told.at(-1), 'fail upstream_failed')

  const ended = await through(stage, grpcCall(stream), new FakeUpstream({ messages: [framePrefix(3)] }).next)
  t.equal(ended.sink.told.at(-1), 'fail upstream_failed', 'whatever it says of its end')
})
