import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'

for (const accept of ['handover', 'reusePort']) {
  t.test(`the bound on connections holds for all listeners together, and a reload changes it (${accept})`, async (t) => {
    const config = (connections: number): object => ({
      accept,
      workers: 1,
      listen: ['127.0.0.1:0', '127.0.0.1:0'],
      bounds: { connections },
      routes: { '/only': 'http://127.0.0.1:9' },
    })
    const relay = await relayProcess(t, config(2))
    const [one, other] = relay.status.listeners.map(({ port }) => port) as [number, number]
    const held: Socket[] = []
    t.teardown(() => held.forEach((socket) => socket.destroy()))
    const isServed = async (port: number): Promise<boolean> => {
      const socket = connect(port, '127.0.0.1')
      held.push(socket)
      // A connection that is closed while its first call is on its way ends in a reset.
      socket.on('error', () => {})
      socket.write('GET /none HTTP/1.1\r\nHost: x\r\n\r\n')
      return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]).catch(() => false)
    }

    t.same([await isServed(one), await isServed(other)], [true, true])
    t.same([await isServed(one), await isServed(other)], [false, false], 'beyond the bound')

    await relay.reload(config(3))
    t.equal(await isServed(one), true, 'one more')
    t.same([await isServed(one), await isServed(other)], [false, false], 'and no other')
    t.notOk(held[0]!.destroyed || held[1]!.destroyed)
  })
}
