import t from 'tap'
import { bodyEnds, type BodyEnd } from '../../src/base/ends.ts'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { FakeSink, FakeSource } from './shapes.ts'

const none = Buffer.alloc(0)
const bytes = (text: string): Buffer => Buffer.from(text)
const broken = new RelayError('upstream_failed', 'it broke')

/** Ways to each end. */
const ways: Readonly<Record<BodyEnd, (body: Body) => void>> = {
  done: (body) => body.finish(none),
  cancelled: (body) => body.cancel('cancelled'),
  upstream_failed: (body) => body.fail('upstream_failed', broken),
  timed_out: (body) => body.fail('timed_out', broken),
  drained: (body) => body.fail('drained', broken),
  failed: (body) => body.fail('failed', broken),
}

for (const end of bodyEnds) {
  t.test(`a body that ended ${end} stays so, and tells it once`, async (t) => {
    const source = new FakeSource()
    const sink = new FakeSink()
    const body = new Body(-1, source)
    const ends: string[] = []
    body.onEnd((how) => ends.push(`first ${how}`))
    body.onEnd((how) => ends.push(`second ${how}`))
    body.pipe(sink)
    body.push(bytes('a'), true)
    source.told.length = 0

    ways[end](body)
    for (const other of bodyEnds) ways[other](body)
    body.push(bytes('late'), true)
    body.inject(bytes('late'))

    t.equal(body.end, end)
    t.same(ends, [`first ${end}`, `second ${end}`])
    t.same(source.told, [`ended ${end}`])
    t.equal(sink.text, 'a')
    const last = end === 'done' ? ['finish'] : end === 'cancelled' ? [] : [`fail ${end}`]
    t.same(sink.told, ['a', ...last])
  })

  t.test(`who asks for the end of a body that ended ${end} long ago is told at once, and once`, async (t) => {
    const body = new Body(-1, null)
    body.pipe(new FakeSink())
    ways[end](body)
    const ends: BodyEnd[] = []

    body.onEnd((how) => ends.push(how))
    ways.failed(body)

    t.same(ends, [end])
  })
}

t.test('bytes that came before the sink go to it first, in order, and so does the end', async (t) => {
  const source = new FakeSource()
  const sink = new FakeSink()
  const body = new Body(-1, source)
  const lent = bytes('one ')
  body.push(lent, false)
  lent.fill('x')
  body.push(bytes('two '), true)
  body.finish(bytes('x-sum: 1\r\n'))
  t.equal(body.end, null, 'it has not ended while nobody has its bytes')

  body.pipe(sink)

  t.equal(sink.text, 'one two ')
  t.equal(sink.told.at(-1), 'finish x-sum: 1\r\n')
  t.same(source.told, ['ended done'])
})

t.test('what is held can be taken once, to go out with a head', async (t) => {
  const sink = new FakeSink()
  const body = new Body(4, new FakeSource())
  body.push(bytes('head'), true)

  t.equal(body.take()?.toString(), 'head')
  t.equal(body.take(), null)
  body.pipe(sink)
  body.finish(none)

  t.same(sink.told, ['finish'])
})

t.test('without a sink a body takes a little, then wants its source to stop; the sink sets it going again', async (t) => {
  const source = new FakeSource()
  const sink = new FakeSink()
  const body = new Body(-1, source)

  t.equal(body.push(Buffer.alloc(65_535), true), true)
  t.equal(body.push(Buffer.alloc(1), true), false)
  body.pipe(sink)

  t.same(source.told, ['resume'])
  t.equal(sink.text.length, 65_536)
})

t.test('a full sink stops the source, and its source hears of every pause and resume until the end', async (t) => {
  const source = new FakeSource()
  const sink = new FakeSink()
  const body = new Body(-1, source)
  body.pipe(sink)
  source.told.length = 0

  sink.isFull = true
  const wantsMore = body.push(bytes('a'), true)
  body.pause()
  sink.isFull = false
  body.resume()
  const wantsMoreAgain = body.push(bytes('b'), true)
  body.finish(none)
  body.pause()
  body.resume()

  t.same([wantsMore, wantsMoreAgain], [false, true])
  t.same(source.told, ['pause', 'resume', 'ended done'])
})

t.test('a sink that is full with the held bytes does not set the source going', async (t) => {
  const source = new FakeSource()
  const sink = new FakeSink()
  sink.isFull = true
  const body = new Body(-1, source)
  body.push(bytes('a'), true)

  body.pipe(sink)

  t.same(source.told, [])
})

