import { once } from 'node:events'
import t from 'tap'
import { engineWorld } from '../helpers/engine-world.ts'
import { ErrorCode, FrameType, data, endHeaders, headers, reset } from '../helpers/h2-frames.ts'
import { byteByByte } from '../helpers/raw.ts'
import { rawH2, rawH2Silent, request } from '../helpers/raw-h2.ts'
import { Http2Caller, answerOf } from './h2-caller.ts'
import { bench, field, get, handOrigin, ok } from './helpers.ts'

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

t.test('calls of an HTTP/2 caller come to an HTTP/1.1 origin as calls of its own kind, and the answers go back', async (t) => {
  const world = await engineWorld(t)
  const caller = new Http2Caller(t, world.port)
  world.origin.answer = (_call, origin) =>
    void origin.send(
      'HTTP/1.1 201 Fine\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: X-Own\r\nX-Own: 1\r\n\r\nhello',
    )

  const answer = await caller.ask({ ':method': 'PUT', ':path': '/a?b=c', 'x-team': 'Blue' }, 'body')

  const [call] = world.origin.calls
  t.same(call!.line, ['PUT', '/a?b=c', 'HTTP/1.1'])
  t.equal(field(call, 'x-team'), 'Blue')
  t.equal(field(call, 'content-length'), '4', 'a body that is there already goes out with its length')
  t.equal(field(call, 'host'), `127.0.0.1:${world.origin.port}`)
  t.equal(call!.body, 'body')
  t.same([answer.status, answer.text, answer.code], [201, 'hello', 0])
  t.same(answer.fields['set-cookie'], ['a=1', 'b=2'])
  t.equal(answer.fields['content-length'], '5')
  t.notOk('x-own' in answer.fields || 'connection' in answer.fields, 'what belonged to the origin connection stays there')
})

