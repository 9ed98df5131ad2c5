import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import t from 'tap'
import { asked, bytesOf, shopOf, shown } from './shop.ts'

/** A rule, a message (a Thing, where it says no other), and the request that says it; or why there is none. */
interface Case {
  readonly rule?: JsonObject
  readonly in?: string
  readonly message: JsonValue
  readonly gives?: string
  readonly body?: string
  readonly type?: string
  readonly fails?: RegExp
  /** The request does not say all that the message says. */
  readonly isLossy?: true
}

const get = { get: '/v1/{name}' }
const list = { get: '/v1/things' }
const names = { get: '/v1/{name=shelves/*/books/*}' }

const tables: Readonly<Record<string, readonly Case[]>> = {
  'path variables are filled from their fields, escaped': [
    { rule: get, message: { name: 'x' }, gives: 'GET /v1/x' },
    { rule: get, message: { name: "a b/c+d%2F'(é)*" }, gives: 'GET /v1/a%20b%2Fc%2Bd%252F%27%28%C3%A9%29%2A' },
    { rule: get, message: { name: '-_.~09azAZ' }, gives: 'GET /v1/-_.~09azAZ' },
    { rule: get, message: { name: '...' }, gives: 'GET /v1/...' },
    { rule: { get: '/v1/{name}:go' }, message: { name: 'x:y' }, gives: 'GET /v1/x%3Ay:go' },
    { rule: names, message: { name: 'shelves/a b/books/c' }, gives: 'GET /v1/shelves/a%20b/books/c' },
    { rule: names, message: { name: 'shelves/a%2Fb/books/c' }, gives: 'GET /v1/shelves/a%252Fb/books/c' },
    { rule: { get: '/v1/{name=**}' }, message: { name: 'a/b c/d' }, gives: 'GET /v1/a/b%20c/d' },
    { rule: { get: '/v1/{name=**}' }, message: { name: 'a/' }, gives: 'GET /v1/a/' },
    { rule: { get: '/v1/{name=**}' }, message: {}, gives: 'GET /v1' },
    { rule: { get: '/v1/{name=a/**}:go' }, message: { name: 'a' }, gives: 'GET /v1/a:go' },
    { rule: { get: '/v1/{owner.id}/{size}/**' }, message: { size: 5, owner: { id: 'a' } }, gives: 'GET /v1/a/5' },
    { rule: { get: '/v1/{size}/{is_ok}/{color}' }, message: {}, gives: 'GET /v1/0/false/NONE' },
    {
      rule: { get: '/v1/{big}/{is_ok}/{color}' },
      message: { big: '-9007199254740993', isOk: true, color: 7 },
      gives: 'GET /v1/-9007199254740993/true/DARK_BLUE',
    },
    { rule: { get: '/v1/{data}' }, message: { data: '+/8=' }, gives: 'GET /v1/-_8' },
    { rule: { get: '/v1/{made_at}' }, message: { madeAt: '2026-01-02T00:00:00Z' }, gives: 'GET /v1/2026-01-02T00%3A00%3A00Z' },
    { rule: { get: '/v1/{i64}' }, in: 'Wrapped', message: { i64: '5' }, gives: 'GET /v1/5' },
    { rule: { get: '/caf%C3%A9/{name=caf%C3%A9/*}' }, message: { name: 'café/x' }, gives: 'GET /caf%C3%A9/caf%C3%A9/x' },
    { rule: { custom: { kind: '*', path: '/v1/{name}' } }, message: { name: 'x' }, gives: 'POST /v1/x' },
    { rule: { custom: { kind: 'HEAD', path: '/v1/{name}' } }, message: { name: 'x' }, gives: 'HEAD /v1/x' },
  ],
  'a value that would be another path is refused': [
    { rule: get, message: {}, fails: /field "name" has "", and an empty segment cannot stand in a path/ },
    { rule: get, message: { name: '.' }, fails: /field "name" has ".", and "." cannot stand in a path/ },
    { rule: get, message: { name: '..' }, fails: /".." cannot stand in a path/ },
    { rule: names, message: { name: 'shelves/a/books/..' }, fails: /".." cannot stand in a path/ },
    { rule: names, message: { name: 'shelves//books/b' }, fails: /empty segment/ },
    { rule: names, message: { name: 'shelves/a/books/' }, fails: /empty segment/ },
    { rule: names, message: { name: 'shelves/a' }, fails: /field "name" has "shelves\/a", which does not fit "shelves\/\*\/books\/\*"/ },
    { rule: names, message: { name: 'shelves/a/books/b/c' }, fails: /does not fit/ },
    { rule: names, message: { name: 'racks/a/books/b' }, fails: /does not fit/ },
    { rule: names, message: {}, fails: /does not fit/ },
    { rule: { get: '/v1/{name=**}' }, message: { name: 'a/../b' }, fails: /".." cannot stand/ },
    { rule: { get: '/v1/{name=**}' }, message: { name: '/etc' }, fails: /empty segment/ },
    { rule: { get: '/v1/{name=**}' }, message: { name: 'a//b' }, fails: /empty segment/ },
    { rule: { get: '/v1/{name=**}' }, message: { name: '/' }, fails: /empty segment/ },
    { rule: { get: '/v1/*/{name}' }, message: { name: 'a' }, fails: /a "\*" of the path has no field/ },
  ],
  'of several bindings the first that the message fits is taken': [
    {
      rule: { get: '/v1/{name=shelves/*}', additionalBindings: [{ get: '/v1/{name=racks/*}' }, { post: '/v1/all', body: '*' }] },
      message: { name: 'racks/a' },
      gives: 'GET /v1/racks/a',
    },
    {
      rule: { get: '/v1/{name=shelves/*}', additionalBindings: [{ get: '/v1/{name=racks/*}' }, { post: '/v1/all', body: '*' }] },
      message: { name: 'a' },
      gives: 'POST /v1/all',
      body: '{"name":"a"}',
    },
    {
      rule: { get: '/v1/{name=a/*}', additionalBindings: [{ get: '/v1/{name=b/*}' }] },
      message: { name: 'c' },
      fails: /does not fit "a\/\*"/,
    },
  ],
  'what is neither in path nor body is a query parameter': [
    { rule: list, message: {}, gives: 'GET /v1/things' },
    { rule: get, message: { name: 'x', size: 3 }, gives: 'GET /v1/x?size=3' },
    { rule: list, message: { name: 'a b&c=d+e', isOk: true }, gives: 'GET /v1/things?name=a%20b%26c%3Dd%2Be&isOk=true' },
    { rule: list, message: { tags: ['a', 'b', ''] }, gives: 'GET /v1/things?tags=a&tags=b&tags=' },
    {
      rule: list,
      message: { owner: { id: 'a', parent: { fullName: 'b' }, nums: [1, 2] } },
      gives: 'GET /v1/things?owner.id=a&owner.parent.fullName=b&owner.nums=1&owner.nums=2',
    },
    { rule: { get: '/v1/{owner.id}' }, message: { owner: { id: 'a', age: 3 } }, gives: 'GET /v1/a?owner.age=3' },
    { rule: list, message: { labels: { a: 'x', 'b]&': 'y' } }, gives: 'GET /v1/things?labels%5Ba%5D=x&labels%5Bb%5D%26%5D=y' },
    {
      rule: list,
      message: { shades: { 1: 'RED' }, flags: { true: '5' }, spans: { a: '1s' } },
      gives: 'GET /v1/things?shades%5B1%5D=RED&flags%5Btrue%5D=5&spans%5Ba%5D=1s',
    },
    { rule: list, message: { color: 7, colors: [1, 99] }, gives: 'GET /v1/things?color=DARK_BLUE&colors=RED&colors=99' },
    { rule: list, message: { data: '+/8=', parts: ['AA==', '+/8='] }, gives: 'GET /v1/things?data=-_8&parts=AA&parts=-_8' },
    {
      rule: list,
      message: { weight: 'NaN', ratio: '-Infinity', big: '9007199254740993' },
      gives: 'GET /v1/things?weight=NaN&big=9007199254740993&ratio=-Infinity',
    },
    {
      rule: list,
      message: { madeAt: '2026-01-02T00:00:00Z', lasts: '1.500s', mask: 'name,isOk' },
      gives: 'GET /v1/things?madeAt=2026-01-02T00%3A00%3A00Z&lasts=1.500s&mask=name%2CisOk',
    },
    { rule: list, message: { times: ['2026-01-02T00:00:00Z'] }, gives: 'GET /v1/things?times=2026-01-02T00%3A00%3A00Z' },
    { rule: list, message: { nick: '', number: 0 }, gives: 'GET /v1/things?number=0&nick=' },
    { rule: list, message: { '@etag': 'x' }, gives: 'GET /v1/things?%40etag=x' },
    { rule: list, message: { more: { a: [1] }, anyValue: 'x' }, gives: 'GET /v1/things?more=%7B%22a%22%3A%5B1%5D%7D&anyValue=%22x%22' },
    {
      rule: list,
      in: 'Wrapped',
      message: { i64: '0', s: '', b: false, raw: '+/8=', many: ['1', '2'], list: [1] },
      gives: 'GET /v1/things?i64=0&s=&b=false&raw=-_8&many=1&many=2&list=%5B1%5D',
    },
    { rule: list, message: { owner: {} }, gives: 'GET /v1/things', isLossy: true },
    { rule: list, message: { owners: [{ id: 'a' }] }, fails: /field "owners" is a list of messages, which no query parameter can say/ },
    { rule: list, message: { people: { a: {} } }, fails: /field "people" is a map of messages/ },
    { rule: list, message: { detail: { '@type': 'type.googleapis.com/shop.v1.Owner' } }, fails: /field "detail" is a google.protobuf.Any/ },
  ],
  'the body is what the rule says, without what the path says': [
    {
      rule: { post: '/v1', body: '*' },
      message: { name: 'x', owners: [{ id: 'a' }] },
      gives: 'POST /v1',
      body: '{"name":"x","owners":[{"id":"a"}]}',
    },
    { rule: { post: '/v1', body: '*' }, message: {}, gives: 'POST /v1', body: '{}' },
    { rule: { put: '/v1/{name}', body: '*' }, message: { name: 'x', size: 3 }, gives: 'PUT /v1/x', body: '{"size":3}' },
    {
      rule: { put: '/v1/{owner.id}', body: '*' },
      message: { name: 'x', owner: { id: 'a', age: 3 } },
      gives: 'PUT /v1/a',
      body: '{"name":"x","owner":{"age":3}}',
    },
    {
      rule: { put: '/v1/{owner.id}', body: 'owner' },
      message: { name: 'x', owner: { id: 'a', age: 3 } },
      gives: 'PUT /v1/a?name=x',
      body: '{"age":3}',
    },
    {
      rule: { patch: '/v1/{name}', body: 'owner' },
      message: { name: 'x', size: 3, owner: { id: 'a' } },
      gives: 'PATCH /v1/x?size=3',
      body: '{"id":"a"}',
    },
    { rule: { patch: '/v1/{name}', body: 'owner' }, message: { name: 'x' }, gives: 'PATCH /v1/x', body: '{}', isLossy: true },
    { rule: { post: '/v1', body: 'tags' }, message: { tags: ['a'] }, gives: 'POST /v1', body: '["a"]' },
    { rule: { post: '/v1', body: 'tags' }, message: {}, gives: 'POST /v1', body: '[]' },
    { rule: { post: '/v1', body: 'name' }, message: { name: 'x' }, gives: 'POST /v1', body: '"x"' },
    { rule: { post: '/v1', body: 'owners' }, message: { owners: [{ id: 'a' }] }, gives: 'POST /v1', body: '[{"id":"a"}]' },
    { rule: { post: '/v1', body: '*' }, in: 'google.protobuf.Struct', message: { a: [1] }, gives: 'POST /v1', body: '{"a":[1]}' },
    { message: { name: 'x' }, gives: 'POST /shop.v1.Shop/Call', body: '{"name":"x"}' },
    { message: { big: '9007199254740993' }, gives: 'POST /shop.v1.Shop/Call', body: '{"big":"9007199254740993"}' },
  ],
  'google.api.HttpBody goes out as its bytes': [
    {
      rule: { post: '/v1', body: '*' },
      in: 'google.api.HttpBody',
      message: { contentType: 'text/plain', data: 'aGk=' },
      gives: 'POST /v1',
      body: 'hi',
      type: 'text/plain',
    },
    {
      rule: { post: '/v1/{id}', body: 'file' },
      in: 'Upload',
      message: { id: 'x', note: 'n', file: { contentType: 'a/b', data: 'aGk=' } },
      gives: 'POST /v1/x?note=n',
      body: 'hi',
      type: 'a/b',
    },
  ],
}

