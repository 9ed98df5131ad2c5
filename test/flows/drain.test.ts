import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, rawCall } from './caller.ts'
import { fleet } from './fleet.ts'
import { answer, origin } from './origin.ts'

const config = (url: string, drain: object, routes: object = {}): object => ({
  upstreams: { claude: { url, kind: 'claude' } },
  routes: { '/': 'claude', ...routes },
  drain,
})

t.test('SIGTERM under open streams: not ready, still accepting, every answer closes, streams end whole, exit 0', async (t) => {
  const { upstream, open, step, finish } = await fleet(t)
  const relay = await relayProcess(t, config(upstream.url, { delay: '1500ms' }))
  const ships = await open(relay.port, 20)
  const before = await relay.ready()

  relay.child.kill('SIGTERM')
  await relay.logged('drain: closing')
  const closing = await relay.ready()
  const [late] = await open(relay.port, 1)
  const { fields } = await late!.call.head
  await relay.logged('drain: draining')
  const draining = await relay.ready()
  const refused = await rawCall(relay.port, get('/')).reply.then(
    () => 'served',
    () => 'refused',
  )
  step()
  finish()

  t.equal(before.status, 200)
  t.match(closing, { status: 503, text: 'closing' })
  t.match(draining, { status: 503, text: 'draining' })
  t.equal(fields.get('connection'), 'close')
  t.equal(refused, 'refused')
  for (const { call, expected } of [...ships, late!]) t.match(await call.reply, { end: 'whole', body: expected })
  const { exit, out } = await relay.ended()
  t.equal(exit, 0)
  t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { is: 'stopped', exit: 0, cut: { calls: 0, streams: 0, unknown: 0 } })
})

t.test('a stream longer than its grace is cut in words of its own, a call gets its own grace; exit 3 with counts', async (t) => {
  const { upstream, open } = await fleet(t)
  const silent = await origin(t)
  const drain = { delay: 0, grace: '300ms', streamGrace: '900ms' }
  const relay = await relayProcess(t, config(upstream.url, drain, { silent: silent.url }))
  const ships = await open(relay.port, 5)
  const coming = silent.next()
  const waiting = rawCall(relay.port, get('/silent'))
  await coming

  relay.child.kill('SIGTERM')
  const told = await waiting.reply

  t.equal(told.status, 503)
  t.match(
    told.fields,
    new Map([
      ['connection', 'close'],
      ['x-should-retry', 'true'],
    ]),
  )
  for (const { call, expected } of ships) {
    const { body, end } = await call.reply
    const first = expected.subarray(0, body.indexOf('event: error'))
    t.equal(end, 'cut')
    t.strictSame(body.subarray(0, first.length), first)
    t.match(
      body.subarray(first.length).toString(),
      /^event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error","message":".*"\},"request_id":"req_\w+"\}\n\n$/,
    )
  }
  const { exit, out } = await relay.ended()
  t.equal(exit, 3)
  t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { is: 'stopped', exit: 3, cut: { calls: 1, streams: 5, unknown: 0 } })
})

t.test('a second signal cuts at once what a drain would wait for', async (t) => {
  const { upstream, open } = await fleet(t)
  const relay = await relayProcess(t, config(upstream.url, { delay: '60s' }))
  const ships = await open(relay.port, 5)

  relay.child.kill('SIGTERM')
  await relay.logged('drain: closing')
  relay.child.kill('SIGTERM')

  for (const { call } of ships) t.equal((await call.reply).end, 'cut')
  t.equal((await relay.ended()).exit, 3)
})

t.test('a connection that waits for its next call is closed by a drain, and so is one whose call ends in it', async (t) => {
  const silent = await origin(t)
  const relay = await relayProcess(t, config(silent.url, { delay: 0 }))
  const idle = await connected(relay.port)
  const coming = silent.next()
  const busy = rawCall(relay.port, get('/v1/models'))
  const { socket } = await coming

  relay.child.kill('SIGTERM')
  await once(idle, 'end')
  socket.write(answer(200, '{}'))

  t.match(await busy.reply, { status: 200, end: 'whole' })
  t.equal((await relay.ended()).exit, 0)
})

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket.resume()
}
