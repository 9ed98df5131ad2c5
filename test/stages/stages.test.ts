import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Next, type Stage } from '../../src/engine/call.ts'
import type { Head } from '../../src/protocol/head.ts'
import { firstByteTimeout } from '../../src/claude/endpoints.ts'
import { aim, outgoingPath, type AimOptions } from '../../src/stages/aim.ts'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { credential } from '../../src/stages/credential.ts'
import { deadline } from '../../src/stages/deadline.ts'
import { forwarded } from '../../src/stages/forwarded.ts'
import { guard } from '../../src/stages/guard.ts'
import { headers, type HeaderRule } from '../../src/stages/headers.ts'
import { callOf, FakeSink, headOf, outgoing, written } from '../engine/shapes.ts'

const none = Buffer.alloc(0)
const replying =
  (head: Head | null = null): Next =>
  async () =>
    new Reply(200, head, Body.of(none))

/** What a refusal says; a bug goes on. */
async function failureOf(refusal: Promise<Reply>): Promise<string> {
  try {
    return `none: ${(await refusal).status}`
  } catch (error) {
    if (error instanceof RelayError) return error.failure
    throw error
  }
}

/** The fields that go out of a GET with these, through a stage. */
async function sent(stage: Stage, fields: string, options: Parameters<typeof callOf>[1] = {}): Promise<string[]> {
  const call = callOf(`GET /a/b?c=1 HTTP/1.1\nhost: Relay.example:8080\n${fields}`, options)
  call.route = { name: 'v1/user', family: 'v1/user', slot: 0, upstream: 'u', upstreamSlot: 0, kind: 'http' }
  await stage(call, replying())
  return outgoing(call)
}

t.test('guard: Host must name this machine', async (t) => {
  const stage = guard(['127.0.0.1', 'localhost', '::1'])
  const ask = (host: string): Promise<Reply> => stage(callOf(`GET / HTTP/1.1\nhost: ${host}`), replying())

  for (const good of ['localhost', 'LOCALHOST:8080', '127.0.0.1:80', '[::1]:8080']) t.equal((await ask(good)).status, 200, good)
  for (const bad of ['evil.example', 'localhost.evil.example', '127.0.0.2', '[::2]']) t.equal(await failureOf(ask(bad)), 'misdirected', bad)
})

t.test('guard: a call that names no host at all (HTTP/1.0) is refused, the first call of all too', async (t) => {
  const stage = guard(['localhost'])

  t.equal(await failureOf(stage(callOf('GET / HTTP/1.0'), replying())), 'misdirected')
})

t.test('guard: an Origin, where one is sent, must be of this machine', async (t) => {
  const stage = guard(['localhost'])
  const ask = (origin: string): Promise<Reply> => stage(callOf(`GET / HTTP/1.1\nhost: localhost\norigin: ${origin}`), replying())

  for (const good of ['http://localhost', 'https://LocalHost:3000']) t.equal((await ask(good)).status, 200, good)
  for (const bad of ['null', 'https://evil.example', 'http://localhost.evil.example', 'http://localhost/x', 'file://localhost', ''])
    t.equal(await failureOf(ask(bad)), 'forbidden', bad)
})

t.test('guard: a browser that says another site asks is refused, though it sends no Origin', async (t) => {
  const stage = guard(['localhost'])
  const ask = (site: string): Promise<Reply> => stage(callOf(`GET / HTTP/1.1\nhost: localhost\nSec-Fetch-Site: ${site}`), replying())

  for (const good of ['same-origin', 'same-site', 'none']) t.equal((await ask(good)).status, 200, good)
  t.equal(await failureOf(ask('cross-site')), 'forbidden')
})

t.test('forwarded: what a stranger says of those in front of it is dropped, and relay says what it knows', async (t) => {
  const told =
    'x-forwarded-for: 1.1.1.1\nforwarded: for=1.1.1.1\nx-real-ip: 1.1.1.1\nvia: 1.1 evil\nx-forwarded-host: evil\nx-forwarded-port: 1'

  t.same(await sent(forwarded(false), told), [], 'towards Claude: nothing at all')
  t.same(await sent(forwarded(true), told, { isTls: true }), [
    'x-forwarded-for: 192.0.2.7',
    'x-forwarded-proto: https',
    'x-forwarded-host: Relay.example:8080',
    'via: 1.1 relay',
  ])
})

t.test('forwarded: the version that a call came in by is told', async (t) => {
  const call = callOf('GET / HTTP/1.1\nhost: relay')
  call.head.major = 2

  await forwarded(true)(call, replying())

  t.ok(outgoing(call).includes('via: 2.0 relay'))
})

t.test('forwarded: a trusted proxy is believed, and relay stands behind it', async (t) => {
  const told =
    'x-forwarded-for: 1.1.1.1\nx-forwarded-for: 2.2.2.2, 3.3.3.3\nx-forwarded-proto: https\nx-forwarded-host: shop.example\nvia: 1.0 cdn'

  t.same(await sent(forwarded(true), told, { isTrusted: true }), [
    'x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7',
    'x-forwarded-proto: https',
    'x-forwarded-host: shop.example',
    'via: 1.0 cdn, 1.1 relay',
  ])
})

