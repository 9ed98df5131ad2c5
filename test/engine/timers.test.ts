import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { selfSigned } from '../helpers/certificate.ts'
import { bench, field, get, handOrigin, ok } from './helpers.ts'

const upload = 'POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 200000\r\n\r\n'

t.test('a head that does not come to its end is answered 408, however busily it trickles', async (t) => {
  const { call, ended, world } = await bench(t, { port: 9, limits: { headMs: 120 } })
  const caller = await call('GET / HTTP/1.1\r\nHost: relay\r\nX-Slow: ')

  const trickle = setInterval(() => caller.socket.write('x'), 10)
  const [answer] = await caller.answers(1)
  clearInterval(trickle)
  await caller.ended()

  t.equal(answer?.line[1], '408')
  t.equal(field(answer, 'connection'), 'close')
  t.same(world.refusals, ['slow_caller'])
  t.same(ended, [], 'it was no call')
})

t.test('a connection on which nothing ever comes is closed without a word', async (t) => {
  const { call } = await bench(t, { port: 9, limits: { headMs: 60 } })

  const caller = await call()
  await caller.ended()

  t.equal(caller.received, '')
  t.notOk(caller.isReset)
})

t.test('between two calls a connection is closed after its idle time, without a word', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port, limits: { idleMs: 60 } })
  const caller = await call(get)
  await (await origin.called()).send(ok)

  await caller.ended()

  t.ok(caller.received.endsWith('\r\n\r\nok'))
  t.notOk(caller.isReset)
})

t.test('a body that stops coming is answered 408, and the origin never gets a whole call', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, isQuiet } = await bench(t, { port: origin.port, limits: { bodyMs: 80 } })
  const caller = await call(upload, 'half')
  const connection = await origin.called()

  const [answer] = await caller.answers(1)
  await connection.ended()
  await watched.until(isQuiet)

  t.equal(answer?.line[1], '408')
  t.equal(field(answer, 'connection'), 'close')
  t.ok(connection.received.endsWith('half'))
  t.same(ended, [{ end: 'timed_out', status: 408, failure: 'slow_caller' }])
})

t.test('a body that stops coming when its reply has begun cuts the reply off as timed out', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended } = await bench(t, { port: origin.port, limits: { bodyMs: 80 } })
  const caller = await call(upload, 'half')

  await (await origin.called()).send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n')
  await caller.ended()

  t.ok(caller.received.endsWith('3\r\none\r\n'), 'no last chunk')
  t.same(ended, [{ end: 'timed_out', status: 200, failure: 'slow_caller' }])
})

t.test('a body that waits because its call waits for a connection is not called slow', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended } = await bench(t, { port: origin.port, limits: { bodyMs: 60 }, pool: { connections: 1, waitMs: 300 } })
  await call(get)
  await origin.called()

  const [answer] = await (await call(upload, Buffer.alloc(100_000))).answers(1)

  t.equal(answer?.line[1], '503')
  t.match(ended, [{ failure: 'unavailable' }])
})

t.test('nor is one that was sent ahead of its turn and waits then', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, told } = await bench(t, {
    port: origin.port,
    limits: { bodyMs: 60 },
    pool: { connections: 1, waitMs: 300 },
  })
  const caller = await call(get)
  const connection = await origin.called()
  await caller.send(upload, Buffer.alloc(120_000))
  await call(get)
  await watched.until(() => told.waiting === 1)

  await connection.send(ok)
  const answers = await caller.answers(2)

  t.same(
    answers.map((one) => one.line[1]),
    ['200', '503'],
  )
  t.match(ended, [{ end: 'done' }, { failure: 'unavailable' }])
})

t.test('a body that waits because its upstream does not read is not called slow: the upstream is', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended } = await bench(t, { port: origin.port, limits: { bodyMs: 60 }, firstByteMs: 500 })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 100000000\r\n\r\n')
  const connection = await origin.called()
  connection.socket.pause()

  caller.socket.write(Buffer.alloc(50_000_000))
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '504')
  t.match(ended, [{ end: 'timed_out', failure: 'timed_out' }])
})

t.test('an upstream that sends no reply is a 504, and its connection is closed', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, isQuiet } = await bench(t, { port: origin.port, firstByteMs: 80 })
  const caller = await call(get)
  const connection = await origin.called()

  const [answer] = await caller.answers(1)
  await connection.ended()
  await watched.until(isQuiet)

  t.equal(answer?.line[1], '504')
  t.same(ended, [{ end: 'timed_out', status: 504, failure: 'timed_out' }])
})

t.test('half a reply head is no reply', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port, firstByteMs: 80 })
  const caller = await call(get)

  await (await origin.called()).send('HTTP/1.1 200 OK\r\nContent-')
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '504')
})

t.test("the wait for a reply begins at the request's last byte", async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port, firstByteMs: 150 })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 4\r\n\r\nab')
  const connection = await origin.called()

  await wait(400)
  await caller.send('cd')
  await connection.until(() => connection.received.endsWith('abcd'))
  await connection.send(ok)
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '200')
})

t.test('an upstream that falls silent in the middle of its reply is cut off, so that nobody takes it for the end', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, isQuiet } = await bench(t, { port: origin.port, idleMs: 80 })
  const caller = await call(get)
  const connection = await origin.called()

  await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n')
  await Promise.all([caller.ended(), connection.ended()])
  await watched.until(isQuiet)

  t.ok(caller.received.endsWith('3\r\none\r\n'), 'no last chunk')
  t.same(ended, [{ end: 'timed_out', status: 200, failure: 'timed_out' }])
})

t.test('who reads nothing for too long is cut off, and so is its upstream', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, isQuiet } = await bench(t, { port: origin.port, limits: { writeMs: 100 } })
  const caller = await call(get)
  const connection = await origin.called()
  caller.socket.pause()

  connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n')
  connection.socket.write(Buffer.alloc(64_000_000))
  await connection.ended()
  await watched.until(isQuiet)

  t.same(ended, [{ end: 'timed_out', status: 200, failure: null }])
})

t.test('a stream has no total time: it outlives every limit many times over', async (t) => {
  const short = 250
  const origin = await handOrigin(t)
  const limits = { headMs: short, idleMs: short, bodyMs: short, writeMs: short }
  const { call, ended, watched } = await bench(t, {
    port: origin.port,
    limits,
    firstByteMs: short,
    idleMs: short,
    pool: { idleMs: short, waitMs: short },
  })
  const caller = await call(get)
  const connection = await origin.called()
  await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')

  for (let k = 0; k < 20; k++) {
    await wait(50)
    await connection.send('1\r\nx\r\n')
  }
  await connection.send('0\r\n\r\n')
  await watched.until(() => ended.length === 1)

  t.match(ended, [{ end: 'done', status: 200 }])
  t.equal((await caller.answers(1))[0]?.body, 'x'.repeat(20))
})

t.test('a TLS handshake that takes too long is a 504', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port, pool: { connectMs: 80, tls: { ca: selfSigned('a.example').cert } } })

  const [answer] = await (await call(get)).answers(1)

  t.equal(answer?.line[1], '504')
  t.equal(field(answer, 'x-should-retry'), 'true')
  t.match(told, { open: 0, connectFailed: 1 })
})
