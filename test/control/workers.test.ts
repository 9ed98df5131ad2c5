import { connect, type Socket } from 'node:net'
import t from 'tap'
import { home, relay, started, type RunningRelay } from '../helpers/cli.ts'

for (const accept of ['handover', 'reusePort']) {
  for (const [path, why] of [
    ['/crash', 'crashed on request'],
    ['/heap', 'it reached its heap limit'],
  ] as const) {
    t.test(`a worker that ends (${path}) is replaced, and the other one keeps its streams (${accept})`, async (t) => {
      const place = home(t)
      place.write(
        'relay.config.yaml',
        `listen: 127.0.0.1:0\naccept: ${accept}\nworkers: 2\ndrain: { delay: 0 }\nroutes: { /: http://127.0.0.1:9 }\n`,
      )
      const running = await started(t, place, '--worker-heap', '64')
      const stream = await open(running, '/stream')
      const victim = await otherWorker(running, await workerOf(place))

      victim.write(request(path))

      const { worker } = await running.logged('worker ')
      t.match((await running.logged(`worker ${String(worker)} ended`)).msg, why)
      await live(place, 2)
      t.notOk(stream.destroyed)
      t.match(await metric(running, 'relay_open_connections'), 1)
      t.equal((await fetch(running.url)).status, 200)
    })
  }
}

t.test('where control hands connections over, one waits while every worker is down and is then served', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', 'listen: 127.0.0.1:0\nworkers: 1\naccept: handover\nadmin: false\nroutes: { /: http://127.0.0.1:9 }\n')
  const running = await started(t, place)
  const victim = await open(running, '/')
  victim.write(request('/crash'))
  await running.logged('worker 0 ended')

  const reply = await fetch(running.url)

  t.equal(reply.status, 200)
})

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`
}

/** A connection on which an answer to `path` has begun. */
async function open({ port }: RunningRelay, path: string): Promise<Socket & { first?: string }> {
  const socket: Socket & { first?: string } = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.write(request(path))
  socket.first = String(await new Promise<Buffer>((resolve) => socket.once('data', resolve)))
  return socket.resume()
}

/** The worker that holds the only stream, as `relay status` tells it. */
async function workerOf(place: Parameters<typeof relay>[0]): Promise<number> {
  const { workers } = JSON.parse((await relay(place, 'status', '--json')).out) as RunningRelay['status']
  return workers.find(({ connections }) => connections > 0)?.index ?? -1
}

/** A connection to a worker other than `not`. */
async function otherWorker(running: RunningRelay, not: number): Promise<Socket> {
  for (;;) {
    const socket = await open(running, '/')
    if (!socket.first?.includes(`"worker":${not}`)) return socket
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
  }
}

async function live(place: Parameters<typeof relay>[0], count: number): Promise<void> {
  for (;;) {
    const { workers } = JSON.parse((await relay(place, 'status', '--json')).out) as RunningRelay['status']
    if (workers.filter(({ state }) => state === 'live').length === count && workers.some(({ restarts }) => restarts > 0)) return
  }
}

async function metric({ status }: RunningRelay, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${status.admin?.port}/metrics`)).text()
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
}
