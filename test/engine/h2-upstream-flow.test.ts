import t from 'tap'
import { ErrorCode, FrameType, frame, windowUpdate } from '../helpers/h2-frames.ts'
import { RelayError } from '../../src/base/errors.ts'
import { nodeOrigin, sessionBench } from './h2-bench.ts'
import { Flag, data, frameOrigin, reply, settingsFrame, settle, type FramePeer } from './h2-peer.ts'

const none = Buffer.alloc(0)
const bytesOf = (peer: FramePeer, id: number): number =>
  peer.of(FrameType.data).reduce((sum, frame) => sum + (frame.stream === id ? frame.payload.length : 0), 0)
const isEnded = (peer: FramePeer, id: number): boolean =>
  peer.frames.some((one) => one.stream === id && one.type < 2 && (one.flags & 1) !== 0)

t.test('an upload waits for the windows of its stream and of the session, and goes on when they open', async (t) => {
  const origin = await frameOrigin(t, { 4: 1000 })
  const bench = sessionBench(t, { port: origin.port })
  const first = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  const peer = await origin.opened()
  peer.isPolite = false
  await peer.frame(FrameType.headers)
  const resumed = (): number => first.source.told.filter((one) => one === 'resume').length
  const before = resumed()

  t.equal(first.upload.push(Buffer.alloc(5000), true), false, 'its source is to stop')
  await peer.until(() => bytesOf(peer, 1) === 1000)
  await settle()
  t.equal(bytesOf(peer, 1), 1000)
  peer.send(windowUpdate(1, 3000))
  await peer.until(() => bytesOf(peer, 1) === 4000)
  await settle()
  t.same([bytesOf(peer, 1), resumed()], [4000, before])
  // The origin changes its mind about the windows of all streams: 1000 more for the open one too.
  peer.send(settingsFrame({ 4: 2000 }))
  await peer.until(() => bytesOf(peer, 1) === 5000)
  t.equal(resumed(), before + 1)
  first.upload.finish(none)
  await peer.until(() => isEnded(peer, 1))

  const big = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  await peer.frame(FrameType.headers, 1)
  peer.send(windowUpdate(3, 1_000_000))
  await settle()
  big.upload.push(Buffer.alloc(100_000), true)
  await peer.until(() => bytesOf(peer, 3) === 60_535)
  await settle()
  t.equal(bytesOf(peer, 3), 60_535, 'the window of the session was 65535, of which 5000 were used')
  peer.send(windowUpdate(0, 100_000))
  await peer.until(() => bytesOf(peer, 3) === 100_000)
  big.upload.finish(none)
  await peer.until(() => isEnded(peer, 3))
  peer.send(reply(1, '200', [], true), reply(3, '200', [], true))
})

t.test('a reader that takes no more stops its own stream, and no other one of the session', async (t) => {
  let sent = 0
  const origin = await nodeOrigin(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    if (headers[':path'] === '/small') return void stream.end('small')
    const more = (): void => {
      while (sent < 3_000_000) {
        sent += 50_000
        if (!stream.write(Buffer.alloc(50_000))) return void stream.once('drain', more)
      }
      stream.end()
    }
    more()
  })
  const bench = sessionBench(t, { port: origin.port })
  const slow = bench.ask('GET /large HTTP/1.1\nHost: relay')
  slow.isFull = true
  const reading = slow.whole()
  await slow.until(() => slow.received > 0)
  // Others take megabytes beside it, each its own.
  for (let k = 0; k < 20; k++) t.equal((await bench.ask('GET /small HTTP/1.1\nHost: relay').whole()).text, 'small')
  await settle(20)

  const heldBack = slow.received
  t.ok(heldBack <= 400_000, `${heldBack} bytes came before it read on`)
  slow.isFull = false
  slow.reply!.body.resume()
  await reading

  t.equal(slow.received, 3_000_000)
  t.equal(origin.sessions.length, 1)
})

t.test('calls of many slow readers leave room for one that is not', async (t) => {
  const origin = await nodeOrigin(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(Buffer.alloc(headers[':path'] === '/large' ? 150_000 : 200_000))
  })
  const bench = sessionBench(t, { port: origin.port })
  const slow = Array.from({ length: 45 }, () => bench.ask('GET /large HTTP/1.1\nHost: relay', '', (asked) => (asked.isFull = true)))
  for (const one of slow) void one.whole()
  await Promise.all(slow.map((one) => one.until(() => one.received > 0)))

  const quick = await bench.ask('GET /quick HTTP/1.1\nHost: relay').whole()

  t.equal(quick.received, 200_000)
  for (const one of slow) one.reply!.body.cancel('cancelled')
  t.equal(origin.sessions.length, 1)
})

t.test('a caller that leaves resets its stream at once, before the reply and within it, and the session lives on', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const waiting = bench.ask()
  const reading = bench.ask()
  const sending = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  sending.upload.push(Buffer.from('part'), true)
  const peer = await origin.opened()
  await peer.frame(FrameType.data)
  peer.send(reply(3, '200'), data(3, 'part'))
  await reading.answered()

  waiting.call.cancel('cancelled')
  reading.reply!.body.cancel('cancelled')
  sending.call.cancel('cancelled')
  const resets = [await peer.frame(FrameType.reset), await peer.frame(FrameType.reset, 1), await peer.frame(FrameType.reset, 2)]
  // What was on its way disturbs nobody.
  peer.send(reply(1, '200'), data(1, 'late', true), data(3, 'late', true), reply(5, '200', [], true))
  const next = bench.ask()
  await peer.frame(FrameType.headers, 3)
  peer.send(reply(7, '200'), data(7, 'ok', true))

  t.equal((await next.whole()).text, 'ok')
  t.same(
    resets.map(({ stream, payload }) => [stream, payload.readUInt32BE()]),
    [
      [1, ErrorCode.cancel],
      [3, ErrorCode.cancel],
      [5, ErrorCode.cancel],
    ],
  )
  t.match(await waiting.failed(), { failure: 'cancelled' })
  t.equal(origin.sessions.length, 1)
  t.equal(peer.of(FrameType.goaway).length, 0)
})

