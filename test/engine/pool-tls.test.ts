import { randomBytes } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t from 'tap'
import { selfSigned } from '../helpers/certificate.ts'
import type { Message } from '../helpers/strict-reader.ts'
import { bench, get, handOrigin, ok, type Bench, type HandOrigin } from './helpers.ts'

const own = selfSigned('origin.example')
const other = selfSigned('origin.example')

interface Secure extends Bench {
  readonly origin: HandOrigin
  readonly ask: () => Promise<Message | undefined>
}

/** A TLS origin for `origin.example` and 127.0.0.1, and relay calling it by `host`. */
async function secure(t: { teardown(end: () => Promise<void>): void }, host: string, ca: string | null): Promise<Secure> {
  const origin = await handOrigin(t, { tls: { ...own, ALPNProtocols: ['http/1.1'] } })
  const made = await bench(t, { port: origin.port, pool: { host, tls: { ca } }, lookUp: async () => ['127.0.0.1'] })
  const ask = async (): Promise<Message | undefined> => {
    const caller = await made.call(get)
    void origin.called(0).then((connection) => connection.send(ok))
    return (await caller.answers(1))[0]
  }
  return { ...made, origin, ask }
}

for (const host of ['origin.example', '127.0.0.1']) {
  t.test(`an authority given by the config is accepted for ${host}`, async (t) => {
    const { ask, told } = await secure(t, host, own.cert)

    t.equal((await ask())?.line[1], '200')
    t.match(told, { opened: 1, connectFailed: 0, idle: 1 })
  })
}

const refused: readonly (readonly [string, string, string | null])[] = [
  ['a certificate that signs itself', 'origin.example', null],
  ['a certificate of another authority', 'origin.example', other.cert],
  ['a certificate for another name', 'other.example', own.cert],
]
for (const [what, host, ca] of refused) {
  t.test(`${what} is refused: 502, and the origin sees no byte of the call`, async (t) => {
    const { ask, told, origin, ended } = await secure(t, host, ca)

    const answer = await ask()

    t.equal(answer?.line[1], '502')
    t.notMatch(answer?.body, /certificate|CERT/, 'the cause is for the log')
    t.match(told, { opened: 0, connectFailed: 1, open: 0 })
    t.notOk(origin.connections.some((one) => one.received !== ''))
    t.match(ended, [{ failure: 'upstream_failed' }])
  })
}

t.test('no environment variable switches the verification off', async (t) => {
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  const { ask, origin } = await secure(t, 'origin.example', null)

  t.equal((await ask())?.line[1], '502')
  t.notOk(origin.connections.some((one) => one.received !== ''))
})

t.test("the config's authorities come on top of the machine's", async (t) => {
  const machines = getCACertificates('default')
  setDefaultCACertificates([own.cert])
  t.teardown(() => setDefaultCACertificates(machines))

  const { ask } = await secure(t, 'origin.example', other.cert)

  t.equal((await ask())?.line[1], '200')
})

t.test('an origin that speaks no TLS is a 502', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port, pool: { tls: { ca: null } } })
  const caller = await call(get)
  await origin.until(() => origin.connections.length === 1)

  origin.connections[0]?.socket.write('SSH-2.0-OpenSSH_9.6\r\n')
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '502')
  t.match(told, { open: 0, connectFailed: 1 })
})

t.test('a handshake that does not come to its end is a connection that never came up: 504', async (t) => {
  const origin = await handOrigin(t)
  const { call, told } = await bench(t, { port: origin.port, pool: { tls: { ca: null }, connectMs: 100 } })

  const [answer] = await (await call(get)).answers(1)

  t.equal(answer?.line[1], '504')
  t.match(told, { open: 0, connectFailed: 1 })
})

t.test('bodies pass byte for byte through TLS, both ways', async (t) => {
  const { call, origin } = await secure(t, 'origin.example', own.cert)
  const up = randomBytes(700_000)
  const down = randomBytes(900_000)

  const caller = await call(`POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: ${up.length}\r\n\r\n`, up)
  const connection = await origin.called()
  await connection.until(
    () => connection.received.length > up.length && connection.received.endsWith(up.toString('latin1', up.length - 64)),
  )
  await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${down.length}\r\n\r\n`, down)
  const [answer] = await caller.answers(1)

  t.ok(connection.received.endsWith(up.toString('latin1')))
  t.ok(answer?.body === down.toString('latin1'))
})