t.test("forwarded: a caller's X-Request-Id passes if it is plain, once, and of at most 128 characters", async (t) => {
  const ids: readonly (readonly [string, boolean])[] = [
    ['a-1', true],
    ['x'.repeat(128), true],
    ['x'.repeat(129), false],
    ['a b', false],
    ['é', false],
    ['', false],
    ['a\nx-request-id: b', false],
  ]
  for (const [id, passes] of ids) {
    t.equal((await sent(forwarded(false), `x-request-id: ${id}`)).length, passes ? 1 : 0, JSON.stringify(id))
  }
})

t.test("credential: the caller's own is taken off in both fields, however spelled, and the upstream's goes in", async (t) => {
  const callers = 'authorization: Bearer theirs\nX-API-Key: theirs\nx_api_key: theirs\nother: stays'

  t.same(await sent(credential({ field: 'x-api-key', secret: 'ours' }), callers), ['other: stays', 'x-api-key: ours'])
  t.same(await sent(credential({ field: 'authorization', secret: 'ours' }), callers), ['other: stays', 'authorization: Bearer ours'])
})

t.test('credential: the limits of the shared key stay here', async (t) => {
  const head = headOf(
    'anthropic-ratelimit-requests-limit: 50\nAnthropic-Ratelimit-Tokens-Remaining: 1\nanthropic-organization-id: o\nretry-after: 3',
  )

  const reply = await credential({ field: 'x-api-key', secret: 'ours' })(callOf('GET / HTTP/1.1\nhost: r'), replying(head))

  t.same(written(reply), ['anthropic-organization-id: o', 'retry-after: 3'])
})

t.test('credential: a secret that cannot stand in a head is no stage', async (t) => {
  t.throws(() => credential({ field: 'x-api-key', secret: 'a\r\nx: y' }), TypeError)
})

