import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { home, relay, started, type RunningRelay } from '../helpers/cli.ts'

function config(drain: string): string {
  return `listen: 127.0.0.1:0\nworkers: 2\ndrain: ${drain}\nroutes: { /: http://127.0.0.1:9 }\n`
}

async function world(t: Parameters<typeof home>[0], drain: string) {
  const place = home(t)
  place.write('relay.config.yaml', config(drain))
  return { place, running: await started(t, place) }
}

t.test('SIGTERM turns readiness off at once and goes on accepting for the delay', async (t) => {
  const { running } = await world(t, '{ delay: 60s }')
  const before = await ready(running)

  running.child.kill('SIGTERM')
  await running.logged('drain: closing')

  t.same([before, await ready(running)], [200, 503])
  const reply = await fetch(running.url)
  t.equal(reply.headers.get('connection'), 'close')
  running.child.kill('SIGTERM')
  t.equal((await running.ended()).exit, 0)
})

t.test('SIGINT does not wait for the delay, and ends with 0 when nothing was open', async (t) => {
  const { running } = await world(t, '{ delay: 60s }')

  running.child.kill('SIGINT')

  const { exit, out } = await running.ended()
  t.equal(exit, 0)
  t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { is: 'stopped', exit: 0, cut: { calls: 0, streams: 0 } })
})

t.test('a stream that outlives its grace is cut, counted, and the exit code is 3', async (t) => {
  const { running } = await world(t, '{ delay: 0, grace: 0, streamGrace: 50ms }')
  const stream = await open(running)

  running.child.kill('SIGTERM')

  const { exit, out } = await running.ended()
  t.equal(exit, 3)
  t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { is: 'stopped', cut: { streams: 1, unknown: 0 } })
  t.ok(stream.destroyed || (await once(stream, 'close')))
})

t.test('a stream that ends within its grace is not cut', async (t) => {
  const { running } = await world(t, '{ delay: 0, grace: 0, streamGrace: 60s }')
  const stream = await open(running)
  running.child.kill('SIGTERM')
  await running.logged('drain: draining')

  stream.destroy()

  t.equal((await running.ended()).exit, 0)
})

t.test('a second signal cuts now', async (t) => {
  const { running } = await world(t, '{ delay: 0, grace: 60s, streamGrace: 60s }')
  await open(running)
  await open(running)
  running.child.kill('SIGTERM')
  await running.logged('drain: draining')

  running.child.kill('SIGINT')

  const { exit, out } = await running.ended()
  t.equal(exit, 3)
  t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { cut: { streams: 2 } })
})

t.test('relay stop waits for the end, tells the steps and takes over the exit code', async (t) => {
  const { place, running } = await world(t, '{ delay: 0, grace: 0, streamGrace: 50ms }')
  await open(running)

  const ran = await relay(place, 'stop')

  t.equal(ran.exit, 3)
  t.match(ran.out, /^closing.*\ndraining: 1 connections.*\n/)
  t.match(ran.out, 'stopped, cut 0 calls and 1 streams')
  t.equal((await running.ended()).exit, 3)
})

t.test('relay stop --now cuts a drain short that somebody else began', async (t) => {
  const { place, running } = await world(t, '{ delay: 0, grace: 60s, streamGrace: 60s }')
  await open(running)
  running.child.kill('SIGTERM')
  await running.logged('drain: draining')

  const ran = await relay(place, 'stop', '--now', '--json')

  t.match(JSON.parse(ran.out), { is: 'stopped', exit: 3, cut: { streams: 1 } })
  t.equal((await running.ended()).exit, 3)
})

t.test('a new connection is refused once the listeners are closed', async (t) => {
  const { running } = await world(t, '{ delay: 0, grace: 60s, streamGrace: 60s }')
  await open(running)
  running.child.kill('SIGTERM')
  await running.logged('drain: draining')

  await t.rejects(fetch(running.url))
})

async function open({ port }: RunningRelay): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.write('GET /stream HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(socket, 'data')
  return socket.resume()
}

async function ready({ status }: RunningRelay): Promise<number> {
  return (await fetch(`http://127.0.0.1:${status.admin?.port}/readyz`)).status
}
