import t from 'tap'
import { ask as question, sdks } from '../claude/helpers.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, post, rawCall, type RawReply } from './caller.ts'
import { someStream, streamRequest } from './events.ts'
import { answer, chunk, lastChunk, origin, streamHead, type OriginCall } from './origin.ts'

/** Every secret of these tests: none may stand in a log line, in whatever way it came in. */
const secrets = {
  key: 'sk-ant-api03-relays-own-key',
  token: 'token-of-the-other-upstream',
  file: 'sk-ant-oat01-from-a-file',
  rule: 'secret-of-a-header-rule',
  callerKey: 'sk-ant-api03-of-the-caller',
  callerToken: 'oauth-token-of-the-caller',
}
const limits = [
  'anthropic-ratelimit-requests-limit: 4000',
  'Anthropic-Ratelimit-Tokens-Remaining: 12',
  'anthropic-organization-id: org',
  'request-id: req_o',
]
let serve = ({ socket }: OriginCall): void => void socket.write(answer(200, '{}', limits))
const upstream = await origin(t, (call) => serve(call))
const claude = { url: upstream.url, kind: 'claude' }
const relay = await relayProcess(
  t,
  {
    upstreams: {
      keyed: { ...claude, credential: { env: 'KEY' } },
      bearer: { ...claude, credential: { env: 'TOKEN', field: 'authorization' } },
      filed: { ...claude, credential: { file: 'secret.txt', field: 'authorization' } },
      open: claude,
      away: { url: 'http://127.0.0.1:1', kind: 'claude', credential: { env: 'KEY' } },
    },
    routes: {
      '/': 'keyed',
      bearer: { to: 'bearer', rewrite: '/' },
      filed: { to: 'filed', rewrite: '/' },
      open: { to: 'open', rewrite: '/' },
      kept: { to: 'keyed', rewrite: '/', credential: 'pass' },
      away: { to: 'away', rewrite: '/' },
      ruled: { to: 'open', rewrite: '/', headers: { request: { set: { 'x-secret': '${env:RULE}' } } } },
    },
    log: { level: 'debug' },
  },
  { env: { KEY: secrets.key, TOKEN: secrets.token, RULE: secrets.rule }, files: { 'secret.txt': `${secrets.file}\n` } },
)
const both = [`x-api-key: ${secrets.callerKey}`, `authorization: Bearer ${secrets.callerToken}`, 'anthropic-version: 2023-06-01']

interface Heard {
  readonly call: OriginCall
  readonly reply: RawReply
}

async function ask(path: string, lines: readonly string[] = both): Promise<Heard> {
  const coming = upstream.next()
  const { reply } = rawCall(relay.port, here(post(path, streamRequest, lines)))
  return { call: await coming, reply: await reply }
}

/** A key that relay puts in is for callers on this machine: they say so in Host. */
function here(request: Buffer): Buffer {
  return Buffer.from(request.toString('latin1').replace('relay.test', `127.0.0.1:${relay.port}`), 'latin1')
}

const replaced = [
  ['/v1/messages', 'x-api-key', secrets.key],
  ['/bearer/v1/messages', 'authorization', `Bearer ${secrets.token}`],
  ['/filed/v1/messages', 'authorization', `Bearer ${secrets.file}`],
] as const

for (const [path, field, value] of replaced) {
  t.test(`on ${path} both of the caller's credentials stay here, and the upstream's own goes out in ${field}`, async (t) => {
    const { call } = await ask(path, [...both, 'X_Api_Key: another', 'Authorization_: no'])

    t.equal(call.fields.get(field), value)
    t.equal([...call.fields.keys()].filter((name) => /api.key|^authorization$/.test(name)).length, 1)
    t.notMatch(call.head, secrets.callerKey)
    t.notMatch(call.head, secrets.callerToken)
    t.notMatch(call.head, 'another')
  })

  t.test(`on ${path} the rate limits of the shared key stay here, and all else of the reply passes`, async (t) => {
    const { reply } = await ask(path)

    t.notMatch(reply.head, /anthropic-ratelimit/i)
    t.equal(reply.fields.get('anthropic-organization-id'), 'org')
    t.equal(reply.fields.get('request-id'), 'req_o')
  })
}

