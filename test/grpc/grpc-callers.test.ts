import { setTimeout } from 'node:timers/promises'
import { status, type Metadata } from '@grpc/grpc-js'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import type { Stage } from '../../src/engine/call.ts'
import { fieldName } from '../../src/protocol/edits.ts'
import { framed } from '../../src/protocol/grpc/frames.ts'
import { readRichStatus } from '../../src/protocol/grpc/rich-status.ts'
import { framesIn } from '../stages/grpc-world.ts'
import { all, failureOf, nodeCallers } from './callers.ts'
import { grpcClient, metadataOf } from './grpc-client.ts'
import { grpcWorld } from './world.ts'

t.test('a caller of grpc-js has all four kinds of call through relay, with metadata both ways', async (t) => {
  const world = await grpcWorld(t)
  const client = grpcClient(t, world.port)
  const metadata = metadataOf({ 'x-ask': 'ann', 'x-ask-bin': Buffer.from([0, 1, 255]) })

  const answered = await client.once({ text: 'größe', count: 7 }, { metadata })
  t.match(answered.messages, [{ text: 'größe', sum: '7' }])
  t.same(answered.header.get('x-lead-bin'), [Buffer.from([0, 1, 255])])
  t.same(answered.trailer.get('x-trail'), ['ann'])
  t.match((await client.count({ text: 'n', count: 3 })).messages, [{ text: 'n1' }, { text: 'n2' }, { text: 'n3' }])
  t.match(
    (
      await client.sum([
        { text: 'a', count: 1 },
        { text: 'b', count: 2 },
      ])
    ).messages,
    [{ text: 'a b', sum: '3' }],
  )
  t.match((await client.chat([{ text: 'a' }, { text: 'b' }])).messages, [{ text: 'a' }, { text: 'b' }])
  const failed = await client.once({ fail: 5 }, { metadata })
  t.match(failed, { code: status.NOT_FOUND, details: 'größe 100 % (5)' })
  t.same(failed.trailer.get('x-trail'), ['ann'])
  t.match(detailsIn(failed.trailer), [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }])
  t.equal((await client.once({ fail: 17 })).code, 17, 'a status that nobody knows passes as it is')
  t.same(world.bugs, [])
})

