import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { collect } from '../../src/engine/collect.ts'
import { converted, type Converter } from '../../src/engine/convert.ts'
import { FakeSink, FakeSource } from './shapes.ts'

const none = Buffer.alloc(0)

/** Capitals; `!` makes it throw. */
const shouting: Converter = {
  read(bytes, out) {
    const text = bytes.toString()
    if (text.includes('!')) throw new RelayError('bad_request', 'no shouting back')
    out.push(Buffer.from(text.toUpperCase()), true)
  },
  end(trailers, out) {
    out.push(Buffer.from('.'), true)
    return trailers
  },
}

function world(converter: Converter = shouting): { source: FakeSource; body: Body; made: Body; sink: FakeSink } {
  const source = new FakeSource()
  const body = new Body(-1, source)
  return { source, body, made: converted(body, converter), sink: new FakeSink() }
}

t.test('what comes before and after there is a sink is converted, to the last bytes and the trailers', async (t) => {
  const { body, made, sink } = world()
  body.push(Buffer.from('a'), false)

  made.pipe(sink)
  body.push(Buffer.from('b'), false)
  body.finish(Buffer.from('x-sum: 1\r\n'))

  t.equal(sink.text, 'AB.')
  t.equal(sink.told.at(-1), 'finish x-sum: 1\r\n')
  t.equal(made.end, 'done')
})

t.test('a full sink stops the source, and room starts it again', async (t) => {
  const { source, body, made, sink } = world()
  made.pipe(sink)
  sink.isFull = true

  t.equal(body.push(Buffer.from('a'), false), false)
  made.resume()

  t.equal(source.told.at(-1), 'resume')
})

t.test('whoever cancels one of the two cancels both', async (t) => {
  const outer = world()
  outer.made.pipe(outer.sink)
  outer.made.cancel('cancelled')
  t.equal(outer.body.end, 'cancelled')
  t.ok(outer.source.told.includes('ended cancelled'))

  for (const end of ['cancelled', 'drained', 'failed'] as const) {
    const inner = world()
    inner.made.pipe(inner.sink)
    inner.body.cancel(end)
    t.equal(inner.made.end, end)
  }
})

t.test('a source that breaks off breaks the new body off, its last words converted', async (t) => {
  const { body, made, sink } = world()
  body.lastWords = () => Buffer.from('alas')
  made.pipe(sink)

  body.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))

  t.equal(sink.text, 'ALAS')
  t.equal(sink.told.at(-1), 'fail upstream_failed')
  t.equal(made.error?.message, 'gone')
})

t.test('a converter that throws ends both bodies with its error', async (t) => {
  const { source, body, made, sink } = world()
  made.pipe(sink)

  body.push(Buffer.from('hey!'), false)

  t.equal(sink.told.at(-1), 'fail failed')
  t.equal(sink.error?.message, 'no shouting back')
  t.ok(source.told.includes('ended failed'))
})

t.test('a converter may end a broken body in its own way', async (t) => {
  const { body, made, sink } = world({ ...shouting, broken: () => Buffer.from('grpc-status: 14\r\n') })
  made.pipe(sink)

  body.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))

  t.equal(sink.told.at(-1), 'fail upstream_failed grpc-status: 14\r\n')
  t.equal(made.end, 'upstream_failed', 'it counts as what it is all the same')
})

t.test('a converter has the last word where relay cuts the new body, and the source is stopped', async (t) => {
  const broken: Converter['broken'] = (end, _error, out) => {
    out.push(Buffer.from(`{${end}}`), true)
    return none
  }
  const { source, made, sink } = world({ ...shouting, broken })
  made.pipe(sink)

  made.fail('drained', null)

  t.equal(sink.text, '{drained}')
  t.equal(sink.told.at(-1), 'fail drained ')
  t.ok(source.told.includes('ended drained'))
})

