import t, { type Test } from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import {
  ErrorCode,
  FrameType,
  data,
  endHeaders,
  endStream,
  frame,
  headers,
  ping,
  reset,
  settings,
  uint32,
  windowUpdate,
} from '../helpers/h2-frames.ts'
import { rawH2, request, type RawH2 } from '../helpers/raw-h2.ts'

interface Flooded extends EngineWorld {
  /** Calls that have begun. */
  readonly begun: () => number
}

async function world(t: Parameters<typeof engineWorld>[0], limits: Parameters<typeof engineWorld>[1] = {}): Promise<Flooded> {
  let begun = 0
  const made = await engineWorld(t, {
    ...limits,
    stages: [
      async (call, next) => {
        begun++
        return next(call)
      },
    ],
  })
  return Object.assign(made, { begun: () => begun })
}

const get = request('GET', '/a')
const post = request('POST', '/a')
const odd = (k: number): number => 2 * k + 1
const many = (count: number, make: (k: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, k) => make(k)))

/** The session has ended by ENHANCE_YOUR_CALM, and another caller is served. */
async function calmed(t: Test, client: RawH2, made: Flooded): Promise<void> {
  await client.ended()
  t.equal(client.goaway, ErrorCode.calm)
  client.destroy()
  const other = await rawH2(made.port)
  await other.send(headers(1, get))
  await other.over(1)
  t.equal(other.status(1), 200)
  other.destroy()
  t.same(made.bugs, [])
}

t.test('20,000 streams opened and reset in one write start fewer than 200 calls, and end the session', async (t) => {
  const made = await world(t)
  const client = await rawH2(made.port)

  await client.send(many(20_000, (k) => Buffer.concat([headers(odd(k), get), reset(odd(k), ErrorCode.cancel)])))

  await calmed(t, client, made)
  t.ok(made.begun() < 200, `${made.begun()} calls began`)
})

