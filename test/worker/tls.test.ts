import { once } from 'node:events'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectTcp, type LookupFunction } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import t from 'tap'
import { handOrigin } from '../engine/helpers.ts'
import { until } from '../flows/until.ts'
import { selfSigned } from '../helpers/certificate.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'

const first = selfSigned('relay.example')
const second = selfSigned('relay.example')

interface Scope {
  teardown(work: () => unknown): unknown
}

const config = (accept: string, more: object = {}): object => ({
  accept,
  listen: { address: '127.0.0.1:0', tls: { cert: 'cert.pem', key: 'key.pem' } },
  routes: { '/only': 'http://127.0.0.1:9' },
  ...more,
})

async function secureRelay(t: Scope, accept: string, more: object = {}): Promise<RelayProcess> {
  return relayProcess(t, config(accept, more), { files: { 'cert.pem': first.cert, 'key.pem': first.key } })
}

/** relay.example is here. */
const here: LookupFunction = (_host, _options, found) => found(null, [{ address: '127.0.0.1', family: 4 }])

/** A connection to relay over TLS, its certificate verified. */
class Caller {
  readonly socket: TLSSocket
  session: Buffer | null = null
  text = ''

  constructor(t: Scope, port: number, options: ConnectionOptions = {}) {
    this.socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'relay.example',
      ca: [first.cert],
      ALPNProtocols: ['http/1.1'],
      ...options,
    })
    this.socket.on('session', (session: Buffer) => (this.session = session))
    this.socket.on('data', (chunk: Buffer) => (this.text += chunk.toString('latin1')))
    this.socket.on('error', () => {})
    t.teardown(() => this.socket.destroy())
  }

  /** Asks what has no route: the worker that answers is in its id. */
  async worker(): Promise<string> {
    this.text = ''
    this.socket.write('GET /none HTTP/1.1\r\nHost: relay.example\r\n\r\n')
    await until(() => this.text.endsWith('}') || this.socket.destroyed)
    return /request-id: req_(\d)/i.exec(this.text)?.[1] ?? 'none'
  }
}

for (const accept of ['handover', 'reusePort']) {
  t.test(`both workers serve HTTPS, and one resumes the sessions of the other (${accept})`, async (t) => {
    const relay = await secureRelay(t, accept)
    const caller = new Caller(t, relay.port)
    const known = await caller.worker()
    await until(() => caller.session !== null)

    let resumedBy = ''
    for (let k = 0; k < 200 && resumedBy === ''; k++) {
      const next = new Caller(t, relay.port, { session: caller.session! })
      const worker = await next.worker()
      if (worker === known) continue
      t.ok(next.socket.isSessionReused(), 'the other worker knows the session')
      resumedBy = worker
    }

    t.same([known, resumedBy].sort(), ['0', '1'])
    t.equal(caller.socket.alpnProtocol, 'http/1.1')
    t.ok(caller.socket.authorized)
    t.notOk(caller.socket.isSessionReused())
  })

  t.test(`noise instead of a handshake, and a handshake cut short, hurt nobody else (${accept})`, async (t) => {
    const relay = await secureRelay(t, accept)
    const caller = new Caller(t, relay.port)
    await caller.worker()

    const noise = ['GET / HTTP/1.1\r\nHost: relay\r\n\r\n', '\x16\x03\x01\x00\x05hello', '\0'.repeat(5000)].map((text) => {
      const socket = connectTcp(relay.port, '127.0.0.1')
      t.teardown(() => socket.destroy())
      socket.on('error', () => {}).resume()
      socket.write(text, 'latin1')
      return once(socket, 'close')
    })
    const left = connectTcp(relay.port, '127.0.0.1')
    left.write('\x16\x03\x01')
    await once(left, 'connect')
    left.resetAndDestroy()
    await Promise.all(noise)

    t.match(await caller.worker(), /[01]/)
    t.match(await new Caller(t, relay.port).worker(), /[01]/)
  })

  t.test(`a handshake that takes too long is cut (${accept})`, async (t) => {
    const relay = await secureRelay(t, accept, { timeouts: { head: '300ms' } })
    const slow = connectTcp(relay.port, '127.0.0.1')
    t.teardown(() => slow.destroy())

    slow.on('error', () => {}).resume()
    slow.write('\x16\x03\x01')
    await once(slow, 'close')

    t.match(await new Caller(t, relay.port).worker(), /[01]/)
  })

  t.test(`a certificate that changes on disk is served without a reload being asked for (${accept})`, async (t) => {
    const relay = await secureRelay(t, accept)
    const old = new Caller(t, relay.port)
    await old.worker()
    const before = old.socket.getPeerX509Certificate()?.fingerprint256

    relay.home.write('key.pem', second.key)
    relay.home.write('cert.pem', second.cert)
    const seen = async (): Promise<string | undefined> => {
      // The two certificates have one name: which of them signed is not for this client to find out.
      const next = new Caller(t, relay.port, { rejectUnauthorized: false })
      await next.worker()
      return next.socket.getPeerX509Certificate()?.fingerprint256
    }
    for (let same = 0; same < 6;) same = (await seen()) === before ? 0 : same + 1

    t.match(await old.worker(), /[01]/, 'who was connected stays so')
  })
}

