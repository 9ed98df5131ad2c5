import t from 'tap'
import { logger } from '../../src/base/log.ts'
import type { Plan } from '../../src/config/plan.ts'
import { Slab } from '../../src/engine/slab.ts'
import { Sweep } from '../../src/engine/sweep.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import { compile } from '../../src/worker/compile.ts'
import { upstreamPools } from '../../src/worker/pools.ts'
import { field, ok } from '../engine/helpers.ts'
import { servicesOf, worker } from './world.ts'

t.test('the version map: what follows a key and the query is appended, and a key ends where a segment ends', async (t) => {
  const { use, ask, origin } = await worker(t)
  use('routes:\n  v1/user: ORIGIN/v3/user\n  v2/chat: ORIGIN/2024-03/chat\n')

  const statuses: string[] = []
  for (const target of [
    '/v1/user/42?x=1',
    '/v1/user',
    '/v1/user?x',
    '/v2/chat/completions',
    '/v1/users',
    '/v1/user2/42',
    '/v1',
    '/V1/user',
  ])
    statuses.push((await ask(target))?.line[1] ?? 'none')

  t.same(statuses, ['200', '200', '200', '200', '404', '404', '404', '404'])
  t.same(
    origin.calls.map((call) => call.line[1]),
    ['/v3/user/42?x=1', '/v3/user', '/v3/user?x', '/2024-03/chat/completions'],
  )
})

t.test('a coded slash stays one, and dot segments are refused before any route is looked for', async (t) => {
  const { use, ask, origin } = await worker(t)
  use('routes:\n  v1/user: ORIGIN/v3/user\n')

  t.equal((await ask('/v1/user/a%2Fb'))?.line[1], '200')
  for (const target of ['/v1/user/../admin', '/v1/user/%2e%2E/admin', '/v1/user/.%2e', '/v1/user/%2e/x'])
    t.equal((await ask(target))?.line[1], '400', target)

  t.same(
    origin.calls.map((call) => call.line[1]),
    ['/v3/user/a%2Fb'],
  )
})

t.test('the most specific route wins: host, exact, template, longer prefix, method', async (t) => {
  const { use, ask, origin } = await worker(t)
  use(`upstreams: { a: ORIGIN }
routes:
  /: { upstream: a, rewrite: /all }
  v1/user: { upstream: a, rewrite: /prefix }
  v1/{name}/x: { upstream: a, rewrite: "/template/{name}" }
  exact: { upstream: a, path: { exact: /v1/user/x }, rewrite: /exact }
  hosted: { upstream: a, host: api.example, path: { prefix: /v1 }, rewrite: /hosted }
`)

  for (const [target, host] of [
    ['/v1/user/y', 'relay'],
    ['/v1/user/x', 'relay'],
    ['/v1/other/x', 'relay'],
    ['/v2', 'relay'],
    ['/v1/user/x', 'API.example:80'],
  ] as const)
    await ask(target, host)

  t.same(
    origin.calls.map((call) => call.line[1]),
    ['/prefix/y', '/exact', '/template/other', '/all/v2', '/hosted/user/x'],
  )
})

t.test('an answer to what has no route is relay’s own, and counted', async (t) => {
  const { use, ask } = await worker(t)
  use('routes:\n  v1: ORIGIN\n')

  const answer = await ask('/v2')

  t.equal(answer?.line[1], '404')
  t.match(field(answer, 'request-id'), /^req_/)
  t.match(JSON.parse(answer?.body ?? ''), { type: 'error', error: { type: 'not_found_error' } })
})

t.test('a reload that leaves an upstream as it was keeps its connections', async (t) => {
  const { use, ask, origin } = await worker(t)
  use('upstreams: { a: ORIGIN }\nroutes: { v1: a }\n')
  await ask('/v1')

  use('upstreams: { a: ORIGIN }\nroutes: { v1: a, v2: { upstream: a, timeouts: { idle: 1m } } }\n')
  await ask('/v2')

  t.equal(origin.connections.length, 1)
  t.equal(origin.calls.length, 2)
})

