import { once } from 'node:events'
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket as WsClient, WebSocketServer } from 'ws'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { upgrade } from '../../src/stages/upgrade.ts'
import { drain } from '../../src/worker/drain.ts'
import { ErrorCode, FrameType, block, data, endHeaders, endStream, headers, reset } from '../helpers/h2-frames.ts'
import { rawH2 } from '../helpers/raw-h2.ts'
import type { RawClient } from '../helpers/raw.ts'
import { bench, handOrigin, type Bench, type BenchOptions, type HandOrigin } from './helpers.ts'
import { agreed, behindHead, headLines } from './tunnel-world.ts'

interface Scope {
  teardown(end: () => Promise<void>): void
}

const asking = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':path', '/chat'],
  [':authority', 'relay'],
] as const

interface Connected {
  readonly stream: ClientHttp2Stream
  readonly headers: IncomingHttpHeaders
  /** What has come. */
  readonly text: () => string
  /** Waits for so much text, or the end. */
  readonly heard: (text: string) => Promise<void>
}

interface Scene extends Bench {
  readonly origin: HandOrigin
  readonly session: ClientHttp2Session
  /** Asks for a tunnel; its handshake at the upstream, and the stream. */
  readonly ask: (headers?: Readonly<Record<string, string>>) => ClientHttp2Stream
  /** A tunnel that stands. */
  readonly open: () => Promise<Connected & { readonly upstream: RawClient }>
}

/** The key of RFC 6455, whose acceptance the hand-played origin says. */
const key = (): string => 'dGhlIHNhbXBsZSBub25jZQ=='

/** A session of HTTP/2 with the engine, in front of a hand-played origin of HTTP/1.1. */
async function scene(t: Scope, options: Partial<BenchOptions> = {}): Promise<Scene> {
  const origin = await handOrigin(t)
  const made = await bench(t, { ...options, port: origin.port, stages: [bodyLimit(() => 100), upgrade({ protocols: ['websocket'], key })] })
  const session = connect(`http://127.0.0.1:${made.world.port}`)
  session.on('error', () => {})
  const isClosed = once(session, 'close')
  t.teardown(async () => {
    session.destroy()
    await isClosed
  })
  await once(session, 'remoteSettings')
  let opened = 0
  const ask: Scene['ask'] = (headers = {}) => {
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/chat?room=1',
      ':scheme': 'http',
      ':authority': 'relay',
      ...headers,
    })
    stream.on('error', () => {})
    return stream
  }
  return {
    ...made,
    origin,
    session,
    ask,
    async open() {
      const stream = ask({ 'sec-websocket-version': '13', 'sec-websocket-protocol': 'chat' })
      const upstream = await origin.called(opened++)
      await upstream.send(agreed)
      return { ...(await connected(stream)), upstream }
    },
  }
}

async function connected(stream: ClientHttp2Stream): Promise<Connected> {
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  return {
    stream,
    headers,
    text: () => text,
    heard: (wanted) =>
      new Promise((resolve) => {
        const look = (): void => (text === wanted || stream.closed ? resolve() : undefined)
        stream.on('data', look).on('close', look)
        look()
      }),
  }
}

async function closed(stream: ClientHttp2Stream): Promise<number> {
  if (!stream.closed || !stream.destroyed) await once(stream, 'close')
  return stream.rstCode
}

t.test('an extended CONNECT becomes a handshake of HTTP/1.1, and its 101 a 200', async (t) => {
  const { session, open } = await scene(t)
  const { upstream, headers } = await open()

  t.equal(session.remoteSettings.enableConnectProtocol, true)
  t.same(headLines(upstream), [
    'GET /chat?room=1 HTTP/1.1',
    headLines(upstream)[1],
    'sec-websocket-version: 13',
    'sec-websocket-protocol: chat',
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  ])
  t.match(headers, { ':status': 200, 'sec-websocket-protocol': 'chat' })
  t.same(
    Object.keys(headers).filter((name) => ['connection', 'upgrade', 'sec-websocket-accept'].includes(name)),
    [],
  )
})

t.test('bytes pass both ways beside other calls; what was sent ahead waits for the 101, and no body limit holds it', async (t) => {
  const { ask, origin, session, ended, watched, told } = await scene(t)
  const stream = ask()
  stream.write('early')
  const upstream = await origin.called()
  const other = session.request({ ':path': '/other' })
  await (await origin.called(1)).send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  t.equal((await once(other, 'response'))[0][':status'], 200)
  other.resume()
  t.equal(behindHead(upstream), '')
  await upstream.send(`${agreed}first`)
  const { heard } = await connected(stream)
  await heard('first')

  stream.write('x'.repeat(200_000))
  await upstream.until(() => behindHead(upstream).length >= 200_005)
  stream.end('last')
  await upstream.ended()
  t.equal(behindHead(upstream), `early${'x'.repeat(200_000)}last`)
  t.equal(ended.length, 1, 'a tunnel that is half closed goes on')
  upstream.socket.end(' and last')
  await heard('first and last')
  t.equal(await closed(stream), constants.NGHTTP2_NO_ERROR)
  await watched.until(() => ended.length === 2 && told.open === 1)

  t.match(ended[1], { end: 'done', status: 101 })
})