t.test('a collected body is whole, with its trailers, or fails with its own error', async (t) => {
  const tooLarge = (): RelayError => new RelayError('too_large', 'more than 4 bytes')
  const whole = new Body(-1, null)
  const read = collect(whole, 4, tooLarge)
  whole.push(Buffer.from('ab'), false)
  whole.push(Buffer.from('cd'), false)
  whole.finish(Buffer.from('x: 1\r\n'))
  t.strictSame(await read, { bytes: Buffer.from('abcd'), trailers: Buffer.from('x: 1\r\n') })

  const source = new FakeSource()
  const large = new Body(-1, source)
  const failed = collect(large, 4, tooLarge)
  large.push(Buffer.from('abcde'), false)
  await t.rejects(failed, { message: 'more than 4 bytes' })
  t.ok(source.told.includes('ended failed'))

  await t.rejects(collect(new Body(5, null), 4, tooLarge), { message: 'more than 4 bytes' }, 'a length that is declared is enough')

  const gone = new Body(-1, null)
  const left = collect(gone, 4, tooLarge)
  gone.cancel('cancelled')
  await t.rejects(left, { message: 'the caller left' })

  t.strictSame(await collect(Body.of(none), 0, tooLarge), { bytes: none, trailers: none })
})

async function whole(body: Body): Promise<void> {
  await new Promise<void>((resolve) => body.onEnd(() => resolve()))
}

/** A kilobyte of output for each byte. */
const swelling: Converter = {
  read(bytes, out) {
    for (let at = 0; at < bytes.length; at++) {
      if (out.isFull) return out.unread(bytes.subarray(at))
      out.push(Buffer.alloc(1024, bytes[at]), true)
    }
  },
  end: (trailers) => trailers,
}

t.test('of a few bytes that become many only as much is made as there is room for; the rest, and the end, wait for more', async (t) => {
  const { source, body, made, sink } = world(swelling)
  made.pipe(sink)
  sink.isFull = true

  t.equal(body.push(Buffer.from('abc'), false), false)
  t.equal(body.push(Buffer.from('d'), false), false, 'that was on its way')
  body.finish(Buffer.from('x-sum: 1\r\n'))
  t.equal(sink.text.length, 1024)
  t.equal(made.end, null)
  sink.isFull = false
  made.resume()
  await whole(made)

  t.equal(sink.text.length, 4096)
  t.match(sink.text, /^a{1024}b{1024}c{1024}d{1024}$/)
  t.equal(sink.told.at(-1), 'finish x-sum: 1\r\n')
  t.not(source.told.at(-1), 'resume', 'a source that is whole is not asked for more')
})

t.test('a body that is long in the making lets others have their turn, and comes whole', async (t) => {
  const slow: Converter = {
    read(bytes, out) {
      for (let at = 0; at < bytes.length; at++) {
        if (out.isFull) return out.unread(bytes.subarray(at))
        for (const until = performance.now() + 3; performance.now() < until;);
        out.push(bytes.subarray(at, at + 1), false)
      }
    },
    end: (trailers) => trailers,
  }
  const { body, made, sink } = world(slow)
  made.pipe(sink)

  const from = performance.now()
  body.push(Buffer.from('abcdefghijklmnopqrstuvwxyz'), false)
  const took = performance.now() - from
  body.finish(none)
  await whole(made)

  t.ok(took < 60, `${took} ms at once`)
  t.equal(sink.text, 'abcdefghijklmnopqrstuvwxyz')
  t.equal(sink.told.at(-1), 'finish')
})

t.test('what waits of a body goes nowhere once nobody wants it', async (t) => {
  const { body, made, sink } = world(swelling)
  made.pipe(sink)
  sink.isFull = true
  body.push(Buffer.from('abc'), false)

  made.cancel('cancelled')
  made.resume()

  t.equal(body.end, 'cancelled')
  t.equal(sink.text.length, 1024)
})

t.test('a body that comes byte by byte is collected whole, and its bytes cost no more than they are', async (t) => {
  const body = new Body(-1, new FakeSource())
  const collected = collect(body, 1 << 20, () => new RelayError('too_large', 'too large'))
  const byte = Buffer.from('a')
  const before = process.memoryUsage().heapUsed

  for (let k = 0; k < 600_000; k++) body.push(byte, true)
  const took = process.memoryUsage().heapUsed - before
  body.push(Buffer.alloc(5000, 'b'), true)
  body.push(byte, false)
  body.finish(none)

  const { bytes } = await collected
  t.equal(bytes.length, 605_001)
  t.equal(bytes.subarray(599_999, 600_001).toString(), 'ab')
  t.equal(bytes.at(-1), byte[0])
  t.ok(took < 2_000_000, `${took} bytes of objects`)
})
