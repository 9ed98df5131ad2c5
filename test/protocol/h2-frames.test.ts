import t from 'tap'
import { FrameReader } from '../../src/protocol/h2/frame-reader.ts'
import { FrameType, data, frame, headers, ping, settings } from '../helpers/h2-frames.ts'

const frames = [
  settings([3, 100], [4, 1]),
  headers(1, Buffer.from('block')),
  data(1, ''),
  data(1, 'x'.repeat(300)),
  ping('12345678'),
  frame(FrameType.data, 1, 0x7fff_ffff),
]

/** What a reader makes of these chunks: type, flags, stream and payload of each frame. */
function readAll(chunks: readonly Buffer[]): readonly string[] {
  const reader = new FrameReader()
  const found: string[] = []
  for (const chunk of chunks) {
    // A chunk that is lent is void after its read.
    const lent = Buffer.from(chunk)
    reader.feed(lent, false)
    while (reader.next())
      found.push(`${reader.type} ${reader.flags} ${reader.stream} ${reader.bytes.toString('latin1', reader.from, reader.to)}`)
    lent.fill(0)
  }
  return found
}

const whole = Buffer.concat(frames)
const expected = frames.map((one) => `${one[3]} ${one[4]} ${one.readUInt32BE(5)} ${one.toString('latin1', 9)}`)

t.test('frames are found however their bytes are cut', async (t) => {
  t.same(readAll([whole]), expected)
  t.same(readAll(Array.from(whole, (byte) => Buffer.from([byte]))), expected, 'byte by byte')
  for (let at = 1; at < whole.length; at++) {
    const cut = readAll([whole.subarray(0, at), whole.subarray(at)])
    if (cut.join('\n') !== expected.join('\n')) t.same(cut, expected, `cut behind byte ${at}`)
  }
})

t.test('a frame that is whole in a chunk stands where it came, and one that was cut in memory of its own', async (t) => {
  const reader = new FrameReader()
  const chunk = data(1, 'whole')
  reader.feed(chunk, false)
  t.ok(reader.next())
  t.equal(reader.bytes, chunk)
  t.notOk(reader.isOwned)

  reader.feed(chunk.subarray(0, 11), false)
  t.notOk(reader.next())
  reader.feed(chunk.subarray(11), false)
  t.ok(reader.next())
  t.ok(reader.isOwned)
})

t.test('nothing is read behind a frame that is longer than any may be', async (t) => {
  const reader = new FrameReader()
  reader.feed(Buffer.concat([data(1, Buffer.alloc(16_384)), data(1, Buffer.alloc(16_385)), data(1, 'more')]), true)

  t.ok(reader.next())
  t.notOk(reader.isTooLong)
  t.notOk(reader.next())
  t.ok(reader.isTooLong)
  t.notOk(reader.next())
})
