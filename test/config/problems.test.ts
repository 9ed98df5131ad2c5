import t from 'tap'
import { certificate, otherKey, privateKey } from './certificates.ts'
import { type Around, problemsOf, twoUpstreams } from './helpers.ts'

type Case = readonly [name: string, text: string, at: `${number}:${number}`, path: string, message: RegExp, remedy: RegExp, around?: Around]

const key: Around = { env: { KEY: 'sk-ant-api-1' } }
const tls = 'listen:\n  address: 127.0.0.1:1\n  tls: { cert: cert.pem, key: key.pem }\n'

const shape: readonly Case[] = [
  ['an unknown key', 'lisen: 1', '1:1', 'lisen', /'lisen' is not a key/, /did you mean 'listen'/],
  ['an unknown key far from all others', 'banana: 1', '1:1', 'banana', /'banana' is not a key/, /may stand here: .*listen, .*routes/],
  ['an unknown key below', 'timeouts:\n  haed: 1s', '2:3', 'timeouts.haed', /'haed' is not a key/, /did you mean 'head'/],
  [
    'an unknown key in a route',
    `${twoUpstreams}routes:\n  x: { to: a, pong: 5s }`,
    '5:15',
    'routes.x.pong',
    /'pong'/,
    /did you mean 'ping'/,
    key,
  ],
  ['a merge key', 'bounds:\n  <<: { head: 1KiB }', '2:3', 'bounds.<<', /'<<' is not a key/, /may stand here/],
  ['a list for a mapping', 'bounds: [1]', '1:9', 'bounds', /expected a mapping, found a list/, /one key a line/],
  ['a text that is no mapping', 'hello', '1:1', '', /expected a mapping, found 'hello'/, /mapping/],
  [
    'a word that is none of a few',
    'accept: handovr',
    '1:9',
    'accept',
    /'handovr' is none of handover, reusePort/,
    /did you mean 'handover'/,
  ],
  ['a number where a switch belongs', 'public: 1', '1:9', 'public', /expected true or false, found 1/, /write true or false/],
  ['a duration that is none', 'timeouts:\n  head: 15x', '2:9', 'timeouts.head', /'15x' is not a duration/, /250ms, 30s/],
  ['a duration of nothing', 'timeouts: { idle: 0s }', '1:19', 'timeouts.idle', /'0s' is too small/, /at least 1ms/],
  ['a size that is none', 'bounds: { body: 3 MB }', '1:17', 'bounds.body', /'3 MB' is not a size/, /32MB \(10\^6\)/],
  ['a size too small', 'bounds: { head: 10B }', '1:17', 'bounds.head', /'10B' is too small/, /at least 1024 bytes/],
  ['a count too big', 'workers: 900', '1:10', 'workers', /900 is too big/, /at most 256/],
  ['workers in words', 'workers: many', '1:10', 'workers', /'many'/, /auto or a number/],
  ['a missing key', 'upstreams:\n  a: { kind: http }', '2:3', 'upstreams.a.url', /is missing/, /add it/],
]

const text: readonly Case[] = [
  [
    'a key that stands twice',
    'log: { level: info }\nlog: { level: warn }',
    '2:1',
    '',
    /'log' stands here a second time \(first in line 1\)/,
    /keep one/,
  ],
  ['an alias without an anchor', 'listen: *there', '1:9', '', /no anchor &there/, /write the value out/],
  ['a tag nobody knows', 'listen: !secret x', '1:9', '', /unresolved tag/, /correct the YAML/],
  ['YAML that is broken', 'listen: "a\nlog: 1', '2:7', '', /missing closing/, /correct the YAML/],
  ['two documents', 'log: {}\n---\nlog: {}', '2:1', '', /multiple documents/, /correct the YAML/],
  ['a key that every object has', 'routes:\n  __proto__: a', '2:3', '', /__proto__/, /\/__proto__/],
  ['a key that is a list', '? [a]\n: 1', '1:3', '', /keys must be strings/, /correct the YAML/],
  ['JSON that is broken', '{\n  "listen": \n', '2:13', '', /flow map/, /correct the YAML/],
]

