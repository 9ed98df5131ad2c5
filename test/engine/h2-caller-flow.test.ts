import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply } from '../../src/engine/call.ts'
import { hold } from '../../src/engine/hold.ts'
import { engineWorld } from '../helpers/engine-world.ts'
import { ErrorCode, FrameType, data, endHeaders, headers, ping, settings, windowUpdate } from '../helpers/h2-frames.ts'
import { rawH2, request } from '../helpers/raw-h2.ts'
import { Http2Caller, answerOf } from './h2-caller.ts'
import { bench, handOrigin, ok, type Bench } from './helpers.ts'

const megabyte = 1_048_576
const post = request('POST', '/')

/** Bytes that relay took from an origin whose socket the kernel has filled, once no more go out. */
async function stalled(socket: Socket): Promise<number> {
  const taken = (): number => socket.bytesWritten - socket.writableLength
  for (let last = -1, same = 0; same < 10;) {
    await wait(20)
    same = taken() === last ? same + 1 : 0
    last = taken()
  }
  return taken()
}

async function echoing(t: Parameters<typeof engineWorld>[0]): Promise<{ readonly made: Bench; readonly caller: Http2Caller }> {
  const origin = await handOrigin(t)
  const made = await bench(t, { port: origin.port })
  void origin.called().then(async (upstream) => {
    // The head has come; whatever follows it goes back as it is, chunks and all.
    const { socket } = upstream
    const from = upstream.received.indexOf('\r\n\r\n') + 4
    socket.removeAllListeners('data')
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + upstream.received.slice(from), 'latin1')
    socket.pipe(socket, { end: false })
  })
  return { made, caller: new Http2Caller(t, made.world.port) }
}

t.test('bodies of many windows pass whole, both ways at once', async (t) => {
  const { made, caller } = await echoing(t)
  const body = randomBytes(8 * megabyte)

  const answer = await caller.ask({ ':method': 'POST', ':path': '/' }, body)

  t.equal(answer.text.length, body.length)
  t.ok(Buffer.from(answer.text, 'latin1').equals(body))
  t.same(made.world.bugs, [])
})

t.test('a caller that reads nothing pauses its origin, and other calls of its connection go on', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port })
  const caller = new Http2Caller(t, world.port)
  const size = 32 * megabyte

  const stream = caller.open({ ':path': '/large' }, true)
  stream.pause()
  const upstream = await origin.called()
  upstream.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
  for (let k = 0; k < 32; k++) upstream.socket.write(Buffer.alloc(megabyte, k))
  const taken = await stalled(upstream.socket)
  const other = caller.ask({ ':path': '/small' })
  await (await origin.called(1)).send(ok)

  t.equal((await other).text, 'ok')
  t.ok(taken < size / 2, `${taken} bytes were taken from the origin`)
  const answer = await answerOf(stream.resume())
  t.equal(answer.text.length, size)
})

t.test('an origin that takes nothing stops the upload to it within a window, and no other one', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port })
  const caller = new Http2Caller(t, world.port)

  const stream = caller.open({ ':method': 'POST', ':path': '/stuck' })
  stream.write(Buffer.alloc(64 * megabyte))
  const stuck = await origin.called()
  stuck.socket.pause()
  await wait(200)
  const other = caller.ask({ ':method': 'POST', ':path': '/other' }, 'body')
  const second = await origin.called(1)
  await second.until(() => second.received.includes('body'))
  await second.send(ok)

  t.equal((await other).status, 200)
  const heard = stuck.socket.bytesRead
  t.ok(heard < 16 * megabyte, `${heard} bytes went on`)
})

t.test('an upload gets room for as much as was taken of it, in few words', async (t) => {
  const world = await engineWorld(t)
  const caller = await rawH2(world.port)
  const piece = Buffer.alloc(16_000)

  await caller.send(headers(1, post, endHeaders))
  let room = 65_535
  for (let k = 0; k < 25; k++) {
    await caller.until(() => {
      const given = caller.all(FrameType.window, 1).reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
      room = 65_535 + given - k * piece.length
      return room >= piece.length
    })
    await caller.send(data(1, piece))
  }
  await caller.send(data(1, '', 1))
  await caller.over(1)

  t.equal(caller.status(1), 200)
  t.equal(world.origin.calls[0]!.body.length, 25 * piece.length)
  t.ok(caller.all(FrameType.window).length < 8, `${caller.all(FrameType.window).length} updates`)
  caller.destroy()
})

t.test('more than the window of a stream resets it; a call that waits takes no more than its bound and a window', async (t) => {
  const world = await engineWorld(t, { stages: [async (call) => hold(call, () => () => {})] })
  const caller = await rawH2(world.port)
  const fill = Buffer.alloc(16_384)

  await caller.send(headers(1, post, endHeaders))
  for (let k = 0; k < 10; k++) await caller.send(data(1, fill))
  await caller.over(1)
  t.equal(caller.resetOf(1), ErrorCode.flowControl)
  t.equal(caller.goaway, null)

  caller.destroy()
})

