import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { drain } from '../../src/worker/drain.ts'
import type { RawClient } from '../helpers/raw.ts'
import { selfSigned } from '../helpers/certificate.ts'
import { bench, get, handOrigin, ok, type HandOrigin } from './helpers.ts'
import { agreed, behindHead, handshake, secureDoor, tunnelScene } from './tunnel-world.ts'
import { upgrade } from '../../src/stages/upgrade.ts'

const never = new AbortController().signal

t.test('a caller that has sent all half-closes its direction alone: the upstream sees its end, and still speaks', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream, up, down } = await open()

  await caller.send('last words')
  caller.socket.end()
  await upstream.ended()
  t.equal(up(), 'last words')
  await upstream.send('one', 'two')
  await caller.until(() => down() === 'onetwo')
  t.same(ended, [], 'the call goes on')
  upstream.socket.end()
  await caller.ended()
  await watched.until(() => told.open === 0)
  await world.server.empty()

  t.notOk(caller.isReset || upstream.isReset)
  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('an upstream that has sent all half-closes its direction alone: the caller sees its end, and still speaks', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream, up, down } = await open()

  await upstream.send('last words')
  upstream.socket.end()
  await caller.ended()
  t.equal(down(), 'last words')
  await caller.send('one', 'two')
  await upstream.until(() => up() === 'onetwo')
  t.same(ended, [], 'the call goes on')
  caller.socket.end()
  await watched.until(() => told.open === 0)
  await world.server.empty()

  t.equal(up(), 'onetwo')
  t.notOk(caller.isReset || upstream.isReset)
  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('an upstream that agrees and closes in one go is heard to its end', async (t) => {
  const { call, origin, ended, watched, told } = await tunnelScene(t)
  const caller = await call(handshake)
  caller.socket.allowHalfOpen = true
  const upstream = await origin.called()

  upstream.socket.end(`${agreed}all there is`)
  await caller.ended()
  t.equal(behindHead(caller), 'all there is')
  caller.socket.end()
  await watched.until(() => told.open === 0)

  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('a caller that leaves before the tunnel stands cancels it', async (t) => {
  const { call, origin, ended, watched, told } = await tunnelScene(t)
  const caller = await call(handshake)
  const upstream = await origin.called()

  caller.socket.end()
  await upstream.ended()
  await watched.until(() => told.open === 0)

  t.match(ended, [{ end: 'cancelled' }])
})

t.test('a caller that resets is a reset to the upstream', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream } = await open()

  caller.reset()
  await upstream.ended()
  await watched.until(() => told.open === 0)
  await world.server.empty()

  t.ok(upstream.isReset)
  t.match(ended, [{ end: 'cancelled', status: 101 }])
})

t.test('an upstream that resets is a reset to the caller', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream } = await open()

  upstream.reset()
  await caller.ended()
  await watched.until(() => told.open === 0)
  await world.server.empty()

  t.ok(caller.isReset)
  t.match(ended, [{ end: 'upstream_failed', status: 101, failure: 'upstream_failed' }])
})

for (const [first, second] of [
  ['caller', 'upstream'],
  ['upstream', 'caller'],
] as const) {
  t.test(`the ${second} that resets after the ${first} has half-closed breaks what is left`, async (t) => {
    const { open, ended, watched, told, world } = await tunnelScene(t)
    const tunnel = await open()

    tunnel[first].socket.end()
    await tunnel[second].ended()
    tunnel[second].reset()
    await watched.until(() => told.open === 0 && ended.length === 1)
    await world.server.empty()

    t.match(ended, [{ end: second === 'caller' ? 'cancelled' : 'upstream_failed', status: 101 }])
  })
}

t.test('a connection that breaks just as its end goes out closes all the same', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream } = await open()
  const other = await open()

  // Both ends live in one process: an end and a reset of the other side are seen in one turn.
  upstream.socket.end()
  caller.reset()
  other.caller.socket.end()
  other.upstream.reset()
  await watched.until(() => told.open === 0 && ended.length === 2)
  await world.server.empty()

  t.same(world.bugs, [])
})

