import { once } from 'node:events'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  sensitiveHeaders,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HpackEncoder } from '../../src/protocol/hpack/encoder.ts'
import { FieldFlag, FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { chanceOf, type Chance } from '../conformance/mutate.ts'
import {
  FrameReader,
  FrameType,
  ack,
  endHeaders,
  fragmentOf,
  headers,
  preface,
  settings,
  settingsAck,
  type Frame,
} from '../helpers/h2-frames.ts'
import { decodeInto, decoded, decoder, encoded, fieldsOf, type Field } from './hpack.ts'

/** Field sections as they come on real sessions: some lines repeat, some differ each time, some are long. */
function sections(chance: Chance, count: number): Field[][] {
  const repeated = Array.from({ length: 12 }, (_, k): Field => [`x-repeated-${k}`, `${chance.below(1000)} some value / ${k}`])
  const known: Field[] = [
    ['content-type', 'application/json'],
    ['accept', '*/*'],
    ['user-agent', 'somebody/1.0 (x; y)'],
    ['accept-encoding', 'gzip, deflate'],
    ['cache-control', 'no-cache'],
  ]
  return Array.from({ length: count }, (_, k) => [
    ...[...known, ...repeated].filter(() => chance.below(3) > 0),
    ['x-request-id', `${k}-${chance.below(1 << 30)}`],
    ['x-long', 'abc{}|~ '.repeat(chance.below(40)) + 'z'],
    ...(chance.below(10) === 0 ? [['x-very-long', 'v'.repeat(17_000)] as const] : []),
  ])
}

t.test('what a client of node:http2 sends is read as it was sent', async (t) => {
  const peer = await playServer(t)
  const client = connectHttp2(peer.url)
  const wanted: Field[][] = []
  for (const fields of sections(chanceOf(1), 60)) {
    wanted.push([[':authority', 'relay.test'], [':method', 'POST'], [':path', '/v1/messages?a=b'], [':scheme', 'http'], ...fields])
    const request = client.request(
      { ':authority': 'relay.test', ':method': 'POST', ':path': '/v1/messages?a=b', ':scheme': 'http', ...Object.fromEntries(fields) },
      { endStream: true },
    )
    request.resume()
    await once(request, 'end')
  }
  client.destroy()

  const hpack = decoder()
  t.equal(peer.blocks.length, wanted.length)
  for (const [k, block] of peer.blocks.entries()) t.same(sorted(decoded(hpack, block)), sorted(wanted[k]!))
})

t.test('a field that node:http2 was told is sensitive is known to be one that nobody indexes', async (t) => {
  const peer = await playServer(t)
  const client = connectHttp2(peer.url)
  const request = client.request({ 'x-secret': 'abc', 'x-plain': 'abc', [sensitiveHeaders]: ['x-secret'] }, { endStream: true })
  request.resume()
  await once(request, 'end')
  client.destroy()

  const lines = new FieldLines()
  t.equal(decodeInto(decoder(), peer.blocks[0]!, lines), null)
  const names = fieldsOf(lines).map(([name]) => name)
  t.equal(lines.flagsOf(names.indexOf('x-secret')), FieldFlag.neverIndexed)
  t.equal(lines.flagsOf(names.indexOf('x-plain')), 0)
})

for (const tableSize of [0, 200, 4096, 65_536]) {
  t.test(`replies of node:http2, and requests to it, with a table of ${tableSize} at its end, come through both ways`, async (t) => {
    const wanted = sections(chanceOf(tableSize + 3), 60)
    const { port, received } = await answering(t, wanted, { headerTableSize: tableSize, maxHeaderListSize: 1 << 20 })
    const session = new Session(connect(port, '127.0.0.1'))
    session.socket.write(Buffer.concat([preface, settings([1, 4096])]))
    await session.until(({ type, flags }) => type === FrameType.settings && (flags & ack) === 0)
    session.socket.write(settingsAck)
    const encoder = new HpackEncoder()
    encoder.limitTable(tableSize)
    const hpack = decoder()

    for (const [k, fields] of wanted.entries()) {
      const stream = 2 * k + 1
      const request: Field[] = [[':method', 'GET'], [':scheme', 'http'], [':path', `/${k}`], [':authority', 'relay.test'], ...fields]
      session.socket.write(Buffer.concat(inFrames(stream, encoded(encoder, request))))
      const reply = await session.block(stream)

      t.same(sorted(received[k]!), sorted(request))
      t.same(sorted(withoutDate(decoded(hpack, reply))), sorted([[':status', '200'], ...fields]))
    }
    session.socket.destroy()
  })
}

/** A server that records whole header blocks and answers each with 204. */
async function playServer(t: Test): Promise<{ readonly url: string; readonly blocks: Buffer[] }> {
  const blocks: Buffer[] = []
  const server = createServer((socket) => {
    const reader = new FrameReader()
    let hasPreface = false
    let rest: Buffer = Buffer.alloc(0)
    let fragments: Buffer[] = []
    const take = (frame: Frame): void => {
      if (frame.type === FrameType.settings && (frame.flags & ack) === 0) socket.write(settingsAck)
      if (frame.type !== FrameType.headers && frame.type !== FrameType.continuation) return
      fragments.push(fragmentOf(frame))
      if ((frame.flags & endHeaders) === 0) return
      blocks.push(Buffer.concat(fragments))
      fragments = []
      socket.write(headers(frame.stream, Buffer.from([0x89])))
    }
    socket.on('error', () => {})
    socket.write(settings())
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      if (!hasPreface && rest.length >= preface.length) {
        hasPreface = true
        rest = rest.subarray(preface.length)
      }
      if (!hasPreface) return
      for (const frame of reader.read(rest)) take(frame)
      rest = Buffer.alloc(0)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${portOf(server)}`, blocks }
}

/** A server of node:http2 that answers the k-th request with the k-th fields, and tells what it got. */
async function answering(
  t: Test,
  replies: readonly (readonly Field[])[],
  settings: Settings,
): Promise<{ readonly port: number; readonly received: Field[][] }> {
  const received: Field[][] = []
  const server = createHttp2Server({ settings, maxHeaderListPairs: 1000 })
  server.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw: string[]) => {
    const fields = replies[received.length]!
    received.push(Array.from({ length: raw.length / 2 }, (_, k): Field => [raw[2 * k]!, raw[2 * k + 1]!]))
    stream.respond({ ':status': 200, ...Object.fromEntries(fields) }, { endStream: true })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: portOf(server), received }
}

/** A client's end of a session, frame by frame. */
class Session {
  readonly socket: Socket
  private readonly frames: Frame[] = []
  private wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    const reader = new FrameReader()
    socket.on('data', (chunk: Buffer) => {
      this.frames.push(...reader.read(chunk))
      this.wake()
    })
    socket.on('close', () => this.wake())
  }

  /** Waits for a frame, and forgets those up to it. */
  async until(isIt: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const at = this.frames.findIndex(isIt)
      if (at >= 0) return this.frames.splice(0, at + 1).at(-1)!
      if (this.socket.destroyed) throw new Error('the session has ended')
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
  }

  /** The next whole header block of a stream. */
  async block(stream: number): Promise<Buffer> {
    const fragments: Buffer[] = []
    for (;;) {
      const frame = await this.until(
        (one) => one.stream === stream && [FrameType.headers, FrameType.continuation].includes(one.type as 1 | 9),
      )
      fragments.push(fragmentOf(frame))
      if ((frame.flags & endHeaders) !== 0) return Buffer.concat(fragments)
    }
  }
}

/** A block as HEADERS and as many CONTINUATION as it takes. */
function inFrames(stream: number, block: Buffer): Buffer[] {
  const most = 16_384
  const pieces = Array.from({ length: Math.max(1, Math.ceil(block.length / most)) }, (_, k) => block.subarray(k * most, (k + 1) * most))
  return pieces.map((piece, k) => {
    const last = k === pieces.length - 1 ? endHeaders : 0
    const bytes = headers(stream, piece, k === 0 ? last | 1 : last)
    if (k > 0) bytes[3] = FrameType.continuation
    return bytes
  })
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  // A server that listens on a port of TCP has an AddressInfo.
  return (server.address() as AddressInfo).port
}

/** Node orders pseudo-header fields in its own way. */
function sorted(fields: readonly Field[] | string): string[] | string {
  return typeof fields === 'string' ? fields : fields.map(([name, value]) => `${name}: ${value}`).toSorted()
}

function withoutDate(fields: readonly Field[] | string): readonly Field[] | string {
  return typeof fields === 'string' ? fields : fields.filter(([name]) => name !== 'date')
}