t.test('a reload that changes an upstream drains its pool: what is idle goes, what is out is finished', async (t) => {
  const { use, ask, origin, gauge, caller } = await worker(t)
  use('upstreams: { a: ORIGIN }\nroutes: { v1: a }\n')
  origin.answer = (call, connection) => {
    if (call.line[1] !== '/v1/held') connection.socket.write(ok)
  }
  const held = await caller()
  await held.send('GET /v1/held HTTP/1.1\r\nHost: relay\r\n\r\n')
  await ask('/v1/idle')
  const [busy, idle] = origin.connections
  t.equal(gauge(1, 'open'), 2)

  use('upstreams: { a: { url: ORIGIN, pool: { connections: 7 } } }\nroutes: { v1: a }\n')
  await idle!.closed()
  t.equal(busy!.isOver, false)
  await ask('/v1/new')
  await busy!.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld')
  const [answer] = await held.answers(1)
  await busy!.closed()

  t.equal(answer?.body, 'held')
  t.equal(origin.connections.length, 3)
  t.match([gauge(1, 'open'), gauge(1, 'idle'), gauge(1, 'limit')], [1, 1, 7])
})

t.test('an upstream that a reload takes away leaves nothing in the gauges', async (t) => {
  const { use, ask, origin, gauge } = await worker(t)
  use('upstreams: { a: ORIGIN, b: ORIGIN }\nroutes: { v1: a, v2: b }\n')
  await ask('/v1')
  await ask('/v2')
  t.same([gauge(1, 'open'), gauge(2, 'open')], [1, 1])

  use('upstreams: { a: ORIGIN }\nroutes: { v1: a }\n')
  await origin.connections[1]!.closed()
  await ask('/v1')

  t.same([gauge(1, 'open'), gauge(2, 'open'), gauge(2, 'limit')], [1, 0, 0])
})

t.test('calls that began before a reload keep their route, headers and all', async (t) => {
  const { use, origin, caller } = await worker(t)
  const config = (version: string): string =>
    `upstreams: { a: ORIGIN }\nroutes: { v1: { upstream: a, headers: { reply: { set: { x-version: "${version}" } } } } }\n`
  use(config('one'))
  origin.answer = () => {}
  const old = await caller()
  await old.send('GET /v1/old HTTP/1.1\r\nHost: relay\r\n\r\n')
  while (origin.calls.length < 1) await new Promise((resolve) => setImmediate(resolve))

  use(config('two'))
  const next = await caller()
  await next.send('GET /v1/new HTTP/1.1\r\nHost: relay\r\n\r\n')
  while (origin.calls.length < 2) await new Promise((resolve) => setImmediate(resolve))
  for (const connection of origin.connections) await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

  t.equal(field((await old.answers(1))[0], 'x-version'), 'one')
  t.equal(field((await next.answers(1))[0], 'x-version'), 'two')
})

t.test('a plan whose route names no upstream is not compiled', async (t) => {
  const { use } = await worker(t)
  const { plan } = use('upstreams: { a: ORIGIN }\nroutes: { v1: a }\n')
  const broken: Plan = { ...plan, upstreams: [] }
  const column = workerColumn(numbers({ workers: 1 }).memory, 0)
  const sweep = new Sweep()
  const pools = upstreamPools({ slab: new Slab(), sweep, column })

  t.throws(
    () =>
      compile({
        version: 2,
        plan: broken,
        slots: { routes: [1], upstreams: [] },
        column,
        log: logger({ level: 'silent' }),
        sweep,
        pools,
        services: servicesOf(column),
        closing: new AbortController().signal,
      }),
    /the upstream a, which is not in the plan/,
  )
})

t.test('limits of the plan and of a route hold for its calls, and a reload keeps what has been taken', async (t) => {
  const { use, ask } = await worker(t)
  const config = (more: string): string =>
    `upstreams: { a: ORIGIN }\nroutes:\n  v1/a: { to: a, limits: [{ name: few, per: [route], requests: { rate: 1/h, burst: 2 } }] }\n  v1/b: a\n${more}`
  use(config(''))
  const statuses = async (...targets: readonly string[]): Promise<(string | undefined)[]> => {
    const all: (string | undefined)[] = []
    for (const target of targets) all.push((await ask(target))?.line[1])
    return all
  }
  t.same(await statuses('/v1/a', '/v1/b', '/v1/b', '/v1/b'), ['200', '200', '200', '200'])

  use(config('log: { access: false }\n'))

  t.same(await statuses('/v1/a', '/v1/a', '/v1/b'), ['200', '429', '200'])
})

t.test('a plan with tenants is not compiled where nobody could be asked for them', async (t) => {
  const { use } = await worker(t)

  t.throws(() => use('upstreams: { a: ORIGIN }\nroutes: { v1: a }\ntenantsFrom: sqlite\n'), /nobody to ask/)
})