t.test('a tunnel in which nothing moves for the idle time ends as timed out, and either side’s bytes keep it', async (t) => {
  const { open, ended, watched, told } = await tunnelScene(t, { idleMs: 600 })
  const { caller, upstream } = await open()

  for (let k = 0; k < 12; k++) {
    await wait(100)
    await (k < 6 ? caller : upstream).send('.')
  }
  t.same(ended, [], 'alive after twice its idle time')
  await Promise.all([caller.ended(), upstream.ended()])
  await watched.until(() => told.open === 0)

  t.notOk(caller.isReset || upstream.isReset)
  t.match(ended, [{ end: 'timed_out', status: 101, failure: 'timed_out' }])
})

t.test('a half-closed tunnel is not kept for ever either', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t, { idleMs: 100 })
  const { caller, upstream } = await open()

  upstream.socket.end()
  await watched.until(() => told.open === 0)
  caller.socket.end()
  await world.server.empty()

  t.match(ended, [{ end: 'timed_out' }])
})

t.test('a drain keeps a tunnel for the grace of streams, then cuts both sides', async (t) => {
  const { call, open, origin, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream, up } = await open()
  const other = await call(get)
  await origin.called(1)
  const hurry = new AbortController()

  const drained = drain(world.server, { grace: 0, streamGrace: 60_000, hurry: hurry.signal })
  await other.ended()
  await caller.send('still there')
  await upstream.until(() => up() === 'still there')
  t.equal(ended.length, 1, 'only the ordinary call is cut')
  hurry.abort()
  await Promise.all([caller.ended(), upstream.ended()])
  caller.socket.end()
  await watched.until(() => told.open === 0)

  t.same(await drained, { calls: 1, streams: 1 })
  t.match(ended[1], { end: 'drained', status: 101 })
})

t.test('a drain cuts a half-closed tunnel too', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream } = await open()
  upstream.socket.end()
  await caller.ended()

  const drained = drain(world.server, { grace: 0, streamGrace: 10, hurry: never })
  await watched.until(() => told.open === 0)
  caller.socket.end()

  t.same(await drained, { calls: 0, streams: 1 })
  t.match(ended, [{ end: 'drained', status: 101 }])
})

t.test('a tunnel that ends by itself lets a drain end at once', async (t) => {
  const { open, world } = await tunnelScene(t)
  const { caller, upstream } = await open()

  const drained = drain(world.server, { grace: 60_000, streamGrace: 60_000, hurry: never })
  caller.socket.end()
  upstream.socket.end()

  t.same(await drained, { calls: 0, streams: 0 })
})

t.test('a tunnel takes a place in the pool until it ends', async (t) => {
  const { call, open, origin, watched, told } = await tunnelScene(t, { pool: { connections: 1 } })
  const { caller, upstream } = await open()
  const other = await call(get)
  await watched.until(() => told.waiting === 1)
  t.match(told, { open: 1, idle: 0, waiting: 1 })

  caller.socket.end()
  upstream.socket.end()
  await (await origin.called(1)).send(ok)

  t.match(await other.answers(1), [{ line: ['HTTP/1.1', '200'] }])
  t.match(told, { opened: 2, open: 1 })
})

const stalls = { caller: ['upstream', 'caller'], upstream: ['caller', 'upstream'] } as const
for (const [who, [sender, reader]] of Object.entries(stalls)) {
  t.test(`${who} that does not read pauses the other side, and gets every byte when it reads on`, async (t) => {
    const { open, ended, watched } = await tunnelScene(t)
    const tunnel = await open()
    const piece = Buffer.alloc(1_048_576, 'abcdefghijklmnop')
    const pieces = 64
    const before = tunnel[reader].received.length
    tunnel[reader].socket.pause()

    const { socket } = tunnel[sender]
    for (let k = 0; k < pieces; k++) socket.write(piece)
    await stalled(() => socket.writableLength)
    t.ok(socket.writableLength > 20 * piece.length, `${socket.writableLength} bytes wait at their sender`)
    tunnel[reader].socket.resume()
    await tunnel[reader].until(() => tunnel[reader].received.length >= before + pieces * piece.length)
    tunnel.caller.socket.end()
    tunnel.upstream.socket.end()
    await watched.until(() => ended.length === 1)

    t.ok(tunnel[reader].received.slice(before) === piece.toString('latin1').repeat(pieces))
    t.match(ended, [{ end: 'done' }])
  })
}

