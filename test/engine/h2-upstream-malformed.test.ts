import t from 'tap'
import { ErrorCode, FrameType, frame, windowUpdate } from '../helpers/h2-frames.ts'
import { sessionBench } from './h2-bench.ts'
import { Flag, data, frameOrigin, goaway, headers, reply, settingsFrame, type FramePeer } from './h2-peer.ts'

const long = 'x'.repeat(2000)
const ping = frame(FrameType.ping, 0, 0, Buffer.alloc(8))
const times = (count: number, make: (k: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, k) => make(k)))

/** What a server says on stream 1, and what relay says of it. Each is one call's failure: its stream is reset, the session lives on. */
const replies: readonly (readonly [name: string, said: Buffer, told: RegExp])[] = [
  ['no status', headers(1, [['x-a', '1']]), /no :status/],
  ['no fields', headers(1, []), /no :status/],
  [
    'status behind a field',
    headers(1, [
      ['x-a', '1'],
      [':status', '200'],
    ]),
    /no :status/,
  ],
  [
    'status twice',
    headers(1, [
      [':status', '200'],
      [':status', '200'],
    ]),
    /pseudo-header/,
  ],
  [
    'another pseudo-header field',
    headers(1, [
      [':status', '200'],
      [':path', '/'],
    ]),
    /pseudo-header/,
  ],
  ['a status that is no number', reply(1, '2x0'), /malformed :status/],
  ['a status of four digits', reply(1, '2000'), /malformed :status/],
  ['status 000', reply(1, '000'), /malformed :status/],
  ['status 101', reply(1, '101'), /a 101/],
  ['an upper-case name', reply(1, '200', [['X-Upper', '1']]), /name or value/],
  ['a name with a space', reply(1, '200', [['x y', '1']]), /name or value/],
  ['a name with a colon in it', reply(1, '200', [['x:y', '1']]), /name or value/],
  ['an empty name', reply(1, '200', [['', '1']]), /name or value/],
  ['a value with CR LF', reply(1, '200', [['x-a', '1\r\nx-b: 2']]), /name or value/],
  ['a value with NUL', reply(1, '200', [['x-a', '1\u0000']]), /name or value/],
  ['Connection', reply(1, '200', [['connection', 'close']]), /one connection/],
  ['Transfer-Encoding', reply(1, '200', [['transfer-encoding', 'chunked']]), /one connection/],
  ['Keep-Alive', reply(1, '200', [['keep-alive', 'timeout=5']]), /one connection/],
  ['Upgrade', reply(1, '200', [['upgrade', 'h2c']]), /one connection/],
  [
    'two lengths',
    reply(1, '200', [
      ['content-length', '1'],
      ['content-length', '1'],
    ]),
    /more than one Content-Length/,
  ],
  ['a length that is no number', reply(1, '200', [['content-length', '+1']]), /malformed Content-Length/],
  ['a length without its body', reply(1, '200', [['content-length', '3']], true), /fewer bytes/],
  [
    'more than 512 fields',
    reply(
      1,
      '200',
      Array.from({ length: 513 }, (_, k) => [`x-${k}`, '1'] as const),
    ),
    /128 KiB or 512 fields/,
  ],
  ['too many informational heads', times(65, () => reply(1, '103')), /64 informational/],
  ['an informational head that ends the stream', reply(1, '100', [], true), /informational head that ends/],
  ['data before a head', data(1, 'x'), /a body before its head/],
  ['an end before a head', data(1, '', true), /a body before its head/],
  ['no room for nothing', windowUpdate(1, 0), /WINDOW_UPDATE/],
  ['more room than there can be', windowUpdate(1, 2 ** 31 - 1), /window larger/],
]

