import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { streamHead } from './origin.ts'
import { until } from './until.ts'

const calls = 100_000
const lanes = 64

/** What becomes of a call, by the second letter of its path: a third of all goes wrong, on either side. */
const fates = ['/ok', '/ok', '/late', '/ok', '/ok', '/stream', '/ok', '/ok', '/reset', '/ok', '/ok', '/mute'] as const
type Fate = (typeof fates)[number]

const end = '"end"}'
const whole = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${end.length + 1}\r\n\r\n{${end}`)
const first = Buffer.from(`${streamHead}9\r\ndata: 1\n\n\r\n`)
const half = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it')
const requests = new Map(fates.map((fate) => [fate, Buffer.from(`POST ${fate} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12345`)]))

t.test(`${calls} calls, a third of them aborted or reset on either side, leave nothing behind`, async (t) => {
  const { port, open, close } = await briefOrigin()
  t.teardown(close)
  const relay = await relayProcess(t, {
    upstreams: { claude: { url: `http://127.0.0.1:${port}`, kind: 'claude', pool: { idle: '2s' } } },
    routes: { '/': 'claude' },
    log: { access: false },
  })
  await relay.metric('relay_open_connections')
  const before = relay.sockets()
  let left = calls
  const next = (): Fate | null => (left-- > 0 ? fates[left % fates.length]! : null)

  await Promise.all(Array.from({ length: lanes }, () => lane(relay.port, next)))

  for (const name of ['relay_active_calls', 'relay_open_streams', 'relay_open_connections', 'relay_pool_waiting'])
    await until(async () => (await relay.metric(name)) === 0, 50)
  await until(() => open() === 0, 50)
  await until(async () => (await relay.metric('relay_pool_connections')) === 0, 50)
  await until(() => relay.sockets() <= before, 50)
  const total = await relay.metric('relay_calls_total')
  // A caller may have left so soon that nobody saw its call.
  t.ok(total <= calls && total > calls - calls / 12, `${total} calls were seen`)
  const ends = await Promise.all(
    ['done', 'cancelled', 'upstream_failed'].map((name) => relay.metric('relay_call_ends_total', `end="${name}"`)),
  )
  t.equal(
    ends.reduce((sum, count) => sum + count, 0),
    total,
  )
  t.ok((ends[0] ?? 0) >= (calls / 12) * 8 - lanes)
  relay.child.kill('SIGINT')
  t.equal((await relay.ended()).exit, 0)
})

/** Answers at once, as the path says; a call comes in one piece here. */
async function briefOrigin(): Promise<{ readonly port: number; readonly open: () => number; readonly close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      const fate = bytes.toString('latin1', 5, bytes.indexOf(' ', 5)) as Fate
      if (fate === '/ok') socket.write(whole)
      else if (fate === '/stream') socket.write(first)
      else if (fate === '/reset') socket.write(half, () => socket.resetAndDestroy())
      else if (fate === '/mute') socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: (server.address() as AddressInfo).port, open: () => sockets.size, close }
}

/** One caller: call after call on a connection, on a new one where the last broke off. */
async function lane(port: number, next: () => Fate | null): Promise<void> {
  let socket: Socket | null = null
  for (let fate = next(); fate !== null; fate = next()) {
    socket ??= connect({ port, host: '127.0.0.1', noDelay: true })
    if (!(await survives(socket, fate))) socket = null
  }
  socket?.end()
}

/** Whether the connection can carry another call. */
async function survives(socket: Socket, fate: Fate): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = ''
    const done = (isOpen: boolean): void => {
      socket.removeAllListeners()
      socket.on('error', () => undefined)
      if (!isOpen) socket.resetAndDestroy()
      resolve(isOpen)
    }
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      if (fate === '/stream' && answer.includes('data: 1')) done(false)
      else if (fate === '/ok' && answer.endsWith(end)) done(true)
      // What the upstream did not answer relay does, and its own answers end like this.
      else if (fate === '/mute' && answer.endsWith('"}')) done(true)
    })
    socket.on('end', () => done(false))
    socket.on('error', () => done(false))
    socket.on('close', () => done(false))
    const request = requests.get(fate)!
    if (fate === '/late') socket.write(request, () => setImmediate(done, false))
    else socket.write(request)
  })
}