t.test('a caller that offers HTTP/2 gets it; one that speaks another protocol only is turned away in the handshake', async (t) => {
  const relay = await secureRelay(t, 'handover')
  const modern = connectHttp2(`https://relay.example:${relay.port}`, { lookup: here, ca: [first.cert] })
  t.teardown(() => modern.destroy())
  const asked = modern.request({ ':path': '/none' })
  const [answer] = (await once(asked, 'response')) as [IncomingHttpHeaders]
  t.equal(answer[':status'], 404)
  t.equal((modern.socket as TLSSocket).alpnProtocol, 'h2')

  const caller = new Caller(t, relay.port, { ALPNProtocols: ['spdy/3'] })

  const [error] = await once(caller.socket, 'error')

  t.match((error as Error).message, /no application protocol/)
})

t.test('a listener without HTTP/2 speaks HTTP/1.1 to those that offer both', async (t) => {
  const relay = await secureRelay(t, 'handover', {
    listen: { address: '127.0.0.1:0', tls: { cert: 'cert.pem', key: 'key.pem' }, http2: false },
  })
  const caller = new Caller(t, relay.port, { ALPNProtocols: ['h2', 'http/1.1'] })

  t.match(await caller.worker(), /[01]/)
  t.equal(caller.socket.alpnProtocol, 'http/1.1')
})

t.test('files that do not belong together keep the old certificate, and say so', async (t) => {
  const relay = await secureRelay(t, 'handover')

  relay.home.write('cert.pem', second.cert)
  await until(() => /cannot be used/.test(relay.log()))
  const caller = new Caller(t, relay.port)

  t.match(await caller.worker(), /[01]/)
  t.ok(caller.socket.authorized)
})

t.test('an answer that breaks off ends a TLS connection, and not its worker', async (t) => {
  const origin = await handOrigin(t)
  const relay = await secureRelay(t, 'handover', { routes: { '/half': `http://127.0.0.1:${origin.port}` } })
  const others = [new Caller(t, relay.port), new Caller(t, relay.port)]
  const workers = await Promise.all(others.map((one) => one.worker()))
  const caller = new Caller(t, relay.port)
  caller.socket.write('GET /half HTTP/1.0\r\nHost: relay.example\r\n\r\n')
  const connection = await origin.called()

  await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
  await until(() => caller.text.endsWith('half'))
  connection.reset()
  await once(caller.socket, 'close')

  t.same([...workers].sort(), ['0', '1'])
  t.same(await Promise.all(others.map((one) => one.worker())), workers)
})
