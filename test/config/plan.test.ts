import t from 'tap'
import { certificate, privateKey } from './certificates.ts'
import { planOf, problemsOf, routeOf, twoUpstreams } from './helpers.ts'

t.test('an empty config has every default', async (t) => {
  for (const text of ['', '# nothing\n', '{}', 'routes:\nupstreams:\n  # none\n', '\ufeff{}']) {
    const plan = planOf(text)

    t.same(plan.listeners, [{ host: '127.0.0.1', port: 8080, tls: null, http2: true }])
    t.same(plan.admin, { host: '127.0.0.1', port: 9901 })
    t.equal(plan.workers, 4)
    t.same(plan.bounds, { head: 32_768, fields: 100, body: 33_554_432, peek: 1_048_576, connections: 20_000, streams: 100 })
    t.same(plan.timeouts, { head: 15_000, idle: 75_000, body: 60_000, write: 300_000 })
    t.same(plan.drain, { delay: 5000, grace: 30_000, streamGrace: 600_000 })
    t.same(plan.log, { level: 'info', access: true })
    t.same([plan.trustedProxies, plan.upstreams, plan.routes, plan.guard], [[], [], [], null])
  }
})

t.test('a plan is plain data that can be sent to a worker', async (t) => {
  const plan = planOf(`${twoUpstreams}routes:\n  /: c\n  x/{id}: a/y/{id}\n`, { env: { KEY: 'k' } })

  t.same(structuredClone(plan), plan)
})

t.test('what is written as JSON, with tabs too, is read as well', async (t) => {
  const text = JSON.stringify({ $schema: 'x', listen: '[::1]:0', routes: { 'v1/user': 'https://api.claude.ai/v3/user' } }, null, '\t')

  const plan = planOf(text)

  t.same(plan.listeners, [{ host: '::1', port: 0, tls: null, http2: true }])
  t.equal(plan.routes[0]?.rewrite, '/v3/user')
})

t.test('listeners come one or many, in the clear or with TLS; the read-only one can be left out', async (t) => {
  const files = { 'tls/cert.pem': certificate, 'tls/key.pem': privateKey }
  const text = 'listen:\n  - :80\n  - { address: "[::]:443", tls: { cert: tls/cert.pem, key: tls/key.pem } }\nadmin: off\n'

  const plan = planOf(text, { files })

  t.same(plan.listeners, [
    { host: '0.0.0.0', port: 80, tls: null, http2: true },
    { host: '::', port: 443, tls: { cert: '/etc/relay/tls/cert.pem', key: '/etc/relay/tls/key.pem' }, http2: true },
  ])
  t.equal(plan.admin, null)
  t.equal(planOf('admin: false').admin, null)
  t.same(planOf('admin: { address: ":9901", public: true }').admin, { host: '0.0.0.0', port: 9901 })
})

t.test('the version map: a key is a prefix, and the path of the URL takes its place', async (t) => {
  const plan = planOf('routes:\n  v1/user: https://api.claude.ai/v3/user\n  v2/chat: https://gateway.claude.ai/2024-03/chat\n')

  const [user, chat] = plan.routes
  t.match(user, {
    name: 'v1/user',
    path: { is: 'prefix', path: '/v1/user' },
    upstream: 'api.claude.ai',
    rewrite: '/v3/user',
    credential: 'pass',
  })
  t.match(chat, { name: 'v2/chat', upstream: 'gateway.claude.ai', rewrite: '/2024-03/chat' })
  t.match(plan.upstreams[0], {
    name: 'api.claude.ai',
    kind: 'http',
    tls: true,
    host: 'api.claude.ai',
    port: 443,
    path: '',
    forwarded: true,
  })
})

t.test('a slash before or behind a key changes nothing', async (t) => {
  for (const key of ['v1/user', '/v1/user', 'v1/user/', '/v1/user/']) {
    t.match(routeOf(`${key}: a`), { name: 'v1/user', path: { is: 'prefix', path: '/v1/user' } }, key)
  }
  t.match(routeOf('/: a'), { name: '/', path: { is: 'prefix', path: '/' } })
  t.match(routeOf('v1%2Fuser: a'), { path: { path: '/v1%2Fuser' } })
})

t.test('a target without a path keeps the path, with a slash it takes the prefix away, with a path it replaces it', async (t) => {
  const rewrites = [
    ['a', null],
    ['a/', ''],
    ['a/v3', '/v3'],
    ['a/v3/', '/v3'],
    ['{ to: a }', null],
    ['{ upstream: a, rewrite: /v3 }', '/v3'],
    ['{ to: a, rewrite: / }', ''],
    ['http://x.y', null],
    ['http://x.y/', ''],
    ['http://x.y/v3/', '/v3'],
    ['{ to: "http://x.y/v3/", path: { exact: /q/ } }', '/v3/'],
    ['{ to: a/, path: { exact: /q } }', '/'],
  ] as const
  for (const [written, rewrite] of rewrites) t.equal(routeOf(`v1: ${written}`)?.rewrite, rewrite, written)
  t.equal(routeOf('v1/{id}: "a/people/{id}"')?.rewrite, '/people/{id}')
  t.equal(routeOf('v1/{id}: "http://x.y/people/{id}"')?.rewrite, '/people/{id}')
})