const outside: readonly Case[] = [
  ['an address that is none', 'listen: 8080.1', '1:9', 'listen', /found 8080\.1/, /string/],
  ['a name for an address', 'listen: example.com:80', '1:9', 'listen', /'example.com:80' is not an address/, /127\.0\.0\.1:8080/],
  [
    'two listeners on one port',
    'listen: [":80", "0.0.0.0:80"]',
    '1:17',
    'listen.1',
    /0\.0\.0\.0:80 is listened on twice/,
    /port of its own/,
  ],
  ['metrics for everybody', 'admin: :9901', '1:8', 'admin', /0\.0\.0\.0:9901 can be reached/, /127\.0\.0\.1:9901, or write \{address/],
  [
    'a proxy that is none',
    'trustedProxies: [10.0.0.0/8, proxy]',
    '1:30',
    'trustedProxies.1',
    /'proxy' is not an address/,
    /10\.0\.0\.0\/8/,
  ],
  [
    'a certificate that is not there',
    tls,
    '3:16',
    'listen.tls.cert',
    /'cert.pem': there is no such file/,
    /correct the path/,
    { files: { 'key.pem': privateKey } },
  ],
  [
    'a certificate that is none',
    tls,
    '3:16',
    'listen.tls.cert',
    /cannot be used/,
    /PEM/,
    { files: { 'cert.pem': 'x', 'key.pem': privateKey } },
  ],
  [
    'a key of another certificate',
    tls,
    '3:16',
    'listen.tls.cert',
    /cannot be used: .*mismatch/,
    /its own/,
    { files: { 'cert.pem': certificate, 'key.pem': otherKey } },
  ],
  [
    'authorities that are none',
    'upstreams:\n  a: { url: https://a.b, ca: ca.pem }',
    '2:30',
    'upstreams.a.ca',
    /'ca.pem'/,
    /PEM/,
    { files: { 'ca.pem': 'x' } },
  ],
]

const targets: readonly Case[] = [
  [
    'an upstream without a scheme',
    'upstreams:\n  a: a.example.com',
    '2:6',
    'upstreams.a',
    /'a.example.com' is not an http/,
    /https:\/\/host/,
  ],
  ['another scheme', 'upstreams:\n  a: { url: "ftp://x" }', '2:13', 'upstreams.a.url', /'ftp:\/\/x' is not an http/, /https/],
  ['an unknown built-in', 'upstreams:\n  a: builtin:gpt', '2:6', 'upstreams.a', /'builtin:gpt' is not built in/, /builtin:claude/],
  ['a query in an URL', 'upstreams:\n  a: https://x.y/z?q', '2:6', 'upstreams.a', /holds a query/, /leave out/],
  ['a port that is none', 'upstreams:\n  a: https://x.y:0', '2:6', 'upstreams.a', /no valid host and port/, /https:\/\/host:port/],
  ['an address cut short', 'upstreams:\n  a: http://127.1', '2:6', 'upstreams.a', /no valid host/, /https/],
  ['a name that is none', 'upstreams:\n  "a b": https://x.y', '2:3', 'upstreams.a b', /'a b' is not a name/, /begin with a letter/],
  ['a default that is not there', 'defaultUpstream: b', '1:18', 'defaultUpstream', /no upstream 'b'/, /add one/],
  ['an unknown upstream', `${twoUpstreams}routes:\n  x: aa`, '5:6', 'routes.x', /no upstream 'aa'/, /did you mean 'a'/, key],
  [
    'a host without a scheme',
    `${twoUpstreams}routes:\n  x: api.b.com/v3`,
    '5:6',
    'routes.x',
    /no upstream 'api.b.com'/,
    /https:\/\/api\.b\.com if it is a host; known: a, c/,
    key,
  ],
  ['nowhere to go', `${twoUpstreams}routes:\n  x: {}`, '5:3', 'routes.x', /says nowhere to go/, /defaultUpstream/, key],
  [
    'two targets',
    `${twoUpstreams}routes:\n  x: { to: a, upstream: c }`,
    '5:15',
    'routes.x.upstream',
    /both `to` and `upstream`/,
    /keep one/,
    key,
  ],
  ['two paths out', `${twoUpstreams}routes:\n  x: { to: a/b, rewrite: /c }`, '5:17', 'routes.x.rewrite', /given twice/, /keep one/, key],
  [
    'a rewrite without a slash',
    `${twoUpstreams}routes:\n  x: { to: a, rewrite: c }`,
    '5:24',
    'routes.x.rewrite',
    /'c' does not begin/,
    /\/c/,
    key,
  ],
  ['dots in a rewrite', `${twoUpstreams}routes:\n  x: a/%2e%2E/b`, '5:6', 'routes.x', /'\.' or '\.\.' segment/, /leads to/, key],
  [
    'a variable of no template',
    `${twoUpstreams}routes:\n  x: "a/{id}"`,
    '5:6',
    'routes.x',
    /'\{id\}', which is no variable/,
    /only a template/,
    key,
  ],
  [
    'an unknown path variable',
    `${twoUpstreams}routes:\n  x/{id}: "a/{ix}"`,
    '5:11',
    'routes.x/{id}',
    /'\{ix\}', which is no variable/,
    /known: \{id\}/,
    key,
  ],
  [
    'kind at a name',
    `${twoUpstreams}routes:\n  x: { to: a, kind: http }`,
    '5:15',
    'routes.x.kind',
    /only a route with an URL/,
    /in the upstream/,
    key,
  ],
  [
    'a ping for others',
    `${twoUpstreams}routes:\n  x: { to: a, ping: 15s }`,
    '5:15',
    'routes.x.ping',
    /ping works towards Claude only/,
    /kind: claude/,
    key,
  ],
  [
    'no credential to put in',
    `${twoUpstreams}routes:\n  x: { to: a, credential: replace }`,
    '5:27',
    'routes.x.credential',
    /'a' has no credential/,
    /write pass/,
    key,
  ],
]

const paths: readonly Case[] = [
  ['a query in a key', `${twoUpstreams}routes:\n  v1?x: a`, '5:3', 'routes.v1?x', /'v1\?x' holds a query/, /leave out/, key],
  ['a fragment in a key', `${twoUpstreams}routes:\n  "v1#x": a`, '5:3', 'routes.v1#x', /fragment/, /leave out/, key],
  ['a space in a key', `${twoUpstreams}routes:\n  v1 x: a`, '5:3', 'routes.v1 x', /a space/, /percent-encode/, key],
  [
    'a control byte in a key',
    `${twoUpstreams}routes:\n  "v1\\u0007": a`,
    '5:3',
    'routes.v1\\x07',
    /'v1\\x07' holds a space, a control byte/,
    /percent-encode/,
    key,
  ],
  ['dots in a key', `${twoUpstreams}routes:\n  v1/../x: a`, '5:3', 'routes.v1/../x', /'\.\.' segment/, /leads to/, key],
  ['coded dots in a key', `${twoUpstreams}routes:\n  v1/%2E%2e/x: a`, '5:3', 'routes.v1/%2E%2e/x', /'\.\.' segment/, /leads to/, key],
  ['dots coded twice', `${twoUpstreams}routes:\n  v1/%252e%252e: a`, '5:3', 'routes.v1/%252e%252e', /'\.\.' segment/, /leads to/, key],
  ['dots behind a coded slash', `${twoUpstreams}routes:\n  v1%2f..: a`, '5:3', 'routes.v1%2f..', /'\.\.' segment/, /leads to/, key],
  ['half a percent code', `${twoUpstreams}routes:\n  v1/%4: a`, '5:3', 'routes.v1/%4', /holds a %/, /%25/, key],
  ['an empty segment', `${twoUpstreams}routes:\n  v1//x: a`, '5:3', 'routes.v1//x', /empty segment/, /one slash/, key],
  [
    'half a variable',
    `${twoUpstreams}routes:\n  v1/a{id}: a`,
    '5:3',
    'routes.v1/a{id}',
    /'a\{id\}', which is no variable/,
    /whole segment/,
    key,
  ],
  ['a variable twice', `${twoUpstreams}routes:\n  v1/{id}/{id}: a`, '5:3', 'routes.v1/{id}/{id}', /\{id\} twice/, /name of its own/, key],
  [
    'a template without any',
    `${twoUpstreams}routes:\n  x: { to: a, path: { template: /v1 } }`,
    '5:21',
    'routes.x.path',
    /without a variable/,
    /\{id\}/,
    key,
  ],
  [
    'a host with a port',
    `${twoUpstreams}routes:\n  x: { to: a, host: "b.c:80" }`,
    '5:21',
    'routes.x.host',
    /'b.c:80' is not a host/,
    /without a port/,
    key,
  ],
  [
    'a method in small letters',
    `${twoUpstreams}routes:\n  x: { to: a, methods: [GET, post] }`,
    '5:30',
    'routes.x.methods.1',
    /'post' is not a method/,
    /capitals/,
    key,
  ],
  ['CONNECT', `${twoUpstreams}routes:\n  x: { to: a, method: CONNECT }`, '5:23', 'routes.x.method', /never forwarded/, /leave it out/, key],
  [
    'the same path twice',
    `${twoUpstreams}routes:\n  x/y: a\n  z: a\n  /x/y/: c`,
    '7:3',
    'routes./x/y/',
    /same calls as the route 'x\/y' \(line 5\)/,
    /tell them apart/,
    key,
  ],
  [
    'templates alike but for names',
    `${twoUpstreams}routes:\n  x/{a}: a\n  x/{b}: c`,
    '6:3',
    'routes.x/{b}',
    /same calls as the route 'x\/\{a\}' \(line 5\)/,
    /tell them apart/,
    key,
  ],
  [
    'methods that overlap',
    `${twoUpstreams}routes:\n  p: { to: a, path: /x, methods: [GET, PUT] }\n  q: { to: a, path: /x, method: PUT }`,
    '6:3',
    'routes.q',
    /same calls as the route 'p' \(line 5\)/,
    /method/,
    key,
  ],
  [
    'one name twice',
    `${twoUpstreams}routes:\n  x: { to: a, method: GET }\n  /x: { to: a, method: PUT }`,
    '6:3',
    'routes./x',
    /same name as the route 'x'.* \(line 5\)/,
    /`path`/,
    key,
  ],
]

const headers: readonly Case[] = [
  [
    'an unknown variable',
    'headers: { request: { set: { x-a: "${reqest.id}" } } }',
    '1:35',
    'headers.request.set.x-a',
    /unknown variable '\$\{reqest\.id\}'/,
    /did you mean \$\{request\.id\}/,
  ],
  [
    'a variable left open',
    'headers: { request: { set: { x-a: "a ${route" } } }',
    '1:35',
    'headers.request.set.x-a',
    /no '\}' closes/,
    /\$\$\{/,
  ],
  [
    'a line feed in a value',
    'headers: { reply: { add: { x-a: ["ok", "a\\nb"] } } }',
    '1:40',
    'headers.reply.add.x-a.1',
    /a line feed/,
    /take it out/,
  ],
  ['a NUL in a value', 'headers: { request: { set: { x-a: "a\\0" } } }', '1:35', 'headers.request.set.x-a', /a NUL/, /take it out/],
  [
    'a variable that is not set',
    'headers: { request: { set: { x-a: "${env:TEAM}" } } }',
    '1:35',
    'headers.request.set.x-a',
    /'TEAM', which is not set/,
    /export TEAM=/,
  ],
  [
    'a CR from outside',
    'headers: { request: { set: { x-a: "${env:TEAM}" } } }',
    '1:35',
    'headers.request.set.x-a',
    /'TEAM' holds a carriage return/,
    /take it out/,
    { env: { TEAM: 'a\rb' } },
  ],
  [
    'a file that is not there',
    'headers: { request: { set: { x-a: "${file:t}" } } }',
    '1:35',
    'headers.request.set.x-a',
    /'t': there is no such file/,
    /relative to the config/,
  ],
  [
    'two lines in a file',
    'headers: { request: { set: { x-a: "${file:t}" } } }',
    '1:35',
    'headers.request.set.x-a',
    /'t' holds a line feed/,
    /take it out/,
    { files: { t: 'a\nb\n' } },
  ],
  [
    'a name that is none',
    'headers: { request: { set: { "x a": b } } }',
    '1:30',
    'headers.request.set.x a',
    /'x a' is not the name/,
    /letters, digits/,
  ],
  [
    'a field of relay',
    'headers: { request: { set: { Content-Length: "1" } } }',
    '1:30',
    'headers.request.set.Content-Length',
    /content-length is relay's own/,
    /leave it out/,
  ],
  [
    'taking away a field of relay',
    'headers: { reply: { remove: [x-a, Connection] } }',
    '1:35',
    'headers.reply.remove.1',
    /connection is relay's own/,
    /leave it out/,
  ],
  [
    'a value that is a number',
    'headers: { request: { set: { x-a: 1.0 } } }',
    '1:35',
    'headers.request.set.x-a',
    /expected a string/,
    /quotes/,
  ],
]

const up = (credential: string): string => `upstreams:\n  c:\n    url: https://api.anthropic.com\n    credential: ${credential}\n`

const credentials: readonly Case[] = [
  ['a variable that is not set', up('{ env: KEY }'), '4:24', 'upstreams.c.credential.env', /'KEY' is not set/, /export KEY=/],
  [
    'a variable that is empty',
    up('{ env: KEY }'),
    '4:24',
    'upstreams.c.credential.env',
    /'KEY' is empty/,
    /export KEY=/,
    { env: { KEY: '' } },
  ],
  [
    'a secret in two lines',
    up('{ env: KEY }'),
    '4:24',
    'upstreams.c.credential.env',
    /white space/,
    /one line/,
    { env: { KEY: 's3cr\r\net' } },
  ],
  [
    'a secret outside of ASCII',
    up('{ file: key }'),
    '4:25',
    'upstreams.c.credential.file',
    /outside of ASCII/,
    /plain ASCII/,
    { files: { key: 's3crété' } },
  ],
  ['an empty file', up('{ file: key }'), '4:25', 'upstreams.c.credential.file', /empty/, /one line/, { files: { key: '\n' } }],
  ['a file that is not there', up('{ file: key }'), '4:25', 'upstreams.c.credential.file', /there is no such file/, /relative/],
  ['no source', up('{}'), '4:5', 'upstreams.c.credential', /names no secret/, /either env/],
  ['two sources', up('{ env: A, file: b }'), '4:5', 'upstreams.c.credential', /names two secrets/, /either env/],
  [
    'a secret in place of a name',
    up('{ env: sk-s3cret }'),
    '4:24',
    'upstreams.c.credential.env',
    /not the name of an env/,
    /never the secret/,
  ],
  ['a secret in place of all', up('sk-s3cret'), '4:17', 'upstreams.c.credential', /expected a mapping, found something else/, /mapping/],
  [
    'a token where none may go',
    up('{ env: KEY, field: x-api-key }'),
    '4:36',
    'upstreams.c.credential.field',
    /OAuth access token/,
    /authorization/,
    { env: { KEY: 'sk-ant-oat01-s3cret' } },
  ],
  ['a password in an URL', 'upstreams:\n  a: https://u:s3cret@x.y', '2:6', 'upstreams.a', /holds a user or password/, /`credential`/],
  [
    'a key for everybody',
    `listen: [":80", "127.0.0.1:81"]\n${up('{ env: KEY }')}routes: { /: c }`,
    '1:10',
    'listen.0',
    /anybody who reaches the address spends that key/,
    /127\.0\.0\.1:80, or allow it with public/,
    key,
  ],
  [
    'a key in a rule for everybody',
    'listen: 0.0.0.0:80\nroutes:\n  /: { to: "http://x.y", headers: { request: { set: { authorization: "Bearer ${env:KEY}" } } } }',
    '1:9',
    'listen',
    /spends that key/,
    /public: true/,
    key,
  ],
]

for (const [noun, cases] of Object.entries({ shape, text, outside, targets, paths, headers, credentials })) {
  t.test(`${noun}: each mistake is told once, where it stands, with a remedy`, async (t) => {
    for (const [name, config, at, path, message, remedy, around] of cases) {
      const problems = problemsOf(config, around)

      const [first] = problems
      t.equal(problems.length, 1, `${name}: ${JSON.stringify(problems)}`)
      t.equal(`${first?.line}:${first?.column}`, at, `${name}: line and column`)
      t.equal(first?.path, path, `${name}: path`)
      t.match(first?.message, message, `${name}: message`)
      t.match(first?.remedy, remedy, `${name}: remedy`)
      t.notMatch(JSON.stringify(problems), /s3cr/, `${name}: no secret`)
    }
  })
}

t.test('all problems of a file are told in one go, from top to bottom', async (t) => {
  const config = 'lisen: 1\nworkers: 0\nupstreams:\n  a: ftp://x\n  b: { url: http://x.y, knid: http }\nroutes:\n  x?y: a\n  z: b\n  q: d\n'

  const problems = problemsOf(config)

  t.same(
    problems.map(({ line, path }) => `${line} ${path}`),
    ['1 lisen', '2 workers', '4 upstreams.a', '5 upstreams.b.knid', '7 routes.x?y', '9 routes.q'],
  )
})

t.test('aliases that multiply are refused, and harmless ones are not', async (t) => {
  const rows = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`)
  const bomb = ['l0: &l0 [x]', ...rows].join('\n')

  t.match(problemsOf(bomb)[0], { message: /excessive alias count/, remedy: /write out/ })
  t.match(problemsOf('x: &a [*a]')[0]?.message, /not a key/)
  t.same(problemsOf('upstreams: { a: &u http://x.y, b: *u }'), [])
})
