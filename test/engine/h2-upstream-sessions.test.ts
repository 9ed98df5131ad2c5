import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { ErrorCode, FrameType, frame, reset } from '../helpers/h2-frames.ts'
import { nodeOrigin, sessionBench, type Asked, type SessionBench } from './h2-bench.ts'
import { data, frameOrigin, goaway, reply, settingsFrame, settle, type FramePeer } from './h2-peer.ts'

const ids = (peer: FramePeer): number[] => peer.of(FrameType.headers).map(({ stream }) => stream)

/** Answers these streams. */
function answer(peer: FramePeer, ...streams: readonly number[]): void {
  peer.send(...streams.flatMap((id) => [reply(id, '200'), data(id, `stream ${id}`, true)]))
}

function askMany(bench: SessionBench, count: number): Asked[] {
  return Array.from({ length: count }, (_, k) => bench.ask(`GET /${k} HTTP/1.1\nHost: relay`))
}

t.test('when the streams of a session run out another one is made, up to the bound; what is beyond waits', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port, connections: 2, streams: 2 })

  const calls = askMany(bench, 5)
  const first = await origin.opened(0)
  const second = await origin.opened(1)
  await first.frame(FrameType.headers, 1)
  await second.frame(FrameType.headers, 1)
  t.match(bench.told, { open: 2, idle: 0, waiting: 1 })
  answer(first, 1)
  await first.frame(FrameType.headers, 2)
  answer(first, 3, 5)
  answer(second, 1, 3)
  await Promise.all(calls.map((one) => one.whole()))
  await bench.watched.until(() => bench.told.idle === 2)

  t.equal(origin.sessions.length, 2)
  t.match(bench.told, { open: 2, idle: 2, waiting: 0, opened: 2, retried: 0 })
})

t.test('an origin that takes fewer streams than relay would send gets as many as it says, from the first', async (t) => {
  const origin = await frameOrigin(t, { 3: 1 })
  const bench = sessionBench(t, { port: origin.port, connections: 3 })

  const calls = askMany(bench, 3)
  const peers = await Promise.all([0, 1, 2].map((k) => origin.opened(k)))
  for (const peer of peers) await peer.frame(FrameType.headers)
  for (const peer of peers) answer(peer, 1)
  await Promise.all(calls.map((one) => one.whole()))

  t.equal(bench.told.retried, 0)
  t.same(origin.sessions.map(ids), [[1], [1], [1]])
})

t.test(
  'when an origin lowers its bound in the middle of a session the next calls heed it, and its raise lets waiting ones out',
  async (t) => {
    const origin = await frameOrigin(t)
    const bench = sessionBench(t, { port: origin.port, connections: 1 })
    const early = askMany(bench, 3)
    const peer = await origin.opened()
    await peer.frame(FrameType.headers, 2)

    peer.send(settingsFrame({ 3: 2 }))
    await peer.frame(FrameType.settings, 2)
    const late = askMany(bench, 2)
    await bench.watched.until(() => bench.told.waiting === 2)
    answer(peer, 1)
    await early[0]!.whole()
    await settle()
    t.same(ids(peer), [1, 3, 5], 'two are still open, so the next waits')
    answer(peer, 3)
    await peer.frame(FrameType.headers, 3)
    peer.send(settingsFrame({ 3: 10 }))
    await peer.frame(FrameType.headers, 4)
    answer(peer, 5, 7, 9)
    await Promise.all([...early, ...late].map((one) => one.whole()))

    t.match(bench.told, { open: 1, waiting: 0, retried: 0 })
  },
)

