import t from 'tap'
import { fieldName } from '../../src/protocol/edits.ts'
import type { Stage } from '../../src/engine/call.ts'
import { isStream } from '../../src/stages/event-stream.ts'
import { get, ok } from './helpers.ts'
import { agreed, behindHead, handshake, headLines, tunnelScene } from './tunnel-world.ts'

t.test('an upgrade that the route allows passes: both heads say so in relay’s own words, and the ends’ fields pass', async (t) => {
  const mark: Stage = async (call, next) => {
    const reply = await next(call)
    reply.edits.set(fieldName('x-rule'), 'yes')
    return reply
  }
  const { call, origin } = await tunnelScene(t, { stages: [mark] })

  const caller = await call(handshake.replace('Host: relay', 'Host: relay\r\nTE: trailers\r\nExpect: 100-continue\r\nX-Own: 1'))
  const upstream = await origin.called()
  await upstream.send(agreed.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=5\r\nX-Own: 2\r\n\r\n'))
  await caller.until(() => caller.received.includes('\r\n\r\n'))

  t.same(headLines(upstream), [
    'GET /chat?room=1 HTTP/1.1',
    `host: 127.0.0.1:${origin.port}`,
    'X-Own: 1',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: chat',
    'connection: upgrade',
    'upgrade: websocket',
  ])
  t.same(headLines(caller), [
    'HTTP/1.1 101 Switching Protocols',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'Sec-WebSocket-Protocol: chat',
    'X-Own: 2',
    'x-rule: yes',
    'connection: upgrade',
    'upgrade: websocket',
  ])
})

t.test('behind the heads bytes pass as they are, both ways, and are counted', async (t) => {
  const { open, calls, ended, watched, told, world } = await tunnelScene(t)
  const { caller, upstream, up, down } = await open()
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, k) => k))

  await caller.send('GET /smuggled HTTP/1.1\r\n\r\n', bytes)
  await upstream.send(bytes, '0\r\n\r\n')
  await upstream.until(() => up().length === 282)
  await caller.until(() => down().length === 261)
  t.equal(up(), `GET /smuggled HTTP/1.1\r\n\r\n${bytes.toString('latin1')}`)
  t.equal(down(), `${bytes.toString('latin1')}0\r\n\r\n`)
  t.match(told, { open: 1, idle: 0 }, 'the place in the pool is taken')

  caller.socket.end()
  upstream.socket.end()
  await watched.until(() => ended.length === 1 && told.open === 0)
  await world.server.empty()

  t.same(ended, [{ end: 'done', status: 101, failure: null }])
  t.match(calls[0], { bytesOut: 261, body: { received: 282 } })
  t.match(told, { opened: 1, open: 0, idle: 0 }, 'and free again, once')
  t.same(world.bugs, [])
})

t.test('what comes in one read with a head is the first of the tunnel; of the caller’s nothing passes before the 101', async (t) => {
  const { call, origin } = await tunnelScene(t)

  const caller = await call(`${handshake}early`, ' bird')
  const upstream = await origin.called()
  await caller.send(' sings')
  t.equal(behindHead(upstream), '')
  await upstream.send(`${agreed}first`)
  await caller.until(() => behindHead(caller) === 'first')
  await upstream.until(() => behindHead(upstream).length === 16)
  await caller.send('.')
  await upstream.until(() => behindHead(upstream).length === 17)

  t.equal(behindHead(upstream), 'early bird sings.')
})

t.test('more than is read ahead waits in the caller’s socket until the tunnel stands, and then passes in order', async (t) => {
  const { call, origin, world } = await tunnelScene(t)
  const much = Buffer.alloc(4_000_000, 'abcdefghij')

  const caller = await call(handshake)
  const upstream = await origin.called()
  caller.socket.write(much)
  await watchedStall(() => world.readFrom(caller))
  t.ok(world.readFrom(caller) < 1_000_000, 'it is not read without end')
  const before = upstream.received.length
  await upstream.send(agreed)
  await upstream.until(() => upstream.received.length === before + much.length)

  t.ok(behindHead(upstream) === much.toString('latin1'))
})

t.test('a tunnel is a stream to whoever counts and drains', async (t) => {
  const kinds: boolean[] = []
  const look: Stage = async (call, next) => {
    const reply = await next(call)
    kinds.push(isStream(reply))
    return reply
  }
  const { open } = await tunnelScene(t, { stages: [look] })

  await open()

  t.same(kinds, [true])
})