t.test('a hundred calls at once share a connection, each with its own answer; those beyond wait for their turn', async (t) => {
  let most = 0
  const world = await engineWorld(t, {
    stages: [
      (call, next) => {
        most = Math.max(most, world.underWay.size)
        return next(call)
      },
    ],
  })
  world.origin.answer = (call, origin) => void origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${call.body.length}\r\n\r\n${call.body}`)
  const caller = new Http2Caller(t, world.port)
  await once(caller.session, 'remoteSettings')

  const answers = await Promise.all(Array.from({ length: 250 }, (_, k) => caller.ask({ ':method': 'POST', ':path': '/' }, `call ${k}`)))

  t.same(
    answers.map(({ text }) => text),
    Array.from({ length: 250 }, (_, k) => `call ${k}`),
  )
  t.ok(most > 1 && most <= 100, `${most} calls at once`)
  t.same(world.bugs, [])
})

t.test('streams beyond the bound are refused, so that their caller may send them again', async (t) => {
  const world = await engineWorld(t, { limits: { streams: 2 } })
  const release = Promise.withResolvers<void>()
  world.origin.answer = (_call, origin) => void release.promise.then(() => origin.send(ok))
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('GET', '/')), headers(3, request('GET', '/')), headers(5, request('GET', '/')))
  await caller.over(5)
  release.resolve()
  await Promise.all([caller.over(1), caller.over(3)])

  t.equal(caller.resetOf(5), ErrorCode.refused)
  t.same([caller.status(1), caller.status(3)], [200, 200])
  t.equal(world.origin.calls.length, 2)
  caller.destroy()
})

t.test('trailers pass both ways, between chunks and frames', async (t) => {
  const world = await engineWorld(t)
  world.origin.answer = (_call, origin) =>
    void origin.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nGrpc-Status: 0\r\nX-Sum: 9\r\n\r\n')
  const caller = new Http2Caller(t, world.port)

  const stream = caller.session.request({ ':method': 'POST', ':path': '/', te: 'trailers' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': '1' }))
  stream.end('body')
  const answer = await answerOf(stream)

  t.same([answer.text, answer.trailers?.['grpc-status'], answer.trailers?.['x-sum']], ['ok', '0', '9'])
  t.match(world.origin.calls[0]!.raw, /0\r\nx-up: 1\r\n\r\n$/)
})

t.test('informational heads come before the answer, 100-continue among them', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port })
  const caller = new Http2Caller(t, world.port)
  const told: number[] = []

  const stream = caller.open({ ':method': 'POST', ':path': '/', expect: '100-continue' })
  stream.on('headers', (fields) => told.push(Number(fields[':status'])))
  stream.on('continue', () => stream.end('body'))
  const upstream = await origin.called()
  await upstream.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n')
  await upstream.until(() => upstream.received.includes('body'))
  await upstream.send(ok)
  const answer = await answerOf(stream)

  t.match(upstream.received, /expect: 100-continue/i)
  t.same([told, answer.status, answer.text], [[103, 100], 200, 'ok'])
})

t.test('answers without a body end with their head: HEAD, 204, 304, and one of no bytes', async (t) => {
  const world = await engineWorld(t)
  const replies: Record<string, string> = {
    '/head': 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n',
    '/204': 'HTTP/1.1 204 No Content\r\n\r\n',
    '/304': 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "a"\r\n\r\n',
    '/empty': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  }
  world.origin.answer = (call, origin) => void origin.send(replies[call.line[1] ?? ''] ?? '')
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('HEAD', '/head')))
  await caller.send(headers(3, request('GET', '/204')), headers(5, request('GET', '/304')), headers(7, request('GET', '/empty')))
  for (const id of [1, 3, 5, 7]) await caller.over(id)

  const length = (id: number): string | undefined =>
    caller
      .sections()
      .get(id)?.[0]
      ?.find(([name]) => name === 'content-length')?.[1]
  t.equal(caller.all(FrameType.data).length, 0)
  t.same([1, 3, 5, 7].map(length), ['12', undefined, '7', '0'])
  t.same(
    [1, 3, 5, 7].map((id) => caller.status(id)),
    [200, 204, 304, 200],
  )
  caller.destroy()
})

t.test('an answer in the middle of an upload comes whole, and the stream is closed without blame; the connection goes on', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port })
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('POST', '/'), endHeaders), data(1, 'a'.repeat(10_000)))
  const upstream = await origin.called()
  await upstream.send('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope')
  await caller.until(() => caller.resetOf(1) !== null)
  await caller.send(data(1, 'late'), headers(3, request('GET', '/')))
  const next = await origin.called(1)
  await next.send(ok)
  await caller.over(3)

  t.same([caller.status(1), caller.body(1), caller.resetOf(1)], [403, 'nope', ErrorCode.none])
  t.same([caller.status(3), caller.goaway], [200, null])
  caller.destroy()
})

t.test('a head that is too large is answered with 431, a path that is with 414; neither hurts other calls', async (t) => {
  const world = await engineWorld(t, { limits: { head: 4096 } })
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('GET', '/', ['x-large', 'x'.repeat(5000)])))
  await caller.send(headers(3, request('GET', `/${'p'.repeat(5000)}`)))
  await caller.send(headers(5, request('GET', '/')))
  for (const id of [1, 3, 5]) await caller.over(id)

  t.same(
    [1, 3, 5].map((id) => caller.status(id)),
    [431, 414, 200],
  )
  t.same(world.refusals, ['head_too_large', 'uri_too_long'])
  t.equal(world.origin.calls.length, 1)
  caller.destroy()
})

t.test('what HTTP/1 refuses is refused here too, by the same checks', async (t) => {
  const world = await engineWorld(t)
  const caller = new Http2Caller(t, world.port)

  const dots = await caller.ask({ ':path': '/a/../b' })
  const coded = await caller.ask({ ':path': '/%2e%2e/b' })
  const percent = await caller.ask({ ':path': '/%zz' })
  const userinfo = await caller.ask({ ':path': '/', ':authority': 'user@relay' })
  const expectation = await caller.ask({ ':path': '/', expect: 'miracles' })

  t.same(
    [dots, coded, percent, userinfo, expectation].map(({ status }) => status),
    [400, 400, 400, 400, 417],
  )
  t.match(dots.text, /dot segment/)
  t.equal(world.origin.calls.length, 0)
})

t.test('an origin that breaks off within its answer shows as a reset, one that never answers as 502', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended } = await bench(t, { port: origin.port })
  const caller = new Http2Caller(t, world.port)

  const half = answerOf(caller.open({ ':path': '/' }, true))
  const first = await origin.called()
  await first.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  first.reset()
  const broken = await half
  const never = caller.ask({ ':path': '/' })
  const second = await origin.called(1)
  second.reset()

  t.same([broken.status, broken.code], [200, ErrorCode.internal])
  t.equal((await never).status, 502)
  t.same(
    ended.map(({ end }) => end),
    ['upstream_failed', 'upstream_failed'],
  )
})

t.test('a caller that resets a stream cancels its upstream at once and no other; one that leaves cancels all', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended, watched } = await bench(t, { port: origin.port })
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('GET', '/1')))
  const first = await origin.called(0)
  await caller.send(headers(3, request('GET', '/3')))
  const second = await origin.called(1)
  await second.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
  await caller.until(() => caller.body(3) === 'half')
  await caller.send(headers(5, request('GET', '/5')))
  const third = await origin.called(2)
  await caller.send(reset(1, ErrorCode.cancel))
  await first.ended()
  t.notOk(second.isEnded || third.isEnded)
  caller.destroy()
  await Promise.all([second.ended(), third.ended()])
  await watched.until(() => ended.length === 3)

  t.same(
    ended.map(({ end }) => end),
    ['cancelled', 'cancelled', 'cancelled'],
  )
  t.equal(world.underWay.size, 0)
})

t.test('the preface is found however it is cut, and nothing that follows it is lost', async (t) => {
  const world = await engineWorld(t)
  const first = Buffer.concat([Buffer.from(preface), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), headers(1, request('GET', '/'))])

  for (const at of Array.from({ length: preface.length + 12 }, (_, k) => k + 1)) {
    const caller = await rawH2Silent(world.port)
    await caller.send(first.subarray(0, at))
    await caller.send(first.subarray(at))
    await caller.over(1)
    t.equal(caller.status(1), 200, `cut behind byte ${at}`)
    caller.destroy()
  }
})

t.test('a caller of HTTP/1 on the same port is served byte by byte, whatever its method begins with', async (t) => {
  const world = await engineWorld(t)
  for (const message of [get, get.replace('GET', 'PRI'), get.replace('GET', 'P'), get.replace('GET / HTTP/1.1', 'PRI * HTTP/1.1')]) {
    const byte = await world.connect()
    const whole = await world.connect()
    await byte.send(...byteByByte(message))
    await whole.send(message)
    await Promise.all([byte.answers(1), whole.answers(1)])

    const status = (text: string): string => text.slice(0, 12)
    t.equal(status(byte.received), status(whole.received), message)
    t.match(byte.received, /^HTTP\/1\.1 [24]/)
    await Promise.all([byte.leave(), whole.leave()])
  }
})

t.test('a preface that breaks off is no call of HTTP/1 either, and one that stops coming is told so in time', async (t) => {
  const world = await engineWorld(t, { limits: { headMs: 100 } })
  const other = await world.connect()
  const stopped = await world.connect()

  await other.send(preface.slice(0, 20), 'XX\r\n\r\n')
  await stopped.send(preface.slice(0, 20))
  await Promise.all([other.ended(), stopped.ended()])

  t.match(other.received, /^HTTP\/1\.1 505 /)
  t.match(stopped.received, /^HTTP\/1\.1 505 /)
})

t.test('where HTTP/2 is switched off its preface is a call of a version that nobody speaks', async (t) => {
  const world = await engineWorld(t)
  const accept = world.server.accept.bind(world.server)
  world.server.accept = (socket) => accept(socket, false)
  const caller = await world.connect()

  await caller.send(preface)
  await caller.ended()

  t.match(caller.received, /^HTTP\/1\.1 505 /)
})