t.test('GOAWAY in two phases loses no call: what the origin has not taken goes out on another session', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port, connections: 1 })
  const calls = askMany(bench, 2)
  const old = await origin.opened()
  await old.frame(FrameType.headers, 1)

  old.send(goaway(2 ** 31 - 1, ErrorCode.none))
  await old.frame(FrameType.settings)
  await settle()
  calls.push(...askMany(bench, 2))
  const next = await origin.opened(1)
  await next.frame(FrameType.headers, 1)
  old.send(goaway(1, ErrorCode.none))
  await next.frame(FrameType.headers, 2)
  answer(old, 1)
  answer(next, 1, 3, 5)
  const all = await Promise.all(calls.map((one) => one.whole()))
  await old.until(() => old.isClosed)

  t.same(
    all.map((one) => one.text),
    ['stream 1', 'stream 5', 'stream 1', 'stream 3'],
  )
  t.same(
    calls.map(({ call }) => call.attempts),
    [1, 2, 1, 1],
  )
  t.equal(bench.told.retried, 1)
  await bench.watched.until(() => bench.told.open === 1 && bench.told.idle === 1)
})

t.test('under load, sessions that are shut down again and again lose no call', async (t) => {
  let answered = 0
  const origin = await nodeOrigin(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
    const { session } = stream
    if (++answered % 40 === 0) session?.close()
  })
  const bench = sessionBench(t, { port: origin.port })

  let sent = 0
  const one = async (): Promise<number> => {
    let good = 0
    while (sent < 2000) {
      sent++
      const asked = await bench.ask('POST / HTTP/1.1\nHost: relay', 'body').whole()
      if (asked.text === 'ok' && asked.end === 'done') good++
    }
    return good
  }
  const good = await Promise.all(Array.from({ length: 20 }, one))

  t.equal(
    good.reduce((sum, each) => sum + each),
    sent,
  )
  t.ok(origin.sessions.length > 20, `${origin.sessions.length} sessions`)
})

t.test('a session that is leaving does not count in the bound, so that its long stream stops nobody', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port, connections: 1 })
  const stream = bench.ask()
  const old = await origin.opened()
  await old.frame(FrameType.headers)
  old.send(reply(1, '200'), data(1, 'first '), goaway(1, ErrorCode.none))
  await stream.answered()

  const other = bench.ask()
  const next = await origin.opened(1)
  await next.frame(FrameType.headers)
  answer(next, 1)
  await other.whole()
  old.send(data(1, 'last', true))
  await stream.whole()
  await old.until(() => old.isClosed)

  t.equal(stream.text, 'first last')
  await bench.watched.until(() => bench.told.open === 1 && bench.told.idle === 1)
})

t.test('GOAWAY with an error fails the streams of its session, says what the origin said, and no others', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port, streams: 2 })
  const begun = bench.ask()
  const asked = bench.ask()
  const old = await origin.opened()
  await old.frame(FrameType.headers, 1)
  old.send(reply(1, '200'), data(1, 'part'))
  await begun.answered()

  old.send(goaway(1, ErrorCode.calm, `too_many_pings\u0000${'x'.repeat(500)}`))
  const failed = await asked.failed()
  await begun.whole()
  const next = bench.ask()
  const peer = await origin.opened(1)
  await peer.frame(FrameType.headers)
  answer(peer, 1)
  await next.whole()

  t.equal(begun.end, 'upstream_failed')
  t.match(begun.error, { failure: 'upstream_failed', grpc: 8 })
  t.match(failed, { failure: 'upstream_failed', grpc: 14, shouldRetry: true }, 'it was not taken')
  t.match(failed.message, /^origin ended the session \(ENHANCE_YOUR_CALM: too_many_pings\?x{10,200}…\)$/)
  t.equal(bench.told.retried, 0)
})