t.test('each stream gets what its own window lets out and no more, and together they get what the connection does, in turns', async (t) => {
  const size = 200_000
  const world = await engineWorld(t, { stages: [async () => new Reply(200, null, Body.of(Buffer.alloc(size)))] })
  const caller = await rawH2(world.port)
  const got = (): number[] => [1, 3].map((id) => caller.body(id).length)
  const settle = async (first: number, second: number): Promise<void> => {
    await caller.until(() => got()[0]! >= first && got()[1]! >= second)
    // Whatever else relay had to say would stand before the answer to this.
    const pings = caller.all(FrameType.ping).length
    await caller.send(ping())
    await caller.until(() => caller.all(FrameType.ping).length > pings)
    t.same(got(), [first, second])
  }

  await caller.send(windowUpdate(0, 65_535), headers(1, request('GET', '/')), headers(3, request('GET', '/')))
  await settle(65_535, 65_535)
  await caller.send(windowUpdate(1, 1000))
  await settle(65_535, 65_535)
  await caller.send(windowUpdate(0, 100))
  await settle(65_635, 65_535)
  await caller.send(windowUpdate(1, 99_000), windowUpdate(3, 99_000), windowUpdate(0, 32_768))
  await settle(65_635 + 16_384, 65_535 + 16_384)
  // A window that is made smaller may be less than nothing for streams that are open.
  await caller.send(settings([4, 0]), windowUpdate(0, 1_000_000))
  await settle(100_000, 99_000)
  await caller.send(settings([4, size]))
  await caller.over(1)
  await caller.over(3)
  t.same(got(), [size, size])
  caller.destroy()
})

t.test('a request that stops coming is answered with 408, unless its answer has begun', async (t) => {
  const origin = await handOrigin(t)
  const { world } = await bench(t, { port: origin.port, limits: { bodyMs: 100 } })
  const caller = new Http2Caller(t, world.port)

  const stopped = caller.open({ ':method': 'POST', ':path': '/stopped' })
  stopped.write('a')
  const first = await answerOf(stopped)
  const talking = caller.open({ ':method': 'POST', ':path': '/talk' })
  talking.write('a')
  const upstream = await origin.called(1)
  await upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n')
  await once(talking, 'response')
  await wait(300)
  talking.end('c')
  await upstream.until(() => upstream.received.endsWith('0\r\n\r\n'))
  await upstream.send('1\r\nd\r\n0\r\n\r\n')
  const second = await answerOf(talking)

  t.equal(first.status, 408)
  t.same([second.text, second.code], ['bd', 0])
})

t.test('a refusal in the middle of an upload reaches its caller, who stops', async (t) => {
  const most = 100_000
  const world = await engineWorld(t, {
    stages: [
      (call, next) => {
        call.body.bound(most, () => new RelayError('too_large', `more than ${most} bytes`))
        return next(call)
      },
    ],
  })
  const caller = new Http2Caller(t, world.port)

  const answer = await caller.ask({ ':method': 'POST', ':path': '/' }, Buffer.alloc(4 * megabyte))
  const next = await caller.ask({ ':path': '/' })

  t.equal(answer.status, 413)
  t.match(answer.text, /more than 100000 bytes/)
  t.same([next.status, caller.session.destroyed], [200, false])
})

t.test('a caller that gives no more room is cut after the time to write, and its upstream closed', async (t) => {
  const origin = await handOrigin(t)
  const { world, ended, watched } = await bench(t, { port: origin.port, limits: { writeMs: 100 } })
  const caller = await rawH2(world.port)

  await caller.send(headers(1, request('GET', '/')))
  const upstream = await origin.called()
  upstream.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${megabyte}\r\n\r\n`)
  upstream.socket.write(Buffer.alloc(megabyte))
  await caller.until(() => caller.body(1).length === 65_535)
  await watched.until(() => ended.length === 1)
  await caller.over(1)

  t.equal(ended[0]!.end, 'timed_out')
  t.equal(caller.resetOf(1), ErrorCode.cancel)
  await caller.send(windowUpdate(1, 1))
  t.equal(caller.goaway, null, 'what it says of the stream is late, not wrong')
  caller.destroy()
})

t.test('answers of many calls that are there together leave in one write', async (t) => {
  const world = await engineWorld(t, { stages: [async () => new Reply(200, null, Body.of(Buffer.from('ok')))] })
  const caller = await rawH2(world.port)
  let reads = 0
  caller.socket.on('data', () => reads++)

  await caller.send(...Array.from({ length: 60 }, (_, k) => headers(2 * k + 1, request('GET', '/'))))
  for (let k = 0; k < 60; k++) await caller.over(2 * k + 1)

  t.same([caller.status(1), caller.body(119)], [200, 'ok'])
  t.equal(reads, 1)
  caller.destroy()
})
