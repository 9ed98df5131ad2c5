import { ServerCredentials } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { openSet } from '../../src/descriptors/open-set.ts'
import { reflectionClient, type ServerPlace } from '../../src/descriptors/reflect-client.ts'
import { selfSigned } from '../helpers/certificate.ts'
import { reflectingServer } from './grpc-server.ts'

const proto = `syntax = "proto3";
package things.v1;
import "google/api/annotations.proto";
message Thing { string thing_name = 1; }
service Things { rpc Get (Thing) returns (Thing) { option (google.api.http).get = "/v1/{thing_name}"; } }
service Others { rpc List (Thing) returns (stream Thing); }
`

const inClear = (port: number): ServerPlace => ({ host: '127.0.0.1', port, tls: null, path: '', credential: null })

function client(t: Test, place: ServerPlace): ReturnType<typeof reflectionClient> {
  const made = reflectionClient(place)
  t.teardown(() => made.close())
  return made
}

for (const version of ['v1', 'v1alpha'] as const) {
  t.test(`a server with reflection ${version} tells all of its services, and the files that they need`, async (t) => {
    const server = await reflectingServer(t, { proto, version })
    const made = client(t, { ...inClear(server.port), credential: { field: 'x-api-key', secret: 'k' } })

    const set = await made.ask(5000)

    t.match(openSet(set), { is: 'opened', set: { services: ['things.v1.Things', 'things.v1.Others'] } })
    t.equal(server.key(), 'k', 'relay asks with the credential of the upstream')
    t.strictSame(await made.ask(5000), set, 'the same answers are the same bytes')
  })
}

t.test('over TLS a server is asked whose certificate the upstream trusts, by name or by address, and no other', async (t) => {
  const { cert, key } = selfSigned('localhost')
  const stranger = selfSigned('elsewhere.test')
  const credentials = ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }])
  const server = await reflectingServer(t, { proto, credentials })

  for (const host of ['localhost', '127.0.0.1']) {
    const trusting = await client(t, { ...inClear(server.port), host, tls: { ca: cert } }).ask(5000)
    for (const ca of [null, stranger.cert])
      await t.rejects(client(t, { ...inClear(server.port), host, tls: { ca } }).ask(2000), /certificate|self.signed/i)

    t.match(openSet(trusting), { is: 'opened' }, host)
  }
})

t.test('why a server does not say it is told in one line', async (t) => {
  const without = await reflectingServer(t, { proto, version: 'none' })
  const silent = await reflectingServer(t, { proto, answer: () => Buffer.from([0x3a, 0x06, 0x08, 0x10, 0x12, 0x02, 0x6e, 0x6f]) })
  const broken = await reflectingServer(t, { proto, answer: () => Buffer.from([0xff]) })
  const ending = await reflectingServer(t, { proto, answer: () => null })

  await t.rejects(client(t, inClear(without.port)).ask(5000), { message: /has no reflection/ })
  await t.rejects(client(t, inClear(silent.port)).ask(5000), { message: 'it does not list its services: no (code 16)' })
  await t.rejects(client(t, inClear(broken.port)).ask(5000), Error)
  await t.rejects(client(t, inClear(ending.port)).ask(5000), { message: /no more/ })
  await t.rejects(client(t, inClear(1)).ask(5000), { message: /ECONNREFUSED/ })
})

t.test('a connection that was lost and stands again is noticed', async (t) => {
  const server = await reflectingServer(t, { proto })
  const made = client(t, inClear(server.port))
  await made.ask(5000)

  const back = made.reconnected(new AbortController().signal)
  server.stop()
  await reflectingServer(t, { proto, port: server.port })
  await back

  t.match(openSet(await made.ask(5000)), { is: 'opened' })
  const given = new AbortController()
  const waiting = made.reconnected(given.signal)
  given.abort()
  await waiting
})