t.test('an upstream that half-closes ends its direction alone', async (t) => {
  const { open, ended, watched, told } = await scene(t)
  const { stream, upstream } = await open()

  const end = once(stream, 'end')
  upstream.socket.end()
  await end
  stream.write('still')
  await upstream.until(() => behindHead(upstream) === 'still')
  t.same(ended, [])
  stream.end()
  t.equal(await closed(stream), constants.NGHTTP2_NO_ERROR)
  await watched.until(() => told.open === 0 && ended.length === 1)

  t.match(ended, [{ end: 'done', status: 101 }])
})

for (const isHalf of [false, true]) {
  t.test(`who resets its stream resets the upstream${isHalf ? ', which had half-closed' : ''}`, async (t) => {
    const { world, origin, ended, watched, told } = await scene(t)
    const client = await rawH2(world.port)
    await client.send(headers(1, block(...asking), endHeaders))
    const upstream = await origin.called()
    await upstream.send(agreed)
    if (isHalf) upstream.socket.end()
    await client.until(() => (isHalf ? client.all(FrameType.data, 1).length > 0 : client.status(1) === 200))

    await client.send(reset(1, ErrorCode.cancel))
    await upstream.ended()
    await watched.until(() => told.open === 0 && ended.length === 1)
    client.destroy()

    t.ok(upstream.isReset)
    t.match(ended, [{ end: 'cancelled', status: 101 }])
  })

  t.test(`an upstream that resets is a reset of the stream alone${isHalf ? ', half-closed by its caller' : ''}`, async (t) => {
    const { open, session, ended, watched, told } = await scene(t)
    const { stream, upstream } = await open()
    if (isHalf) {
      stream.end()
      await upstream.ended()
    }

    upstream.reset()
    t.equal(await closed(stream), constants.NGHTTP2_CANCEL)
    await watched.until(() => told.open === 0 && ended.length === 1)

    t.notOk(session.closed)
    t.match(ended, [{ end: 'upstream_failed', status: 101 }])
  })
}

t.test('who leaves with its connection takes its tunnels along', async (t) => {
  const { open, session, ended, watched, told, world } = await scene(t)
  const { upstream } = await open()

  session.destroy()
  await upstream.ended()
  await watched.until(() => told.open === 0 && ended.length === 1)
  await world.server.empty()

  t.match(ended, [{ end: 'cancelled', status: 101 }])
})

t.test('a tunnel outlives the time that a request body has, and ends when nothing moves for its idle time', async (t) => {
  const { open, ended, watched, told } = await scene(t, { idleMs: 500, limits: { bodyMs: 50 } })
  const { stream } = await open()
  const from = performance.now()

  t.equal(await closed(stream), constants.NGHTTP2_CANCEL)
  await watched.until(() => told.open === 0 && ended.length === 1)

  t.ok(performance.now() - from >= 400, `${performance.now() - from} ms`)
  t.match(ended, [{ end: 'timed_out', status: 101 }])
})

t.test('a handshake is waited for as any reply is, not as a body that does not come', async (t) => {
  const { ask, origin } = await scene(t, { limits: { bodyMs: 50 } })
  const stream = ask()
  const upstream = await origin.called()
  await new Promise((resolve) => setTimeout(resolve, 250))

  await upstream.send(agreed)
  const { headers } = await connected(stream)
  stream.write('hello')
  await upstream.until(() => behindHead(upstream) === 'hello')

  t.equal(headers[':status'], 200)
  t.equal(behindHead(upstream), 'hello')
})

t.test('a tunnel whose upstream has half-closed ends by its idle time too', async (t) => {
  const { open, ended, watched, told } = await scene(t, { idleMs: 100 })
  const { stream, upstream } = await open()

  upstream.socket.end()
  t.equal(await closed(stream), constants.NGHTTP2_CANCEL)
  await watched.until(() => told.open === 0 && ended.length === 1)

  t.match(ended, [{ end: 'timed_out', status: 101 }])
})

t.test('who ends its side and resets its stream in one go is gone, and so is the upstream’s connection', async (t) => {
  const { world, origin, ended, watched, told } = await scene(t)
  const client = await rawH2(world.port)
  await client.send(headers(1, block(...asking), endHeaders))
  const upstream = await origin.called()
  await upstream.send(agreed)
  await client.until(() => client.status(1) === 200)

  await client.send(data(1, 'last', endStream), reset(1, ErrorCode.cancel))
  await upstream.ended()
  await watched.until(() => told.open === 0 && ended.length === 1)
  client.destroy()

  t.match(ended, [{ end: 'cancelled', status: 101 }])
})

