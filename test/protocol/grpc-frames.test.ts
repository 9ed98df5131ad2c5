import { deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { Base64Text } from '../../src/protocol/grpc/base64-text.ts'
import { Deframer, framePrefix, framed } from '../../src/protocol/grpc/frames.ts'
import { inflateMessage } from '../../src/protocol/grpc/inflate.ts'
import { webText } from '../../src/protocol/grpc/web.ts'

interface Read {
  readonly deframer: Deframer
  readonly messages: string[]
}

function reader(options: { most?: number; from?: 'caller' | 'upstream'; flags?: number } = {}): Read {
  const messages: string[] = []
  const onMessage = (message: Buffer, flags: number): void => void messages.push(`${flags}:${message.toString('latin1')}`)
  return { messages, deframer: new Deframer({ most: 100, from: 'caller', ...options, onMessage }) }
}

t.test('messages come out whole and in order, wherever their frames are cut', async (t) => {
  const bytes = Buffer.concat([framed(Buffer.from('one')), framed(Buffer.alloc(0), 1), framePrefix(5), Buffer.from('three')])

  for (let size = 1; size <= bytes.length; size++) {
    const { deframer, messages } = reader()
    for (let at = 0; at < bytes.length; at += size) {
      // What is lent is gone afterwards.
      const piece = Buffer.from(bytes.subarray(at, at + size))
      if (deframer.read(piece) !== null) t.fail(`refused at ${at}, in pieces of ${size}`)
      piece.fill(0)
    }
    if (deframer.end() !== null) t.fail(`not whole in pieces of ${size}`)
    t.strictSame(messages, ['0:one', '1:', '0:three'], `in pieces of ${size}`)
  }
})

t.test('a body that ends within a frame is malformed, whoever sent it', async (t) => {
  const whole = framed(Buffer.from('one'))
  for (let length = 1; length < whole.length; length++) {
    const { deframer } = reader()
    deframer.read(whole.subarray(0, length))
    t.match(deframer.end(), { failure: 'bad_request' }, `after ${length} bytes`)
  }
  const upstreams = reader({ from: 'upstream' })
  upstreams.deframer.read(whole.subarray(0, 6))
  t.match(upstreams.deframer.end(), { failure: 'upstream_failed' })
})

t.test('a message above the bound is refused by its prefix, and nothing behind it is read', async (t) => {
  const { deframer, messages } = reader({ most: 3 })

  const refused = deframer.read(Buffer.concat([framed(Buffer.from('one')), framePrefix(2 ** 32 - 1), framed(Buffer.from('two'))]))

  t.match(refused, { failure: 'too_large', message: 'a gRPC message of 4294967295 bytes, where 3 are allowed' })
  t.strictSame(messages, ['0:one'])
  t.equal(deframer.read(framed(Buffer.from('x'))), refused)
  t.equal(deframer.end(), refused)
})

t.test('flags that nobody knows are malformed', async (t) => {
  t.match(reader().deframer.read(framed(Buffer.from('x'), 2)), { failure: 'bad_request' })
  t.match(reader().deframer.read(Buffer.from('GET / ')), { failure: 'bad_request' }, 'as is what was never a frame')
  t.equal(reader({ flags: 3 }).deframer.read(framed(Buffer.from('x'), 2)), null)
})

t.test('a compressed message is read within its bound', async (t) => {
  const text = Buffer.from('hello '.repeat(1000))

  t.same(inflateMessage(gzipSync(text), 'gzip', 6000), { is: 'inflated', bytes: text })
  t.same(inflateMessage(deflateSync(text), 'deflate', 6000), { is: 'inflated', bytes: text })
  t.same(inflateMessage(text, 'identity', 6000), { is: 'inflated', bytes: text })
  t.same(inflateMessage(gzipSync(text), 'gzip', 5999), { is: 'too_large' })
  t.same(inflateMessage(text, 'identity', 5999), { is: 'too_large' })
  t.same(inflateMessage(text, 'gzip', 6000), { is: 'broken' })
  t.same(inflateMessage(gzipSync(text).subarray(0, 20), 'gzip', 6000), { is: 'broken' })
  t.same(inflateMessage(text, 'constructor', 6000), { is: 'unknown' })
})

t.test('base64 is read in pieces, each padded or not', async (t) => {
  const parts = [Buffer.from('a'), Buffer.from('bc'), Buffer.from('def'), Buffer.alloc(0), Buffer.from([0, 255, 254])]
  const text = Buffer.concat(parts.map(webText))

  for (let size = 1; size <= text.length; size++) {
    const read = new Base64Text()
    const pieces: (Buffer | null)[] = []
    for (let at = 0; at < text.length; at += size) pieces.push(read.read(text.subarray(at, at + size)))
    t.same(Buffer.concat(pieces.filter((piece) => piece !== null)), Buffer.concat(parts), `in pieces of ${size}`)
    t.ok(read.isWhole)
  }
})

t.test('what is no base64 is found out', async (t) => {
  for (const text of ['a b=', 'ab%d', '=abc', 'a===', 'ab-_', 'ab=c']) t.equal(new Base64Text().read(Buffer.from(text)), null, text)
  const cut = new Base64Text()
  cut.read(Buffer.from('abcde'))
  t.notOk(cut.isWhole)
})