t.test('a caller that does not read for its time is cut off, and the upstream with it', async (t) => {
  const { open, ended, watched, told } = await tunnelScene(t, { limits: { writeMs: 200 } })
  const { caller, upstream } = await open()
  caller.socket.pause()

  upstream.socket.write(Buffer.alloc(64 * 1_048_576))
  await watched.until(() => ended.length === 1 && told.open === 0)

  t.match(ended, [{ end: 'timed_out', status: 101 }])
})

t.test('a server that is destroyed takes its tunnels along', async (t) => {
  const { open, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream } = await open()

  world.server.destroy()
  await Promise.all([caller.ended(), upstream.ended(), world.server.empty()])
  await watched.until(() => told.open === 0)

  t.match(ended, [{ end: 'cancelled' }])
})

t.test('tunnels that end in every way at every moment leave nothing behind', async (t) => {
  const { call, origin, ended, watched, told, world } = await tunnelScene(t, { pool: { connections: 8 } })
  const ways = [
    (one: RawClient): void => one.reset(),
    (one: RawClient): void => void one.socket.end(),
    (one: RawClient): void => void one.socket.destroy(),
    (one: RawClient): void => void one.socket.end('more'),
  ]
  void answering(origin, 0, ways)

  const rounds = Array.from({ length: 80 }, async (_, k) => {
    const caller = await call(k % 7 === 0 ? `${handshake}early` : handshake)
    if (k % 3 !== 0) await caller.until(() => caller.received !== '')
    if (k % 2 === 0) await caller.send('something')
    ways[k % ways.length]!(caller)
    if (!caller.socket.closed) await new Promise((resolve) => caller.socket.on('close', resolve))
  })
  await Promise.all(rounds)
  await world.server.empty()
  await watched.until(() => told.open === told.idle && told.waiting === 0)

  t.equal(ended.length, 80)
  t.same(world.bugs, [])
})

async function answering(origin: HandOrigin, k: number, ways: readonly ((one: RawClient) => void)[]): Promise<void> {
  const upstream = await origin.called(k)
  void answering(origin, k + 1, ways)
  await upstream.send(agreed, 'hello')
  ways[(k * 3 + 1) % ways.length]!(upstream)
}

t.test(
  'over TLS on both sides a tunnel is the same: half-close, early bytes, and an end without a close alert where one broke off',
  async (t) => {
    const own = selfSigned('origin.example')
    const origin = await handOrigin(t, { tls: { ...own, ALPNProtocols: ['http/1.1'] } })
    const made = await bench(t, { port: origin.port, pool: { tls: { ca: own.cert } }, stages: [upgrade({ protocols: ['websocket'] })] })
    const door = await secureDoor(t, made, own)

    const caller = await door.connect()
    await caller.send(`${handshake}early`)
    const upstream = await origin.called(0)
    await upstream.send(`${agreed}first`)
    await caller.until(() => behindHead(caller) === 'first')
    caller.socket.end('last')
    await upstream.ended()
    t.equal(behindHead(upstream), 'earlylast')
    await upstream.send('still')
    await caller.until(() => behindHead(caller) === 'firststill')
    upstream.socket.end()
    await caller.ended()
    await made.watched.until(() => made.ended.length === 1 && made.told.open === 0)

    const other = await door.connect()
    await other.send(handshake)
    const there = await origin.called(1)
    await there.send(agreed)
    await other.until(() => other.received !== '')
    there.socket.end('only this')
    await other.ended()
    t.equal(behindHead(other), 'only this')
    await other.send('and this')
    await there.until(() => behindHead(there) === 'and this')
    other.socket.destroy()
    await there.ended()
    await made.watched.until(() => made.ended.length === 2 && made.told.open === 0)
    await made.world.server.empty()

    t.match(made.ended, [{ end: 'done', status: 101 }, { status: 101 }])
  },
)

/** Waits until a number has not changed for a while. */
async function stalled(read: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 10;) {
    await wait(20)
    same = read() === last ? same + 1 : 0
    last = read()
  }
}
