import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket as WsClient, WebSocketServer, type ServerOptions, type RawData } from 'ws'
import { upgrade } from '../../src/stages/upgrade.ts'
import { selfSigned } from '../helpers/certificate.ts'
import { bench, type Bench } from './helpers.ts'
import { secureDoor } from './tunnel-world.ts'

interface Scope {
  teardown(end: () => Promise<void>): void
}

interface Sockets extends Bench {
  readonly server: WebSocketServer
  readonly url: string
}

/** A WebSocket server behind the engine; it says what it hears. */
async function sockets(t: Scope, options: ServerOptions = {}): Promise<Sockets> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
  await once(server, 'listening')
  const made = await bench(t, { port: (server.address() as AddressInfo).port, stages: [upgrade({ protocols: ['websocket'] })] })
  t.teardown(async () => {
    for (const client of server.clients) client.terminate()
    await new Promise((resolve) => server.close(resolve))
  })
  return { ...made, server, url: `ws://127.0.0.1:${made.world.port}/chat` }
}

function echo(server: WebSocketServer): void {
  server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
}

async function heard(client: WsClient): Promise<{ readonly data: string; readonly isBinary: boolean }> {
  const [data, isBinary] = (await once(client, 'message')) as [RawData, boolean]
  return { data: (data as Buffer).toString('latin1'), isBinary }
}

for (const compressed of [false, true]) {
  t.test(`texts, bytes, fragments, pings and closes pass between ws and ws (${compressed ? 'compressed' : 'as they are'})`, async (t) => {
    const { server, url, ended, watched, told } = await sockets(t, { perMessageDeflate: compressed })
    echo(server)
    const client = new WsClient(url, ['chat'], { perMessageDeflate: compressed })
    await once(client, 'open')
    t.equal(client.protocol, 'chat')
    t.equal(client.extensions, compressed ? 'permessage-deflate' : '')

    client.send('text')
    t.same(await heard(client), { data: 'text', isBinary: false })
    client.send(Buffer.from([0, 255, 10]))
    t.same(await heard(client), { data: '\u0000\u00ff\n', isBinary: true })
    client.send('one ', { fin: false })
    client.send('two ', { fin: false })
    client.send('three', { fin: true })
    t.same(await heard(client), { data: 'one two three', isBinary: false })
    client.ping('are you there')
    t.equal(String((await once(client, 'pong'))[0]), 'are you there')
    const [there] = server.clients
    there?.ping('and you')
    t.equal(String((await once(there!, 'pong'))[0]), 'and you')
    const big = 'x'.repeat(1_048_576)
    client.send(big)
    t.ok((await heard(client)).data === big)

    const closes = Promise.all([once(there!, 'close'), once(client, 'close')])
    client.close(4001, 'enough')
    for (const close of await closes) t.same(close.map(String), ['4001', 'enough'])
    await watched.until(() => told.open === 0 && ended.length === 1)
    t.match(ended, [{ end: 'done', status: 101 }])
  })
}

t.test('a server that closes says its code to the caller', async (t) => {
  const { server, url, ended, watched, told } = await sockets(t)
  server.on('connection', (socket) => socket.close(4002, 'full'))

  const client = new WsClient(url)
  const [code, reason] = await once(client, 'close')
  await watched.until(() => told.open === 0 && ended.length === 1)

  t.equal(code, 4002)
  t.equal(String(reason), 'full')
  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('a message that the server sends before it is asked is the first that the caller hears', async (t) => {
  const { server, url } = await sockets(t)
  server.on('connection', (socket) => socket.send('welcome'))

  const client = new WsClient(url)

  t.same(await heard(client), { data: 'welcome', isBinary: false })
  client.terminate()
})

t.test('a server that refuses is heard with its status and words', async (t) => {
  const { url, ended, watched } = await sockets(t, {
    verifyClient: (_info: unknown, decide: (yes: boolean, status: number) => void) => decide(false, 403),
  })

  const client = new WsClient(url)
  const [, reply] = await once(client, 'unexpected-response')
  await watched.until(() => ended.length === 1)

  t.equal(reply.statusCode, 403)
  client.on('error', () => {})
  client.terminate()
})

t.test('Node’s own WebSocket is a caller like any other', async (t) => {
  const { server, url, ended, watched } = await sockets(t)
  echo(server)
  const client = new WebSocket(url)
  await once(client, 'open')

  client.send('hello')
  const [event] = await once(client, 'message')
  client.close(1000, 'bye')
  await once(client, 'close')
  await watched.until(() => ended.length === 1)

  t.equal(event.data, 'hello')
  t.match(ended, [{ end: 'done', status: 101 }])
})

t.test('a caller behind TLS is served the same', async (t) => {
  const own = selfSigned('relay.example')
  const made = await sockets(t)
  echo(made.server)
  const door = await secureDoor(t, made, own)
  const client = new WsClient(`wss://127.0.0.1:${door.port}/chat`, { ca: own.cert })
  await once(client, 'open')
  const big = 'y'.repeat(1_048_576)

  client.send(big)
  t.ok((await heard(client)).data === big)
  client.close(4003)
  t.equal((await once(client, 'close'))[0], 4003)
  await made.watched.until(() => made.ended.length === 1)

  t.match(made.ended, [{ end: 'done', status: 101 }])
})
