import t from 'tap'
import type { RawClient } from '../helpers/raw.ts'
import { bench, get, handOrigin, type Bench, type HandOrigin } from './helpers.ts'

const ways = { 'a FIN': (caller: RawClient) => void caller.socket.end(), 'a reset': (caller: RawClient) => caller.reset() }
const cancelled = { end: 'cancelled' }

interface Scene extends Bench {
  readonly origin: HandOrigin
}

async function scene(t: { teardown(end: () => Promise<void>): void }, pool = {}): Promise<Scene> {
  const origin = await handOrigin(t)
  return { ...(await bench(t, { port: origin.port, pool })), origin }
}

for (const [way, leave] of Object.entries(ways)) {
  t.test(`who leaves with ${way} before the reply cancels the upstream's work at once`, async (t) => {
    const { call, origin, ended, watched, isQuiet, world, told } = await scene(t)
    const caller = await call(get)
    const connection = await origin.called()
    const from = performance.now()

    leave(caller)
    await connection.ended()
    t.ok(performance.now() - from < 1000, `${performance.now() - from} ms`)
    await watched.until(() => told.open === 0)

    t.match(ended, [cancelled])
    t.ok(isQuiet())
    await world.server.empty()
    t.same(world.bugs, [])
  })

  t.test(`who leaves with ${way} while other requests of its own wait cancels the call and begins no other`, async (t) => {
    const { call, origin, ended, watched, told } = await scene(t)
    const caller = await call(get, get, 'GET /half')
    const connection = await origin.called()

    leave(caller)
    await connection.ended()
    await watched.until(() => told.open === 0)

    t.equal(connection.received.split('GET ').length, 2)
    t.equal(origin.connections.length, 1)
    t.match(ended, [cancelled])
  })

  t.test(`who leaves with ${way} while it waits for a connection frees its place`, async (t) => {
    const { call, origin, ended, watched, told } = await scene(t, { connections: 1 })
    await call(get)
    await origin.called()
    const waiting = await call(
      'POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 50000\r\n\r\n',
      Buffer.alloc(20_000),
      Buffer.alloc(20_000),
    )
    await watched.until(() => told.waiting === 1)

    leave(waiting)
    await watched.until(() => told.waiting === 0 && ended.length === 1)

    t.match(ended, [cancelled])
    t.match(told, { open: 1, idle: 0 })
  })

  t.test(`who leaves with ${way} in the middle of a stream ends it at its origin`, async (t) => {
    const { call, origin, ended, watched, isQuiet, told } = await scene(t)
    const caller = await call(get)
    const connection = await origin.called()
    await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n')
    await caller.until(() => caller.received.includes('event'))

    leave(caller)
    await connection.ended()
    await watched.until(() => told.open === 0)

    t.match(ended, [{ end: 'cancelled', status: 200 }])
    t.ok(isQuiet())
  })

  t.test(`who leaves with ${way} in the middle of its upload never looks like one that has sent all`, async (t) => {
    for (const framing of ['Content-Length: 11', 'Transfer-Encoding: chunked']) {
      const { call, origin, ended, watched, told } = await scene(t)
      const caller = await call(`POST / HTTP/1.1\r\nHost: relay\r\n${framing}\r\n\r\n5\r\nhello`)
      const connection = await origin.called()
      await connection.until(() => connection.received.includes('hello'))

      leave(caller)
      await connection.ended()
      await watched.until(() => told.open === 0)

      t.notMatch(connection.received, '0\r\n\r\n')
      t.match(ended, [cancelled], framing)
    }
  })

  t.test(`who leaves with ${way} while its reader is full ends the stream at its origin`, async (t) => {
    const { call, origin, ended, watched, told } = await scene(t)
    const caller = await call(get)
    const connection = await origin.called()
    caller.socket.pause()
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n')
    const isTaken = connection.socket.write(Buffer.alloc(64_000_000))

    leave(caller)
    if (way === 'a FIN') caller.socket.destroy()
    await connection.ended()
    await watched.until(() => told.open === 0)

    t.equal(isTaken, false)
    t.match(ended, [{ end: 'cancelled', status: 200 }])
  })
}

t.test('who leaves when its answer is written has had it: the call is done', async (t) => {
  const { call, origin, ended, watched, told } = await scene(t)
  const caller = await call(get)
  await (await origin.called()).send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await caller.answers(1)

  await caller.leave()
  await watched.until(() => told.idle === 1)

  t.match(ended, [{ end: 'done', status: 200 }])
})

t.test('callers that leave at every moment leave nothing behind', async (t) => {
  const { call, origin, ended, watched, told, world } = await scene(t, { connections: 8 })
  const stream = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n'
  const play = async (k: number): Promise<void> => {
    const connection = await origin.called(k)
    if (k % 2 === 0) void connection.send(stream)
    void play(k + 1)
  }
  void play(0)

  const rounds = Array.from({ length: 60 }, async (_, k) => {
    const caller = await call(k % 3 === 0 ? 'POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 9\r\n\r\nhalf' : get)
    if (k % 5 === 0) await watched.until(() => ended.length > k / 2)
    if (k % 2 === 0) caller.reset()
    else caller.socket.end()
  })
  await Promise.all(rounds)
  await world.server.empty()
  // A connection that came up for somebody who had left stays for the next.
  await watched.until(() => told.open === told.idle && told.waiting === 0)

  t.equal(ended.length, 60)
  t.ok(ended.every((one) => one.end === 'cancelled'))
  t.equal(world.underWay.size, 0)
  t.same(world.bugs, [])
})