t.test('a request whose body breaks off is reset, so that no origin takes it for whole', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const asked = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  asked.upload.push(Buffer.from('part'), true)
  const peer = await origin.opened()
  await peer.frame(FrameType.data)

  asked.upload.fail('timed_out', new RelayError('slow_caller', 'the request body stopped coming'))
  const { payload } = await peer.frame(FrameType.reset)

  t.equal(payload.readUInt32BE(), ErrorCode.cancel)
  t.notOk(isEnded(peer, 1))
  t.match(await asked.failed(), { failure: 'slow_caller' })
})

t.test('a reply that ends before its request has ends the stream, and the rest of the upload goes nowhere', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const asked = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  asked.upload.push(Buffer.from('part'), true)
  const peer = await origin.opened()
  await peer.frame(FrameType.data)

  peer.send(reply(1, '413'), data(1, 'too large', true), frame(FrameType.reset, 0, 1, Buffer.alloc(4)))
  await asked.whole()
  t.equal(asked.upload.push(Buffer.from('more'), true), true, 'nothing waits for it')
  const { payload } = await peer.frame(FrameType.reset)
  await settle()

  t.equal(asked.text, 'too large')
  t.equal(asked.end, 'done')
  t.equal(payload.readUInt32BE(), ErrorCode.cancel)
  t.equal(peer.of(FrameType.data).length, 1)
})

t.test('no reply in time is a timeout of that call alone', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const slow = bench.ask('GET / HTTP/1.1\nHost: relay', '', ({ call }) => (call.firstByteMs = 1))
  const other = bench.ask()
  const peer = await origin.opened()

  const failed = await slow.failed()
  peer.send(reply(3, '200', [], true))
  await other.whole()
  const { stream: id, payload } = await peer.frame(FrameType.reset)

  t.match(failed, { failure: 'timed_out', message: 'origin sent no reply within 1 ms' })
  t.same([id, payload.readUInt32BE()], [1, ErrorCode.cancel])
})

t.test('a reply that falls silent times out; one whose reader is slow does not', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const [silent, unread] = [1, 2].map(() => bench.ask('GET / HTTP/1.1\nHost: relay', '', ({ call }) => (call.idleMs = 1)))
  unread!.isFull = true
  const peer = await origin.opened()
  await peer.frame(FrameType.headers, 1)
  peer.send(reply(1, '200'), data(1, 'part'), reply(3, '200'))
  void unread!.whole()
  await unread!.answered()
  await settle()
  peer.send(data(3, 'part'))
  await silent!.whole()

  t.equal(silent!.end, 'timed_out')
  t.match(silent!.error, { failure: 'timed_out', message: 'origin sent nothing for 1 ms' })
  t.same([unread!.text, unread!.end], ['part', null])
  unread!.reply!.body.resume()
  await unread!.until(() => unread!.end !== null)
  t.equal(unread!.end, 'timed_out', 'its time runs again')
})

t.test('an origin that does not take the request is waited for as one that does not answer; one that does has no such limit', async (t) => {
  const origin = await frameOrigin(t, { 4: 10 })
  const bench = sessionBench(t, { port: origin.port })
  const stuck = bench.ask('POST / HTTP/1.1\nHost: relay', 'more than ten bytes', ({ call }) => (call.firstByteMs = 1))
  const waits = bench.ask('POST / HTTP/1.1\nHost: relay', null, ({ call }) => (call.firstByteMs = 1))
  const peer = await origin.opened()
  peer.isPolite = false
  await peer.frame(FrameType.headers, 1)

  t.match(await stuck.failed(), { failure: 'timed_out' })
  t.equal(waits.error, null, 'its caller has not sent all of it yet')
  waits.upload.finish(none)
  t.match(await waits.failed(), { failure: 'timed_out' })
  const later = bench.ask('POST / HTTP/1.1\nHost: relay', null, ({ call }) => (call.firstByteMs = 1))
  await peer.frame(FrameType.headers, 2)
  later.upload.push(Buffer.from('more than ten bytes'), true)
  t.match(await later.failed(), { failure: 'timed_out' }, 'what was taken at first is not any more')
})

t.test('frames with padding, of one byte and of none are data like any other', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const asked = bench.ask()
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)

  const padded = frame(FrameType.data, Flag.padded, 1, Buffer.concat([Buffer.from([5]), Buffer.from('abc'), Buffer.alloc(5)]))
  const pieces = Buffer.concat([
    reply(1, '200', [['content-length', '6']]),
    padded,
    data(1, ''),
    data(1, 'de'),
    data(1, 'f'),
    data(1, '', true),
  ])
  for (const byte of pieces) {
    peer.socket.write(Buffer.from([byte]))
    await settle(1)
  }

  t.equal((await asked.whole()).text, 'abcdef')
})
