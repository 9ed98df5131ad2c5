import t from 'tap'
import type { Call, Stage } from '../../src/engine/call.ts'
import { awaitFor, hold } from '../../src/engine/hold.ts'
import { until } from '../flows/until.ts'
import type { RawClient } from '../helpers/raw.ts'
import { bench, get, handOrigin, type Bench, type BenchOptions, type HandOrigin } from './helpers.ts'
import { callOf } from './shapes.ts'

interface Scene extends Bench {
  readonly origin: HandOrigin
  /** The calls that wait, each with what lets it go on. */
  readonly waiting: Map<Call, () => void>
  /** How many were taken out of the wait before they could go on. */
  readonly forgotten: () => number
}

/** A stage in front of the upstream keeps every call until the test lets it go on. */
async function scene(t: Parameters<typeof bench>[0], options: Partial<BenchOptions> = {}): Promise<Scene> {
  const origin = await handOrigin(t)
  const waiting = new Map<Call, () => void>()
  let forgotten = 0
  const wait: Stage = async (call, next) => {
    await hold<undefined>(call, (done) => {
      waiting.set(call, () => done(undefined))
      return () => {
        waiting.delete(call)
        forgotten++
      }
    })
    waiting.delete(call)
    return next(call)
  }
  return { ...(await bench(t, { port: origin.port, ...options, stages: [wait] })), origin, waiting, forgotten: () => forgotten }
}

const upload = (length: number) => `POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: ${length}\r\n\r\n`
const ways = { 'a FIN': (caller: RawClient) => void caller.socket.end(), 'a reset': (caller: RawClient) => caller.reset() }

for (const [way, leave] of Object.entries(ways)) {
  for (const [what, pieces] of Object.entries({
    'nothing to send': [get],
    'all sent': [upload(5), 'hello'],
    'half sent': [upload(9), 'hello'],
  })) {
    t.test(`who leaves with ${way} and ${what}, while a stage keeps its call, ends it at once: nothing goes upstream`, async (t) => {
      const { call, waiting, forgotten, ended, watched, origin, world } = await scene(t)
      const caller = await call(...pieces)
      await until(() => waiting.size === 1)

      leave(caller)
      await watched.until(() => ended.length === 1)

      t.match(ended, [{ end: 'cancelled' }])
      t.equal(waiting.size, 0)
      t.equal(forgotten(), 1)
      t.equal(origin.connections.length, 0)
      t.same(world.bugs, [])
    })
  }
}

t.test('a call that is kept for longer than every wait of its caller and upstream goes on as if nothing had been', async (t) => {
  const { call, waiting, origin, ended, watched } = await scene(t, {
    limits: { bodyMs: 100, idleMs: 100, headMs: 100, writeMs: 100 },
    firstByteMs: 300,
    idleMs: 300,
  })
  const caller = await call(upload(5), 'hello')
  await until(() => waiting.size === 1)
  const from = performance.now()
  await until(() => performance.now() - from > 600)

  for (const goOn of waiting.values()) goOn()
  const connection = await origin.called()
  await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await caller.answers(1)
  await watched.until(() => ended.length === 1)

  t.match(ended, [{ end: 'done', status: 200 }])
})

t.test('of a large body no more than a little is taken in while its call is kept, and no clock runs against its caller', async (t) => {
  const { call, waiting, world, origin, ended } = await scene(t, { limits: { bodyMs: 200 } })
  const size = 20_000_000
  const caller = await call(upload(size))
  await until(() => waiting.size === 1)
  const sent = new Promise((resolve) => caller.socket.write(Buffer.alloc(size, 'x'), resolve))
  const [held] = world.underWay
  await until(() => held!.body.received >= 65_536)
  const from = performance.now()
  await until(() => performance.now() - from > 500)

  t.ok(held!.body.received < 200_000, `${held!.body.received} bytes`)
  t.equal(ended.length, 0)
  for (const goOn of waiting.values()) goOn()
  const connection = await origin.called()
  await sent
  await until(() => connection.received.length > size)
  await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await caller.answers(1)
})

t.test('a caller whose body stops coming is timed out while its call is kept', async (t) => {
  const { call, waiting, ended, watched, forgotten } = await scene(t, { limits: { bodyMs: 100 } })
  const caller = await call(upload(9), 'hello')
  await until(() => waiting.size === 1)

  await watched.until(() => ended.length === 1)
  await caller.answers(1)

  t.match(caller.received, /^HTTP\/1.1 408 /)
  t.match(ended, [{ failure: 'slow_caller' }])
  t.equal(forgotten(), 1)
})

t.test('a call that is kept when relay shuts down is told so', async (t) => {
  const { call, waiting, world, ended, watched, forgotten } = await scene(t)
  const caller = await call(get)
  await until(() => waiting.size === 1)

  t.equal(
    world.server.cut(() => true),
    1,
  )
  await watched.until(() => ended.length === 1)
  await caller.answers(1)

  t.match(caller.received, /^HTTP\/1.1 503 /)
  t.equal(forgotten(), 1)
})

t.test('a wait for a promise is over when the call is, and what the promise brings finds nobody', async (t) => {
  const call = callOf('GET / HTTP/1.1\nhost: a')
  const answer = Promise.withResolvers<number>()
  const waited = awaitFor(call, answer.promise)

  call.cancel('cancelled')
  answer.resolve(1)

  await t.rejects(waited, { message: 'the caller left' })
  t.equal(call.work, null)
  const other = callOf('GET / HTTP/1.1\nhost: a')
  t.equal(await awaitFor(other, Promise.resolve(2)), 2)
  await t.rejects(awaitFor(other, Promise.reject(new Error('no'))), { message: 'no' })
  t.equal(other.work, null)
})

t.test('what fails for a call that has ended already fails nobody else', async (t) => {
  const unhandled: unknown[] = []
  const hear = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', hear)
  t.teardown(() => process.off('unhandledRejection', hear))
  const call = callOf('GET / HTTP/1.1\nhost: a')
  call.settle('cancelled')

  await t.rejects(awaitFor(call, Promise.reject(new Error('nobody waits for this'))), { message: 'the caller left' })
  await new Promise(setImmediate)

  t.same(unhandled, [])
})

t.test('a wait within a wait ends with it', async (t) => {
  const call = callOf('GET / HTTP/1.1\nhost: a')
  let forgotten = 0
  const inner = hold(call, () => () => forgotten++)
  const outer = awaitFor(call, inner)

  call.cancel('drained')

  await Promise.all([t.rejects(inner, { message: 'relay is shutting down' }), t.rejects(outer, { message: 'relay is shutting down' })])
  t.equal(forgotten, 1)
})

t.test('a call that has ended cannot be kept, and tells who asks for its end so at once', async (t) => {
  const call = callOf('GET / HTTP/1.1\nhost: a')
  call.settle('cancelled')
  const ends: string[] = []

  call.onEnd((_call, end) => ends.push(end))

  t.same(ends, ['cancelled'])
  await t.rejects(
    hold(call, () => t.fail('it was begun') as never),
    { message: 'the caller left' },
  )
})