t.test('taps see every byte once, also those that came before them, and nothing that relay itself says', async (t) => {
  const body = new Body(-1, null)
  const seen = { early: '', late: '' }
  body.tap({ read: (chunk) => void (seen.early += chunk.toString()) })
  body.push(bytes('one '), true)
  body.push(bytes('two '), true)
  body.tap({ read: (chunk) => void (seen.late += chunk.toString()) })
  const sink = new FakeSink()
  body.pipe(sink)
  body.inject(bytes('(ping) '))
  body.push(bytes('three'), false)
  body.finish(none)

  t.same(seen, { early: 'one two three', late: 'one two three' })
  t.equal(sink.text, 'one two (ping) three')
})

t.test('nothing is said into a body that nobody reads yet', async (t) => {
  const sink = new FakeSink()
  const body = new Body(-1, null)

  body.inject(bytes('ping'))
  body.pipe(sink)

  t.same(sink.told, [])
})

t.test('a body over its bound fails with the error of whoever set it, and not a byte beyond goes on', async (t) => {
  const sink = new FakeSink()
  const tooLarge = new RelayError('too_large', 'more than 3 bytes')
  const body = new Body(-1, new FakeSource())
  body.bound(3, () => tooLarge)
  body.pipe(sink)

  body.push(bytes('abc'), true)
  const wantsMore = body.push(bytes('d'), true)

  t.equal(wantsMore, false)
  t.equal(body.end, 'failed')
  t.same(sink.told, ['abc', 'fail failed'])
  t.equal(sink.error, tooLarge)
})

for (const isComplete of [false, true]) {
  t.test(`a bound counts what is held already (${isComplete ? 'all there' : 'more to come'})`, async (t) => {
    const body = new Body(-1, new FakeSource())
    body.push(bytes('abcd'), true)
    if (isComplete) body.finish(none)

    body.bound(3, () => new RelayError('too_large', 'more than 3 bytes'))
    const sink = new FakeSink()
    body.pipe(sink)

    t.equal(body.end, 'failed')
    t.equal(sink.told.at(-1), 'fail failed')
  })
}

t.test('a body that is not whole after all fails where it would have been done', async (t) => {
  const sink = new FakeSink()
  const body = new Body(-1, null)
  body.verify(() => broken)
  body.pipe(sink)

  body.push(bytes('half'), true)
  body.finish(none)

  t.equal(body.end, 'upstream_failed')
  t.same(sink.told, ['half', 'fail upstream_failed'])
})

t.test('one that came whole in one piece is verified all the same', async (t) => {
  const sink = new FakeSink()
  const body = Body.of(bytes('half'))
  body.verify(() => broken)

  body.pipe(sink)

  t.equal(body.end, 'upstream_failed')
  t.same(sink.told, ['half', 'fail upstream_failed'])
})

t.test('what has come whole cannot break any more: it is delivered when somebody wants it', async (t) => {
  const sink = new FakeSink()
  const body = new Body(-1, new FakeSource())
  body.push(bytes('all'), true)
  body.finish(none)
  body.fail('upstream_failed', broken)

  body.pipe(sink)

  t.equal(body.end, 'done')
  t.same(sink.told, ['all', 'finish'])
})

t.test('last words go out before a body is broken off, once, and never behind a whole one', async (t) => {
  const asked: string[] = []
  const told = (end: BodyEnd): string[] => {
    const sink = new FakeSink()
    const body = new Body(-1, null)
    body.lastWords = (how, error) => {
      asked.push(`${how} ${error?.message}`)
      return bytes('event: error')
    }
    body.pipe(sink)
    ways[end](body)
    return sink.told
  }

  t.same(told('upstream_failed'), ['event: error', 'fail upstream_failed'])
  t.same(told('drained'), ['event: error', 'fail drained'])
  t.same(told('done'), ['finish'])
  t.same(told('cancelled'), [], 'who left hears nothing')
  t.same(asked, ['upstream_failed it broke', 'drained it broke'])
})

t.test('a body that broke before anybody read it says so behind what had come', async (t) => {
  const sink = new FakeSink()
  const body = new Body(-1, null)
  body.lastWords = () => bytes('sorry')
  body.push(bytes('half '), true)
  body.fail('upstream_failed', broken)

  body.pipe(sink)

  t.same(sink.told, ['half ', 'sorry', 'fail upstream_failed'])
})