for (const [name, cases] of Object.entries(tables)) {
  t.test(name, async (t) => {
    for (const each of cases) {
      const { rule, in: input = 'Thing', message, gives, body, type = 'application/json', fails, isLossy } = each
      const of = shopOf({ Call: { in: input, out: 'Thing', ...(rule === undefined ? {} : { rule }) } })
      const call = of.methods[0]!
      const bytes = bytesOf(input, message)
      const said = encodeURI(`${JSON.stringify(rule ?? {})} ${JSON.stringify(message)}`)
      if (fails !== undefined) {
        t.throws(() => call.toHttp(bytes), { failure: 'bad_request', message: fails }, said)
        continue
      }
      const made = call.toHttp(bytes)
      const parts = [`${made.method} ${made.target}`, made.body?.toString(), made.contentType]
      t.strictSame(parts, [gives, body, body === undefined ? null : type], said)

      // And back: what goes out by a rule means the same message by that rule.
      if (isLossy === true) continue
      const { match, query } = asked(of, `${made.method} ${made.target}`)
      const back = match.request(query, made.body ?? Buffer.alloc(0), made.contentType ?? '')
      t.strictSame(shown(call.input, back), shown(call.input, bytes), `${said} and back`)
    }
  })
}

t.test('what comes as a request and is no such message is the caller’s error', async (t) => {
  const call = shopOf({ Call: { in: 'Thing', out: 'Thing' } }).methods[0]!

  t.throws(() => call.toHttp(Buffer.from([0x0a, 5])), { failure: 'bad_request', message: /no shop.v1.Thing/ })
  t.throws(() => call.toHttp(Buffer.from('f2010f0a0a782f6e6f626f64792e58120101', 'hex')), {
    failure: 'bad_request',
    message: /no JSON.*nobody/,
  })
})

