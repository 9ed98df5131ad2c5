import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Replay } from '../../src/engine/replay.ts'
import { FakeSink, FakeSource } from './shapes.ts'

const none = Buffer.alloc(0)
const bytes = (text: string): Buffer => Buffer.from(text)

function recorded(bound: number, length = -1): { source: FakeSource; body: Body; replay: Replay; attempt: () => FakeSink } {
  const source = new FakeSource()
  const body = new Body(length, source)
  const replay = new Replay(body, bound)
  const attempt = (): FakeSink => {
    const sink = new FakeSink()
    replay.next()!.pipe(sink)
    return sink
  }
  return { source, body, replay, attempt }
}

t.test('every attempt gets all bytes and the trailers, however often the body is sent', async (t) => {
  const { body, attempt } = recorded(100)
  body.push(bytes('one '), true)

  const first = attempt()
  body.push(bytes('two'), false)
  body.finish(bytes('x-sum: 1\r\n'))
  const second = attempt()
  const third = attempt()

  for (const sink of [first, second, third]) {
    t.equal(sink.text, 'one two')
    t.equal(sink.told.at(-1), 'finish x-sum: 1\r\n')
  }
  t.equal(body.end, 'done')
})

t.test('lent bytes are copied before they are kept', async (t) => {
  const { body, attempt } = recorded(100)
  const lent = bytes('lent')
  attempt()
  body.push(lent, false)
  lent.fill('x')

  t.equal(attempt().text, 'lent')
})

t.test('a new attempt takes the place of the one before it, which gets no more', async (t) => {
  const { body, attempt } = recorded(100)
  const first = attempt()
  body.push(bytes('a'), true)

  const second = attempt()
  body.push(bytes('b'), true)

  t.same(first.told, ['a'])
  t.same(second.told, ['a', 'b'])
})

t.test('an attempt has the length that the caller declared', async (t) => {
  t.equal(recorded(100, 7).replay.next()!.length, 7)
})

t.test('a body over the bound goes on to its first attempt and cannot be replayed', async (t) => {
  const { body, replay, attempt } = recorded(3)
  const first = attempt()
  body.push(bytes('abc'), true)
  t.ok(replay.isReplayable, 'as long as the bound')

  body.push(bytes('d'), true)
  body.finish(none)

  t.notOk(replay.isReplayable)
  t.equal(replay.next(), null)
  t.same(first.told, ['abc', 'd', 'finish'])
})

t.test('so does one in very many pieces, each of which would cost more than it holds', async (t) => {
  const { body, replay, attempt } = recorded(65_536)
  attempt()
  for (let k = 0; k < 1000; k++) body.push(bytes('a'), true)
  t.ok(replay.isReplayable)

  for (let k = 0; k < 1000; k++) body.push(bytes('a'), true)

  t.notOk(replay.isReplayable)
})

t.test('back-pressure goes through to the caller, and so does its end', async (t) => {
  const { source, body, attempt } = recorded(100)
  const sink = attempt()
  source.told.length = 0

  sink.isFull = true
  t.equal(body.push(bytes('a'), true), false)
  body.finish(none)

  t.same(source.told, ['ended done'])
})

t.test('between two attempts the caller waits, and goes on with the next', async (t) => {
  const { source, replay, attempt } = recorded(100)
  const first = replay.next()!
  first.pipe(new FakeSink())
  source.told.length = 0

  first.cancel('cancelled')
  t.same(source.told, ['pause'])
  attempt()

  t.equal(source.told.at(-1), 'resume')
})

t.test('a caller that leaves ends the attempt that is under way, and there is no other', async (t) => {
  const { body, replay } = recorded(100)
  const attempt = replay.next()!

  body.cancel('cancelled')

  t.equal(attempt.end, 'cancelled')
  t.equal(replay.next(), null)
})

t.test('a body that breaks off breaks its attempt off', async (t) => {
  const { body, replay, attempt } = recorded(100)
  const sink = attempt()

  body.fail('timed_out', new RelayError('slow_caller', 'it stopped coming'))

  t.same(sink.told, ['fail timed_out'])
  t.equal(sink.error?.failure, 'slow_caller')
  t.notOk(replay.isReplayable)
})
