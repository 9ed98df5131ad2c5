import { connect } from 'node:net'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import t from 'tap'
import { home, relay, started } from '../helpers/cli.ts'

const modes = ['handover', 'reusePort'] as const

function config(accept: string, listen: string, more = ''): string {
  return `listen: ${listen}\naccept: ${accept}\nworkers: 2\nadmin: false\ndrain: { delay: 0 }\n${more}routes:\n  /: http://127.0.0.1:9\n`
}

for (const accept of modes) {
  t.test(`port 0 becomes one port that both workers serve (${accept})`, async (t) => {
    const place = home(t)
    place.write('relay.config.yaml', config(accept, '127.0.0.1:0'))

    const { url, status } = await started(t, place)

    t.equal(status.accept, accept)
    t.not(status.listeners[0]?.port, 0)
    const answers = await Promise.all(Array.from({ length: 40 }, () => who(url)))
    t.same(
      [...new Set(answers)].sort((a, b) => a - b),
      [0, 1],
    )
  })

  for (const second of modes) {
    t.test(`a second start on the port of a running relay fails and names the port (${accept}, then ${second})`, async (t) => {
      const place = home(t)
      place.write('relay.config.yaml', config(accept, '127.0.0.1:0'))
      const first = await started(t, place)
      place.write('second.yaml', config(second, `127.0.0.1:${first.port}`))

      const ran = await relay(place, 'start', '--config', 'second.yaml')

      t.equal(ran.exit, 2)
      t.match(ran.err, `address in use: another process listens on 127.0.0.1:${first.port}`)
      t.notMatch(ran.err, /at .*\.ts:/)
      t.type(await who(first.url), 'number')
    })
  }
}

t.test('of two starts at the same moment on one shared port exactly one runs', async (t) => {
  const place = home(t)
  const port = await freePort()
  for (const name of ['a.yaml', 'b.yaml']) place.write(name, config('reusePort', `127.0.0.1:${port}`))

  const both = await Promise.allSettled(['a.yaml', 'b.yaml'].map((name) => started(t, place, '--config', name)))

  t.same(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

t.test('a second start with the same config is told that the first runs', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', config('handover', '127.0.0.1:0'))
  await started(t, place)

  const ran = await relay(place, 'start')

  t.equal(ran.exit, 2)
  t.match(ran.err, 'a relay runs already with this configuration')
})

t.test('the control socket is for its owner alone, and a dead one is replaced', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', config('handover', '127.0.0.1:0'))
  const first = await started(t, place)
  const { control } = first.status
  const modes = [statSync(control).mode & 0o777, statSync(dirname(control)).mode & 0o777]
  first.child.kill('SIGKILL')
  await first.ended()

  const second = await started(t, place)

  t.same(modes, [0o600, 0o700])
  t.equal(second.status.control, control)
  t.equal((await relay(place, 'status', '--json')).exit, 0)
})

t.test('a start without the Redis that its tenants are in fails and says so', async (t) => {
  const place = home(t)
  const redis = `redis: redis://127.0.0.1:${await freePort()}\ntenantsFrom: redis\nledger: false\n`
  place.write('relay.config.yaml', config('reusePort', '127.0.0.1:0', redis))

  const ran = await relay(place, 'start')

  t.equal(ran.exit, 1)
  t.match(ran.err, /error: the tenants cannot be read from Redis: .*start Redis, or correct `redis`/)
})

t.test('relay starts with an empty environment', async (t) => {
  const place = { ...home(t), env: {} }

  const running = await started(t, place, '--upstream', 'builtin:claude', '--listen', '127.0.0.1:0')

  t.match(running.status.control, /relay-\d+\/[0-9a-f]{16}\.sock$/)
  running.child.kill('SIGINT')
  t.equal((await running.ended()).exit, 0)
})

t.test('where the platform has neither way to share, one worker serves alone', async (t) => {
  const { startRelay } = await import('../../src/relay/relay.ts')
  const place = home(t)
  const flags = { upstream: 'http://127.0.0.1:9', listen: '127.0.0.1:0' }
  const relay = await startRelay({
    source: { is: 'flags', flags },
    env: place.env,
    version: '0',
    worker: { file: new URL('../helpers/fake-worker.ts', import.meta.url) },
    workers: 4,
    admin: null,
    control: place.path('control.sock'),
    heapMb: null,
    platform: { handover: false, reusePort: false },
  })
  const { accept, workers, listeners } = relay.status()

  const worker = await who(`http://127.0.0.1:${listeners[0]?.port}`)

  t.same([accept, workers.length, worker], ['alone', 1, 0])
  relay.stop(0)
  t.equal((await relay.ended).exit, 0)
})

async function who(url: string): Promise<number> {
  const reply = await fetch(url, { headers: { connection: 'close' } })
  return ((await reply.json()) as { worker: number }).worker
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

t.test('connections beyond the bound are closed at once, those within it go on', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', config('handover', '127.0.0.1:0', 'bounds: { connections: 2 }\n'))
  const { port } = await started(t, place)
  const open = [await opened(port), await opened(port)]

  const third = connect(port, '127.0.0.1')
  await new Promise((resolve) => third.on('error', resolve).on('close', resolve))

  t.same(
    open.map((socket) => socket.destroyed),
    [false, false],
  )
  for (const socket of open) socket.destroy()
})

/** A connection that a worker has taken: it answers on it. */
async function opened(port: number) {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await new Promise((resolve) => socket.once('data', resolve))
  return socket
}
