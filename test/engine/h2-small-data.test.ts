import t from 'tap'
import type { FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { Stream } from '../../src/engine/h2/stream.ts'
import type { StreamHost } from '../../src/engine/h2/stream-out.ts'

/** A stream whose reader takes what it is told to. */
class Taker extends Stream {
  readonly pieces: string[] = []
  isFull = false

  onData(bytes: Buffer): boolean {
    this.pieces.push(bytes.toString())
    return !this.isFull
  }

  onHeaders(_lines: FieldLines, isEnd: boolean): void {
    this.pieces.push(isEnd ? '<trailers>' : '<fields>')
  }

  onEnd(): void {
    this.pieces.push('<end>')
  }

  onReset(): void {}
  onError(): void {}
  onLost(): void {}
  onDrained(): void {}
}

function world(): { readonly stream: Taker; readonly credited: () => number; readonly say: (text: string, isEnd?: boolean) => void } {
  let credited = 0
  const host = {
    output: { windowUpdate: () => undefined, epoch: 0, data: () => 0 },
    sender: { wait: () => undefined },
    flood: { sent: () => undefined, answered: () => undefined },
    credit: (bytes: number) => (credited += bytes),
    putReset: () => undefined,
    streamClosed: () => undefined,
  } as unknown as StreamHost
  const stream = new Taker(1, host, 65_535)
  return { stream, credited: () => credited, say: (text, isEnd = false) => stream.receive(Buffer.from(text), 0, false, isEnd) }
}

t.test('bytes that come one by one while nobody takes any are kept as one piece, in their place', async (t) => {
  const { stream, credited, say } = world()
  stream.isFull = true
  say('a')
  for (let k = 0; k < 1000; k++) say('b')
  const large = 'c'.repeat(2000)
  say(large)
  for (let k = 0; k < 500; k++) say('d')
  t.strictSame(stream.pieces, ['a', 'b'.repeat(1000), large])
  t.equal(credited(), 0)

  stream.isFull = false
  stream.taken()
  say('e')

  t.strictSame(stream.pieces.slice(3), ['d'.repeat(500), 'e'])
  t.equal(credited(), 3502)
})

t.test('what was put together goes before the end, and before trailers', async (t) => {
  for (const end of ['<end>', '<trailers>']) {
    const { stream, credited, say } = world()
    stream.isFull = true
    say('a')
    say('b')
    if (end === '<end>') say('c', true)
    else {
      say('c')
      stream.headers({} as FieldLines, true)
    }
    t.strictSame(stream.pieces, ['a', 'bc', end])
    stream.taken()
    t.equal(credited(), 3)
  }
})

t.test('of more than 16 KiB several pieces are made, and a stream that nobody wants keeps none', async (t) => {
  const { stream, credited, say } = world()
  stream.isFull = true
  say('a')
  for (let k = 0; k < 40; k++) say('b'.repeat(1000))
  t.equal(stream.pieces.length, 3)

  stream.deafen()
  say('c')

  t.equal(stream.pieces.length, 3)
  t.equal(credited(), 40_002)
})
