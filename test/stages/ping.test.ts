import t from 'tap'
import { Body } from '../../src/engine/body.ts'
import { Reply } from '../../src/engine/call.ts'
import type { Timed } from '../../src/engine/sweep.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { ping } from '../../src/stages/ping.ts'
import { callOf, FakeSink, headOf } from '../engine/shapes.ts'

/** A sweep whose time is the test's. */
class HandSweep extends Sweep {
  readonly standing = new Set<Timed>()

  override add(timed: Timed): void {
    this.standing.add(timed)
  }

  override remove(timed: Timed): void {
    this.standing.delete(timed)
  }

  pass(ms: number): void {
    this.now += ms
    for (const timed of this.standing) if (timed.deadline < this.now) timed.expire(this.now)
  }
}

interface Pinged {
  readonly sweep: HandSweep
  readonly body: Body
  readonly sink: FakeSink
}

async function pinged(fields: string, status = 200): Promise<Pinged> {
  const sweep = new HandSweep()
  const body = new Body(-1, null)
  const reply = await ping(1000, sweep)(callOf('POST / HTTP/1.1\nhost: r'), async () => new Reply(status, headOf(fields), body))
  const sink = new FakeSink()
  reply.body.pipe(sink)
  return { sweep, body, sink }
}

const stream = 'content-type: text/event-stream'
const event = 'event: a\ndata: {}\n\n'

t.test('a ping goes into every silence between two events, and only then', async (t) => {
  const { sweep, body, sink } = await pinged(stream)
  body.push(Buffer.from(event), true)

  sweep.pass(900)
  body.push(Buffer.from(event), true)
  sweep.pass(900)
  t.equal(sink.text, event + event)
  sweep.pass(200)
  sweep.pass(1100)

  t.match(sink.text.slice(2 * event.length), /^event: ping\ndata: .*\n\nevent: ping\ndata: .*\n\n$/)
})

t.test('within an event no ping is written, however long it takes', async (t) => {
  const { sweep, body, sink } = await pinged(stream)
  body.push(Buffer.from('event: a\ndata: {'), true)
  for (let k = 0; k < 5; k++) sweep.pass(1100)
  t.notMatch(sink.text, 'ping')

  body.push(Buffer.from('}\n\n'), true)
  sweep.pass(1100)

  t.match(sink.text, /^event: a\ndata: \{\}\n\nevent: ping\n/)
})

t.test('a stream that has not begun is pinged too', async (t) => {
  const { sweep, sink } = await pinged(stream)

  sweep.pass(1100)

  t.match(sink.text, /^event: ping\n/)
})

t.test('what is no plain event stream is left alone', async (t) => {
  for (const [fields, status] of [
    ['content-type: application/json', 200],
    [`${stream}\ncontent-encoding: gzip`, 200],
    [stream, 500],
  ] as const) {
    const { sweep } = await pinged(fields, status)
    t.equal(sweep.standing.size, 0, `${fields} ${status}`)
  }
})

t.test('the end of the stream ends its pings', async (t) => {
  for (const end of ['done', 'cancelled'] as const) {
    const { sweep, body, sink } = await pinged(stream)
    if (end === 'done') body.finish(Buffer.alloc(0))
    else body.cancel(end)

    sweep.pass(5000)

    t.equal(sweep.standing.size, 0)
    t.equal(sink.text, '')
  }
})
