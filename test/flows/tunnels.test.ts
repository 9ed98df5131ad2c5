import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket as WsClient, WebSocketServer } from 'ws'
import { relayProcess } from '../helpers/relay-process.ts'
import { keyOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

t.test(
  'tunnels through a running relay: keys and limits hold for handshakes, open ones are streams, and a drain gives them its grace',
  async (t) => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await once(server, 'listening')
    server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
    t.teardown(async () => {
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => server.close(resolve))
    })
    const relay = await relayProcess(t, {
      admin: '127.0.0.1:0',
      upstreams: { chat: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, kind: 'http' } },
      routes: {
        chat: { to: 'chat', upgrades: ['websocket'] },
        beta: { path: '/chat', to: 'chat', rewrite: '/beta', upgrades: ['websocket'], when: { query: { beta: true } } },
      },
      tenants: tenantsWith(['one', 'two'], { concurrency: 1 }),
      drain: { delay: 0, grace: 0, streamGrace: '700ms' },
    })
    const open = (tenant: string | null, query = ''): WsClient =>
      new WsClient(`ws://127.0.0.1:${relay.port}/chat${query}`, tenant === null ? {} : { headers: { 'x-api-key': keyOf(tenant) } })
    const refusal = async (client: WsClient): Promise<number> => {
      client.on('error', () => {})
      const [, reply] = await once(client, 'unexpected-response')
      client.terminate()
      return reply.statusCode
    }
    const echo = async (client: WsClient, text: string): Promise<string> => {
      client.send(text)
      return String((await once(client, 'message'))[0])
    }

    t.equal(await refusal(open(null)), 401)
    const first = open('one')
    await once(first, 'open')
    t.equal(await echo(first, 'hello'), 'hello')
    await until(async () => (await relay.metric('relay_open_streams')) === 1)
    t.equal(await refusal(open('one')), 429, 'one at a time')

    const url: string[] = []
    server.on('connection', (_socket, request) => url.push(request.url ?? ''))
    const second = open('two', '?beta')
    await once(second, 'open')
    t.equal(await echo(second, 'x'.repeat(300_000)), 'x'.repeat(300_000))
    t.same(url, ['/beta?beta'], 'conditions hold for handshakes too')
    second.close(4001)
    await once(second, 'close')
    await until(async () => (await relay.metric('relay_open_streams')) === 1)

    const session = connect(`http://127.0.0.1:${relay.port}`)
    await once(session, 'remoteSettings')
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':authority': 'relay',
      ':path': '/chat',
      'x-api-key': keyOf('two'),
      'sec-websocket-version': '13',
    })
    const [headers] = await once(stream, 'response')
    // A text frame `hi`, masked with zeros, comes back without its mask.
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
    const [frame] = await once(stream, 'data')
    t.equal(headers[':status'], 200)
    t.same(frame, Buffer.from([0x81, 0x02, 0x68, 0x69]))
    stream.end()
    stream.resume()
    await once(stream, 'close')
    session.close()

    relay.child.kill('SIGTERM')
    await relay.logged('drain: draining')
    t.equal(await echo(first, 'still there'), 'still there')
    const [code] = await once(first, 'close')
    t.equal(code, 1006, 'cut without a word of the protocol’s')
    const { exit, out } = await relay.ended()
    t.equal(exit, 3)
    t.match(JSON.parse(out.split('\n').at(-1) ?? ''), { is: 'stopped', cut: { calls: 0, streams: 1 } })
  },
)
