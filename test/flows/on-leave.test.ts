import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import type { BodyEnd } from '../../src/base/ends.ts'
import type { Used } from '../../src/base/tokens.ts'
import { fakeClaude } from '../../src/claude/fake/fake.ts'
import type { Call, Stage } from '../../src/engine/call.ts'
import { meter } from '../../src/stages/meter.ts'
import { drainOnLeave } from '../../src/stages/on-leave.ts'
import { bench, handOrigin, type Bench, type BenchOptions } from '../engine/helpers.ts'
import type { RawClient } from '../helpers/raw.ts'
import { until } from './until.ts'

const fake = fakeClaude()
const { port } = await fake.listen()
t.teardown(() => fake.close())

interface Settled {
  readonly end: BodyEnd
  readonly tokens: Used | null
  readonly bytesOut: number
}

interface Scene extends Bench {
  readonly settled: readonly Settled[]
}

type Scope = Parameters<typeof bench>[0]

async function scene(t: Scope, onLeave: 'drain' | 'cancel', options: Partial<BenchOptions> = {}): Promise<Scene> {
  const settled: Settled[] = []
  const record: Stage = (call, next) => {
    call.onEnd(({ tokens, bytesOut }: Call, end) => {
      settled.push({ end, tokens, bytesOut })
      made.watched.changed()
    })
    return next(call)
  }
  const stages = [record, ...(onLeave === 'drain' ? [drainOnLeave()] : []), meter({ asksIdentity: false })]
  const made = await bench(t, { port, ...options, stages })
  return { ...made, settled }
}

