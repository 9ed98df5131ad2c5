import { once } from 'node:events'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { engineWorld } from '../helpers/engine-world.ts'
import { ErrorCode, FrameType, headers, preface, settings, type Frame } from '../helpers/h2-frames.ts'
import { rawH2, rawH2Silent, request, type RawH2 } from '../helpers/raw-h2.ts'
import { Http2Caller, answerOf } from './h2-caller.ts'
import { bench, handOrigin, ok } from './helpers.ts'

const get = request('GET', '/')
const goaways = (caller: RawH2): readonly (readonly [last: number, code: number])[] =>
  caller.all(FrameType.goaway).map(({ payload }: Frame) => [payload.readUInt32BE(0), payload.readUInt32BE(4)])

t.test('relay says that it will close before it does: streams opened meanwhile are served, later ones are not taken', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port })
  const caller = await rawH2(world.port)
  await caller.send(headers(1, get))
  const first = await origin.called(0)

  world.server.close()
  await caller.until(() => goaways(caller).length === 1)
  await caller.send(headers(3, get))
  const second = await origin.called(1)
  world.server.closeIdle()
  await caller.until(() => goaways(caller).length === 2)
  await caller.send(headers(5, get))
  await first.send(ok)
  await second.send(ok)
  await caller.ended()

  t.same(goaways(caller), [
    [0x7fff_ffff, ErrorCode.none],
    [3, ErrorCode.none],
  ])
  t.same([caller.status(1), caller.status(3), caller.status(5)], [200, 200, null])
  t.equal(origin.connections.length, 2)
  await world.server.empty()
})

t.test('a caller with nothing under way is told so and closed at once', async (t) => {
  const world = await engineWorld(t)
  const caller = await rawH2(world.port)

  world.server.closeIdle()
  await caller.ended()
  await world.server.empty()

  t.same(goaways(caller), [
    [0x7fff_ffff, ErrorCode.none],
    [0, ErrorCode.none],
  ])
})

t.test('a caller that comes while relay closes is served, and told', async (t) => {
  const world = await engineWorld(t)
  world.server.close()
  const caller = new Http2Caller(t, world.port)
  const [, last] = (await once(caller.session, 'goaway')) as [number, number]

  t.equal(last, 0x7fff_ffff)
})

t.test('what a drain cuts is told in its own words: 503 before the answer, last words and a reset within it', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, {
    port: origin.port,
    stages: [
      async (call, next) => {
        const reply = await next(call)
        reply.body.lastWords = (end) => Buffer.from(`[${end}]`)
        return reply
      },
    ],
  })
  const caller = new Http2Caller(t, world.port)
  const waiting = caller.ask({ ':path': '/waiting' })
  await origin.called(0)
  const streaming = caller.open({ ':path': '/streaming' }, true)
  const streamed = answerOf(streaming)
  const upstream = await origin.called(1)
  await upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n')
  await once(streaming, 'data')

  world.server.closeIdle()
  const cut = world.server.cut(() => true)
  const [one, other] = await Promise.all([waiting, streamed])
  await world.server.empty()

  t.equal(cut, 2)
  t.same([one.status, other.status], [503, 200])
  t.same([other.text, other.code], ['part[drained]', ErrorCode.internal])
})

t.test('trailers that tell of a failure end an answer that breaks off, where its stage gives some', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended } = await bench(t, {
    port: origin.port,
    stages: [
      async (call, next) => {
        const reply = await next(call)
        reply.body.lastTrailers = () => Buffer.from('grpc-status: 14\r\n')
        return reply
      },
    ],
  })
  const caller = new Http2Caller(t, world.port)
  const asked = caller.ask({ ':path': '/' })
  const upstream = await origin.called()
  await upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n')
  upstream.reset()

  const answer = await asked

  t.same([answer.text, answer.trailers?.['grpc-status'], answer.code], ['part', '14', 0])
  t.equal(ended[0]!.end, 'upstream_failed')
})

t.test('the reply of a caller that has left is read to its end where its stage says so, and a drain waits for it', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended, watched } = await bench(t, {
    port: origin.port,
    stages: [
      (call, next) => {
        call.drains = true
        return next(call)
      },
    ],
  })
  const caller = await rawH2(world.port)
  await caller.send(headers(1, get))
  const upstream = await origin.called()
  caller.destroy()

  world.server.closeIdle()
  await upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n', 'read')
  await watched.until(() => ended.length === 1)
  await world.server.empty()

  t.same([ended[0]!.end, ended[0]!.status], ['cancelled', 200])
})

t.test('a connection that is idle for too long is told that it closes, one that never greets too', async (t) => {
  const world = await engineWorld(t, { limits: { idleMs: 100, headMs: 100 } })
  const idle = await rawH2(world.port)
  await idle.send(headers(1, get))
  await idle.over(1)
  const silent = await rawH2Silent(world.port)
  await silent.send(preface)

  await Promise.all([idle.ended(), silent.ended()])

  t.same(goaways(idle), [[1, ErrorCode.none]])
  t.equal(idle.status(1), 200)
  t.same(goaways(silent), [[0, ErrorCode.settingsTimeout]])
})

t.test('SETTINGS that nobody acknowledges end the connection', async (t) => {
  const world = await engineWorld(t, { limits: { headMs: 100 } })
  const caller = await rawH2Silent(world.port)

  await caller.send(preface, settings())
  await caller.ended()

  t.same(goaways(caller), [[0, ErrorCode.settingsTimeout]])
})

t.test('a failure within relay is a 500 of its own stream, and told as a bug', async (t) => {
  const world = await engineWorld(t, {
    stages: [
      async (call, next) => {
        if (call.head.path === '/bug') throw new TypeError('a bug')
        if (call.head.path === '/refused') throw new RelayError('over_limit', 'slowly', { retryAfterMs: 1500 })
        return next(call)
      },
    ],
  })
  const caller = new Http2Caller(t, world.port)

  const bug = await caller.ask({ ':path': '/bug' })
  const refused = await caller.ask({ ':path': '/refused' })
  const fine = await caller.ask({ ':path': '/' })

  t.same([bug.status, refused.status, fine.status], [500, 429, 200])
  t.equal(refused.fields['retry-after'], '2')
  t.equal(world.bugs.length, 1)
})
