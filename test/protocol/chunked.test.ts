import t from 'tap'
import { ChunkDecoder, chunkHeadRoom, writeChunkHead } from '../../src/protocol/chunked.ts'
import type { Refusal } from '../../src/protocol/head.ts'

interface Decoded {
  readonly body: string
  readonly trailers: string
  readonly rest: string
  readonly isDone: boolean
}

/** Feeds pieces, each in a buffer of its own with other bytes around, and puts together what they hold. */
function decode(pieces: readonly string[]): Decoded | Refusal {
  const decoder = new ChunkDecoder()
  let body = ''
  let rest = ''
  for (const piece of pieces) {
    if (decoder.isDone) {
      rest += piece
      continue
    }
    const bytes = Buffer.from(`<<${piece}>>`, 'latin1')
    const refused = decoder.feed(bytes, 2, bytes.length - 2)
    if (refused !== null) return refused
    body += bytes.toString('latin1', decoder.payloadStart, decoder.payloadEnd)
    if (decoder.isDone) rest += bytes.toString('latin1', decoder.consumed, bytes.length - 2)
  }
  return { body, rest, trailers: decoder.trailers.toString('latin1'), isDone: decoder.isDone }
}

const text = '4\r\nWiki\r\n6;a="b;\\"c"\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nA: b\r\nC:d\r\n\r\nrest'
const whole = { body: 'Wikipedia in \r\n\r\nchunks.', trailers: 'A: b\r\nC:d\r\n', rest: 'rest', isDone: true }

t.test('chunks in one read become one piece', async (t) => {
  t.same(decode([text]), whole)
})

t.test('chunks are the same wherever they are cut, in two or in three', async (t) => {
  for (let one = 1; one < text.length; one++) {
    for (let two = one; two < text.length; two += 7) t.same(decode([text.slice(0, one), text.slice(one, two), text.slice(two)]), whole)
  }
})

t.test('chunks are the same byte by byte', async (t) => {
  t.same(decode(Array.from(text)), whole)
})

t.test('a body that has not ended is not done', async (t) => {
  t.match(decode(['5\r\nhello\r\n0\r\n\r']), { body: 'hello', isDone: false })
})

t.test('the bound on extensions and trailers holds for a whole body, not for each chunk', async (t) => {
  const chunk = `1;${'x'.repeat(999)}\r\na\r\n`

  t.match(decode([`${chunk.repeat(16)}0\r\n\r\n`]), { body: 'a'.repeat(16) })
  t.match(decode([`${chunk.repeat(17)}0\r\n\r\n`]), { message: 'too many bytes of chunk extensions or trailers' })
  t.match(decode([`0\r\n${'A: b\r\n'.repeat(64)}\r\n`]), { isDone: true })
  t.match(decode([`0\r\n${'A: b\r\n'.repeat(65)}\r\n`]), { message: 'malformed trailer section' })
})

t.test('one body leaves nothing behind for the trailers of another', async (t) => {
  t.match(decode(['0\r\nContent-Length: 5\r\n\r\n']), { failure: 'bad_request' })
  t.match(decode(['0\r\nA: b\r\n\r\n']), { trailers: 'A: b\r\n' })
  t.match(decode(['0\r\n\r\n']), { trailers: '' })
})

t.test('a size is written as few hex digits as it takes', async (t) => {
  for (const size of [1, 9, 10, 15, 16, 255, 256, 65_535, 65_536, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    const out = Buffer.alloc(chunkHeadRoom + 4)
    const end = writeChunkHead(out, 2, size)
    t.equal(out.toString('latin1', 2, end), `${size.toString(16)}\r\n`)
    t.ok(end - 2 <= chunkHeadRoom)
  }
})
