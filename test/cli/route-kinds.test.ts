import { mkdirSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { run } from '../../src/cli/run.ts'
import { routeLines } from '../../src/cli/route-text.ts'
import { routeStatuses } from '../../src/relay/route-status.ts'
import { planOf } from '../config/helpers.ts'
import { home } from '../helpers/cli.ts'

/** A folder with a config of one route, and the command line in it, run in this process. */
function world(t: Test) {
  const place = home(t)
  const file = place.write('relay.config.yaml', 'upstreams: { claude: builtin:claude }\nroutes:\n  /: http://127.0.0.1:9\n')
  const printed: string[] = []
  const io = {
    env: place.env,
    cwd: place.folder,
    out: (text: string) => printed.push(text),
    err: (text: string) => printed.push(text),
    ask: null,
  }
  return {
    place,
    /** The exit code, and what was printed. */
    relay: async (...args: readonly string[]) => {
      printed.length = 0
      const exit = await run(args, { io, worker: { file: new URL('file:///none') } })
      return { exit, text: printed.join('') }
    },
    routes: (): unknown => parse(readFileSync(file, 'utf8')).routes,
    in: (folder: string) => {
      mkdirSync(place.path(folder), { recursive: true })
      io.cwd = place.path(folder)
    },
  }
}

t.test('relay route add writes a gRPC method with what says it, from the folder of the config on', async (t) => {
  const { relay, routes, in: go } = world(t)
  go('protos')
  const named = ['--config', '../relay.config.yaml']

  const added = await relay(
    'route',
    'add',
    'v1/users/{id}',
    '--grpc',
    '127.0.0.1:50051/users.v1.Users/GetUser',
    '--proto',
    'users.proto',
    ...named,
  )
  await relay('route', 'add', 'v1/a', '--grpc', 'h:1/a.B/C', '--proto', 'a.proto', '--proto', 'b.proto', '--proto-path', '.', ...named)
  await relay('route', 'add', 'v1/b', '--grpc', 'grpcs://h/a.B/C', '--descriptors', '../set.binpb', ...named)
  await relay('route', 'add', 'v1/c', '--grpc', 'h:1/a.B/C', '--reflect', ...named)
  await relay('route', 'add', 'v1/d', '--to', 'https://h/x', '--http2', ...named)

  t.match(added, { exit: 0, text: /added route v1\/users\/\{id\} → 127\.0\.0\.1:50051\/users\.v1\.Users\/GetUser \(line 4\)/ })
  t.strictSame(routes(), {
    '/': 'http://127.0.0.1:9',
    'v1/users/{id}': { grpc: '127.0.0.1:50051/users.v1.Users/GetUser', proto: 'protos/users.proto' },
    'v1/a': { grpc: 'h:1/a.B/C', proto: ['protos/a.proto', 'protos/b.proto'], protoPath: 'protos' },
    'v1/b': { grpc: 'grpcs://h/a.B/C', descriptors: 'set.binpb' },
    'v1/c': { grpc: 'h:1/a.B/C', reflect: true },
    'v1/d': { to: 'https://h/x', http: 2 },
  })
})

t.test('relay route add writes conditions, versions, upgrades and callers of OpenAI', async (t) => {
  const { relay, routes } = world(t)
  const when = [
    '--when-header',
    'x-t=a',
    '--when-header',
    'x-t=b=c',
    '--when-header',
    '!x-old',
    '--when-header',
    'x-new',
    '--when-query',
    'v=2',
  ]
  const versions = [
    '--version-by',
    'header:x-api-version',
    '--version-default',
    'v1',
    '--version-map',
    'v1=https://a/u',
    '--version-map',
    'v2=claude',
  ]

  await relay('route', 'add', 'x', '--to', 'http://h', '--upgrade', 'websocket', ...when, '--when-model', 'claude-*')
  await relay('route', 'add', 'user', ...versions)
  await relay('route', 'add', '{version}/p', '--version-by', 'path', '--version-map', 'v1=claude')
  await relay('route', 'add', 'o', '--to', 'claude', '--openai')
  await relay('route', 'add', 'l', '--to', 'claude', '--openai', '--lossy', '--timeout', '5s')

  t.match(routes(), {
    x: {
      to: 'http://h',
      when: { header: { 'x-t': ['a', 'b=c'], 'x-old': false, 'x-new': true }, query: { v: '2' }, model: 'claude-*' },
      upgrades: ['websocket'],
    },
    user: { versions: { by: { header: 'x-api-version' }, default: 'v1', map: { v1: 'https://a/u', v2: 'claude' } } },
    '{version}/p': { versions: { by: 'path', map: { v1: 'claude' } } },
    o: { to: 'claude', openai: true },
    l: { to: 'claude', timeouts: { firstByte: '5s' }, openai: { lossy: true } },
  })
})

t.test('flags that do not go together are told, and nothing is written', async (t) => {
  const { relay, routes } = world(t)
  const add = async (...flags: readonly string[]) => relay('route', 'add', 'x', ...flags)

  t.match(await add('--to', 'claude', '--lossy'), { exit: 2, text: /--lossy goes with --openai/ })
  t.match(await add('--version-map', 'v1=claude'), { exit: 2, text: /versions need both/ })
  t.match(await add('--version-by', 'cookie:x', '--version-map', 'v1=claude'), { exit: 2, text: /header:NAME, query:NAME or path/ })
  t.match(await add('--to', 'claude', '--grpc', 'h:1/a.B/C'), { exit: 2, text: /both `to` and `grpc`/ })
  t.match(await add('--grpc', 'h:1/a.B'), { exit: 2, text: /'a\.B' is not a method/ })
  t.match(await add('--to', 'http://h', '--openai'), { exit: 2, text: /'h:80' is of kind http/ })
  t.strictSame(routes(), { '/': 'http://127.0.0.1:9' })
})

t.test('relay route show tells what the file says of a route where no relay runs with it', async (t) => {
  const { relay } = world(t)
  await relay('route', 'add', 'v1/c', '--grpc', 'h:1/a.B/C', '--reflect')

  t.match(await relay('route', 'show', '/v1/c'), {
    exit: 0,
    text: /v1\/c:\n {2}grpc: h:1\/a\.B\/C\n {2}reflect: true\n\(from relay\.config\.yaml, line 4; no relay/,
  })
  t.match(await relay('route', 'show', 'v1/b'), { exit: 1, text: /no route 'v1\/b' \(did you mean 'v1\/c'\?\)/ })
  t.match(JSON.parse((await relay('route', 'show', 'v1/c', '--json')).text), { name: 'v1/c', written: { reflect: true } })
  t.match(await relay('route', 'list'), { text: /v1\/c +h:1\/a\.B\/C\n/ })
})

t.test('a route of the running relay is shown with all that holds for it', async (t) => {
  const plan = planOf(`routes:
  v1/c: { grpc: h:1/a.B/C, methods: [POST] }
  x: { to: http://h, http: 2, when: { header: { a: [b, c], d: true }, query: { e: false }, model: m }, host: n.example }
  user: { versions: { by: { header: v }, default: v1, map: { v1: { to: http://h/y } } } }
  '/{version}/z': { to: builtin:claude, openai: true }
`)
  const [method, matched, version, unknown, openai] = routeStatuses(plan, plan).map((route) => routeLines(route).join('\n'))

  t.equal(
    method,
    `v1/c
  path         /v1/c (exact)
  methods      POST
  to           grpc://h:1/a.B/C
  upstream     h:1 (grpc, HTTP/2)
  translates   JSON to gRPC
  method       a.B/C
  descriptors  not known yet: the server is asked; JSON callers get 503`,
  )
  t.match(
    matched,
    'host      n.example\n  when      header a: b or c; header d; no query e; model m\n  to        http://h/x\n  upstream  h:80 (http, HTTP/2)',
  )
  t.match(version, 'user@v1\n  path      /user (prefix)\n  when      header v: v1, or none\n  to        http://h/y')
  t.match(unknown, 'answers  400: no known version in the header v; known: v1')
  t.match(openai, 'to          builtin:claude\n  upstream    builtin:claude (claude, HTTP/1.1)\n  translates  OpenAI to Claude')
})
