import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { bench, field, get, handOrigin, ok } from './helpers.ts'

t.test('calls one after the other use one connection', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()

  await connection.send(ok)
  await caller.answers(1)
  await caller.send(get)
  await connection.until(() => connection.received.split('GET ').length === 3)
  await connection.send(ok)
  const answers = await caller.answers(2)

  t.same(
    answers.map((one) => one.line[1]),
    ['200', '200'],
  )
  t.equal(origin.connections.length, 1)
  t.match(told, { open: 1, idle: 1, waiting: 0, opened: 1 })
})

t.test('of several idle connections the last used is used next, so that the others can grow old', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const callers = [await call(get), await call(get), await call(get)]
  const connections = [await origin.called(0), await origin.called(1), await origin.called(2)]
  for (const k of [0, 2, 1]) {
    await connections[k]!.send(ok)
    await watched.until(() => told.idle === [0, 2, 1].indexOf(k) + 1)
  }

  await callers[0]!.answers(1)
  await callers[0]!.send(get)
  const calls = (): number[] => connections.map(({ received }) => received.split('GET ').length - 1)
  await Promise.race(connections.map((one) => one.until(() => one.received.split('GET ').length === 3)))

  t.same(calls(), [1, 2, 1])
  t.match(told, { open: 3, idle: 2 })
})

t.test('beyond its connections calls wait, in order, and the next free connection serves them', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port, pool: { connections: 1 } })
  const first = await call(get.replace('/', '/1'))
  const connection = await origin.called()
  const second = await call(get.replace('/', '/2'))
  await watched.until(() => told.waiting === 1)
  const third = await call(get.replace('/', '/3'))
  await watched.until(() => told.waiting === 2)

  for (const path of ['/1', '/2', '/3']) {
    await connection.until(() => connection.received.includes(`GET ${path} `))
    await connection.send(ok)
  }
  const answers = await Promise.all([first, second, third].map((one) => one.answers(1)))

  t.same(
    answers.map(([one]) => one?.line[1]),
    ['200', '200', '200'],
  )
  t.equal(origin.connections.length, 1)
  t.match(told, { open: 1, idle: 1, waiting: 0 })
})

t.test('one more than may wait gets 503 at once, and a time to come back', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched, ended } = await bench(t, { port: origin.port, pool: { connections: 1, waiting: 1 } })
  await call(get)
  await origin.called()
  await call(get)
  await watched.until(() => told.waiting === 1)

  const [answer] = await (await call(get)).answers(1)

  t.equal(answer?.line[1], '503')
  t.equal(field(answer, 'retry-after'), '1')
  t.same(ended, [{ end: 'failed', status: 503, failure: 'unavailable' }])
  t.equal(told.waiting, 1)
})

t.test('who has waited too long for a connection gets 503', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port, pool: { connections: 1, waitMs: 100 } })
  await call(get)
  await origin.called()

  const [answer] = await (await call(get)).answers(1)

  t.equal(answer?.line[1], '503')
  t.equal(field(answer, 'retry-after'), '1')
  t.match(told, { open: 1, waiting: 0 })
})

t.test('a connection that the upstream closed is never handed out', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const first = await origin.called()
  await first.send(ok)
  await caller.answers(1)

  first.socket.end()
  await watched.until(() => told.open === 0)
  await caller.send(get)
  const second = await origin.called(1)
  await second.send(ok)
  const answers = await caller.answers(2)

  t.equal(answers[1]?.line[1], '200')
  t.equal(told.opened, 2)
})

t.test('a connection that sends what nobody asked for is not used again', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()
  await connection.send(ok)
  await caller.answers(1)

  await connection.send('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
  await watched.until(() => told.open === 0)

  t.equal(told.idle, 0)
})

t.test('an upstream that says close, or speaks HTTP/1.0, gets no second call on its connection', async (t) => {
  const replies = ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok']
  for (const [k, reply] of replies.entries()) {
    const origin = await handOrigin(t)
    const { call, told, watched } = await bench(t, { port: origin.port })
    const caller = await call(get)
    await (await origin.called()).send(reply)

    await caller.answers(1)
    await watched.until(() => told.open === 0)

    t.equal(told.idle, 0, `reply ${k}`)
  }
})

t.test('a connection that dies with a call on it: 502, the caller may try again, and the origin has seen exactly one call', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, told, watched } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()

  connection.reset()
  const [answer] = await caller.answers(1)
  await watched.until(() => told.open === 0)

  t.equal(answer?.line[1], '502')
  t.equal(field(answer, 'x-should-retry'), 'true')
  t.equal(origin.connections.length, 1)
  t.same(ended, [{ end: 'upstream_failed', status: 502, failure: 'upstream_failed' }])
})