t.test("relay's own refusals are statuses with the time to come back, in each caller's form", async (t) => {
  const refuse = async (): Promise<never> => {
    throw new RelayError('over_limit', 'slow down – please', { retryAfterMs: 1500 })
  }
  const world = await grpcWorld(t, { stages: [refuse] })

  const { code, details, trailer } = await grpcClient(t, world.port).once({})
  t.same([code, details], [status.RESOURCE_EXHAUSTED, 'slow down – please'])
  t.match(detailsIn(trailer), [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo' }])
  t.match(trailer.get('request-id'), [/^req_/])
  for (const version of ['1.1', '2'] as const) {
    for (const caller of nodeCallers(world.port, version)) {
      for (const call of [() => caller.once({}), () => caller.count({}).then(all)]) {
        const error = await failureOf(call())
        t.match(error, { code: status.RESOURCE_EXHAUSTED, rawMessage: 'slow down – please' }, `${caller.name} over HTTP/${version}`)
        t.match(error.details, [{ type: 'google.rpc.RetryInfo' }])
      }
    }
  }
})

t.test('an upstream that breaks off in the middle of a stream is a status to its caller, behind what came before', async (t) => {
  const world = await grpcWorld(t)
  const client = grpcClient(t, world.port)
  const { upstream, door, calls } = world

  const streaming = client.count({ count: 2, hang: true })
  await streaming.read(2)
  door.close()
  t.match(await streaming, { code: status.UNAVAILABLE, messages: [{ text: '1' }, { text: '2' }] })
  door.open()
  t.match(calls.ends, ['upstream_failed: upstream_failed'])

  for (const version of ['1.1', '2'] as const) {
    for (const caller of nodeCallers(world.port, version)) {
      const { begun } = upstream
      const { messages } = await caller.count({ count: 2, hang: true })
      const read: unknown[] = []
      const failed = failureOf(
        (async () => {
          for await (const message of messages) if (read.push(message) === 2) door.close()
        })(),
      )
      t.equal((await failed).code, status.UNAVAILABLE, `${caller.name} over HTTP/${version}`)
      t.equal(read.length, 2)
      door.open()
      t.equal((await failureOf(closed(caller.once({ hang: true })))).code, status.UNAVAILABLE, `${caller.name}, before a head`)
      t.equal(upstream.begun, begun + 2)
    }
  }

  /** A call whose upstream breaks off while it waits. */
  async function closed(call: Promise<unknown>): Promise<unknown> {
    const { begun } = upstream
    call.catch(() => {})
    await upstream.until(() => upstream.begun > begun)
    door.close()
    try {
      return await call
    } finally {
      door.open()
    }
  }
})

t.test('a stream that a drain cuts ends by a status, and its upstream is left', async (t) => {
  const world = await grpcWorld(t)
  const { upstream } = world

  const streaming = grpcClient(t, world.port).count({ count: 1, hang: true })
  await streaming.read(1)
  world.server.cut(() => true)

  t.match(await streaming, { code: status.UNAVAILABLE, details: 'relay is shutting down', messages: [{ text: '1' }] })
  await upstream.until(() => upstream.cancelled === 1)
})

t.test('an upstream hears what is left of a deadline, not what it was', async (t) => {
  const waiting: Stage = async (call, next) => {
    await setTimeout(40)
    return next(call)
  }
  const world = await grpcWorld(t, { stages: [waiting] })

  await grpcClient(t, world.port).once({}, { deadlineMs: 30_000 })

  const { timeLeft } = world.upstream
  t.ok(timeLeft <= 29_970 && timeLeft > 20_000, `${timeLeft} ms are left`)
})

t.test('a deadline ends a stream in its middle, though neither caller nor upstream have a clock', async (t) => {
  const hushed: Stage = (call, next) => {
    call.deadlineAt = Infinity
    call.edits.remove(fieldName('grpc-timeout'))
    return next(call)
  }
  const world = await grpcWorld(t, { stages: [hushed] })
  const say = framed(Buffer.from([0x10, 2, 0x28, 1]))

  const headers = { 'content-type': 'application/grpc-web-text', 'grpc-timeout': '10S' }
  const reply = await fetch(`http://127.0.0.1:${world.port}/echo.v1.Shop/Count`, { method: 'POST', headers, body: say.toString('base64') })
  let text = ''
  const frames = (): string[] => {
    const pieces = (text.match(/[^=]+=*/g) ?? []).map((piece) => Buffer.from(piece, 'base64'))
    return framesIn(Buffer.concat(pieces))
  }
  for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    if (frames().length === 2) world.sweep.pass(11_000)
  }

  t.match(frames(), ['0:\n\x011', '0:\n\x012', /^128:grpc-status: 4\r\n/])
  await world.upstream.until(() => world.upstream.cancelled === 1)
  t.match(world.calls.ends, ['timed_out: timed_out'])
})

t.test('who does not speak gRPC is told so, as are those who speak it badly', async (t) => {
  const world = await grpcWorld(t)
  const post = async (type: string, body: string, path = '/echo.v1.Shop/Once'): Promise<{ status: number; text: string }> => {
    const reply = await fetch(`http://127.0.0.1:${world.port}${path}`, { method: 'POST', headers: { 'content-type': type }, body })
    return { status: reply.status, text: await reply.text() }
  }

  t.match(await post('application/json', '{}'), { status: 415, text: /only gRPC/ })
  t.match(await post('application/connect+proto', 'no frame at all'), { status: 200, text: /"code":"resource_exhausted"/ })
  t.match(await post('application/connect+json', '\0\0\0\0\x02{]'), { status: 200, text: /"code":"invalid_argument"/ })
  t.match(await post('application/connect+json', '\0\0\0\0\x09{}'), { status: 200, text: /"code":"internal"/ })
  t.match(await post('application/connect+json', '\0\xff\0\0\0'), { status: 200, text: /"code":"resource_exhausted"/ })
  t.match(await post('application/proto', '\xff'), { status: 500, text: /"code":"internal"/ })
  t.match(await post('application/proto', '', '/echo.v1.Shop/Nothing'), { status: 501, text: /"code":"unimplemented"/ })
  t.match(await post('application/grpc-web-text', 'no base64'), { status: 200 })
  await world.calls.until(() => world.calls.underWay.size === 0)
  t.same(world.bugs, [])
})

function detailsIn(trailer: Metadata): unknown {
  const [bytes] = trailer.get('grpc-status-details-bin')
  return bytes instanceof Buffer ? readRichStatus(bytes)?.details : null
}