/** The same, where a good head came first. */
const bodies: readonly (readonly [name: string, said: Buffer, told: RegExp])[] = [
  ['more data than its length', Buffer.concat([reply(1, '200', [['content-length', '3']]), data(1, 'four')]), /more bytes/],
  ['less data than its length', Buffer.concat([reply(1, '200', [['content-length', '3']]), data(1, 'ab', true)]), /fewer bytes/],
  [
    'trailers before all of its length',
    Buffer.concat([reply(1, '200', [['content-length', '3']]), data(1, 'ab'), headers(1, [['x', '1']], true)]),
    /fewer bytes/,
  ],
  ['data where there is none (204)', Buffer.concat([reply(1, '204'), data(1, 'x')]), /more bytes/],
  ['a second head', Buffer.concat([reply(1, '200'), reply(1, '200')]), /pseudo-header/],
  ['trailers that do not end it', Buffer.concat([reply(1, '200'), headers(1, [['x', '1']])]), /a second head/],
  ['trailers with a status', Buffer.concat([reply(1, '200'), headers(1, [[':status', '200']], true)]), /pseudo-header/],
  ['trailers with an upper-case name', Buffer.concat([reply(1, '200'), headers(1, [['X', '1']], true)]), /name or value/],
  ['trailers with Connection', Buffer.concat([reply(1, '200'), headers(1, [['connection', 'x']], true)]), /one connection/],
]

/** What breaks the session. */
const breaches: readonly (readonly [name: string, said: Buffer, code: number])[] = [
  ['a stream of its own', headers(2, [[':status', '200']]), ErrorCode.protocol],
  ['a stream that nobody has opened', headers(99, [[':status', '200']]), ErrorCode.protocol],
  ['data of a stream that nobody has opened', data(99, 'x'), ErrorCode.protocol],
  ['HPACK that is none', frame(FrameType.headers, Flag.endHeaders, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x0f])), 9],
  ['a frame of 16385 bytes', frame(FrameType.data, 0, 1, Buffer.alloc(16_385)), 6],
  ['a frame within a header block', Buffer.concat([frame(FrameType.headers, 0, 1, Buffer.from([0x88])), ping]), ErrorCode.protocol],
  [
    'CONTINUATION without end',
    Buffer.concat([frame(FrameType.headers, 0, 1), times(200, () => frame(FrameType.continuation, 0, 1, Buffer.alloc(8000)))]),
    ErrorCode.calm,
  ],
  [
    'empty CONTINUATIONs without end',
    Buffer.concat([frame(FrameType.headers, 0, 1), times(2000, () => frame(FrameType.continuation, 0, 1))]),
    ErrorCode.calm,
  ],
  ['PINGs without end', times(3000, () => ping), ErrorCode.calm],
  ['SETTINGS without end', times(3000, () => settingsFrame({ 3: 100 })), ErrorCode.calm],
  ['empty DATA without end', Buffer.concat([reply(1, '200'), times(3000, () => data(1, ''))]), ErrorCode.calm],
  ['a window larger than there can be', windowUpdate(0, 2 ** 31 - 1), ErrorCode.flowControl],
  ['a setting that may not be', settingsFrame({ 4: 2 ** 31 }), ErrorCode.flowControl],
  ['push, allowed by a server', settingsFrame({ 2: 1 }), ErrorCode.protocol],
  ['half a GOAWAY', frame(FrameType.goaway, 0, 0, Buffer.alloc(4)), 6],
]

async function world(
  t: Parameters<typeof sessionBench>[0],
): Promise<{ bench: ReturnType<typeof sessionBench>; begin: () => Promise<FramePeer> }> {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  return { bench, begin: () => origin.opened() }
}

t.test('a malformed reply fails its call with a reason, resets its stream, and the session lives on', async (t) => {
  const { bench, begin } = await world(t)
  const kept = bench.ask()
  const peer = await begin()
  let id = 1
  for (const [name, said, told] of replies) {
    const asked = bench.ask()
    id += 2
    await peer.until(() => peer.frames.some((one) => one.stream === id))
    peer.send(renumbered(said, id))
    const failed = await asked.failed()
    await peer.until(() => peer.frames.some((one) => one.type === FrameType.reset && one.stream === id))

    t.equal(failed.failure, 'upstream_failed', name)
    t.match(failed.message, told, name)
  }
  peer.send(reply(1, '200', [], true))
  await kept.whole()
  t.equal(peer.of(FrameType.goaway).length, 0)
})

