import { create, fromBinary, toBinary, type JsonObject } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import t from 'tap'
import { ConfigError } from '../../src/base/errors.ts'
import { knownFiles } from '../../src/transcode/known-files.ts'
import { transcoder } from '../../src/transcode/transcoder.ts'
import { fileOf, setOf } from './proto.ts'
import { asked, shop, shopOf, shopSet, shown } from './shop.ts'

/** A rule of a method that takes a Thing, and what is wrong with it: the path of the problem, and its message. */
const wrongRules: readonly (readonly [rule: JsonObject, path: RegExp, message: RegExp])[] = [
  [{ get: '/v1/{nope}' }, /^shop.v1.Shop\/Call \(GET \/v1\/\{nope\}\)$/, /the path binds "nope": shop.v1.Thing has no field "nope"/],
  [{ get: '/v1/{owner.nope}' }, /Call/, /shop.v1.Owner has no field "nope"/],
  [{ get: '/v1/{name.x}' }, /Call/, /"name" of shop.v1.Thing is a single value/],
  [{ get: '/v1/{made_at.seconds}' }, /Call/, /"made_at" of shop.v1.Thing is a google.protobuf.Timestamp/],
  [{ get: '/v1/{tags}' }, /Call/, /the path binds "tags": it is repeated/],
  [{ get: '/v1/{labels}' }, /Call/, /the path binds "labels": it is a map/],
  [{ get: '/v1/{owners.id}' }, /Call/, /"owners" of shop.v1.Thing is repeated/],
  [{ get: '/v1/{owner}' }, /Call/, /the path binds "owner": it is a shop.v1.Owner, which is no single value/],
  [{ get: '/v1/{detail}' }, /Call/, /google.protobuf.Any/],
  [{ post: '/v1', body: 'nope' }, /\(POST \/v1\)/, /body: shop.v1.Thing has no field "nope"/],
  [{ post: '/v1', body: 'owner.id' }, /Call/, /body: .*only a field of the message itself/],
  [{ post: '/v1', body: '*', response_body: 'nope' }, /Call/, /response_body: shop.v1.Owner has no field "nope"/],
  [{ post: '/v1', responseBody: 'parent.id' }, /Call/, /response_body: .*only a field of the message itself/],
  [{ post: '/v1/{name}', body: 'name' }, /Call/, /field "name" is both the body and in the path/],
  [{ get: '/v1/{a={b}}' }, /Call/, /variable within a variable/],
  [{ get: '/v1/**/x' }, /Call/, /"\*\*" before its last segment/],
  [{ get: 'v1' }, /\(GET v1\)/, /the template does not begin with "\/"/],
  [{ get: '' }, /Call/, /the template does not begin/],
  [{ body: '*' }, /\(a rule without a pattern\)/, /the rule has no pattern/],
  [{ custom: { kind: '', path: '/v1' } }, /Call/, /the rule has no pattern/],
  [{ custom: { kind: 'A B', path: '/v1' } }, /Call/, /"A B" is no HTTP method/],
  [
    { get: '/v1', additionalBindings: [{ get: '/v2', additionalBindings: [{ get: '/v3' }] }] },
    /google.api.http/,
    /additional bindings within an additional binding/,
  ],
  [{ get: '/v1', additionalBindings: [{ get: '/v2/{nope}' }] }, /\(GET \/v2\/\{nope\}\)/, /has no field "nope"/],
  [
    { get: '/v1/{name}', additionalBindings: [{ get: '/v1/{text}' }] },
    /\(GET \/v1\/\{text\}\)/,
    /the same paths as \/v1\/\{name\} of shop.v1.Shop\/Call/,
  ],
]

t.test('a rule that cannot be is told when the descriptors are read, by method and rule', async (t) => {
  for (const [rule, path, message] of wrongRules) {
    const [problem] = problemsOf(() => shopOf({ Call: { in: 'Thing', out: 'Owner', rule } }))
    t.match(problem, { path, message }, JSON.stringify(rule))
  }
})

t.test('all that is wrong is told at once', async (t) => {
  const problems = problemsOf(() =>
    shopOf({
      One: { in: 'Thing', out: 'Owner', rule: { post: '/v1/{nope}/{tags}', body: 'x' } },
      Two: { in: 'Thing', out: 'Owner', rule: { get: '//' } },
    }),
  )

  t.strictSame(
    problems.map(({ path }) => path),
    [...Array<string>(3).fill('shop.v1.Shop/One (POST /v1/{nope}/{tags})'), 'shop.v1.Shop/Two (GET //)'],
  )
})