function ask(text: string, isStream = true): string {
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 500, stream: isStream, messages: [{ role: 'user', content: text }] })
  const lines = ['host: a', 'x-api-key: k', 'anthropic-version: 2023-06-01', `content-length: ${body.length}`]
  return `POST /v1/messages HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

const ways = { 'a FIN': (caller: RawClient) => void caller.socket.end(), 'a reset': (caller: RawClient) => caller.reset() }
const text = '[tokens 40] [pace 2ms] hello'

/** Calls under way that an upstream has had. */
function sent({ underWay }: Bench['world']): number {
  return [...underWay].filter(({ attempts }) => attempts > 0).length
}

/** Where a caller may leave: when it has this text. */
const moments = ['HTTP/1.1 200', 'message_start', 'content_block_start', 'event: ping', 'content_block_delta']

for (const [way, leave] of Object.entries(ways)) {
  for (const moment of moments) {
    t.test(`with drain, who leaves with ${way} at ${moment} has its usage counted exactly, once`, async (t) => {
      const { call, watched, settled, isQuiet, told, world } = await scene(t, 'drain')
      const stays = await call(ask(text))
      await watched.until(() => settled.length === 1)
      stays.socket.destroy()

      const leaves = await call(ask(text))
      await leaves.until(() => leaves.received.includes(moment))
      leave(leaves)
      await watched.until(() => settled.length === 2)

      t.match(settled, [{ end: 'done' }, { end: 'cancelled' }])
      t.same(settled[1]?.tokens, settled[0]?.tokens)
      t.match(settled[1]?.tokens, { output: 40, estimated: false })
      t.ok(isQuiet())
      t.equal(told.idle, 1, 'its connection is good for another call')
      t.same(world.bugs, [])
    })

    t.test(`with cancel, who leaves with ${way} at ${moment} has its usage estimated`, async (t) => {
      const { call, watched, settled, told } = await scene(t, 'cancel')
      const leaves = await call(ask('[tokens 400] [pace 20ms] hello'))
      await leaves.until(() => leaves.received.includes(moment))

      leave(leaves)
      await watched.until(() => settled.length === 1 && told.open === 0)

      t.match(settled, [{ end: 'cancelled' }])
      const { tokens } = settled[0]!
      if (tokens !== null) t.ok(tokens.estimated && tokens.output < 400, JSON.stringify(tokens))
    })
  }

  for (const isStream of [true, false]) {
    t.test(
      `with drain, who leaves with ${way} before the head of a ${isStream ? 'stream' : 'message'} has its usage counted all the same`,
      async (t) => {
        const { call, watched, settled, world } = await scene(t, 'drain')
        const leaves = await call(ask('[delay 150ms] [tokens 7]', isStream))
        await until(() => sent(world) === 1)

        leave(leaves)
        await watched.until(() => settled.length === 1)

        t.match(settled, [{ end: 'cancelled', bytesOut: 0, tokens: { output: 7, estimated: false } }])
        await world.server.empty()
      },
    )
  }
}

t.test('with drain, a caller that does not read, and then leaves, no longer holds up its reply', async (t) => {
  const origin = await handOrigin(t)
  const { call, watched, settled } = await scene(t, 'drain', { port: origin.port })
  const leaves = await call(ask('hi'))
  leaves.socket.pause()
  const connection = await origin.called()
  const size = 64_000_000
  connection.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
  const isTaken = new Promise((resolve) => connection.socket.write(Buffer.alloc(size), resolve))
  // Until the buffers on the way are full nothing has to wait.
  let read = -1
  while (read !== connection.socket.bytesWritten - connection.socket.writableLength) {
    read = connection.socket.bytesWritten - connection.socket.writableLength
    await wait(100)
  }

  leaves.reset()
  await isTaken
  await watched.until(() => settled.length === 1)

  t.match(settled, [{ end: 'cancelled' }])
  t.ok(settled[0]!.bytesOut < size)
})

t.test('with drain, what has not been sent whole is cancelled at once: an upload, and a call that waits for a connection', async (t) => {
  const origin = await handOrigin(t)
  const { call, watched, settled, told } = await scene(t, 'drain', { port: origin.port, pool: { connections: 1 } })
  const upload = await call('POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\nhalf')
  await origin.called()
  const waits = await call(ask('hi'))
  await watched.until(() => told.waiting === 1)

  waits.reset()
  await watched.until(() => settled.length === 1)
  upload.reset()
  await watched.until(() => settled.length === 2 && told.open === 0)

  t.match(settled, [
    { end: 'cancelled', tokens: null },
    { end: 'cancelled', tokens: null },
  ])
})

t.test('with drain, an upstream that falls silent is given up after its idle time', async (t) => {
  const origin = await handOrigin(t)
  const { call, watched, settled } = await scene(t, 'drain', { port: origin.port, idleMs: 100 })
  const leaves = await call(ask('hi'))
  const connection = await origin.called()
  await connection.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\n: hi\n\r\n')
  await leaves.until(() => leaves.received.includes(': hi'))

  leaves.reset()
  await connection.ended()
  await watched.until(() => settled.length === 1)

  t.match(settled, [{ end: 'cancelled', tokens: null }])
})

t.test('with drain, relay itself waits for such replies when it drains, and cuts them when their time is over', async (t) => {
  const origin = await handOrigin(t)
  const { call, settled, world } = await scene(t, 'drain', { port: origin.port })
  const callers = [await call(ask('before the head')), await call(ask('in the stream'))]
  const streaming = await origin.called(1)
  await origin.called(0)
  await streaming.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\n: hi\n\r\n')
  await until(() => callers.some((caller) => caller.received.includes(': hi')))
  for (const caller of callers) caller.reset()
  await until(() => world.server.size === 0)
  let isEmpty = false
  const empty = world.server.empty().then(() => (isEmpty = true))
  t.notOk(isEmpty)
  t.equal(settled.length, 0)

  t.equal(
    world.server.cut(() => true),
    2,
  )
  await empty

  t.match(settled, [{ end: 'cancelled' }, { end: 'cancelled' }])
  t.same(world.bugs, [])
})

t.test('with drain, a bounded number of replies is read on: beyond, who leaves is cancelled as without', async (t) => {
  const origin = await handOrigin(t)
  const { call, watched, settled, world } = await scene(t, 'drain', { port: origin.port, pool: { connections: 400 } })
  const callers = await Promise.all(Array.from({ length: 260 }, () => call(ask('hi'))))
  await until(() => sent(world) === 260)

  for (const caller of callers) caller.reset()
  await until(() => world.server.size === 0 && settled.length === 4)

  t.equal(world.underWay.size, 256)
  world.server.destroy()
  await watched.until(() => settled.length === 260)
  await world.server.empty()
})