t.test('a drain cuts tunnels when the grace of streams is over', async (t) => {
  const { open, ended, watched, told, world } = await scene(t)
  const { stream, upstream } = await open()

  const cut = drain(world.server, { grace: 0, streamGrace: 10, hurry: new AbortController().signal })
  t.equal(await closed(stream), constants.NGHTTP2_CANCEL)
  await upstream.ended()
  await watched.until(() => told.open === 0)

  t.same(await cut, { calls: 0, streams: 1 })
  t.match(ended, [{ end: 'drained', status: 101 }])
})

for (const status of ['403 Forbidden', '426 Upgrade Required', '302 Found']) {
  t.test(`an upstream that answers ${status} is heard, and the session goes on`, async (t) => {
    const { ask, origin, session, told, watched } = await scene(t)
    const stream = ask()
    await (await origin.called()).send(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`)
    const { headers, heard } = await connected(stream)
    await heard('no')
    await watched.until(() => told.idle === 1)

    t.equal(headers[':status'], Number(status.slice(0, 3)))
    t.notOk(session.closed)
  })
}

const wrong: Readonly<Record<string, string>> = {
  'a 200': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'a 101 to another protocol': agreed.replace('websocket', 'irc'),
  'a wrong acceptance': agreed.replace('s3pP', 's3pQ'),
  'no acceptance': agreed.replace(/Sec-WebSocket-Accept[^\n]*\n/, ''),
}
for (const [what, reply] of Object.entries(wrong)) {
  t.test(`${what} is no tunnel: a 502`, async (t) => {
    const { ask, origin, ended, told, watched } = await scene(t)
    const stream = ask()
    const upstream = await origin.called()
    await upstream.send(reply)
    const { headers } = await connected(stream)
    await upstream.ended()
    await watched.until(() => told.open === 0)
    await closed(stream)

    t.equal(headers[':status'], 502)
    t.match(ended, [{ failure: 'upstream_failed' }])
  })
}

t.test('a protocol that the route does not allow is a 501, and nothing goes out', async (t) => {
  const { ask, origin } = await scene(t)

  const { headers } = await connected(ask({ ':protocol': 'irc' }))
  const several = await connected(ask({ ':protocol': 'websocket, irc' }))

  t.equal(headers[':status'], 501)
  t.equal(several.headers[':status'], 501)
  t.equal(origin.connections.length, 0)
})

t.test('a stalled reader on either side pauses the other one, and every byte arrives', async (t) => {
  const { open, ended, watched } = await scene(t)
  const { stream, upstream, text } = await open()
  const much = Buffer.alloc(32 * 1_048_576, 'abcdefghijklmnop')

  stream.pause()
  upstream.socket.write(much)
  await stalled(() => upstream.socket.writableLength)
  t.ok(upstream.socket.writableLength > 10_000_000, `${upstream.socket.writableLength} bytes wait at the upstream`)
  stream.resume()
  while (text().length < much.length) await once(stream, 'data')

  const before = upstream.received.length
  upstream.socket.pause()
  stream.write(much)
  await stalled(() => stream.writableLength)
  t.ok(stream.writableLength > 10_000_000, `${stream.writableLength} bytes wait at the caller`)
  upstream.socket.resume()
  await upstream.until(() => upstream.received.length === before + much.length)
  stream.end()
  upstream.socket.end()
  await watched.until(() => ended.length === 1)

  t.ok(text() === much.toString('latin1'))
  t.ok(upstream.received.slice(before) === much.toString('latin1'))
  t.match(ended, [{ end: 'done' }])
})

t.test('a WebSocket over HTTP/2 talks to a server of HTTP/1.1', async (t) => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
  const made = await bench(t, { port: (server.address() as AddressInfo).port, stages: [upgrade({ protocols: ['websocket'] })] })
  const session = connect(`http://127.0.0.1:${made.world.port}`)
  t.teardown(async () => {
    session.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  await once(session, 'remoteSettings')
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/',
    ':scheme': 'http',
    ':authority': 'relay',
    'sec-websocket-version': '13',
  })
  const [headers] = await once(stream, 'response')
  // Of a connection that somebody else has made ws takes itself for the server, unless told.
  const client8441 = Object.assign(new WsClient(null as unknown as string, undefined, {}), { _isServer: false, _closeTimeout: 30_000 })
  const client = client8441 as unknown as WsClient & { setSocket(socket: unknown, head: Buffer, options: object): void }
  client.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 0, skipUTF8Validation: false })
  const big = 'z'.repeat(1_048_576)

  client.send('hello')
  const [first] = await once(client, 'message')
  client.send(big)
  const [second] = await once(client, 'message')
  const closes = once(client, 'close')
  client.close(4001, 'enough')
  const [code] = await closes
  await made.watched.until(() => made.ended.length === 1)

  t.equal(headers[':status'], 200)
  t.equal(String(first), 'hello')
  t.ok(String(second) === big)
  t.equal(code, 4001)
  t.match(made.ended, [{ end: 'done', status: 101 }])
})

/** Waits until a number has not changed for a while. */
async function stalled(read: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 10;) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    same = read() === last ? same + 1 : 0
    last = read()
  }
}