t.test('further messages of a stream are their bodies alone', async (t) => {
  const of = shopOf({
    Whole: { in: 'Thing', out: 'Thing', streams: 'in', rule: { post: '/v1/{name}', body: '*' } },
    None: { in: 'Thing', out: 'Thing', streams: 'in', rule: { get: '/v2/{name}' } },
  })
  const [whole, none] = of.methods

  t.equal(whole?.toHttpBody(bytesOf('Thing', { size: 3 }))?.bytes.toString(), '{"size":3}')
  t.equal(none?.toHttpBody(bytesOf('Thing', { size: 3 })), null)
})

t.test('a message goes out by no binding whose replies have another form; those of a stream by the first alone', async (t) => {
  const paths = (at: string): JsonObject => ({ post: `/${at}/{name=a/*}`, body: '*' })
  const more = (rule: JsonObject, also: JsonObject): JsonObject => ({ ...rule, additionalBindings: [also] })
  const of = shopOf({
    Other: { in: 'Thing', out: 'Wrap', rule: more(paths('v1'), { post: '/v1/{name=b/*}', body: '*', responseBody: 'thing' }) },
    Same: { in: 'Thing', out: 'Wrap', rule: more(paths('v2'), { post: '/v2/{name=b/*}', body: '*' }) },
    Stream: { in: 'Thing', out: 'Wrap', streams: 'in', rule: more(paths('v3'), { get: '/v3/{name=b/*}' }) },
  })
  const message = bytesOf('Thing', { name: 'b/x' })
  const [other, same, stream] = of.methods

  t.throws(() => other?.toHttp(message), { failure: 'bad_request', message: /does not fit "a/ })
  t.equal(same?.toHttp(message).target, '/v2/b/x')
  t.throws(() => stream?.toHttp(message), { failure: 'bad_request', message: /does not fit "a/ })
})

/** A backend's body, and the message it is. */
interface BackCase {
  readonly out?: string
  readonly response?: string
  readonly body: string
  readonly type?: string
  readonly gives?: JsonValue
  readonly fails?: RegExp
}

const backCases: readonly BackCase[] = [
  { body: '{"name":"x","big":"9007199254740993"}', gives: { name: 'x', big: '9007199254740993' } },
  { body: '{"big":9007199254740993}', gives: { big: '9007199254740993' } },
  { body: '{"name":"x","addedLater":{"a":1},"color":"PINK"}', gives: { name: 'x' } },
  { body: '{"is_ok":true}', gives: { isOk: true } },
  { body: '', gives: {} },
  { out: 'Wrap', response: 'things', body: '[{"name":"x"}]', gives: { things: [{ name: 'x' }] } },
  { out: 'Wrap', response: 'thing', body: '{"name":"x","new":1}', gives: { thing: { name: 'x' } } },
  { out: 'Wrap', response: 'word', body: '"w"', gives: { word: 'w' } },
  { out: 'Wrap', response: 'total', body: '9007199254740993', gives: { total: '9007199254740993' } },
  { out: 'google.protobuf.Struct', body: '{"a":1}', gives: { a: 1 } },
  { out: 'google.protobuf.Empty', body: '{"any":"thing"}', gives: {} },
  { out: 'google.api.HttpBody', body: 'not {json', type: 'text/html', gives: { contentType: 'text/html', data: 'bm90IHtqc29u' } },
  { out: 'google.api.HttpBody', body: '', type: '', gives: {} },
  { out: 'Upload', response: 'file', body: 'hi', type: 'a/b', gives: { file: { contentType: 'a/b', data: 'aGk=' } } },
  { body: '{"size":"x"}', fails: /the upstream's reply is no shop.v1.Thing: .*size/ },
  { body: '<html>', fails: /no shop.v1.Thing: .*JSON/ },
  { body: '[]', fails: /no shop.v1.Thing/ },
  { out: 'Wrap', response: 'word', body: '"a","total":"5"', fails: /JSON/ },
]

t.test('a backend’s body becomes the reply’s message; fields that are not known are left out', async (t) => {
  for (const { out = 'Thing', response, body, type = 'application/json', gives, fails } of backCases) {
    const rule: JsonObject = { get: '/v1', ...(response === undefined ? {} : { responseBody: response }) }
    const call = shopOf({ Call: { in: 'Owner', out, rule } }).methods[0]!
    if (fails === undefined) t.strictSame(shown(call.output, call.fromHttp(Buffer.from(body), type)), gives, body)
    else t.throws(() => call.fromHttp(Buffer.from(body), type), { failure: 'upstream_failed', message: fails }, body)
  }
})
