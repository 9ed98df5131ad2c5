import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import { RelayError } from '../../src/base/errors.ts'
import { Body, type Sink, type Source } from '../../src/engine/body.ts'
import { compose, Reply, type Call, type Next, type Stage } from '../../src/engine/call.ts'
import { Replay } from '../../src/engine/replay.ts'
import { fieldName } from '../../src/protocol/edits.ts'
import { callOf, FakeSink, FakeSource, headOf, written } from './shapes.ts'

const none = Buffer.alloc(0)
const bytes = (text: string): Buffer => Buffer.from(text)
const get = 'GET / HTTP/1.1\nhost: relay'

/** A stage that writes down when it is entered and left, and marks the reply. */
function passing(name: string, trail: string[]): Stage {
  return async (call, next) => {
    trail.push(`${name} in`)
    const reply = await next(call)
    trail.push(`${name} out`)
    reply.edits.set(fieldName(`x-${name}`), 'yes')
    return reply
  }
}

t.test('stages run outermost first around what sends, and come back innermost first', async (t) => {
  const trail: string[] = []
  const send: Next = async () => {
    trail.push('send')
    return new Reply(200, headOf('x-own: 1'), Body.of(none))
  }

  const reply = await compose([passing('outer', trail), passing('inner', trail)], send)(callOf(get))

  t.same(trail, ['outer in', 'inner in', 'send', 'inner out', 'outer out'])
  t.same(written(reply), ['x-own: 1', 'x-inner: yes', 'x-outer: yes'])
})

t.test('an informational head passes all stages while they wait for the reply', async (t) => {
  const trail: string[] = []
  const call = callOf(get)
  call.informed = { inform: (status, head) => void trail.push(`${status} ${head.value(0)}`) }
  const send: Next = async (call) => {
    call.informed?.inform(103, headOf('link: </a.css>'))
    call.informed?.inform(103, headOf('link: </b.css>'))
    return new Reply(200, null, Body.of(none))
  }

  await compose([passing('stage', trail)], send)(call)

  t.same(trail, ['stage in', '103 </a.css>', '103 </b.css>', 'stage out'])
})

t.test('a tunnel is a reply whose two bodies carry on raw, each by itself and each with its own end', async (t) => {
  const up = new FakeSink()
  const down = new FakeSink()
  const call = callOf('GET /socket HTTP/1.1\nhost: relay', { body: new Body(-1, new FakeSource()) })
  const fromOrigin = new Body(-1, new FakeSource())
  const send: Next = async () => new Reply(101, headOf('sec-websocket-accept: x'), fromOrigin, { uplink: up })

  const reply = await compose([passing('stage', [])], send)(call)
  reply.body.pipe(down)
  call.body.pipe(reply.uplink!)
  call.body.push(bytes('ping'), true)
  fromOrigin.push(bytes('pong'), true)
  call.body.finish(none)
  fromOrigin.push(bytes('bye'), true)

  t.ok(reply.isTunnel)
  t.same(written(reply), ['sec-websocket-accept: x', 'x-stage: yes'])
  t.same(up.told, ['ping', 'finish'])
  t.same(down.told, ['pong', 'bye'])
  t.same([call.body.end, reply.body.end], ['done', null])
})

t.test('a reply flows while its request still does: both directions in turn, each with its own trailers', async (t) => {
  const sent = new FakeSink()
  const received = new FakeSink()
  const call = callOf('POST /echo HTTP/1.1\nhost: relay', { body: new Body(-1, new FakeSource()) })
  const echo = new Body(-1, new FakeSource())
  const send: Next = async (call) => {
    call.body.pipe(sent)
    return new Reply(200, null, echo)
  }

  const reply = await compose([passing('stage', [])], send)(call)
  reply.body.pipe(received)
  for (const part of ['a', 'b', 'c']) {
    call.body.push(bytes(part), true)
    echo.push(bytes(part.toUpperCase()), true)
    t.same([sent.told.at(-1), received.told.at(-1)], [part, part.toUpperCase()])
  }
  echo.finish(bytes('x-down: 1\r\n'))
  t.equal(call.body.end, null, 'the request goes on behind a reply that is over')
  call.body.push(bytes('d'), true)
  call.body.finish(bytes('x-up: 2\r\n'))

  t.same(sent.told, ['a', 'b', 'c', 'd', 'finish x-up: 2\r\n'])
  t.same(received.told, ['A', 'B', 'C', 'finish x-down: 1\r\n'])
})