for (const path of ['/open/v1/messages', '/kept/v1/messages']) {
  t.test(`on ${path} the caller's own credentials pass, and so do the rate limits that describe them`, async (t) => {
    const { call, reply } = await ask(path)

    t.equal(call.fields.get('x-api-key'), secrets.callerKey)
    t.equal(call.fields.get('authorization'), `Bearer ${secrets.callerToken}`)
    t.equal(reply.fields.get('anthropic-ratelimit-requests-limit'), '4000')
    t.equal(reply.fields.get('anthropic-ratelimit-tokens-remaining'), '12')
  })
}

t.test('both SDKs work with any key of their own where relay puts one in', async (t) => {
  serve = ({ socket, line }) =>
    void socket.write(
      line.startsWith('POST')
        ? Buffer.concat([Buffer.from(streamHead), ...someStream().map(chunk), Buffer.from(lastChunk)])
        : answer(404, '{}'),
    )
  for (const [name, sdk] of sdks) {
    const coming = upstream.next()
    const client = new sdk({ apiKey: secrets.callerKey, baseURL: relay.url, maxRetries: 0 })

    const message = await client.messages.stream(question('hi')).finalMessage()

    t.equal(message.stop_reason, 'end_turn', name)
    t.equal((await coming).fields.get('x-api-key'), secrets.key)
    t.notOk((await coming).fields.has('authorization'))
  }
})

const refused: readonly (readonly [string, number, readonly string[]])[] = [
  ['a name that somebody pointed at this machine', 421, ['host: evil.example']],
  ['an address of another machine', 421, ['host: 192.0.2.1:8080']],
  ['a page from elsewhere in a browser', 403, ['host: 127.0.0.1', 'origin: https://evil.example']],
  ['a page without an origin of its own', 403, ['host: 127.0.0.1', 'origin: null']],
  ['a page whose name only begins like ours', 403, ['host: 127.0.0.1', 'origin: http://localhost.evil.example']],
]
for (const [who, status, lines] of refused) {
  t.test(`${who} gets nothing for a key that relay puts in, and the upstream hears nothing`, async (t) => {
    const before = upstream.calls.length
    const [host = '', ...rest] = lines
    const request = post('/v1/messages', streamRequest, [...both, ...rest])
      .toString('latin1')
      .replace('host: relay.test', host)

    const reply = await rawCall(relay.port, request).reply

    t.equal(reply.status, status)
    t.match(JSON.parse(reply.body.toString()), { type: 'error', error: { type: 'permission_error' } })
    t.equal(upstream.calls.length, before)
  })
}

t.test('local names and local pages are served', async (t) => {
  serve = ({ socket }) => void socket.write(answer(200, '{}'))
  for (const host of ['localhost', `LOCALHOST:${relay.port}`, '[::1]:1', '127.0.0.1']) {
    const request = post('/v1/messages', streamRequest, [...both, 'origin: http://localhost:3000'])
      .toString('latin1')
      .replace('relay.test', host)

    t.equal((await rawCall(relay.port, request).reply).status, 200, host)
  }
})

t.test('no secret stands in the log, in metrics or in an answer of relay, whatever went wrong', async (t) => {
  const query = `/v1/messages?key=${secrets.callerKey}`
  const answers = [
    await ask(query),
    await ask('/ruled/v1/messages'),
    { reply: await rawCall(relay.port, here(post('/away/v1/messages', streamRequest, both))).reply },
    { reply: await rawCall(relay.port, here(get('/nowhere', ['x-bad header: 1', ...both]))).reply },
    { reply: await rawCall(relay.port, `GET /${secrets.callerKey} HTTP/1.1\r\n\r\n`).reply },
  ]
  await relay.reload({ routes: { '/': { to: 'nowhere', headers: { request: { set: { a: '${env:KEY}' } } } } }, upstreams: {} })
  const metrics = await (await fetch(`http://127.0.0.1:${relay.status.admin?.port}/metrics`)).text()
  const calls = answers.map(({ reply }) => reply.head + reply.body.toString())
  relay.child.kill('SIGINT')
  const { err, out } = await relay.ended()

  t.equal(calls.length, 5)
  t.match(err, '"msg":"call"')
  for (const [name, secret] of Object.entries(secrets))
    for (const [where, text] of Object.entries({ err, out, metrics, answers: calls.join('\n') }))
      t.notOk(text.includes(secret), `${name} in ${where}`)
})
