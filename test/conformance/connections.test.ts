import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { engineWorld } from '../helpers/engine-world.ts'
import type { OriginConnection } from '../helpers/recording-origin.ts'
import { chunks, get, post } from './case.ts'

const okReply = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

t.test('a call that waits is never given a connection whose last reply had bytes behind it', async (t) => {
  const world = await engineWorld(t, { pool: { connections: 1 } })
  const first = Promise.withResolvers<OriginConnection>()
  world.origin.answer = (call, connection) => {
    if (call.line[1] === '/a') first.resolve(connection)
    else connection.socket.write(okReply)
  }
  const one = await world.connect()
  const two = await world.connect()
  await one.send(get())
  const connection = await first.promise
  await two.send(get().replace('/a', '/b'))
  await world.heard(two)
  t.equal(world.gauges.waiting, 1)

  await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'ok and more')

  const [reply] = await two.answers(1)
  t.equal(reply?.line[1], '200')
  t.equal((await one.answers(1))[0]?.body, 'ok')
  t.equal(world.origin.connections.length, 2)
  t.ok(connection.isOver)
})

t.test('so it is behind chunks', async (t) => {
  const world = await engineWorld(t, { pool: { connections: 1 } })
  const first = Promise.withResolvers<OriginConnection>()
  world.origin.answer = (call, connection) => {
    if (call.line[1] === '/a') first.resolve(connection)
    else connection.socket.write(okReply)
  }
  const one = await world.connect()
  const two = await world.connect()
  await one.send(get())
  const connection = await first.promise
  await two.send(get().replace('/a', '/b'))
  await world.heard(two)

  await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `0\r\n\r\n${okReply}`)

  t.equal((await two.answers(1))[0]?.line[1], '200')
  t.equal(world.origin.connections.length, 2)
})

t.test('a caller that sends calls ahead without end is read only as fast as they are served', async (t) => {
  const world = await engineWorld(t)
  let served = 0
  const held = Promise.withResolvers<void>()
  world.origin.answer = (_call, connection) => {
    if (served++ < 40) connection.socket.write(okReply)
    else held.resolve()
  }
  const client = await world.connect()

  client.socket.write(Buffer.from(get().repeat(100_000)))
  await held.promise
  // More would come in within these turns, were it let in.
  for (let k = 0; k < 200; k++) await turn()

  t.ok(world.readFrom(client) < 300_000, `${world.readFrom(client)} bytes were read`)
  client.reset()
})

for (const [what, bad, status] of [
  ['is malformed', 'zz\r\n', '400'],
  ['is too large', '10\r\n0123456789abcdef\r\n', '413'],
] as const) {
  t.test(`a call whose body ${what} while it waits for a connection ends at once, and the upstream never hears of it`, async (t) => {
    const world = await engineWorld(t, { pool: { connections: 1 }, stages: [bodyLimit(() => 10)] })
    const begun = Promise.withResolvers<OriginConnection>()
    world.origin.answer = (_call, connection) => begun.resolve(connection)
    const one = await world.connect()
    const two = await world.connect()
    await one.send(get())
    const connection = await begun.promise
    await two.send(chunks('5\r\nhello\r\n'))
    await world.heard(two)
    t.equal(world.gauges.waiting, 1)

    await two.send(bad)

    t.equal((await two.answers(1))[0]?.line[1], status)
    await two.ended()
    await connection.send(okReply)
    await one.answers(1)
    t.equal(world.origin.calls.length, 1)
    t.equal(world.origin.connections.length, 1)
    t.equal(connection.rest, '')
  })
}

t.test('a caller that leaves with calls waiting behind its own cancels the upstream, and none of them is sent', async (t) => {
  const world = await engineWorld(t)
  const begun = Promise.withResolvers<OriginConnection>()
  world.origin.answer = (_call, connection) => begun.resolve(connection)
  const client = await world.connect()
  await client.send(get() + get() + post(['Content-Length: 5'], 'hello'))
  const connection = await begun.promise

  await client.leave()

  await connection.closed()
  t.equal(world.origin.calls.length, 1)
  t.equal(world.underWay.size, 0)
})

t.test('answers come in the order of the calls, whatever their bodies', async (t) => {
  const world = await engineWorld(t)
  let count = 0
  world.origin.answer = (_call, connection) => void connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n`, String(count++))
  const client = await world.connect()

  await client.send(get() + post(['Content-Length: 5'], 'hello') + chunks('5\r\nhello\r\n0\r\n\r\n') + get())

  const replies = await client.answers(4)
  t.same(
    replies.map(({ body }) => body),
    ['0', '1', '2', '3'],
  )
  t.same(
    world.origin.calls.map(({ line, body }) => `${line[0]} ${body}`),
    ['GET ', 'POST hello', 'POST hello', 'GET '],
  )
})