t.test('headers: every variable is filled in', async (t) => {
  const value = (['request.id', 'route', 'client.address', 'method', 'path'] as const).flatMap((variable) => [{ text: '|' }, { variable }])
  const rules: HeaderRule[] = [
    { op: 'set', name: 'x-all', value },
    { op: 'set', name: 'x-now', value: [{ variable: 'now' }] },
  ]

  const [all, now] = await sent(headers(rules, []), '')

  t.equal(all, 'x-all: |req_1|v1/user|192.0.2.7|GET|/a/b')
  t.match(now, /^x-now: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

t.test('headers: set replaces, add adds, remove removes, and an underscored twin goes with each', async (t) => {
  const fields = 'x-a: 1\nX-A: 2\nx_a: 3\nx-b: 1\nx_b: 2\nx-c: 1\nx_c: 2\nx-d: 1'
  const rules: HeaderRule[] = [
    { op: 'set', name: 'X-A', value: [{ text: 'new' }] },
    { op: 'add', name: 'x-b', value: [{ text: 'more' }] },
    { op: 'remove', name: 'x-c' },
  ]

  t.same(await sent(headers(rules, []), fields), ['x-b: 1', 'x-d: 1', 'x-a: new', 'x-b: more'])
})

t.test('headers: rules apply in their order, on fixed and on filled-in values alike', async (t) => {
  const rules: HeaderRule[] = [
    { op: 'add', name: 'x-a', value: [{ text: 'one' }] },
    { op: 'set', name: 'x-a', value: [{ variable: 'method' }] },
    { op: 'add', name: 'x-a', value: [{ text: 'three' }] },
  ]

  t.same(await sent(headers(rules, []), 'x-a: zero'), ['x-a: GET', 'x-a: three'])
})

t.test('headers: replies have rules of their own, with the same variables', async (t) => {
  const rules: HeaderRule[] = [
    { op: 'remove', name: 'server' },
    { op: 'set', name: 'x-id', value: [{ variable: 'request.id' }] },
    { op: 'add', name: 'x-path', value: [{ variable: 'path' }] },
  ]
  const call = callOf('GET /a HTTP/1.1\nhost: r')

  const reply = await headers([], rules)(call, replying(headOf('Server: nginx\nx_id: theirs\nx-path: /theirs')))

  t.same(written(reply), ['x-path: /theirs', 'x-id: req_1', 'x-path: /a'])
  t.same(outgoing(call), [])
})

t.test('headers: a name or a fixed value that cannot stand in a head is no stage', async (t) => {
  for (const value of ['a\r\nb', 'a\nb', 'a\0b', '\u{1F600}'])
    t.throws(() => headers([{ op: 'set', name: 'x', value: [{ text: value }] }], []), TypeError)
  t.throws(() => headers([{ op: 'remove', name: 'a b' }], []), TypeError)
})

t.test('body limit: by the declared length before anything else happens', async (t) => {
  const stage = bodyLimit(() => 10)
  const ask = (length: number): Promise<Reply> => stage(callOf('POST / HTTP/1.1\nhost: r', { body: new Body(length, null) }), replying())

  t.equal((await ask(10)).status, 200)
  t.equal(await failureOf(ask(11)), 'too_large')
})

t.test('body limit: by the bytes as they come where no length was declared', async (t) => {
  const body = new Body(-1, null)
  await bodyLimit(() => 3)(callOf('POST / HTTP/1.1\nhost: r', { body }), replying())
  body.pipe(new FakeSink())

  body.push(Buffer.from('abc'), true)
  t.equal(body.end, null)
  body.push(Buffer.from('d'), true)

  t.equal(body.end, 'failed')
  t.equal(body.error?.failure, 'too_large')
})

t.test('deadline: the waits of the route, and the caller’s own where it is heard', async (t) => {
  const waits = async (fields: string, fromCaller: typeof firstByteTimeout | null): Promise<readonly [number, number]> => {
    const call = callOf(`GET / HTTP/1.1\nhost: r\n${fields}`)
    await deadline({ firstByteMs: 5000, idleMs: 700, fromCaller })(call, replying())
    return [call.firstByteMs, call.idleMs]
  }

  t.same(await waits('', firstByteTimeout), [5000, 700])
  t.same(await waits('x-stainless-timeout: 600', firstByteTimeout), [660_000, 700], '10% more')
  t.same(await waits('x-stainless-timeout: 1', firstByteTimeout), [2000, 700], 'a second more where that is more')
  t.same(await waits('x-stainless-timeout: soon', firstByteTimeout), [5000, 700])
  t.same(await waits('x-stainless-timeout: 600', null), [5000, 700], 'on other upstreams it means nothing')
})

const prefix = (path: string): AimOptions['path'] => ({ is: 'prefix', path })
const exact = (path: string): AimOptions['path'] => ({ is: 'exact', path })
const template = (text: string): AimOptions['path'] => ({ is: 'template', template: text })
const aims: readonly (readonly [string, AimOptions, string])[] = [
  ['/v1/user/42?x=1', { path: prefix('/v1/user'), rewrite: '/v3/user', base: '' }, '/v3/user/42?x=1'],
  ['/v1/user', { path: prefix('/v1/user'), rewrite: '/v3/user', base: '' }, '/v3/user'],
  ['/v1/user?x=1', { path: prefix('/v1/user'), rewrite: '/v3/user', base: '' }, '/v3/user?x=1'],
  ['/v1/user/', { path: prefix('/v1/user'), rewrite: '/v3/user', base: '/base' }, '/base/v3/user/'],
  ['/v1/user/4%2F2', { path: prefix('/v1/user'), rewrite: '/v3/user', base: '' }, '/v3/user/4%2F2'],
  ['/api/x?y', { path: prefix('/api'), rewrite: '', base: '' }, '/x?y'],
  ['/api', { path: prefix('/api'), rewrite: '', base: '' }, '/'],
  ['/api?y', { path: prefix('/api'), rewrite: '', base: '' }, '/?y'],
  ['/x?y', { path: prefix('/'), rewrite: '/all', base: '/base' }, '/base/all/x?y'],
  ['/x?y', { path: prefix('/'), rewrite: null, base: '' }, '/x?y'],
  ['/x?y', { path: prefix('/'), rewrite: null, base: '/base' }, '/base/x?y'],
  ['/a?b', { path: exact('/a'), rewrite: '/z', base: '' }, '/z?b'],
  ['/a?b', { path: exact('/a'), rewrite: null, base: '/base' }, '/base/a?b'],
  ['/a', { path: exact('/a'), rewrite: '', base: '' }, '/'],
  ['/u/4%2F2/posts?b', { path: template('/u/{id}/posts'), rewrite: '/p/{id}/of', base: '/base' }, '/base/p/4%2F2/of?b'],
  ['/u/$&/x', { path: template('/u/{id}/{what}'), rewrite: '/{what}/{id}/{id}', base: '' }, '/x/$&/$&'],
  ['/u/7/posts?b', { path: template('/u/{id}/posts'), rewrite: null, base: '' }, '/u/7/posts?b'],
]
for (const [target, options, goesOut] of aims) {
  const { path, rewrite, base } = options
  const route = path.is === 'template' ? path.template : path.path
  t.test(`aim: ${target} on ${path.is} ${route} with ${JSON.stringify(rewrite)} behind "${base}" goes out as ${goesOut}`, async (t) => {
    const call = callOf(`GET ${target} HTTP/1.1\nhost: r`)

    await aim(options)(call, replying())

    const { fields, pathEnd, targetEnd } = call.head
    t.equal(outgoingPath(call), goesOut.split('?')[0])
    t.equal(outgoingPath(call) + fields.bytes.toString('latin1', pathEnd, targetEnd), goesOut)
  })
}
