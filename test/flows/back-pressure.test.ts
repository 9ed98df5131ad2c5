import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, rawCall, sha256 } from './caller.ts'
import { answer, chunk, origin, streamHead } from './origin.ts'
import { until } from './until.ts'

const megabyte = 1 << 20
const piece = Buffer.alloc(megabyte, 'relay ')

/** Sends as much as the other side takes, and counts what it took. */
function flood(socket: Socket, pieces: number, framed: (bytes: Buffer) => Buffer): { sent: number; done: boolean } {
  const state = { sent: 0, done: false }
  const more = (): void => {
    while (state.sent < pieces) {
      state.sent++
      if (!socket.write(framed(piece))) return void socket.once('drain', more)
    }
    state.done = true
  }
  more()
  return state
}

/** Waits until a count has stood still for half a second. */
async function still(count: () => number): Promise<number> {
  let last = -1
  await until(() => {
    const before = last
    last = count()
    return last === before
  }, 500)
  return last
}

for (const kind of ['a length', 'chunks'] as const) {
  t.test(`callers that do not read 200 MB (with ${kind}) make relay hold next to nothing, and get every byte when they do`, async (t) => {
    const floods: ReturnType<typeof flood>[] = []
    const { url } = await origin(t, ({ socket }) => {
      if (kind === 'chunks') {
        socket.write(streamHead.replace('text/event-stream', 'application/octet-stream'))
        floods.push(flood(socket, 200, chunk))
      } else {
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${200 * megabyte}\r\n\r\n`)
        floods.push(flood(socket, 200, (bytes) => bytes))
      }
    })
    const relay = await relayProcess(t, { workers: 1, routes: { '/': url } })
    // What a worker grows by in its first busy moments is not what is measured.
    await sizeOf(relay.port)
    const before = relay.memory()

    const slow = Array.from({ length: 8 }, () => rawCall(relay.port, get('/')).socket.pause())
    await until(() => floods.length === 9)
    const taken = await still(() => floods.reduce((sum, { sent }) => sum + sent, 0) - 200)
    const grown = relay.memory() - before

    t.ok(taken < 8 * 40, `the system's own buffers took ${taken} MB of 1600`)
    t.ok(grown < 24 * megabyte, `8 slow readers cost ${Math.round(grown / megabyte)} MB`)
    const [one, ...others] = slow
    for (const other of others) other.destroy()
    t.equal(await rest(one!), 200 * megabyte)
    t.ok(relay.memory() - before < 48 * megabyte)
  })
}

/** Bytes of a whole reply's body, read as fast as they come. */
async function sizeOf(port: number): Promise<number> {
  const call = rawCall(port, get('/', ['connection: close']))
  return rest(call.socket)
}

async function rest(socket: Socket): Promise<number> {
  let head = ''
  let bytes = 0
  let tail = ''
  return new Promise((resolve) => {
    socket.removeAllListeners('data')
    socket.removeAllListeners('end')
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (!head.includes('\r\n\r\n')) head += chunk.toString('latin1')
      tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 64))).slice(-64)
      const isChunked = /transfer-encoding: chunked/i.test(head)
      if (isChunked ? bytes >= 200 * megabyte : bytes - (head.indexOf('\r\n\r\n') + 4) === 200 * megabyte) resolve(200 * megabyte)
    })
    socket.resume()
  })
}

t.test('an upstream that does not read 100 MB makes relay hold next to nothing', async (t) => {
  const held: Socket[] = []
  const { url, open } = await origin(t, () => undefined, { early: true, paused: (socket) => void held.push(socket) })
  const relay = await relayProcess(t, { workers: 1, bounds: { body: '200MB' }, routes: { '/': url } })
  const before = relay.memory()

  const call = rawCall(relay.port, `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${100 * megabyte}\r\n\r\n`)
  const state = flood(call.socket, 100, (bytes) => bytes)
  await until(() => open() === 1)
  const taken = await still(() => state.sent)

  t.ok(taken < 40, `the system's own buffers took ${taken} MB of 100`)
  t.ok(relay.memory() - before < 24 * megabyte)
  held[0]!.resume()
  await until(() => state.done)
  held[0]!.write(answer(200, '{}'))
  t.equal((await call.reply).status, 200)
})

