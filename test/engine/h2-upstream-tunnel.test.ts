import { once } from 'node:events'
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { HpackDecoder } from '../../src/protocol/hpack/decoder.ts'
import { FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { upgrade } from '../../src/stages/upgrade.ts'
import { ErrorCode, FrameType, endStream, reset } from '../helpers/h2-frames.ts'
import type { RawClient } from '../helpers/raw.ts'
import { data, frameOrigin, goaway, reply, type FramePeer } from './h2-peer.ts'
import { bench, type Bench, type BenchOptions } from './helpers.ts'
import { behindHead, handshake, headLines } from './tunnel-world.ts'

interface Scope {
  teardown(end: () => Promise<void>): void
}

interface Scene extends Bench {
  readonly peer: () => Promise<FramePeer>
  /** A tunnel that stands: its caller of HTTP/1.1, and its stream's session. */
  readonly open: () => Promise<{ readonly caller: RawClient; readonly peer: FramePeer }>
}

/** The engine with a route that allows WebSockets, in front of a hand-played origin of HTTP/2. */
async function scene(t: Scope, options: Partial<BenchOptions> = {}, settings: Readonly<Record<number, number>> = { 8: 1 }): Promise<Scene> {
  const origin = await frameOrigin(t, settings)
  const made = await bench(t, {
    ...options,
    port: origin.port,
    pool: { http: 2 },
    stages: [upgrade({ protocols: ['websocket'], key: () => 'dGhlIHNhbXBsZSBub25jZQ==' })],
  })
  return {
    ...made,
    peer: () => origin.opened(),
    async open() {
      const caller = await made.call(handshake)
      caller.socket.allowHalfOpen = true
      const peer = await origin.opened()
      await peer.frame(FrameType.headers)
      peer.send(reply(1, '200', [['sec-websocket-protocol', 'chat']]))
      await caller.until(() => caller.received.includes('\r\n\r\n'))
      return { caller, peer }
    },
  }
}

const sent = (peer: FramePeer): string =>
  peer
    .of(FrameType.data)
    .map(({ payload }) => payload.toString())
    .join('')

function fieldsOf(block: Buffer): readonly string[] {
  const lines = new FieldLines()
  new HpackDecoder({ listSize: 65_536, fields: 100 }).decode(block, 0, block.length, lines)
  return lines.bytes.toString('latin1', 0, lines.length).split('\r\n').slice(0, -1)
}

t.test('a WebSocket of HTTP/1.1 becomes an extended CONNECT, and its answer a 101 with the acceptance of the key', async (t) => {
  const { open, ended, watched } = await scene(t)
  const { caller, peer } = await open()
  const asked = peer.of(FrameType.headers)[0]!

  await caller.send('up')
  await peer.until(() => sent(peer) === 'up')
  peer.send(data(1, 'down'))
  await caller.until(() => behindHead(caller) === 'down')
  caller.socket.end('last up')
  await peer.until(() => peer.of(FrameType.data).some(({ flags }) => (flags & endStream) !== 0))
  peer.send(data(1, ' last', true))
  await caller.ended()
  await watched.until(() => ended.length === 1)

  const fields = fieldsOf(asked.payload)
  t.same(fields.slice(0, 5).sort(), [
    ':authority: ' + fields.find((one) => one.startsWith(':authority'))!.slice(12),
    ':method: CONNECT',
    ':path: /chat?room=1',
    ':protocol: websocket',
    ':scheme: http',
  ])
  t.ok(fields.includes('sec-websocket-version: 13'))
  t.notOk(fields.some((line) => /^(connection|upgrade|sec-websocket-key|content-length):/.test(line)))
  t.equal(asked.flags & endStream, 0)
  t.equal(headLines(caller)[0], 'HTTP/1.1 101 Switching Protocols')
  for (const line of ['upgrade: websocket', 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'sec-websocket-protocol: chat'])
    t.ok(headLines(caller).includes(line), line)
  t.same([sent(peer), behindHead(caller)], ['uplast up', 'down last'])
  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('either side may end its own direction first', async (t) => {
  const { open, ended, watched } = await scene(t)
  const { caller, peer } = await open()

  peer.send(data(1, 'all', true))
  await caller.until(() => behindHead(caller) === 'all' && caller.isEnded)
  await caller.send('still')
  await peer.until(() => sent(peer) === 'still')
  caller.socket.end()
  await watched.until(() => ended.length === 1)

  t.equal(peer.of(FrameType.reset).length, 0)
  t.match(ended, [{ end: 'done' }])
})

t.test('a caller of HTTP/2 opens a WebSocket on an origin of HTTP/2, and Node takes it for one', async (t) => {
  const server = createServer({ settings: { enableConnectProtocol: true } })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'x-protocol': String(headers[':protocol']), 'x-key': String(headers['sec-websocket-key']) })
    stream.pipe(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => void server.close())
  const { port } = server.address() as AddressInfo
  const { world } = await bench(t, { port, pool: { http: 2 }, stages: [upgrade({ protocols: ['websocket'] })] })
  const session = connect(`http://127.0.0.1:${world.port}`)
  t.teardown(async () => session.destroy())
  await once(session, 'remoteSettings')

  const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':scheme': 'http', ':authority': 'relay' })
  const [headers] = await once(stream, 'response')
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  stream.write('there ')
  stream.end('and back')
  await once(stream, 'end')

  t.match(headers, { ':status': 200, 'x-protocol': 'websocket', 'x-key': 'undefined' })
  t.notOk('sec-websocket-accept' in headers)
  t.equal(text, 'there and back')
})