t.test('two methods at the same paths are told, each by its name', async (t) => {
  const rule = (path: string) => ({ in: 'Thing', out: 'Owner', rule: { get: path } })

  const [problem] = problemsOf(() => shopOf({ One: rule('/v1/{name}'), Two: rule('/v1/{text=*}') }))

  t.match(problem, { path: 'shop.v1.Shop/Two (GET /v1/{text=*})', message: /\/v1\/\{name\} of shop.v1.Shop\/One/ })
})

t.test('additional bindings, custom kinds and unannotated methods stand side by side', async (t) => {
  const of = shopOf({
    Get: {
      in: 'Thing',
      out: 'Owner',
      rule: {
        get: '/v1/{name}',
        additionalBindings: [
          { post: '/v1/{name}:get', body: '*' },
          { custom: { kind: 'HEAD', path: '/v1/{name}' } },
          { patch: '/v2', body: 'owner' },
        ],
      },
    },
    Any: { in: 'Thing', out: 'Owner', rule: { custom: { kind: '*', path: '/any/{name}' } } },
    Plain: { in: 'Thing', out: 'Owner' },
  })
  const calls = [
    ...['GET /v1/x', 'POST /v1/x:get', 'HEAD /v1/x', 'PATCH /v2', 'PUT /any/x', 'M-SEARCH /any/x', 'POST /shop.v1.Shop/Plain'],
    ...['DELETE /v1/x', 'GET /shop.v1.Shop/Plain', 'GET /v2', 'GET /v3', 'POST /shop.v1.Shop/Get', 'GET *'],
  ]

  const found = calls.map((call) => {
    const [method = '', path = ''] = call.split(' ')
    const result = of.find(method, path)
    return result.is === 'found'
      ? `${result.match.method.name} ${result.match.template} ${result.match.body}`
      : result.is === 'no_path'
        ? null
        : result.allow
  })

  t.strictSame(found, [
    'shop.v1.Shop/Get /v1/{name} none',
    'shop.v1.Shop/Get /v1/{name}:get json',
    'shop.v1.Shop/Get /v1/{name} none',
    'shop.v1.Shop/Get /v2 json',
    'shop.v1.Shop/Any /any/{name} none',
    'shop.v1.Shop/Any /any/{name} none',
    'shop.v1.Shop/Plain /shop.v1.Shop/Plain json',
    ['GET', 'HEAD'],
    ['POST'],
    ['PATCH'],
    null,
    null,
    null,
  ])
})

t.test('methods tell what they are', async (t) => {
  const of = shopOf({
    Unary: { in: 'Thing', out: 'Owner', isSafe: true },
    In: { in: 'Thing', out: 'Owner', streams: 'in' },
    Out: { in: 'Thing', out: 'google.api.HttpBody', streams: 'out' },
    Both: { in: 'Thing', out: 'Owner', streams: 'both' },
  })

  const shapes = of.methods.map((method) => [method.path, method.clientStreaming, method.serverStreaming, method.rawReply, method.isSafe])

  t.strictSame(shapes, [
    ['/shop.v1.Shop/Unary', false, false, false, true],
    ['/shop.v1.Shop/In', true, false, false, false],
    ['/shop.v1.Shop/Out', false, true, true, false],
    ['/shop.v1.Shop/Both', true, true, false, false],
  ])
  t.equal(of.method('/shop.v1.Shop/In')?.name, 'shop.v1.Shop/In')
  t.equal(of.method('/shop.v1.Shop/None'), null)
  t.equal(of.methods[0]?.service, 'shop.v1.Shop')
})

t.test('one method at a path of the config answers there alone, its fields from the path, the query or the body', async (t) => {
  const methods = { Get: { in: 'Thing', out: 'Owner', rule: { get: '/annotated' } }, Other: { in: 'Thing', out: 'Owner' } }
  const of = shopOf(methods, { only: { name: 'shop.v1.Shop/Get', template: '/my/{owner.id}' } })

  const get = asked(of, 'GET /my/a?size=3')
  const post = asked(of, 'POST /my/a')

  t.strictSame(shown(get.match.method.input, get.match.request(get.query, Buffer.alloc(0), '')), { owner: { id: 'a' }, size: 3 })
  t.strictSame(shown(post.match.method.input, post.match.request('', Buffer.from('{"size":3}'), '')), { owner: { id: 'a' }, size: 3 })
  t.strictSame(of.find('GET', '/annotated'), { is: 'no_path' })
  t.strictSame(of.find('POST', '/shop.v1.Shop/Other'), { is: 'no_path' })
  t.strictSame(of.find('OPTIONS', '/my/a'), { is: 'other_method', allow: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] })
  t.equal(of.method('/shop.v1.Shop/Other')?.name, 'shop.v1.Shop/Other', 'gRPC callers reach all methods')
})