t.test('the long form says what to match and how', async (t) => {
  const route = routeOf(
    'writes: { to: c, host: API.Example.com., methods: [POST, PUT, POST], path: /v1/x, credential: pass, timeouts: { firstByte: 1s }, body: 1KB, ping: 15s, compression: pass }',
  )

  t.match(route, {
    name: 'writes',
    host: 'api.example.com',
    methods: ['POST', 'PUT'],
    path: { is: 'prefix', path: '/v1/x' },
    upstream: 'c',
  })
  t.match(route, { credential: 'pass', timeouts: { firstByte: 1000, idle: null }, bodyLimit: 1000, ping: 15_000, compression: 'pass' })
  t.same(routeOf('e: { to: a, path: { exact: /v1/x/ } }')?.path, { is: 'exact', path: '/v1/x/' })
  t.same(routeOf('e: { to: a, path: { template: "/v1/{id}" } }')?.path, { is: 'template', template: '/v1/{id}' })
})

t.test('routes that can be told apart are no tie', async (t) => {
  const routes = [
    'a1: { to: a, path: /x, method: GET }',
    'a2: { to: a, path: /x, method: PUT }',
    'a3: { to: a, path: /x }',
    'a4: { to: a, path: /x, host: h.example }',
    'a5: { to: a, path: { exact: /x } }',
    'a6: { to: a, path: "/x/{id}" }',
    'a7: { to: a, path: "/{id}/x" }',
    'a8: { to: a, path: { exact: /x/ } }',
    '/: a',
  ]
  t.equal(planOf(`${twoUpstreams}routes:\n  ${routes.join('\n  ')}\n`, { env: { KEY: 'k' } }).routes.length, routes.length)
})

t.test("URLs in routes share an upstream by origin and kind, and get none of a named upstream's credential", async (t) => {
  const text = `${twoUpstreams}routes:
  r1: https://x.y/1
  r2: https://x.y:443/2
  r3: http://x.y/3
  r4: { to: "https://x.y/4", kind: claude }
  r5: https://api.anthropic.com/v1
  r6: builtin:claude
  r7: http://[::1]:3000/a
`
  const plan = planOf(text, { env: { KEY: 'k' } })

  t.same(
    plan.routes.map((route) => route.upstream),
    ['x.y', 'x.y', 'x.y:80', 'https://x.y', 'api.anthropic.com', 'builtin:claude', '[::1]:3000'],
  )
  t.same(
    plan.upstreams.map(({ kind }) => kind),
    ['http', 'claude', 'http', 'http', 'claude', 'claude', 'claude', 'http'],
  )
  t.match(plan.upstreams[6], { builtin: true, host: '127.0.0.1', port: 0, tls: false })
  t.match(plan.upstreams[7], { host: '::1', port: 3000 })
  t.match(plan.routes[4], { credential: 'pass' })
})

t.test('the default upstream is the one that is named, or the only one', async (t) => {
  const only = planOf('upstreams: { a: http://x.y }\nroutes:\n  v1/x:\n  v1/y: {}\n')
  t.same(
    only.routes.map(({ upstream, rewrite }) => [upstream, rewrite]),
    [
      ['a', null],
      ['a', null],
    ],
  )

  const named = planOf('upstreams: { a: http://x.y, b: http://z.y }\ndefaultUpstream: b\nroutes: { v1/x: { to: /v2/x }, v1/z: null }\n')
  t.same(
    named.routes.map(({ upstream, rewrite }) => [upstream, rewrite]),
    [
      ['b', '/v2/x'],
      ['b', null],
    ],
  )
})

t.test('waits are longer towards Claude, and forwarded fields stay off there', async (t) => {
  const [http, claude] = planOf(twoUpstreams, { env: { KEY: 'k' } }).upstreams

  t.match(http, {
    kind: 'http',
    path: '/base',
    port: 80,
    tls: false,
    forwarded: true,
    timeouts: { connect: 10_000, firstByte: 60_000, idle: 300_000 },
  })
  t.match(claude, {
    kind: 'claude',
    path: '',
    port: 443,
    tls: true,
    forwarded: false,
    timeouts: { connect: 10_000, firstByte: 660_000, idle: 600_000 },
  })
  t.same(http?.pool, { connections: 1024, streams: 100, waiting: 1024, waitTimeout: 10_000, idle: 25_000, resolve: 30_000 })
})