t.test('an origin that does not agree is heard as it is; one that opens no tunnels is told by name', async (t) => {
  const refusing = await scene(t)
  const caller = await refusing.call(handshake)
  const peer = await refusing.peer()
  await peer.frame(FrameType.headers)
  peer.send(reply(1, '403'), data(1, 'no', true))
  const [answer] = await caller.answers(1)
  const without = await scene(t, {}, {})
  const [other] = await (await without.call(handshake)).answers(1)

  t.same([answer?.line[1], answer?.body], ['403', 'no'])
  t.equal(other?.line[1], '502')
  t.match(other?.body, /origin opens no tunnels over HTTP\/2: say http: 1 for it/)
  t.equal((await without.peer()).of(FrameType.headers).length, 0)
})

t.test('where a side breaks off, both directions end', async (t) => {
  const one = await scene(t)
  const first = await one.open()
  first.caller.reset()
  const { payload } = await first.peer.frame(FrameType.reset)
  const two = await scene(t)
  const second = await two.open()
  second.peer.send(reset(1, ErrorCode.cancel))
  await second.caller.ended()
  const three = await scene(t)
  const third = await three.open()
  third.peer.send(data(1, '', true))
  await third.caller.until(() => third.caller.isEnded)
  third.peer.send(reset(1, ErrorCode.internal))
  await three.watched.until(() => three.ended.length === 1)
  await two.watched.until(() => two.ended.length === 1)
  await one.watched.until(() => one.ended.length === 1)

  t.equal(payload.readUInt32BE(), ErrorCode.cancel)
  t.match([one.ended, two.ended, three.ended], [[{ end: 'cancelled' }], [{ end: 'upstream_failed' }], [{ end: 'upstream_failed' }]])
})

t.test('a tunnel that nothing comes through ends in time', async (t) => {
  const { open, ended, watched } = await scene(t, { idleMs: 1 })
  const { caller, peer } = await open()

  await caller.ended()
  await peer.frame(FrameType.reset)
  await watched.until(() => ended.length === 1)

  t.match(ended, [{ end: 'timed_out', failure: 'timed_out' }])
})

t.test('a handshake that the origin has not taken goes out again', async (t) => {
  const { call, peer, told } = await scene(t)
  const caller = await call(handshake)
  const first = await peer()
  await first.frame(FrameType.headers)

  first.send(goaway(0, ErrorCode.none))
  await first.until(() => first.isClosed)
  await caller.send('ahead')

  t.equal(told.retried, 1)
})
