import t from 'tap'
import { ErrorCode, FrameType, frame } from '../helpers/h2-frames.ts'
import type { Sweep } from '../../src/engine/sweep.ts'
import { HandSweep, sessionBench, type SessionBench } from './h2-bench.ts'
import { Flag, data, frameOrigin, reply, settle, type FrameOrigin, type FramePeer } from './h2-peer.ts'

interface World {
  readonly origin: FrameOrigin
  readonly bench: SessionBench
  readonly clock: HandSweep
}

/** A pool whose time the test lets pass. */
async function world(t: Parameters<typeof sessionBench>[0], settings: Readonly<Record<number, number>> | null = {}): Promise<World> {
  const origin = await frameOrigin(t, settings)
  const clock = new HandSweep()
  // It has all that is asked of a sweep; the rest of one is its timer.
  const bench = sessionBench(t, { port: origin.port, idleMs: 60_000 }, clock as unknown as Sweep)
  return { origin, bench, clock }
}

const pings = (peer: FramePeer): number => peer.of(FrameType.ping).filter(({ flags }) => (flags & Flag.ack) === 0).length

t.test('an origin that is silent for long while it has calls is asked for a sign of life, and only then', async (t) => {
  const { origin, bench, clock } = await world(t)
  const asked = bench.ask('GET / HTTP/1.1\nHost: relay', '', ({ call }) => (call.firstByteMs = 1e9))
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)

  clock.pass(300_000)
  await settle()
  t.equal(pings(peer), 0)
  clock.pass(6000)
  await peer.frame(FrameType.ping)
  await settle()
  clock.pass(16_000)
  await settle()
  t.equal(asked.error, null, 'the answer was a sign of life')
  clock.pass(306_000)
  await peer.frame(FrameType.ping, 1)
  peer.send(reply(1, '200', [], true))

  t.equal((await asked.whole()).end, 'done')
})

t.test('an origin that gives none is given up, and its calls fail', async (t) => {
  const { origin, bench, clock } = await world(t)
  const asked = bench.ask('GET / HTTP/1.1\nHost: relay', '', ({ call }) => (call.firstByteMs = 1e9))
  const peer = await origin.opened()
  peer.isPolite = false
  await peer.frame(FrameType.headers)

  clock.pass(306_000)
  await peer.frame(FrameType.ping)
  clock.pass(15_001)
  const failed = await asked.failed()
  await peer.until(() => peer.isClosed)

  t.match(failed, { failure: 'upstream_failed', message: 'the session with origin failed: no answer to a PING within 15000 ms' })
  await bench.watched.until(() => bench.told.open === 0)
})

t.test('where a call has waited in vain and nothing came at all, the next calls go elsewhere until the origin is heard', async (t) => {
  const { origin, bench, clock } = await world(t)
  const first = bench.ask()
  const peer = await origin.opened()
  peer.isPolite = false
  await peer.frame(FrameType.headers)

  clock.pass(21_000)
  t.match(await first.failed(), { failure: 'timed_out' })
  const second = bench.ask()
  const other = await origin.opened(1)
  await other.frame(FrameType.headers)
  other.send(reply(1, '200', [], true))
  await second.whole()
  // It was only slow.
  peer.send(frame(FrameType.ping, Flag.ack, 0, Buffer.alloc(8)))
  await settle()
  const third = bench.ask()
  await peer.frame(FrameType.headers, 1)
  peer.send(reply(3, '200', [], true))

  t.equal((await third.whole()).end, 'done')
  t.equal(pings(peer), 1)
})

t.test('a session that was idle for long is asked along with its next call: what stands between may have forgotten it', async (t) => {
  const { origin, bench, clock } = await world(t)
  const first = bench.ask()
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)
  peer.send(reply(1, '200', [], true))
  await first.whole()
  await bench.watched.until(() => bench.told.idle === 1)

  clock.pass(31_000)
  peer.isPolite = false
  const second = bench.ask()
  await peer.frame(FrameType.headers, 1)
  await settle()
  t.equal(pings(peer), 1)
  clock.pass(15_001)

  t.match(await second.failed(), { failure: 'upstream_failed', message: /no answer to a PING/ })
})

t.test('SETTINGS that nobody acknowledges, and a head that never ends, end the session', async (t) => {
  for (const isHead of [false, true]) {
    const { origin, bench, clock } = await world(t)
    const asked = bench.ask('GET / HTTP/1.1\nHost: relay', '', ({ call }) => (call.firstByteMs = 1e9))
    const peer = await openedImpolite(origin, isHead)
    await peer.frame(FrameType.headers)
    if (isHead) peer.send(frame(FrameType.headers, 0, 1, Buffer.from([0x88])))
    await settle()
    clock.pass(20_001)
    const failed = await asked.failed()
    const { payload } = await peer.frame(FrameType.goaway)

    t.match(failed.message, isHead ? /header block/ : /SETTINGS were not acknowledged/)
    t.equal(payload.readUInt32BE(4), isHead ? ErrorCode.calm : 4)
  }
})

t.test('an upload to an origin that takes no byte from its socket ends', async (t) => {
  const { origin, bench, clock } = await world(t, { 4: 2 ** 30 })
  const asked = bench.ask('POST / HTTP/1.1\nHost: relay', null, ({ call }) => (call.firstByteMs = 1e9))
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)
  peer.send(frame(FrameType.window, 0, 0, Buffer.from([0x3f, 0, 0, 0])))
  await settle()
  peer.socket.pause()
  const resumed = (): number => asked.source.told.filter((one) => one === 'resume').length
  let isStuck = false
  for (let sent = 0; !isStuck && sent < 64; sent++) {
    const before = resumed()
    const wantsMore = asked.upload.push(Buffer.alloc(1_000_000), true)
    await settle(10)
    isStuck = !wantsMore && resumed() === before
  }
  t.ok(isStuck, 'it is not read without end')

  clock.pass(60_001)

  t.match(await asked.failed(), { failure: 'upstream_failed', message: /takes nothing/ })
  t.equal(bench.told.open, 1, 'what is on its way may still leave')
  clock.pass(2001)
  await bench.watched.until(() => bench.told.open === 0)
})

async function openedImpolite(origin: FrameOrigin, isPolite: boolean): Promise<FramePeer> {
  await origin.until(() => origin.sessions.length > 0)
  const peer = origin.sessions[0]!
  peer.isPolite = isPolite
  await peer.frame(FrameType.settings)
  return peer
}

t.test('data of no stream in flight disturbs nobody', async (t) => {
  const { origin, bench } = await world(t)
  const first = bench.ask()
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)
  peer.send(reply(1, '200', [], true), data(1, 'behind its end'))
  await first.whole()
  const second = bench.ask()
  await peer.frame(FrameType.headers, 1)
  peer.send(reply(3, '200', [], true))

  t.equal((await second.whole()).end, 'done')
  t.equal(origin.sessions.length, 1)
})