t.test('a stream that the origin refuses goes out again, body and all, on another session', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const kept = bench.ask()
  const asked = bench.ask('POST / HTTP/1.1\nHost: relay', 'whole')
  const fed = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  fed.upload.push(Buffer.from('one '), true)
  const first = await origin.opened()
  await first.frame(FrameType.data, 1)

  first.send(reset(3, ErrorCode.refused), reset(5, ErrorCode.refused))
  const second = await origin.opened(1)
  await second.frame(FrameType.headers, 1)
  fed.upload.push(Buffer.from('two'), true)
  fed.upload.finish(Buffer.from('x-sum: 1\r\n'))
  await second.frame(FrameType.headers, 2)
  answer(second, 1, 3)
  answer(first, 1)
  await Promise.all([kept, asked, fed].map((one) => one.whole()))
  // One of its streams has ended, so the first takes calls again.
  const later = bench.ask()
  await first.frame(FrameType.headers, 3)
  answer(first, 7)
  await later.whole()

  const body = (id: number): string =>
    second
      .of(FrameType.data)
      .filter((one) => one.stream === id)
      .map(({ payload }) => payload.toString())
      .join('')
  t.same([body(1), body(3)], ['whole', 'one two'])
  t.same(
    [kept, asked, fed].map(({ call }) => call.attempts),
    [1, 2, 2],
  )
  t.equal(bench.told.retried, 2)
})

t.test('an origin that refuses every stream is given up soon, and told as one that is not there', async (t) => {
  const origin = await nodeOrigin(t, (stream) => stream.close(ErrorCode.refused))
  const bench = sessionBench(t, { port: origin.port })

  const failed = await bench.ask('POST / HTTP/1.1\nHost: relay', 'body').failed()

  t.match(failed, { failure: 'unavailable', shouldRetry: true, grpc: 14, message: 'origin refused the call (REFUSED_STREAM)' })
  t.equal(bench.told.retried, 3)
  await bench.watched.until(() => bench.told.open === 0)
})

t.test('once an origin has said how few streams it takes, as many sessions are made at once as calls wait for', async (t) => {
  const origin = await frameOrigin(t, null)
  const bench = sessionBench(t, { port: origin.port, connections: 3 })
  const calls = askMany(bench, 3)
  await origin.until(() => origin.sessions.length === 1)
  const [first] = origin.sessions

  first!.send(settingsFrame({ 3: 1 }))
  await origin.until(() => origin.sessions.length === 3)
  await first!.frame(FrameType.headers)
  for (const peer of origin.sessions.slice(1)) peer.send(settingsFrame({ 3: 1 }))
  for (const peer of origin.sessions) {
    await peer.frame(FrameType.headers)
    answer(peer, 1)
  }

  t.equal((await Promise.all(calls.map((one) => one.whole()))).length, 3)
})

t.test('a body that was there at once and is more than can be kept is not sent twice either', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const large = bench.ask('POST / HTTP/1.1\nHost: relay', 'x'.repeat(70_000))
  const peer = await origin.opened()
  await peer.frame(FrameType.data, 4)

  peer.send(reset(1, ErrorCode.refused))

  t.match(await large.failed(), { failure: 'unavailable', shouldRetry: true })
  t.equal(large.call.attempts, 1)
})

t.test('a call that has more than can be kept is not sent twice', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const large = bench.ask('POST / HTTP/1.1\nHost: relay', null)
  large.upload.push(Buffer.alloc(60_000), true)
  const peer = await origin.opened()
  await peer.frame(FrameType.data, 3)
  large.upload.push(Buffer.alloc(10_000), true)
  await peer.frame(FrameType.data, 4)

  peer.send(reset(1, ErrorCode.refused))
  const failed = await large.failed()

  t.match(failed, { failure: 'unavailable', shouldRetry: true })
  t.equal(large.call.attempts, 1)
})