t.test('an idle connection that dies just as a call goes out on it is not tried twice', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()
  await connection.send(ok)
  await caller.answers(1)

  await caller.send('POST /pay HTTP/1.1\r\nHost: relay\r\nContent-Length: 4\r\n\r\nonce')
  await connection.until(() => connection.received.endsWith('once'))
  connection.socket.end()
  const answers = await caller.answers(2)

  t.equal(answers[1]?.line[1], '502')
  t.equal(field(answers[1], 'x-should-retry'), 'true')
  t.equal(origin.connections.length, 1)
})

t.test('of two addresses one refuses: the call goes to the other, once', async (t) => {
  const origin = await handOrigin(t, { host: '127.0.0.2' })
  const { call, told } = await bench(t, {
    port: origin.port,
    pool: { host: 'two.example' },
    lookUp: async () => ['127.0.0.1', '127.0.0.2'],
  })

  const caller = await call(get)
  await (await origin.called()).send(ok)
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '200')
  t.match(told, { opened: 1, connectFailed: 1, retried: 1, open: 1, idle: 1 })
  t.equal(origin.connections.length, 1)
})

t.test('when every address refuses the caller gets 502 and may try again', async (t) => {
  const { call, told, ended } = await bench(t, {
    port: await closedPort(),
    pool: { host: 'two.example' },
    lookUp: async () => ['127.0.0.1', '127.0.0.2'],
  })

  const [answer] = await (await call(get)).answers(1)

  t.equal(answer?.line[1], '502')
  t.equal(field(answer, 'x-should-retry'), 'true')
  t.match(told, { connectFailed: 2, retried: 1, open: 0, waiting: 0 })
  t.same(ended, [{ end: 'upstream_failed', status: 502, failure: 'upstream_failed' }])
})

t.test('a name without an address, and one that cannot be looked up, are 502s', async (t) => {
  const lookUps = [async () => [], async () => Promise.reject(new Error('no such name'))]
  for (const lookUp of lookUps) {
    const { call, told } = await bench(t, { port: 9, pool: { host: 'none.example' }, lookUp })

    const [answer] = await (await call(get)).answers(1)

    t.equal(answer?.line[1], '502')
    t.match(told, { open: 0, waiting: 0 })
  }
})

t.test('connections are spread over the addresses: the least loaded is next', async (t) => {
  const one = await handOrigin(t)
  const two = await handOrigin(t, { host: '127.0.0.2', port: one.port })
  const { call } = await bench(t, {
    port: one.port,
    pool: { host: 'two.example' },
    lookUp: async () => ['127.0.0.1', '127.0.0.2'],
  })

  await Promise.all(Array.from({ length: 6 }, () => call(get)))
  await Promise.all([0, 1, 2].flatMap((k) => [one.called(k), two.called(k)]))

  t.same([one.connections.length, two.connections.length], [3, 3])
})

t.test('a draining pool closes what is idle at once, waits for what is out, and then is closed', async (t) => {
  const origin = await handOrigin(t)
  const { call, pool, told, watched } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const busy = await origin.called()
  const other = await call(get)
  await (await origin.called(1)).send(ok)
  await other.answers(1)
  let isClosed = false

  const closed = pool.close().then(() => (isClosed = true))
  await watched.until(() => told.open === 1)
  t.equal(isClosed, false, 'a call is out')
  await busy.send(ok)
  const [answer] = await caller.answers(1)
  await closed

  t.equal(answer?.line[1], '200')
  t.match(told, { open: 0, idle: 0, waiting: 0, closed: 1 })
})

t.test('whoever asks a second time waits as long', async (t) => {
  const origin = await handOrigin(t)
  const { call, pool, told } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()

  void pool.close()
  const second = pool.close().then(() => told.open)
  await connection.send(ok)
  await caller.answers(1)

  t.equal(await second, 0)
})

t.test('a pool that waits for nothing is closed at once', async (t) => {
  const { pool, told } = await bench(t, { port: 9 })

  await pool.close()

  t.equal(told.closed, 1)
})

t.test('calls that wait when the drain begins are served', async (t) => {
  const origin = await handOrigin(t)
  const { call, pool, told, watched } = await bench(t, { port: origin.port, pool: { connections: 1 } })
  const first = await call(get)
  const connection = await origin.called()
  const second = await call(get)
  await watched.until(() => told.waiting === 1)

  const closed = pool.close()
  await connection.send(ok)
  await connection.until(() => connection.received.split('GET ').length === 3)
  await connection.send(ok)
  const answers = [await first.answers(1), await second.answers(1)]
  await closed

  t.same(
    answers.map(([one]) => one?.line[1]),
    ['200', '200'],
  )
  t.equal(told.closed, 1)
})

async function closedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const closed = once(server, 'close')
  server.close()
  await closed
  return port
}
