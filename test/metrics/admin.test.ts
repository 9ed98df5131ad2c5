import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'

import { adminServer, type Readiness } from '../../src/metrics/admin.ts'
import type { MetricsRegistry } from '../../src/metrics/registry.ts'

const answering: MetricsRegistry = { render: async () => ({ type: 'text/plain; version=0.0.4', text: 'relay_up 1\n' }) }

async function world(t: Test, { registry = answering } = {}) {
  const errors: unknown[] = []
  const ready = { now: { ok: true, reason: '' } as Readiness }
  const server = adminServer({ registry, isReady: () => ready.now, onError: (error) => errors.push(error) })
  const port = await server.listen('127.0.0.1', 0)
  t.teardown(async () => server.close())
  const ask = async (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, init)
  return { server, port, ask, ready, errors }
}

t.test('a scraper gets the metrics, and for HEAD their head alone', async (t) => {
  const { ask } = await world(t)

  const got = await ask('/metrics?from=prometheus')
  const head = await ask('/metrics', { method: 'HEAD' })

  t.equal(got.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.equal(await got.text(), 'relay_up 1\n')
  t.equal(head.headers.get('content-length'), '11')
  t.equal(await head.text(), '')
})

t.test('readiness comes and goes with its reason, while liveness stays', async (t) => {
  const { ask, ready } = await world(t)
  const before = await ask('/readyz')
  await before.text()

  ready.now = { ok: false, reason: 'draining' }
  const during = await ask('/readyz')
  const live = await ask('/livez')

  t.equal(before.status, 200)
  t.equal(during.status, 503)
  t.equal(await during.text(), 'draining\n')
  t.equal(live.status, 200)
  await live.text()
})

t.test('nothing can be written, and nothing else is there', async (t) => {
  const { ask } = await world(t)

  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await ask('/metrics', { method, ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}) })
    await answer.text()
    t.equal(answer.status, 405, method)
    t.equal(answer.headers.get('allow'), 'GET, HEAD')
  }
  for (const path of ['/', '/metrics/', '/METRICS', '/livez/../metrics2', '/debug/pprof']) {
    const answer = await ask(path)
    await answer.text()
    t.equal(answer.status, 404, path)
  }
})

t.test('a scrape that fails is a 500 that tells nothing, and the listener goes on', async (t) => {
  const { ask, errors } = await world(t, { registry: { render: async () => Promise.reject(new Error('secret detail')) } })

  const broken = await ask('/metrics')
  const live = await ask('/livez')

  t.equal(broken.status, 500)
  t.equal(await broken.text(), 'internal\n')
  t.match(errors, [{ message: 'secret detail' }])
  t.equal(await live.text(), 'ok\n')
})

t.test('a port that is taken is an error', async (t) => {
  const { port } = await world(t)
  const second = adminServer({ registry: answering, isReady: () => ({ ok: true, reason: '' }) })

  await t.rejects(second.listen('127.0.0.1', port), { code: 'EADDRINUSE' })
  await second.close()
})

t.test('close ends while one caller is idle and another is half way through its head', async (t) => {
  const { server, port } = await world(t)
  const idle = connect(port, '127.0.0.1')
  idle.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(idle, 'data')
  const slow = connect(port, '127.0.0.1')
  slow.on('error', () => {})
  slow.write('GET /livez HTTP/1.1\r\nHo')
  await once(slow, 'connect')

  await server.close()

  await Promise.all([text(idle), text(slow).catch(() => '')])
  t.equal(idle.destroyed || idle.readableEnded, true)
  t.equal(slow.destroyed || slow.readableEnded, true)
})

t.test('connections beyond the bound are closed and the others are served', async (t) => {
  const { port } = await world(t)
  const held = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'data')
      return socket
    }),
  )
  t.teardown(() => held.forEach((socket) => socket.destroy()))

  const beyond = connect(port, '127.0.0.1')
  beyond.on('error', () => {})
  const answer = await text(beyond).catch(() => '')

  t.equal(answer, '')
  held[0]?.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n')
  const [again] = await once(held[0] ?? beyond, 'data')
  t.match(String(again), /^HTTP\/1.1 200 OK/)
})
