import t from 'tap'
import { type Case, tellsEachOnce } from './cases.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type Around, planOf } from './helpers.ts'

const proto = `syntax = "proto3";
package users.v1;
import "google/api/annotations.proto";
message GetUser { string id = 1; repeated string tags = 2; GetUser in = 3; }
service Users { rpc Get (GetUser) returns (GetUser) { option (google.api.http).get = "/v1/users/{id}"; } }
`
const around: Around = { files: { 'users.proto': proto } }
const upstreams = `upstreams:
  users: { url: grpc://127.0.0.1:50051, proto: users.proto }
  bare: grpcs://grpc.example.com
  rest: { url: http://127.0.0.1:3000, http: 2 }
  claude: builtin:claude
`
const config = (routes: string): string => `${upstreams}routes:\n  ${routes}\n`
const routeOf = (route: string) => planOf(config(route), around).routes[0]

t.test('an upstream behind grpc:// is one of gRPC, spoken to in HTTP/2 and no other version', async (t) => {
  const [users, bare, rest, claude] = planOf(upstreams, around).upstreams

  t.match(users, { kind: 'grpc', http: 2, tls: false, port: 50_051, descriptors: { is: 'set' }, forwarded: true })
  t.match(bare, { kind: 'grpc', http: 2, tls: true, port: 443, descriptors: null })
  t.match(rest, { kind: 'http', http: 2, descriptors: null, pool: { streams: 100 } })
  t.match(claude, { kind: 'claude', http: 1 })
  t.match(planOf('upstreams: { a: { url: "https://a.b", kind: grpc, reflect: true } }').upstreams[0], {
    kind: 'grpc',
    http: 2,
    descriptors: { is: 'reflect' },
  })
  t.match(planOf('listen: { address: "127.0.0.1:1", http2: false }\nbounds: { streams: 7 }'), {
    listeners: [{ http2: false }],
    bounds: { streams: 7 },
  })
})

t.test(
  'JSON callers reach a gRPC upstream wherever it is known what its methods are, and one method at the path of its route',
  async (t) => {
    const usual = { is: 'json_to_grpc', discardUnknown: false, emitDefaults: false, mostMessage: 4_194_304 }

    t.match(routeOf('/: users'), { rewrite: null, translate: { ...usual, descriptors: { is: 'set' }, method: null } })
    t.match(routeOf('/: bare'), { translate: null })
    t.match(routeOf('/: { to: users, transcode: false }'), { translate: null })
    t.match(routeOf('/: { to: users, transcode: { discardUnknown: true, emitDefaults: true, message: 1MB } }'), {
      translate: { discardUnknown: true, emitDefaults: true, mostMessage: 1_000_000 },
    })
    t.match(routeOf('v1/{id}: { grpc: users/users.v1.Users/Get }'), {
      path: { is: 'template', template: '/v1/{id}' },
      upstream: 'users',
      rewrite: null,
      translate: { ...usual, descriptors: { is: 'set' }, method: 'users.v1.Users/Get' },
    })
    t.match(routeOf('v1: { grpc: 127.0.0.1:1/a.B/C }'), {
      path: { is: 'exact', path: '/v1' },
      upstream: '127.0.0.1:1',
      translate: { descriptors: { is: 'reflect' }, method: 'a.B/C' },
    })
    t.match(routeOf('v1: { grpc: grpcs://x.y/users.v1.Users/Get, proto: users.proto }'), {
      upstream: 'x.y',
      translate: { descriptors: { is: 'set' } },
    })
  },
)