t.test('so do streams that are reset a turn after they were opened', async (t) => {
  const made = await world(t)
  made.origin.answer = () => {}
  const client = await rawH2(made.port)

  for (let k = 0; k < 2000 && !client.isEnded; k++) {
    await client.send(headers(odd(k), get))
    await client.send(reset(odd(k), ErrorCode.cancel))
  }
  made.origin.answer = (_, { socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

  await calmed(t, client, made)
  t.ok(made.begun() < 200, `${made.begun()} calls began`)
})

const provocations: Record<string, (stream: number) => Buffer> = {
  'a WINDOW_UPDATE of nothing': (stream) => windowUpdate(stream, 0),
  'a window that overflows': (stream) => windowUpdate(stream, 0x7fffffff),
  'DATA beyond the content-length': (stream) => data(stream, 'abc'),
  'PRIORITY on itself': (stream) => frame(FrameType.priority, 0, stream, Buffer.concat([uint32(stream), Buffer.from([1])])),
  'trailers that do not end the stream': (stream) => headers(stream, request('GET', '/a'), endHeaders),
  'trailers with a pseudo-header field': (stream) => headers(stream, request('GET', '/a')),
}

for (const [name, provoke] of Object.entries(provocations)) {
  t.test(`a peer that has its streams reset by ${name}, again and again, starts fewer than 200 calls and ends the session`, async (t) => {
    const made = await world(t)
    const client = await rawH2(made.port)
    const block = request('POST', '/a', ['content-length', '1'])

    await client.send(many(20_000, (k) => Buffer.concat([headers(odd(k), block, endHeaders), provoke(odd(k))])))

    await client.ended()
    t.ok(
      client.goaway === ErrorCode.calm || client.goaway === ErrorCode.protocol || client.goaway === ErrorCode.flowControl,
      `${client.goaway}`,
    )
    t.ok(made.begun() < 200, `${made.begun()} calls began`)
    client.destroy()
    t.same(made.bugs, [])
  })
}

t.test('malformed requests, again and again, start no call and end the session', async (t) => {
  const made = await world(t)
  const client = await rawH2(made.port)

  await client.send(many(20_000, (k) => headers(odd(k), request('GET', '/a', ['Upper', 'x']))))

  await calmed(t, client, made)
  t.equal(made.begun(), 1)
})

const floods: Record<string, readonly [first: Buffer, flood: Buffer]> = {
  SETTINGS: [Buffer.alloc(0), many(50_000, () => settings())],
  'SETTINGS that change something': [Buffer.alloc(0), many(50_000, (k) => settings([4, 65_535 - (k % 2)]))],
  PING: [Buffer.alloc(0), many(50_000, () => ping())],
  'PING that acknowledge': [Buffer.alloc(0), many(50_000, () => ping('12345678', 1))],
  'empty DATA frames': [headers(1, post, endHeaders), many(50_000, () => data(1, ''))],
  'DATA frames of padding alone': [headers(1, post, endHeaders), many(50_000, () => frame(FrameType.data, 8, 1, Buffer.from([0])))],
  'WINDOW_UPDATE of the connection': [Buffer.alloc(0), many(50_000, () => windowUpdate(0, 1))],
  'WINDOW_UPDATE of a stream': [headers(1, post, endHeaders), many(50_000, () => windowUpdate(1, 1))],
  'PRIORITY of streams that nobody opened': [
    Buffer.alloc(0),
    many(50_000, (k) => frame(FrameType.priority, 0, odd(k), Buffer.alloc(5, 0x10))),
  ],
  'frames of an unknown type': [Buffer.alloc(0), many(50_000, () => frame(0xbe, 0, 0))],
  'RST_STREAM of a stream that is over': [
    Buffer.concat([headers(1, get), reset(1, ErrorCode.cancel)]),
    many(50_000, () => reset(1, ErrorCode.cancel)),
  ],
}

for (const [name, [first, flood]] of Object.entries(floods)) {
  t.test(`a flood of ${name} ends the session`, async (t) => {
    const made = await world(t)
    const client = await rawH2(made.port)

    await client.send(first, flood)

    await calmed(t, client, made)
  })
}

t.test('a flood of PING from a caller that reads nothing is not answered without bound', async (t) => {
  const made = await world(t, { limits: { writeMs: 300 } })
  const client = await rawH2(made.port)
  client.socket.pause()
  const pings = many(500, () => ping())

  // Slow enough for the count of frames, were it alone: what is not read has to end it.
  while (!client.socket.destroyed && made.server.size > 0) await client.send(pings, ping())

  t.equal(made.server.size, 0)
  client.destroy()
})

const endless: Record<string, (stream: number) => Buffer> = {
  'large CONTINUATION frames': () =>
    frame(FrameType.continuation, 0, 1, Buffer.concat(Array.from({ length: 1400 }, () => Buffer.from('\0\x03abc\x05value', 'latin1')))),
  'CONTINUATION frames of a byte': () => frame(FrameType.continuation, 0, 1, Buffer.from([0x82])),
  'empty CONTINUATION frames': () => frame(FrameType.continuation, 0, 1),
}

for (const [name, make] of Object.entries(endless)) {
  t.test(`a header block of ${name} without end ends the session, and no call began`, async (t) => {
    const made = await world(t)
    const client = await rawH2(made.port)
    await client.send(headers(1, get, endStream))

    let sent = 0
    while (!client.isEnded && sent < 100_000) {
      const chunk = many(64, make)
      await client.send(chunk)
      sent += 64
    }

    t.ok(sent <= 10_000, `it took ${sent} frames`)
    t.equal(made.begun(), 0)
    await calmed(t, client, made)
  })
}

t.test('a header block that does not go on is not waited for', async (t) => {
  const made = await world(t, { limits: { headMs: 50 } })
  const client = await rawH2(made.port)

  await client.send(headers(1, get, endStream))
  await client.ended()

  t.equal(client.goaway, ErrorCode.calm)
  t.equal(made.begun(), 0)
  client.destroy()
})

t.test('a table full of one large entry, indexed thousands of times, begins no call, and the session goes on', async (t) => {
  const made = await world(t)
  const client = await rawH2(made.port)
  const entry = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xc1, 0x1e]), Buffer.alloc(4032, 0x78)])
  await client.send(headers(1, Buffer.concat([get, entry])))
  await client.over(1)
  t.equal(client.status(1), 200)

  const before = process.memoryUsage().arrayBuffers
  for (let k = 1; k < 50; k++) await client.send(headers(odd(k), Buffer.concat([get, Buffer.alloc(16_000, 0xbe)])))
  await client.over(odd(49))

  t.ok(process.memoryUsage().arrayBuffers - before < 8 << 20)
  for (let k = 1; k < 50; k++)
    t.ok(client.status(odd(k)) === 431 || client.resetOf(odd(k)) !== null, `stream ${odd(k)}: ${client.status(odd(k))}`)
  t.equal(made.begun(), 1)
  await client.send(headers(odd(50), get))
  await client.over(odd(50))
  t.equal(client.status(odd(50)), 200)
  client.destroy()
})

t.test('a caller that gives up two calls for each one that it waits for keeps its session, however long that goes on', async (t) => {
  const made = await world(t)
  const client = await rawH2(made.port)
  const late = request('GET', '/late')
  made.origin.answer = ({ line: [, target] }, { socket }) => {
    if (target === '/a') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  }

  for (let k = 0; k < 600; k += 3) {
    await client.send(headers(odd(k), late), headers(odd(k + 1), late), headers(odd(k + 2), get))
    await client.over(odd(k + 2))
    await client.send(reset(odd(k), ErrorCode.cancel), reset(odd(k + 1), ErrorCode.cancel))
  }

  t.equal(client.status(odd(599)), 200)
  t.equal(client.goaway, null)
  client.destroy()
})

t.test('so does one that leaves streams as soon as they are answered', async (t) => {
  const made = await world(t)
  const client = await rawH2(made.port)
  made.origin.answer = (_, { socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')

  for (let k = 0; k < 400; k++) {
    await client.send(headers(odd(k), get))
    await client.until(() => client.all(FrameType.headers, odd(k)).length > 0)
    await client.send(reset(odd(k), ErrorCode.cancel))
  }

  t.equal(client.goaway, null)
  t.notOk(client.isEnded)
  client.destroy()
})
