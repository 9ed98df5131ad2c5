import t from 'tap'
import { keepAliveSeconds } from '../../src/protocol/keep-alive.ts'
import { bench, get, handOrigin } from './helpers.ts'
import { headOf } from './shapes.ts'

const hints: readonly (readonly [string, number])[] = [
  ['Keep-Alive: timeout=5', 5],
  ['Keep-Alive: timeout=5, max=100', 5],
  ['Keep-Alive: max=100, timeout=75', 75],
  ['keep-alive: max=100,TIMEOUT=75', 75],
  ['Keep-Alive: max=1;\ttimeout=9', 9],
  ['Keep-Alive: timeout=0', 0],
  ['Keep-Alive: timeout=7 , max=1', 7],
  ['X-Other: timeout=5', Infinity],
  ['Keep-Alive: 300', Infinity],
  ['Keep-Alive: timeout=', Infinity],
  ['Keep-Alive: timeout=-5', Infinity],
  ['Keep-Alive: timeout=5s', Infinity],
  ['Keep-Alive: timeout=12345678', Infinity],
  ['Keep-Alive: mytimeout=5', Infinity],
  ['Keep-Alive:', Infinity],
]
for (const [line, seconds] of hints) {
  t.test(`${JSON.stringify(line)} means ${seconds} seconds`, async (t) => {
    t.equal(keepAliveSeconds(headOf(line)), seconds)
  })
}

const replyWith = (hint: string): string => `HTTP/1.1 200 OK\r\n${hint}Content-Length: 2\r\n\r\nok`

t.test('an idle connection is closed a second before its server says that it would close it', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port })
  const caller = await call(get)
  const connection = await origin.called()
  const from = performance.now()

  await connection.send(replyWith('Keep-Alive: timeout=2\r\n'))
  await caller.answers(1)
  await connection.ended()

  t.ok(performance.now() - from < 2000, `after ${performance.now() - from} ms`)
  t.notOk(connection.isReset)
})

t.test('a server that keeps its connections for a second at most gets one call on each', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port })
  const caller = await call(get, get)
  const first = await origin.called()

  await first.send(replyWith('Keep-Alive: timeout=1\r\n'))
  await (await origin.called(1)).send(replyWith(''))
  await caller.answers(2)

  t.equal(first.received.split('GET ').length, 2)
  t.equal(told.opened, 2)
})

t.test('the hint is for its own reply: one without it goes back to the idle time of the config', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port, pool: { idleMs: 60_000 } })
  const caller = await call(get)
  const connection = await origin.called()
  await connection.send(replyWith('Keep-Alive: timeout=1000\r\n'))
  await caller.answers(1)
  await caller.send(get)
  await connection.until(() => connection.received.split('GET ').length === 3)

  await connection.send(replyWith(''))
  await caller.answers(2)
  await watched.until(() => told.idle === 1)

  t.match(told, { open: 1, opened: 1 })
})

t.test('an idle connection is closed after the idle time of the config, whatever longer time the server offers', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port, pool: { idleMs: 60 } })
  const caller = await call(get)

  await (await origin.called()).send(replyWith('Keep-Alive: timeout=600\r\n'))
  await caller.answers(1)
  await watched.until(() => told.open === 0)

  t.equal(told.opened, 1)
})