t.test('a set is read once, and stands once in the plan, however many routes have it', async (t) => {
  const { routes, upstreams } = planOf(
    `${config('a: users')}  b: { to: bare, proto: users.proto }\n  c: { grpc: users/users.v1.Users/Get }\n`,
    around,
  )
  const sets = [...routes.map(({ translate }) => translate), ...upstreams].map((one) =>
    one !== null && 'descriptors' in one ? one.descriptors : null,
  )
  const bytes = sets.flatMap((set) => (set?.is === 'set' ? [set.bytes] : []))

  t.equal(bytes.length, 4)
  t.equal(new Set(bytes).size, 1)
  t.notOk(Buffer.isBuffer(bytes[0]), 'a Buffer is shown in JSON in a way of its own')
})

t.test('gRPC callers of a REST backend, callers of OpenAI and upgrades are what a route says of them', async (t) => {
  t.match(routeOf('users.v1.Users: { to: rest, grpcService: { proto: users.proto, message: 1KiB } }'), {
    translate: { is: 'grpc_to_json', descriptors: { is: 'set' }, mostMessage: 1024 },
  })
  t.match(routeOf('/: { to: claude, openai: true }'), { translate: { is: 'openai', lossy: false, models: {}, maxTokens: 4096 } })
  t.match(routeOf('/: { to: claude, openai: { lossy: true, models: { "gpt-*": claude-x }, maxTokens: 1k } }'), {
    translate: { lossy: true, models: { 'gpt-*': 'claude-x' }, maxTokens: 1000 },
  })
  t.match(routeOf('/: { to: claude, openai: false }'), { translate: null })
  t.match(routeOf('x: { to: claude/, openai: true }'), { rewrite: '', translate: { is: 'openai' } })
  t.match(routeOf('/: { to: http://x.y, upgrades: [WebSocket, websocket] }'), { upgrades: ['websocket'] })
  t.match(routeOf('/: { to: rest, upgrades: [websocket] }'), { upgrades: ['websocket'] }, 'in HTTP/2, too')
  t.match(planOf('routes: { a: { to: http://x.y, http: 2 }, b: { to: http://x.y } }').upstreams, [
    { name: 'x.y:80', http: 2 },
    { name: 'http://x.y', http: 1 },
  ])
})

