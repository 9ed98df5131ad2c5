import t from 'tap'
import { FrameType, endHeaders, endStream, frame, padded, reset, windowUpdate } from '../helpers/h2-frames.ts'
import { sessionBench } from './h2-bench.ts'
import { data, frameOrigin, goaway, headers, reply, settingsFrame } from './h2-peer.ts'

/** What an honest server says on stream 1, frame by frame. */
const honest: readonly Buffer[] = [
  settingsFrame({ 1: 4096, 3: 50, 4: 70_000 }),
  frame(FrameType.settings, 1, 0),
  windowUpdate(0, 1000),
  reply(1, '103', [['link', '</a>']]),
  frame(FrameType.headers, 0, 1, Buffer.from([0x88, 0x40, 3, 120, 45, 97, 1, 49])),
  frame(FrameType.continuation, endHeaders, 1, Buffer.from([0xbe, 0x0f, 0x0d, 1, 54])),
  data(1, 'abc'),
  frame(FrameType.data, padded, 1, Buffer.from([2, 100, 101, 102, 0, 0])),
  frame(FrameType.ping, 0, 0, Buffer.alloc(8)),
  headers(1, [['grpc-status', '0']], true),
  goaway(1, 0),
]

/** Numbers that are the same each time. */
function randomFrom(start: number): (below: number) => number {
  let seed = start
  return (below) => (seed = (seed * 48_271) % 2_147_483_647) % below
}

/** The transcript with a few things wrong. */
function mutated(random: (below: number) => number): Buffer {
  const frames: Buffer[] = honest.map((one) => Buffer.from(one))
  for (let k = 0; k <= random(3); k++) {
    const at = random(frames.length)
    const one = frames[at]!
    switch (random(7)) {
      case 0:
        one[random(one.length)] = random(256)
        break
      case 1:
        one[random(Math.min(9, one.length))] = random(256)
        break
      case 2:
        frames.splice(at, 1)
        break
      case 3:
        frames.splice(at, 0, frames[random(frames.length)]!)
        break
      case 4:
        frames[at] = one.subarray(0, random(one.length))
        break
      case 5:
        frames.splice(at, 0, reset(1, random(16)))
        break
      default:
        one[4] = [0, endStream, endHeaders, padded, 32][random(5)]!
    }
    if (frames.length === 0) return Buffer.alloc(0)
  }
  return Buffer.concat(frames)
}

t.test('what is no transcript of a server ends its call and its session, and nothing else', async (t) => {
  const origin = await frameOrigin(t, null)
  const ends = new Map<string, number>()
  const rounds = 400
  for (let round = 1; round <= rounds; round++) {
    const random = randomFrom(round * 7919)
    const bench = sessionBench(t, { port: origin.port, connections: 1 })
    const asked = bench.ask('POST / HTTP/1.1\nHost: relay', 'body')
    const known = origin.sessions.length
    await origin.until(() => origin.sessions.length > known)
    const { socket } = origin.sessions[known]!
    // Whoever sends the call once more finds nobody.
    const isOver = (): boolean => asked.error !== null || asked.end !== null
    void origin
      .until(() => origin.sessions.length > known + 1)
      .then(() => (isOver() ? undefined : origin.sessions[known + 1]!.socket.destroy()))
    const bytes = round === 1 ? Buffer.concat(honest) : mutated(random)
    const cut = random(bytes.length + 1)
    socket.write(bytes.subarray(0, cut))
    setImmediate(() => socket.end(bytes.subarray(cut)))
    await asked.whole().catch(() => {})
    const end = asked.error?.failure ?? asked.end!
    ends.set(end, (ends.get(end) ?? 0) + 1)
    if (round === 1) t.match(asked, { text: 'abcdef', trailers: 'grpc-status: 0\r\n', end: 'done', status: 200 })
    await bench.pool.close()
  }

  t.ok((ends.get('done') ?? 0) > 20, 'some do no harm')
  t.ok((ends.get('upstream_failed') ?? 0) > 100)
  t.same([...ends.keys()].filter((end) => !['done', 'upstream_failed', 'unavailable'].includes(end)).sort(), [])
})
