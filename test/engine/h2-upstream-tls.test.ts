import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import t from 'tap'
import { selfSigned } from '../helpers/certificate.ts'
import { sessionBench, type SessionBench } from './h2-bench.ts'

const own = selfSigned('origin.example')

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** A pool of sessions to 127.0.0.1 over TLS, trusting the tests' own authority. */
function secure(t: Scope, port: number, ca: string | null = own.cert): SessionBench {
  return sessionBench(t, { port, name: 'users', tls: { ca } })
}

/** A TLS server that is no HTTP/2 server. */
async function other(t: Scope, options: TlsOptions): Promise<number> {
  const server = createServer({ ...own, ...options }, (socket) => socket.on('error', () => {}).resume())
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
  })
  return (server.address() as AddressInfo).port
}

t.test('over TLS a session is agreed on by ALPN, and says https', async (t) => {
  const server = createSecureServer(own, (request, response) => {
    response.end(`${request.headers[':scheme']} ${request.headers[':authority']} ${request.httpVersion}`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
  })
  const { port } = server.address() as AddressInfo
  const { ask, told, pool } = secure(t, port)

  const all = await Promise.all([1, 2, 3].map(() => ask('POST / HTTP/1.1\nHost: relay', 'x'.repeat(100_000)).whole()))

  for (const one of all) t.equal(one.text, `https 127.0.0.1:${port} 2.0`)
  t.match(told, { open: 1, opened: 1 })
  await pool.close()
})

const others: readonly (readonly [string, TlsOptions])[] = [
  ['offers only http/1.1', { ALPNProtocols: ['http/1.1'] }],
  ['does not know ALPN', {}],
]
for (const [what, options] of others) {
  t.test(`a server that ${what} is a failure that names it, and says what to do`, async (t) => {
    const { ask, told } = secure(t, await other(t, options))

    const failed = await ask().failed()

    t.equal(failed.failure, 'upstream_failed')
    t.match(failed.message, /^users does not speak HTTP\/2 \(.+\): say http: 1 for it, if it speaks HTTP\/1.1$/)
    t.match(told, { open: 0, opened: 0, connectFailed: 1 })
  })
}

t.test('a certificate of a stranger is refused before a call goes out', async (t) => {
  const { ask, told } = secure(t, await other(t, { ALPNProtocols: ['h2'] }), null)

  const failed = await ask().failed()

  t.match(failed, { failure: 'upstream_failed', message: 'cannot connect to users', shouldRetry: true })
  t.match(told, { opened: 0, connectFailed: 1 })
})