t.test('a reset in any other word fails its call at once, with the status of its code', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const calls = askMany(bench, 5)
  const peer = await origin.opened()
  await peer.frame(FrameType.headers, 4)

  const codes = [ErrorCode.internal, ErrorCode.cancel, ErrorCode.calm, 12, 99]
  peer.send(...codes.map((code, k) => reset(2 * k + 1, code)))
  const failures = await Promise.all(calls.map((one) => one.failed()))

  t.same(
    failures.map(({ failure, grpc, message }) => [failure, grpc, message]),
    [
      ['upstream_failed', 13, 'origin reset the call (INTERNAL_ERROR)'],
      ['upstream_failed', 1, 'origin reset the call (CANCEL)'],
      ['upstream_failed', 8, 'origin reset the call (ENHANCE_YOUR_CALM)'],
      ['upstream_failed', 7, 'origin reset the call (INADEQUATE_SECURITY)'],
      ['upstream_failed', 13, 'origin reset the call (code 99)'],
    ],
  )
  await bench.watched.until(() => bench.told.idle === 1)
  t.match(bench.told, { open: 1, retried: 0 })
})

t.test('a session that is killed fails its calls, and the next call has a new one', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const begun = bench.ask()
  const asked = bench.ask()
  const peer = await origin.opened()
  await peer.frame(FrameType.headers, 1)
  peer.send(reply(1, '200'), data(1, 'part'))
  await begun.answered()

  peer.socket.resetAndDestroy()
  const failed = await asked.failed()
  await begun.whole()
  await bench.watched.until(() => bench.told.open === 0)
  const next = bench.ask()
  const other = await origin.opened(1)
  await other.frame(FrameType.headers)
  answer(other, 1)
  await next.whole()

  t.match(failed, { failure: 'upstream_failed', message: 'origin closed the connection without a reply', shouldRetry: true })
  t.match(begun.error, { failure: 'upstream_failed', message: 'origin broke off its reply' })
  t.equal(next.text, 'stream 1')
})

t.test('an idle session is closed behind its time; a pool that closes waits for the calls under way', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port, idleMs: 1 })
  const first = bench.ask()
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)
  answer(peer, 1)
  await first.whole()
  await bench.watched.until(() => bench.told.open === 0)
  t.equal(peer.of(FrameType.goaway).length, 1)

  const second = bench.ask()
  const other = await origin.opened(1)
  await other.frame(FrameType.headers)
  const closed = bench.pool.close()
  await settle()
  t.equal(bench.told.closed, 0)
  answer(other, 1)
  await second.whole()
  await closed

  t.match(bench.told, { open: 0, idle: 0, closed: 1 })
})

t.test('who does not speak HTTP/2 in the clear is told by name, and what to do about it', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const bench = sessionBench(t, { port: typeof address === 'object' ? address!.port : 0, name: 'users' })

  const failed = await bench.ask().failed()

  t.equal(failed.failure, 'upstream_failed')
  t.match(failed.message, /^users does not speak HTTP\/2 \(.+\): say http: 1 for it, if it speaks HTTP\/1.1$/)
})

t.test('an origin that takes the connection and says nothing is given up in time', async (t) => {
  const origin = await frameOrigin(t, null)
  const bench = sessionBench(t, { port: origin.port, connectMs: 1 })

  const failed = await bench.ask().failed()

  t.match(failed, { failure: 'timed_out', message: 'cannot connect to origin', shouldRetry: true })
})

t.test('a server that pushes breaks the session', async (t) => {
  const origin = await frameOrigin(t)
  const bench = sessionBench(t, { port: origin.port })
  const asked = bench.ask()
  const peer = await origin.opened()
  const settings = peer.of(FrameType.settings)[0]!.payload

  peer.send(frame(FrameType.push, 4, 1, Buffer.from([0, 0, 0, 2, 0x82])))
  const failed = await asked.failed()
  const last = await peer.frame(FrameType.goaway)

  t.ok(settings.includes(Buffer.from([0, 2, 0, 0, 0, 0])), 'ENABLE_PUSH 0 is said first')
  t.equal(last.payload.readUInt32BE(4), ErrorCode.protocol)
  t.match(failed, { failure: 'upstream_failed', message: /^the session with origin failed: .*PUSH_PROMISE/ })
})