t.test('a credential goes where its kind is taken, and is replaced unless the route says pass', async (t) => {
  const field = (credential: string, secret: string, kind = 'claude') =>
    planOf(`upstreams: { c: { url: https://x.y, kind: ${kind}, credential: ${credential} } }`, {
      env: { KEY: secret },
      files: { key: secret },
    }).upstreams[0]?.credential

  t.same(field('{ env: KEY }', 'sk-ant-api03-x'), { field: 'x-api-key', secret: 'sk-ant-api03-x' })
  t.same(field('{ file: key }', ' sk-ant-api03-x\r\n'), { field: 'x-api-key', secret: 'sk-ant-api03-x' })
  t.same(field('{ env: KEY }', 'sk-ant-oat01-x'), { field: 'authorization', secret: 'sk-ant-oat01-x' })
  t.same(field('{ env: KEY, field: authorization }', 'sk-ant-api03-x'), { field: 'authorization', secret: 'sk-ant-api03-x' })
  t.same(field('{ env: KEY }', 'abc', 'http'), { field: 'authorization', secret: 'abc' })
  t.equal(routeOf('x: c')?.credential, 'replace')
  t.equal(routeOf('x: { to: c, credential: pass }')?.credential, 'pass')
  t.equal(routeOf('x: a')?.credential, 'pass')
})

t.test('a credential is guarded on loopback, and public is a word that must be said', async (t) => {
  const around = { env: { KEY: 'k' } }
  const route = 'routes: { x: { to: c, host: relay.local } }\n'

  t.same(planOf(`listen: 127.0.0.2:80\n${twoUpstreams}${route}`, around).guard, {
    hosts: ['127.0.0.1', 'localhost', '::1', '127.0.0.2', 'relay.local'],
  })
  t.equal(planOf(`${twoUpstreams}routes: { x: { to: c, credential: pass }, y: a }`, around).guard, null)
  t.equal(planOf(`public: true\nlisten: :80\n${twoUpstreams}${route}`, around).guard, null)
  t.equal(planOf(`listen: :80\n${twoUpstreams}routes: { y: a }`, around).guard, null)
  t.match(problemsOf(`listen: :80\n${twoUpstreams}${route}`, around), [{ path: 'listen' }])

  const rule = (value: string) => `routes: { x: { to: "http://x.y", headers: { request: { set: { x-call-key: "${value}" } } } } }`
  t.not(planOf(rule('${env:KEY}'), around).guard, null)
  t.equal(planOf(rule('${request.id}'), around).guard, null)
})

t.test('header rules: removed, set, then added; those of the relay before those of the route', async (t) => {
  const text = `headers: { request: { set: { X-All: "1" } } }
routes:
  x:
    to: http://x.y
    headers:
      request: { add: { x-b: [p, "q \${now}"] }, set: { x-team: "\${env:TEAM}-\${file:f}\${route}" }, remove: [X-Gone] }
      reply: { set: { x-d: "$\${route} \${request.id}" } }
`
  const route = planOf(text, { env: { TEAM: 'core' }, files: { f: 'two\n' } }).routes[0]

  t.same(route?.requestHeaders, [
    { op: 'set', name: 'x-all', value: [{ text: '1' }] },
    { op: 'remove', name: 'x-gone' },
    { op: 'set', name: 'x-team', value: [{ text: 'core-two' }, { variable: 'route' }] },
    { op: 'add', name: 'x-b', value: [{ text: 'p' }] },
    { op: 'add', name: 'x-b', value: [{ text: 'q ' }, { variable: 'now' }] },
  ])
  t.same(route?.replyHeaders, [{ op: 'set', name: 'x-d', value: [{ text: '${route} ' }, { variable: 'request.id' }] }])
})

t.test('what comes from outside is text and never a template itself', async (t) => {
  const text = 'headers: { reply: { set: { x-a: "${env:A}" } } }\nroutes: { x: "http://x.y" }'

  const route = planOf(text, { env: { A: '${request.id}' } }).routes[0]

  t.same(route?.replyHeaders, [{ op: 'set', name: 'x-a', value: [{ text: '${request.id}' }] }])
})

t.test('10,000 routes load', async (t) => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `  v1/r${i}: https://h${i % 50}.example.com/v3/r${i}`)

  const plan = planOf(['routes:', ...lines].join('\n'))

  t.equal(plan.routes.length, 10_000)
  t.equal(plan.upstreams.length, 50)
  t.match(problemsOf(['routes:', ...lines, '  /v1/r77: http://x.y'].join('\n')), [{ line: 10_002, message: /'v1\/r77' \(line 79\)/ }])
})
