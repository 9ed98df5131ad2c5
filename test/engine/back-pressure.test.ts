import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { bench, handOrigin, ok, type HandOrigin } from './helpers.ts'

const size = 64 * 1_048_576
/** What the kernel may hold on the two connections together; relay itself adds next to nothing. */
const most = 40 * 1_048_576
const piece = randomBytes(65_536)
const sum = createHash('sha256')
for (let k = 0; k < size / piece.length; k++) sum.update(piece)
const expected = sum.digest('hex')

/** Writes the whole body as its socket takes it, and counts what the kernel has of it. */
class Sender {
  readonly done: Promise<void>
  private readonly socket: Socket
  private readonly isChunked: boolean

  constructor(socket: Socket, isChunked: boolean) {
    this.socket = socket
    this.isChunked = isChunked
    this.done = this.run()
  }

  get taken(): number {
    return this.socket.bytesWritten - this.socket.writableLength
  }

  /** Waits until the kernel takes no more. */
  async stalled(): Promise<void> {
    for (let last = -1, same = 0; same < 10;) {
      await wait(20)
      same = this.taken === last ? same + 1 : 0
      last = this.taken
    }
  }

  private async run(): Promise<void> {
    for (let k = 0; k < size / piece.length; k++) {
      if (this.isChunked) this.socket.write(`${piece.length.toString(16)}\r\n`)
      this.socket.write(piece)
      if (this.isChunked) this.socket.write('\r\n')
      if (this.socket.writableNeedDrain) await once(this.socket, 'drain')
    }
    if (this.isChunked) this.socket.write('0\r\n\r\n')
  }
}

/** Reads a message from a paused socket: skips its head, then the sum of so many body bytes, chunks taken out. */
async function sumOf(socket: Socket, isChunked: boolean): Promise<string> {
  const hash = createHash('sha256')
  let head = ''
  let left = isChunked ? 0 : size
  let total = 0
  let line = ''
  const feed = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length && total < size;) {
      if (left > 0) {
        const part = chunk.subarray(at, at + left)
        hash.update(part)
        at += part.length
        left -= part.length
        total += part.length
      } else {
        line += String.fromCharCode(chunk[at++]!)
        if (!line.endsWith('\n') || line === '\r\n') {
          if (line === '\r\n') line = ''
          continue
        }
        left = Number.parseInt(line, 16)
        line = ''
      }
    }
  }
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk: Buffer) => {
    let from = 0
    if (!head.endsWith('\r\n\r\n')) {
      const text = head + chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end >= 0) from = end + 4 - head.length
      head = end < 0 ? text : text.slice(0, end + 4)
      if (end < 0) return
    }
    feed(chunk.subarray(from))
    if (total === size) resolve()
  })
  socket.resume()
  await promise
  return hash.digest('hex')
}

async function callerAt(t: { teardown(end: () => void): void }, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function upstreamOf(origin: HandOrigin): Promise<Socket> {
  const { socket } = await origin.called()
  socket.removeAllListeners('data')
  return socket
}

for (const framing of ['length', 'chunked'] as const) {
  const isChunked = framing === 'chunked'
  const field = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`

  t.test(`a reader that stalls stops the upstream's writer, and gets every byte when it goes on (${framing})`, async (t) => {
    const origin = await handOrigin(t)
    const { world, ended, watched } = await bench(t, { port: origin.port })
    const caller = await callerAt(t, world.port)
    caller.write('GET / HTTP/1.1\r\nHost: relay\r\n\r\n')
    const upstream = await upstreamOf(origin)

    upstream.write(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`)
    const sender = new Sender(upstream, isChunked)
    await sender.stalled()
    t.ok(sender.taken < most, `${sender.taken} bytes were taken`)
    const sum = await sumOf(caller, isChunked)
    await sender.done
    await watched.until(() => ended.length === 1)

    t.equal(sum, expected)
    t.match(ended, [{ end: 'done', status: 200 }])
  })

  t.test(`an upstream that stalls stops the caller's upload, and gets every byte when it goes on (${framing})`, async (t) => {
    const origin = await handOrigin(t)
    const { world, ended, watched } = await bench(t, { port: origin.port })
    const caller = await callerAt(t, world.port)
    caller.write(`POST / HTTP/1.1\r\nHost: relay\r\n${field}\r\n\r\n`)
    const upstream = await upstreamOf(origin)
    upstream.pause()

    const sender = new Sender(caller, isChunked)
    await sender.stalled()
    t.ok(sender.taken < most, `${sender.taken} bytes were taken`)
    // The head has been read by the test's own peer already.
    upstream.unshift(Buffer.from('\r\n\r\n'))
    const sum = await sumOf(upstream, isChunked)
    await sender.done
    upstream.write(ok)
    await watched.until(() => ended.length === 1)

    t.equal(sum, expected)
    t.match(ended, [{ end: 'done', status: 200 }])
  })
}

t.test('a caller that asks on and on and reads nothing gets no further call begun, until it reads', async (t) => {
  const calls = 1000
  const origin = await handOrigin(t)
  const reply = `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'x'.repeat(60_000)}`
  const { world, ended, watched } = await bench(t, { port: origin.port })
  const caller = await callerAt(t, world.port)
  caller.pause()
  caller.write('GET / HTTP/1.1\r\nHost: relay\r\n\r\n'.repeat(calls))
  const upstream = await upstreamOf(origin)
  upstream.write(reply)
  upstream.on('data', (chunk: Buffer) => {
    for (let k = chunk.toString('latin1').split('GET ').length; k > 1; k--) upstream.write(reply)
  })

  for (let last = -1, same = 0; same < 10;) {
    await wait(20)
    same = ended.length === last ? same + 1 : 0
    last = ended.length
  }
  t.ok(ended.length * 60_000 < most / 2, `${ended.length} calls were answered`)
  caller.resume()
  await watched.until(() => ended.length === calls)

  t.ok(ended.every((one) => one.end === 'done'))
})

t.test('a slow reader of a last answer has as long for its end as for any other part of it', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended } = await bench(t, { port: origin.port })
  const caller = await callerAt(t, world.port)
  let received = 0
  caller.on('data', (chunk: Buffer) => (received += chunk.length))
  caller.pause()
  // Answers that are whole in one read, until the connection takes no more: the last of them waits in relay itself.
  caller.write('GET / HTTP/1.1\r\nHost: relay\r\n\r\n'.repeat(1000))
  const upstream = await upstreamOf(origin)
  const reply = `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'x'.repeat(60_000)}`
  upstream.write(reply)
  upstream.on('data', () => upstream.write(reply))
  await stable(() => ended.length)

  world.server.closeIdle()
  const answered = ended.length
  // Longer than relay lingers for a peer that has all of its answer.
  await wait(2500)
  caller.resume()
  await once(caller, 'end')

  t.ok(received > answered * 60_000, `${received} bytes of ${answered} answers`)
  await world.server.empty()
})

/** Waits until a number has stayed the same for a while. */
async function stable(count: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 10;) {
    await wait(20)
    same = count() === last ? same + 1 : 0
    last = count()
  }
}
