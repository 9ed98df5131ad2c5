import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { framed } from '../../src/protocol/grpc/frames.ts'
import { webText } from '../../src/protocol/grpc/web.ts'
import { grpcWeb } from '../../src/stages/grpc-web.ts'
import { FakeUpstream, framesIn, grpcCall, through } from './grpc-world.ts'

const web = 'content-type: application/grpc-web+proto\nx-grpc-web: 1\nx-user: ann'
const text = 'content-type: application/grpc-web-text'
const hello = framed(Buffer.from('hello'))

t.test('a call of gRPC-Web goes out as gRPC, and its trailers come back as the last frame', async (t) => {
  const trailers = 'grpc-status: 0\r\nx-sum-bin: AAE\r\n'
  const upstream = new FakeUpstream({ fields: 'x-lead: 1\ngrpc-encoding: gzip', messages: ['one', 'two'], trailers })

  const got = await through(grpcWeb(), grpcCall(web, hello), upstream.next)

  t.strictSame(upstream.lines, ['x-user: ann', 'content-type: application/grpc+proto'])
  t.equal(upstream.asked.text, hello.toString('latin1'))
  t.equal(got.status, 200)
  t.strictSame(got.lines, ['x-lead: 1', 'grpc-encoding: gzip', 'content-type: application/grpc-web+proto'])
  t.strictSame(framesIn(got.bytes), ['0:one', '0:two', '128:x-sum-bin: AAE\r\ngrpc-status: 0\r\n'])
  t.equal(got.sink.told.at(-1), 'finish')
})

t.test('in its text form both bodies are base64, the reply padded wherever it is flushed', async (t) => {
  const upstream = new FakeUpstream({ trailers: null })
  const sent = new Body(-1, null)
  const got = await through(grpcWeb(), grpcCall(text, sent), upstream.next)

  const coded = Buffer.concat([webText(hello.subarray(0, 4)), webText(hello.subarray(4))])
  sent.push(coded.subarray(0, 5), false)
  sent.push(coded.subarray(5), false)
  sent.finish(Buffer.alloc(0))
  upstream.body.push(hello.subarray(0, 4), false)
  upstream.body.push(hello.subarray(4), false)
  upstream.body.finish(Buffer.from('grpc-status: 5\r\ngrpc-message: a%20b\r\n'))

  t.equal(upstream.asked.text, hello.toString('latin1'))
  t.ok(got.lines.includes('content-type: application/grpc-web-text+proto'))
  const pieces = got.sink.told.slice(0, -1).map((piece) => Buffer.from(piece, 'base64'))
  t.equal(pieces.length, 3)
  t.strictSame(framesIn(Buffer.concat(pieces)), ['0:hello', '128:grpc-status: 5\r\ngrpc-message: a b\r\n'])
})

t.test('base64 that is none fails the call as a bad request, and the upstream gets no more of it', async (t) => {
  for (const body of ['not base64!', 'AAAAA']) {
    const upstream = new FakeUpstream({ trailers: null })
    await through(grpcWeb(), grpcCall(text, body), upstream.next)

    t.equal(upstream.asked.told.at(-1), 'fail failed', body)
    t.equal(upstream.asked.error?.failure, 'bad_request')
  }
})

t.test('a reply without messages has its status in the last frame all the same', async (t) => {
  const upstream = new FakeUpstream({ fields: 'grpc-status: 16\ngrpc-message: who%3f', trailers: '' })

  const got = await through(grpcWeb(), grpcCall(web), upstream.next)

  t.strictSame(got.lines, ['content-type: application/grpc-web+proto'])
  t.strictSame(framesIn(got.bytes), ['128:grpc-status: 16\r\ngrpc-message: who?\r\n'])
})

t.test('whatever comes in the place of a status becomes one', async (t) => {
  const seen = async (answer: ConstructorParameters<typeof FakeUpstream>[0]): Promise<string> =>
    framesIn((await through(grpcWeb(), grpcCall(web), new FakeUpstream(answer).next)).bytes).at(-1) ?? ''

  t.match(await seen({ trailers: '' }), /^128:grpc-status: 2\r\n/)
  t.match(await seen({ trailers: 'grpc-status: 17\r\n' }), /^128:grpc-status: 2\r\n/)
  t.match(await seen({ trailers: 'grpc-status: 2147483648\r\n' }), /^128:grpc-status: 2\r\n/)
  t.match(await seen({ status: 503, type: 'text/html', messages: [Buffer.from('<h1>')] }), /^128:grpc-status: 14\r\ngrpc-message: .*503/)
  t.match(await seen({ type: 'text/html' }), /^128:grpc-status: 2\r\n/)
})

t.test('a reply that breaks between two messages ends by a status; within one it breaks off', async (t) => {
  const between = new FakeUpstream({ messages: ['one'], trailers: null })
  const told = await through(grpcWeb(), grpcCall(web), between.next)
  between.body.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))
  t.strictSame(framesIn(told.bytes), ['0:one', '128:grpc-status: 14\r\ngrpc-message: gone\r\n'])
  t.equal(told.sink.told.at(-1), 'fail upstream_failed ')

  const within = new FakeUpstream({ messages: ['one', hello.subarray(0, 7)], trailers: null })
  const cut = await through(grpcWeb(), grpcCall(web), within.next)
  within.body.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))
  t.equal(cut.sink.told.at(-1), 'fail upstream_failed')

  const ended = await through(grpcWeb(), grpcCall(web), new FakeUpstream({ messages: [hello.subarray(0, 7)] }).next)
  t.strictSame(ended.sink.told, [hello.toString('latin1', 0, 7), 'fail upstream_failed'], 'whatever it says of its end')
})

t.test('a caller who leaves stops the upstream', async (t) => {
  const upstream = new FakeUpstream({ trailers: null })
  const got = await through(grpcWeb(), grpcCall(web), upstream.next)

  got.reply.body.cancel('cancelled')

  t.ok(upstream.source.told.includes('ended cancelled'))
})

t.test('all other callers pass untouched', async (t) => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/json', 'application/connect+proto']) {
    const upstream = new FakeUpstream({ messages: ['one'], trailers: 'grpc-status: 0\r\n' })
    const got = await through(grpcWeb(), grpcCall(`content-type: ${type}`, 'x'), upstream.next)

    t.strictSame(upstream.lines, [`content-type: ${type}`])
    t.equal(got.reply.body, upstream.body)
    t.equal(got.sink.told.at(-1), 'finish grpc-status: 0\r\n')
  }
})