t.test('a method of the config that the descriptors do not have, or whose path does not fit it, is told', async (t) => {
  const methods = { Get: { in: 'Thing', out: 'Owner' } }

  const [unknown] = problemsOf(() => shopOf(methods, { only: { name: 'shop.v1.Shop/Nope', template: '/' } }))
  const unfit = problemsOf(() => shopOf(methods, { only: { name: 'shop.v1.Shop/Get', template: '/{nope}' } }))

  t.match(unknown, { path: 'shop.v1.Shop/Nope', message: /no such method/, remedy: 'one of: shop.v1.Shop/Get' })
  t.match(unfit, [{ path: /^shop.v1.Shop\/Get /, message: /has no field "nope"/ }])
  t.equal(unfit.length, 1)
})

t.test('files of a set may stand in any order and twice, and may leave out what Google has', async (t) => {
  const base = fileOf({ name: 'base.proto', package: 'base', messages: { Id: ['string id = 1'] }, imports: [] })
  const top = fileOf({
    ...shop,
    messages: { ...shop.messages, Ask: ['base.Id id = 1'] },
    imports: ['base.proto', ...googleNames()],
    methods: { Call: { in: 'Ask', out: 'Ask', rule: { get: '/{id.id}' } } },
  })
  const whole = [...knownFiles.values()].filter((file) => /protobuf|api/.test(file.name))

  for (const file of [
    [top, base],
    [base, top],
    [top, base, top, base],
    [top, ...whole, base],
  ]) {
    const of = transcoder({ descriptors: toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })), mostMessage: 100 })
    t.equal(of.find('GET', '/x').is, 'found')
  }
})

t.test('an import that nobody has and nothing needs is no problem; one that is needed is told by the type', async (t) => {
  const file = (field: string) =>
    setOf({ package: 'a', imports: ['gone.proto'], messages: { A: [field] }, methods: { Call: { in: 'A', out: 'A' } } })

  const [problem] = problemsOf(() => transcoder({ descriptors: file('gone.Type x = 1'), mostMessage: 100 }))

  t.equal(transcoder({ descriptors: file('string x = 1'), mostMessage: 100 }).methods.length, 1)
  t.match(problem, { path: 'descriptors', message: /gone.Type/ })
})

t.test('files that import each other are told', async (t) => {
  const a = fileOf({ name: 'a.proto', package: 'a', imports: ['b.proto'], messages: { A: ['b.B b = 1'] } })
  const b = fileOf({ name: 'b.proto', package: 'b', imports: ['a.proto'], messages: { B: ['a.A a = 1'] } })

  const [problem] = problemsOf(() =>
    transcoder({ descriptors: toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [a, b] })), mostMessage: 100 }),
  )

  t.match(problem, { path: 'descriptors', message: /a.proto/ })
})

t.test('what is no descriptor set is told', async (t) => {
  const set = shopSet({ Get: { in: 'Thing', out: 'Owner' } })

  for (const bytes of [Buffer.from('syntax = "proto3";'), set.subarray(0, set.length - 5), Buffer.alloc(3, 255)]) {
    const [problem] = problemsOf(() => transcoder({ descriptors: bytes, mostMessage: 100 }))
    t.match(problem, { path: 'descriptors', message: /cannot be used/ })
  }
  t.strictSame(transcoder({ descriptors: new Uint8Array(0), mostMessage: 100 }).methods, [])
})

t.test('annotations are read where the set has the files of google.api itself', async (t) => {
  const { file } = fromBinary(FileDescriptorSetSchema, shopSet({ Get: { in: 'Thing', out: 'Owner', rule: { get: '/v9/{name}' } } }))
  const own = [...knownFiles.values(), ...file]

  const of = transcoder({
    descriptors: toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: own })),
    mostMessage: 100,
  })

  t.equal(of.find('GET', '/v9/x').is, 'found')
})

function problemsOf(make: () => unknown): ConfigError['problems'] {
  try {
    make()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

function googleNames(): readonly string[] {
  return [...knownFiles.keys()].filter((name) => name.startsWith('google/protobuf/') || name.startsWith('google/api/'))
}