const refusals = {
  'another status': '403 Forbidden',
  'an answer in HTTP': '200 OK',
  'a demand for another version': '426 Upgrade Required',
}
for (const [what, status] of Object.entries(refusals)) {
  t.test(`${what} is an ordinary reply to an upgrade, and both connections carry other calls after it`, async (t) => {
    const { call, origin, ended, watched, told } = await tunnelScene(t)
    const caller = await call(handshake)
    const upstream = await origin.called()
    await upstream.send(`HTTP/1.1 ${status}\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno`)
    await caller.answers(1)
    await watched.until(() => told.idle === 1)

    await caller.send(get)
    await upstream.until(() => upstream.received.split('HTTP/1.1').length === 3)
    await upstream.send(ok)
    const [first, second] = await caller.answers(2)

    t.match(first, { line: ['HTTP/1.1', status.slice(0, 3)], body: 'no' })
    t.match(second, { line: ['HTTP/1.1', '200'], body: 'ok' })
    t.equal(origin.connections.length, 1)
    t.match(ended, [{ end: 'done' }, { end: 'done' }])
  })
}

const unheard: Readonly<Record<string, string>> = {
  'a protocol that the route does not name': handshake.replace('WebSocket', 'irc'),
  h2c: handshake.replace('WebSocket', 'h2c'),
  'several protocols to choose from': handshake.replace('WebSocket', 'websocket, irc'),
  'two Upgrade fields': handshake.replace('Upgrade: WebSocket', 'Upgrade: websocket\r\nUpgrade: websocket'),
  'an Upgrade that Connection does not name': handshake.replace(', Upgrade', ''),
  'HTTP/1.0': handshake.replace('HTTP/1.1', 'HTTP/1.0'),
  'a body': handshake.replace('Host: relay', 'Host: relay\r\nContent-Length: 2').concat('hi'),
  'a chunked body': handshake.replace('Host: relay', 'Host: relay\r\nTransfer-Encoding: chunked').concat('0\r\n\r\n'),
  'a WebSocket by POST': handshake.replace('GET', 'POST'),
}
for (const [what, request] of Object.entries(unheard)) {
  t.test(`an upgrade with ${what} is not heard: the call goes on in HTTP`, async (t) => {
    const { call, origin, calls } = await tunnelScene(t)
    const caller = await call(request)
    const upstream = await origin.called()
    await upstream.send(ok)
    const [answer] = await caller.answers(1)

    t.notMatch(headLines(upstream).join('\n'), /^(?:upgrade|connection):/im)
    t.equal(calls[0]?.upgrade, null)
    t.equal(answer?.line[1], '200')
  })
}

t.test('a route may allow other protocols, by any method', async (t) => {
  const { call, origin } = await tunnelScene(t, { protocols: ['websocket', 'irc/2'] })

  const caller = await call('OPTIONS /x HTTP/1.1\r\nHost: relay\r\nConnection: upgrade\r\nUpgrade: IRC/2\r\n\r\n')
  const upstream = await origin.called()
  await upstream.send('HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: irc/2\r\n\r\n')
  await caller.until(() => caller.received.includes('\r\n\r\n'))

  t.same(headLines(upstream).slice(2), ['connection: upgrade', 'upgrade: irc/2'])
  t.same(headLines(caller), ['HTTP/1.1 101 Switching Protocols', 'connection: upgrade', 'upgrade: irc/2'])
})

const bad: Readonly<Record<string, readonly [request: string, reply: string]>> = {
  'nobody asked for': [get, agreed],
  'the route does not allow': [handshake.replace('WebSocket', 'irc'), agreed.replace('websocket', 'irc')],
  'names another protocol': [handshake, agreed.replace('websocket', 'irc')],
  'names none': [handshake, agreed.replace('Upgrade: websocket\r\n', '')],
  'has no Connection field': [handshake, agreed.replace('Connection: Upgrade\r\n', '')],
  'is HTTP/1.0': [handshake, agreed.replace('HTTP/1.1', 'HTTP/1.0')],
}
for (const [what, [request, reply]] of Object.entries(bad)) {
  t.test(`a 101 that ${what} is a 502, and its connection is closed`, async (t) => {
    const { call, origin, ended, watched, told } = await tunnelScene(t)
    const caller = await call(request)
    const upstream = await origin.called()

    await upstream.send(`${reply}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`)
    const [answer] = await caller.answers(1)
    await upstream.ended()
    await watched.until(() => told.open === 0)

    t.equal(answer?.line[1], '502')
    t.match(ended, [{ failure: 'upstream_failed' }])
  })
}

t.test('informational heads before the 101 pass, and an interim silence is bounded like any other', async (t) => {
  const { call, origin } = await tunnelScene(t, { firstByteMs: 100 })
  const caller = await call(handshake)
  const upstream = await origin.called()
  await upstream.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n')
  await caller.until(() => caller.received.includes('103 Early'))

  const [, answer] = await caller.answers(1)

  t.equal(answer?.line[1], '504')
})

/** Waits until a number has not changed for a while. */
async function watchedStall(read: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    same = read() === last ? same + 1 : 0
    last = read()
  }
}
