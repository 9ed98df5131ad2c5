import { once } from 'node:events'
import { brotliCompressSync, createGzip, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { decodedBody } from '../../src/stages/decoded-body.ts'
import { FakeSink, FakeSource } from '../engine/shapes.ts'

const none = Buffer.alloc(0)
const text = 'event: ping\ndata: {"type":"ping"}\n\n'.repeat(200)

interface Scene {
  readonly source: FakeSource
  readonly coded: Body
  readonly body: Body
  readonly sink: FakeSink
  /** Resolves when the decoded body has its end. */
  readonly ended: Promise<BodyEnd>
}

function scene(coding: string, most = 100_000): Scene {
  const source = new FakeSource()
  const coded = new Body(-1, source)
  const body = decodedBody(coded, coding, most)!
  const sink = new FakeSink()
  const ended = new Promise<BodyEnd>((resolve) => body.onEnd(resolve))
  body.pipe(sink)
  return { source, coded, body, sink, ended }
}

for (const [coding, bytes] of [
  ['gzip', gzipSync(text)],
  ['X-Gzip', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['zstd', zstdCompressSync(text)],
] as const) {
  t.test(`${coding} is taken off as it comes, however it is cut, and no part of it goes missing unseen`, async (t) => {
    for (const size of [1, 7, bytes.length]) {
      const { coded, sink, ended } = scene(coding)
      for (let at = 0; at < bytes.length; at += size) coded.push(bytes.subarray(at, at + size), false)
      coded.finish(Buffer.from('x-sum: 1\r\n'))

      t.equal(await ended, 'done')
      t.equal(sink.text, text)
      t.equal(sink.told.at(-1), 'finish x-sum: 1\r\n')
    }
    const cut = scene(coding)
    cut.coded.push(bytes.subarray(0, -1), false)
    cut.coded.finish(none)
    t.equal(await cut.ended, 'upstream_failed')
  })
}

t.test('what has been flushed is there before anything more comes', async (t) => {
  const { coded, sink, body } = scene('gzip')
  const coder = createGzip()
  coder.on('data', (bytes: Buffer) => void coded.push(bytes, true))
  const seen = new Promise<void>((resolve) => body.tap({ read: () => resolve() }))

  coder.write('event: ping\n\n')
  coder.flush()
  await seen

  t.equal(sink.text, 'event: ping\n\n')
  coder.destroy()
  await once(coder, 'close')
})

t.test('a body that breaks off gives what it had, and then breaks off', async (t) => {
  const { coded, sink, ended } = scene('gzip')
  const bytes = gzipSync(text, { level: 0 })
  coded.push(bytes.subarray(0, bytes.length >> 1), false)
  coded.fail('timed_out', new RelayError('timed_out', 'nothing came'))

  t.equal(await ended, 'timed_out')
  t.ok(sink.text.length > 1000 && text.startsWith(sink.text))
  t.equal(sink.error?.message, 'nothing came')
})

t.test('a body without a byte ends as it ends', async (t) => {
  const whole = scene('gzip')
  whole.coded.finish(none)
  t.equal(await whole.ended, 'done')

  const broken = scene('gzip')
  broken.coded.fail('upstream_failed', null)
  t.equal(await broken.ended, 'upstream_failed')
})

t.test('more than the bound, and what is not coded as it says, fail', async (t) => {
  const large = scene('gzip', 1000)
  large.coded.push(gzipSync(text), true)
  t.equal(await large.ended, 'upstream_failed')
  t.match(large.sink.error?.message, 'more than 1000 bytes')
  t.ok(large.source.told.includes('ended upstream_failed'))

  const plain = scene('br')
  plain.coded.push(Buffer.from('plain text, and a lot of it'), true)
  t.equal(await plain.ended, 'upstream_failed')
})

t.test('codings that nobody knows, and several at once, are not decoded', async (t) => {
  for (const coding of ['compress', 'gzip, br', 'constructor', '']) t.equal(decodedBody(new Body(-1, null), coding, 1), null, coding)
})

t.test('whoever cancels one of the two cancels both', async (t) => {
  const outer = scene('gzip')
  outer.coded.push(gzipSync(text), true)
  outer.body.cancel('cancelled')
  t.equal(outer.coded.end, 'cancelled')

  for (const end of ['cancelled', 'drained'] as const) {
    const inner = scene('gzip')
    inner.coded.cancel(end)
    t.equal(await inner.ended, end)
  }
})

t.test('a full sink holds the decoder, and room lets it go on', async (t) => {
  const long = Buffer.alloc(1_000_000, 'x')
  const { coded, body, sink, ended } = scene('gzip', 2_000_000)
  sink.isFull = true
  coded.push(gzipSync(long), true)
  coded.finish(none)
  const other = scene('gzip', 2_000_000)
  other.coded.push(gzipSync(long), true)
  other.coded.finish(none)
  await other.ended
  t.equal(sink.told.length, 1, 'it waits while another, of as many bytes, comes to its end')

  sink.isFull = false
  body.resume()

  t.equal(await ended, 'done')
  t.equal(sink.text.length, long.length)
})