t.test('a stage can send a call again with its body from the start, while the body still comes', async (t) => {
  const attempts: FakeSink[] = []
  const retry: Stage = async (call, next) => {
    const replay = new Replay(call.body, 100)
    for (;;) {
      call.outgoing = replay.next()!
      try {
        return await next(call)
      } catch (error) {
        if (!replay.isReplayable) throw error
      }
    }
  }
  const send: Next = async (call) => {
    const sink = new FakeSink()
    attempts.push(sink)
    call.outgoing.pipe(sink)
    call.body.push(bytes(`part ${attempts.length} `), true)
    if (attempts.length === 1) throw new RelayError('upstream_failed', 'gone')
    return new Reply(200, null, Body.of(none))
  }
  const call = callOf('POST / HTTP/1.1\nhost: relay', { body: new Body(-1, new FakeSource()) })

  const reply = await compose([retry], send)(call)
  call.body.finish(none)

  t.equal(reply.status, 200)
  t.same(
    attempts.map((one) => one.told),
    [['part 1 '], ['part 1 ', 'part 2 ', 'finish']],
  )
})

/** A reply body that one origin after the other may feed: the first that says anything keeps it. */
class Promised implements Source, Sink {
  readonly body = new Body(-1, this)
  private from: Body | null = null
  private readonly call: Call
  private readonly origins: Next[]

  constructor(call: Call, origins: readonly Next[]) {
    this.call = call
    this.origins = [...origins]
  }

  async start(): Promise<void> {
    const origin = this.origins.shift()
    if (origin === undefined) return this.body.fail('upstream_failed', new RelayError('upstream_failed', 'no origin answered'))
    this.from = (await origin(this.call)).body
    if (this.body.end !== null) return this.from.cancel(this.body.end)
    this.from.pipe(this)
  }

  push(chunk: Buffer, isOwned: boolean): boolean {
    return this.body.push(chunk, isOwned)
  }

  finish(trailers: Buffer): void {
    this.body.finish(trailers)
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    if (this.body.received === 0) void this.start()
    else this.body.fail(end, error)
  }

  pause(): void {
    this.from?.pause()
  }

  resume(): void {
    this.from?.resume()
  }

  ended(end: BodyEnd): void {
    if (end === 'done') return
    if (this.from === null) this.call.cancel(end)
    else this.from.cancel(end)
  }
}

/** Replies 200 at once; what stands in it comes from whichever origin has something to say. */
function early(origins: readonly Next[]): Stage {
  return async (call) => {
    const promised = new Promised(call, origins)
    void promised.start()
    return new Reply(200, null, promised.body)
  }
}

t.test('a reply head can go out before it is known which origin feeds its body', async (t) => {
  const sink = new FakeSink()
  const first = new Body(-1, new FakeSource())
  const second = new Body(-1, new FakeSource())
  const asked = Promise.withResolvers<void>()
  const origins: Next[] = [
    async () => new Reply(200, null, first),
    async () => {
      asked.resolve()
      return new Reply(200, null, second)
    },
  ]

  const reply = await compose([early(origins)], origins[0]!)(callOf(get))
  reply.body.pipe(sink)
  await Promise.resolve()
  first.fail('upstream_failed', new RelayError('upstream_failed', 'gone'))
  await asked.promise
  second.push(bytes('from the second'), true)
  second.finish(bytes('x-sum: 1\r\n'))
  await Promise.resolve()

  t.equal(reply.status, 200)
  t.same(sink.told, ['from the second', 'finish x-sum: 1\r\n'])
  t.equal(reply.body.end, 'done')
})

t.test('who leaves behind such a head stops the origin that is under way', async (t) => {
  const stopped: BodyEnd[] = []
  const call = callOf(get)
  const never: Next = (call) => {
    call.work = { cancel: (end) => void stopped.push(end) }
    return new Promise(() => {})
  }

  const reply = await compose([early([never])], never)(call)
  reply.body.pipe(new FakeSink())
  reply.body.cancel('cancelled')

  t.same(stopped, ['cancelled'])
})

t.test('a call tells its end once, whoever settles it first', async (t) => {
  const call = callOf(get)
  const ends: string[] = []
  call.onEnd((_call, end) => ends.push(`first ${end}`))
  call.onEnd((_call, end) => ends.push(`second ${end}`))

  call.settle('timed_out')
  call.settle('done')

  t.equal(call.end, 'timed_out')
  t.same(ends, ['first timed_out', 'second timed_out'])
})