t.test('a reply that turns out malformed behind its head breaks off', async (t) => {
  const { bench, begin } = await world(t)
  const kept = bench.ask()
  const peer = await begin()
  let id = 1
  for (const [name, said, told] of bodies) {
    const asked = bench.ask()
    id += 2
    await peer.until(() => peer.frames.some((one) => one.stream === id))
    peer.send(renumbered(said, id))
    await asked.whole().catch(() => {})

    t.equal(asked.end, 'upstream_failed', name)
    t.match(asked.error?.message, told, name)
  }
  peer.send(reply(1, '200', [], true))
  await kept.whole()
  t.equal(peer.of(FrameType.goaway).length, 0)
})

t.test('what breaks the rules of the connection ends the session with GOAWAY, and its calls', async (t) => {
  for (const [name, said, code] of breaches) {
    const { bench, begin } = await world(t)
    const asked = bench.ask()
    const peer = await begin()
    peer.isPolite = false
    await peer.frame(FrameType.headers)
    peer.send(said)
    await asked.whole().catch(() => {})
    const last = await peer.frame(FrameType.goaway)

    t.match(asked.error, { failure: 'upstream_failed', message: /^the session with origin failed: ./ }, name)
    t.equal(last.payload.readUInt32BE(4), code, name)
    await bench.watched.until(() => bench.told.open === 0)
  }
})

t.test('a head of many bytes, in frames of any size, is a head like any other', async (t) => {
  const { bench, begin } = await world(t)
  const asked = bench.ask()
  const peer = await begin()
  await peer.frame(FrameType.headers)
  const fields = Array.from({ length: 50 }, (_, k) => [`x-${k}`, long] as const)
  const whole = reply(1, '200', fields, true).subarray(9)

  const pieces: Buffer[] = []
  for (let at = 0; at < whole.length; at += 10_000) {
    const isLast = at + 10_000 >= whole.length
    const piece = whole.subarray(at, at + 10_000)
    pieces.push(
      frame(
        at === 0 ? FrameType.headers : FrameType.continuation,
        (at === 0 ? Flag.endStream : 0) | (isLast ? Flag.endHeaders : 0),
        1,
        piece,
      ),
    )
  }
  peer.send(...pieces)
  await asked.whole()

  t.equal(asked.field('x-49'), long)
  t.equal(asked.end, 'done')
})

t.test('trailers lose what may not stand there, and nothing else', async (t) => {
  const { bench, begin } = await world(t)
  const asked = bench.ask()
  const peer = await begin()
  await peer.frame(FrameType.headers)

  peer.send(
    reply(1, '200'),
    headers(
      1,
      [
        ['grpc-status', '0'],
        ['content-type', 'text/html'],
        ['authorization', 'x'],
        ['x-sum', '7'],
      ],
      true,
    ),
  )
  await asked.whole()

  t.equal(asked.trailers, 'grpc-status: 0\r\nx-sum: 7\r\n')
})

t.test('unknown frames and settings are read over, and a GOAWAY may come twice', async (t) => {
  const { bench, begin } = await world(t)
  const asked = bench.ask()
  const peer = await begin()
  await peer.frame(FrameType.headers)

  peer.send(
    frame(99, 255, 1, Buffer.from('what')),
    settingsFrame({ 99: 7 }),
    goaway(2 ** 31 - 1, 0),
    goaway(1, 0),
    reply(1, '200', [], true),
  )

  t.equal((await asked.whole()).end, 'done')
})

/** The frames with another stream's number in the place of 1. */
function renumbered(frames: Buffer, id: number): Buffer {
  const out = Buffer.from(frames)
  for (let at = 0; at < out.length; at += 9 + out.readUIntBE(at, 3)) if (out.readUInt32BE(at + 5) === 1) out.writeUInt32BE(id, at + 5)
  return out
}