const all = (): readonly Case[] =>
  (
    [
      [
        'a URL that says gRPC, and a kind that does not',
        'upstreams:\n  a: { url: "grpc://x", kind: http }',
        '2:31',
        'upstreams.a.kind',
        /URL says grpc, and kind http/,
        /leave/,
      ],
      ['gRPC over HTTP/1.1', 'upstreams:\n  a: { url: "grpc://x", http: 1 }', '2:31', 'upstreams.a.http', /gRPC needs HTTP\/2/, /leave/],
      ['a version of HTTP that there is not', 'upstreams:\n  a: { url: "http://x", http: 3 }', '2:31', 'upstreams.a.http', /3/, /./],
      [
        'the fake in HTTP/2',
        'upstreams:\n  a: { url: "builtin:claude", http: 2 }',
        '2:37',
        'upstreams.a.http',
        /speaks HTTP\/1\.1/,
        /leave/,
      ],
      [
        'descriptors of what is no gRPC server',
        'upstreams:\n  a: { url: "http://x", proto: users.proto }',
        '2:25',
        'upstreams.a.proto',
        /'a' is none/,
        /kind: grpc/,
      ],
      [
        'two sources of descriptors',
        'upstreams:\n  a: { url: "grpc://x", proto: users.proto, reflect: true }',
        '2:45',
        'upstreams.a.reflect',
        /proto says already/,
        /keep one of/,
      ],
      [
        'a folder for imports of nothing',
        'upstreams:\n  a: { url: "grpc://x", protoPath: x }',
        '2:25',
        'upstreams.a.protoPath',
        /there is none/,
        /proto/,
      ],
      [
        'a .proto file that is not there',
        'upstreams:\n  a: { url: "grpc://x", proto: no.proto }',
        '2:32',
        'upstreams.a.proto',
        /no\.proto: there is no such file/,
        /correct the path/,
      ],
      [
        'a set that is none',
        'upstreams:\n  a: { url: "grpc://x", descriptors: users.proto }',
        '2:38',
        'upstreams.a.descriptors',
        /cannot be used/,
        /include_imports/,
      ],
      [
        'a method that a service does not have',
        config('x: { grpc: users/users.v1.Users/Got }'),
        '7:14',
        'routes.x.grpc',
        /no method 'Got'/,
        /did you mean 'Get'/,
      ],
      [
        'a service that descriptors do not have',
        config('x: { grpc: users/users.v1.User/Get }'),
        '7:14',
        'routes.x.grpc',
        /no service 'users\.v1\.User'/,
        /did you mean 'users\.v1\.Users'/,
      ],
      ['half a method', config('x: { grpc: users/users.v1.Users }'), '7:14', 'routes.x.grpc', /not a method/, /package\.Service\/Method/],
      [
        'gRPC of an upstream that has none',
        config('x: { grpc: rest/a.B/C }'),
        '7:14',
        'routes.x.grpc',
        /'rest' is of kind http/,
        /kind: grpc/,
      ],
      ['gRPC at an URL of HTTP', config('x: { grpc: https://a.b/a.B/C }'), '7:14', 'routes.x.grpc', /not a gRPC server/, /grpcs:\/\/a\.b/],
      [
        'a variable that is no field',
        config('"x/{idd}": { grpc: users/users.v1.Users/Get }'),
        '7:3',
        'routes.x/{idd}',
        /\{idd\} is no field of users\.v1\.GetUser/,
        /did you mean 'id'/,
      ],
      [
        'a variable that is repeated',
        config('"x/{tags}": { grpc: users/users.v1.Users/Get }'),
        '7:3',
        'routes.x/{tags}',
        /the field is repeated/,
        /query/,
      ],
      [
        'a variable that is a message',
        config('"x/{in}": { grpc: users/users.v1.Users/Get }'),
        '7:3',
        'routes.x/{in}',
        /the field is a message/,
        /query/,
      ],
      [
        'a method for many paths',
        config('x: { grpc: users/users.v1.Users/Get, path: { prefix: /x } }'),
        '7:46',
        'routes.x.path',
        /one method answers one path/,
        /exact/,
      ],
      [
        'a method and a path that goes out',
        config('x: { grpc: users/users.v1.Users/Get, rewrite: /y }'),
        '7:40',
        'routes.x.rewrite',
        /the method is the path/,
        /leave/,
      ],
      [
        'a method and no JSON',
        config('x: { grpc: users/users.v1.Users/Get, transcode: false }'),
        '7:40',
        'routes.x.transcode',
        /for JSON callers/,
        /leave the method out/,
      ],
      ['two targets', config('x: { to: users, grpc: users/a.B/C }'), '7:19', 'routes.x.grpc', /both `to` and `grpc`/, /keep one/],
      [
        'JSON for what is not known',
        config('x: { to: bare, transcode: true }'),
        '7:18',
        'routes.x.transcode',
        /nothing says/,
        /reflect: true/,
      ],
      [
        'JSON for what is no gRPC',
        config('x: { to: rest, transcode: true }'),
        '7:18',
        'routes.x.transcode',
        /'rest' is of kind http/,
        /kind: grpc/,
      ],
      [
        'descriptors for what is no gRPC',
        config('x: { to: rest, reflect: true }'),
        '7:18',
        'routes.x.reflect',
        /'rest' is of kind http/,
        /grpcService/,
      ],
      [
        'gRPC callers of gRPC',
        config('users.v1.Users: { to: users, grpcService: { proto: users.proto } }'),
        '7:32',
        'routes.users.v1.Users.grpcService',
        /reach it as they are/,
        /leave/,
      ],
      [
        'a service that nothing describes',
        config('x: { to: rest, grpcService: {} }'),
        '7:31',
        'routes.x.grpcService',
        /nothing says what the service is/,
        /proto/,
      ],
      [
        'a service that no call can reach',
        config('x: { to: rest, grpcService: { proto: users.proto } }'),
        '7:3',
        'routes.x',
        /no call of the service can match '\/x'/,
        /\/users\.v1\.Users/,
      ],
      [
        'a model of gRPC callers',
        config('users.v1.Users: { to: rest, when: { model: a }, grpcService: { proto: users.proto } }'),
        '7:39',
        'routes.users.v1.Users.when.model',
        /routed before their messages are read/,
        /when\.header/,
      ],
      [
        'a service and a path that goes out',
        config('users.v1.Users: { to: rest/v2, grpcService: { proto: users.proto } }'),
        '7:34',
        'routes.users.v1.Users.grpcService',
        /decides what path goes out/,
        /leave/,
      ],
      [
        'OpenAI in front of another',
        config('x: { to: rest, openai: true }'),
        '7:18',
        'routes.x.openai',
        /'rest' is of kind http/,
        /Claude upstream/,
      ],
      ['a ping into gRPC', config('x: { to: users, ping: 15s }'), '7:19', 'routes.x.ping', /'users' is of kind grpc/, /leave/],
      [
        'an upgrade in gRPC',
        config('x: { to: users, upgrades: [websocket] }'),
        '7:19',
        'routes.x.upgrades',
        /'users' is of kind grpc/,
        /leave/,
      ],
      ['an upgrade to HTTP/2', config('x: { to: http://x.y, upgrades: [h2c] }'), '7:35', 'routes.x.upgrades.0', /one connection/, /leave/],
      [
        'an upgrade that is none',
        config('x: { to: http://x.y, upgrades: ["web socket"] }'),
        '7:35',
        'routes.x.upgrades.0',
        /not the name of a protocol/,
        /websocket/,
      ],
      [
        'a version of HTTP of a named upstream',
        config('x: { to: rest, http: 1 }'),
        '7:18',
        'routes.x.http',
        /only a route with an URL/,
        /in the upstream/,
      ],
      [
        'two rules for one path',
        config('x: bare').replace('grpcs://grpc.example.com', '{ url: "grpc://x", proto: twice.proto }'),
        '3:35',
        'upstreams.bare.proto',
        /stands for the same paths/,
        /path of its own/,
      ],
    ] as const
  ).map(([name, text, at, path, message, remedy]) => [name, text, at, path, message, remedy, twice] as const)