t.test('an answer that comes before the upload is over reaches the caller while it still sends', async (t) => {
  const { url } = await origin(t, ({ socket }) => void socket.end(answer(413, '{"too":"much"}', ['connection: close'])), { early: true })
  const relay = await relayProcess(t, { routes: { '/': { to: url, body: '100MB' } } })

  const call = rawCall(relay.port, `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${64 * megabyte}\r\n\r\n`)
  flood(call.socket, 64, (bytes) => bytes)

  t.match(await call.reply, { status: 413, end: 'whole', body: Buffer.from('{"too":"much"}') })
})

t.test(
  "relay's own 413 reaches a caller that still sends, by its length before a byte of it, by its bytes where it comes in chunks",
  async (t) => {
    const { url, calls } = await origin(t)
    const relay = await relayProcess(t, { upstreams: { claude: { url, kind: 'claude' } }, routes: { '/': 'claude' } })
    const head = 'POST /v1/messages HTTP/1.1\r\nhost: a\r\n'

    const counted = rawCall(relay.port, `${head}content-length: ${40 * megabyte}\r\n\r\n`)
    flood(counted.socket, 40, (bytes) => bytes)
    const chunked = rawCall(relay.port, `${head}transfer-encoding: chunked\r\n\r\n`)
    flood(chunked.socket, 40, chunk)

    for (const call of [counted, chunked]) {
      const { status, body, fields } = await call.reply
      t.equal(status, 413)
      t.equal(fields.get('connection'), 'close')
      t.match(JSON.parse(body.toString()), { type: 'error', error: { type: 'request_too_large' } })
    }
    t.equal(calls.length, 0)
  },
)

t.test('30 MB in chunks of odd sizes reach the upstream byte for byte', async (t) => {
  const { url, next } = await origin(t, ({ socket }) => void socket.write(answer(200, '{}')))
  const relay = await relayProcess(t, { routes: { '/': url } })
  const body = randomBytes(30 * megabyte)
  const coming = next()

  const call = rawCall(relay.port, 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
  for (let at = 0, size = 1; at < body.length; at += size, size = Math.min(1 + ((size * 3) % 300_007), body.length - at || 1))
    call.socket.write(chunk(body.subarray(at, at + size)))
  call.socket.write('0\r\n\r\n')

  t.equal((await call.reply).status, 200)
  t.equal(sha256((await coming).body), sha256(body))
})

t.test('those who are slow are cut: in a head, between calls, in a body, and while bytes wait for them', async (t) => {
  const { url, next } = await origin(t, ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${50 * megabyte}\r\n\r\n`)
    flood(socket, 50, (bytes) => bytes)
  })
  const relay = await relayProcess(t, { timeouts: { head: '400ms', idle: '500ms', body: '600ms', write: '700ms' }, routes: { '/': url } })

  const inHead = rawCall(relay.port, 'GET / HTTP/1.1\r\nhos')
  const idle = rawCall(relay.port, '')
  const inBody = rawCall(relay.port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123')
  const coming = next()
  const reader = rawCall(relay.port, get('/'))
  reader.socket.pause()

  t.match(await inHead.reply, { status: 408, fields: new Map([['connection', 'close']]) })
  t.match(await inBody.reply, { status: 408, fields: new Map([['connection', 'close']]) })
  await t.rejects(idle.reply, { message: /ended \(cut\) without a reply; it said ""/ })
  await (
    await coming
  ).closed
  await relay.logged((line) => line['msg'] === 'call' && line['end'] === 'timed_out' && line['status'] === 200)
  t.equal((await relay.ready()).status, 200)
})
