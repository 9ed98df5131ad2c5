import t from 'tap'
import { block, endHeaders, headers } from '../helpers/h2-frames.ts'
import { rawH2 } from '../helpers/raw-h2.ts'
import { worker } from './world.ts'

const config = `
routes:
  chat: { path: /chat, to: ORIGIN/rooms, upgrades: [WebSocket] }
  plain: ORIGIN
`

const handshake = (path: string): string =>
  [`GET ${path} HTTP/1.1`, 'Host: relay', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', '\r\n'].join('\r\n')

t.test('an upgrade passes on a route that allows it, and is not heard on another', async (t) => {
  const { use, caller, origin } = await worker(t)
  use(config)
  const asked = async (path: string): Promise<readonly string[]> => {
    const client = await caller()
    await client.send(handshake(path))
    await client.answers(1)
    return (origin.calls.at(-1)?.fields ?? [])
      .map(([name, value]) => `${name}: ${value}`)
      .filter((line) => /^(?:connection|upgrade)/.test(line))
  }

  t.same(await asked('/chat/1'), ['connection: upgrade', 'upgrade: websocket'])
  t.equal(origin.calls[0]?.line[1], '/rooms/1')
  t.same(await asked('/plain'), [])
})

t.test('an extended CONNECT on a route without upgrades is a 501, on no route a 404: no GET is made of it', async (t) => {
  const { use, origin, port } = await worker(t)
  use(config)
  const client = await rawH2(port)
  const connect = (path: string): Buffer =>
    block([':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':path', path], [':authority', 'relay'])

  await client.send(headers(1, connect('/plain/x'), endHeaders), headers(3, connect('/none'), endHeaders))
  await client.until(() => client.status(1) !== null && client.status(3) !== null)

  t.equal(client.status(1), 501)
  t.equal(client.status(3), 404)
  t.same(origin.connections, [])
  client.destroy()
})