const twice: Around = {
  files: {
    ...around.files,
    'twice.proto': proto.replace('} }', '} rpc Too (GetUser) returns (GetUser) { option (google.api.http).get = "/v1/users/{id}"; } }'),
  },
}

t.test('each wrong combination is told once, where it stands, with a remedy', async (t) => {
  tellsEachOnce(t, all())
})

t.test(
  'what is wrong in a .proto file is told with its own line, and a change of it, or of what it imports, is one of the config',
  async (t) => {
    const broken = { files: { 'users.proto': proto.replace('string id', 'strin id') } }

    tellsEachOnce(t, [
      [
        'a type that is not there',
        upstreams,
        '2:48',
        'upstreams.users.proto',
        /users\.proto:4:25: there is no type strin/,
        /check its name/,
        broken,
      ],
    ])

    const held: Readonly<Record<string, string>> = {
      'relay.config.yaml': 'upstreams: { a: { url: "grpc://x", proto: a.proto, protoPath: [lib] } }',
      'a.proto': 'syntax = "proto3"; import "b.proto"; service S { rpc M (B) returns (B); }',
      'lib/b.proto': 'syntax = "proto3"; message B {}',
    }
    const readFile = (path: string): string => {
      const text = held[path.replace('/etc/relay/', '')]
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
      return text
    }
    const { files } = await loadConfig({ file: '/etc/relay/relay.config.yaml', readFile })
    t.match(new Set(files), new Set(['/etc/relay/a.proto', '/etc/relay/lib/b.proto']))
  },
)
