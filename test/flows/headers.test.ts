import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, rawCall } from './caller.ts'
import { answer, origin, type OriginCall } from './origin.ts'

const upstream = await origin(
  t,
  ({ socket }) => void socket.write(answer(200, '{}', ['server: origin', 'x-kept: 1', 'x-kept: 2', 'x-old: gone'])),
)
const every = '${request.id}|${route}|${client.address}|${now}|${method}|${path}|${env:NAME}|${file:name.txt}|$${plain}'
const rules = {
  request: { remove: ['x-away'], set: { 'x-all': every, 'x-set': 'one' }, add: { 'x-more': ['a', 'b'] } },
  reply: { remove: ['server', 'x-old'], set: { 'x-all': every }, add: { 'x-kept': '3' } },
}
const plain = { url: upstream.url, kind: 'http' }
const relay = await relayProcess(
  t,
  {
    upstreams: { plain, claude: { url: upstream.url, kind: 'claude' }, told: { url: upstream.url, kind: 'claude', forwarded: true } },
    routes: { '/': 'plain', ruled: { to: 'plain', headers: rules }, claude: 'claude', told: 'told' },
  },
  { env: { NAME: 'from the environment' }, files: { 'name.txt': 'from a file\n' } },
)
const trusting = await relayProcess(
  t,
  { upstreams: { plain }, routes: { '/': 'plain' }, trustedProxies: ['127.0.0.0/8'] },
  { env: { EVIL: 'a\nx-evil: 1' }, files: { 'evil.txt': 'a\r\nx-evil: 1' } },
)

async function ask(
  path: string,
  lines: readonly string[] = [],
  port = relay.port,
): Promise<{ call: OriginCall; reply: Awaited<ReturnType<typeof rawCall>['reply']> }> {
  const coming = upstream.next()
  const { reply } = rawCall(port, get(path, lines))
  return { call: await coming, reply: await reply }
}

t.test('rules add, set and remove on both sides, with every variable filled in', async (t) => {
  const { call, reply } = await ask('/ruled/a%20b?x=1', ['x-away: 1', 'X-Set: theirs', 'x_set: twin', 'x-more: 0'])

  const filled =
    /^req_\w+\|ruled\|127\.0\.0\.1\|20\d\d-\d\d-\d\dT[\d:.]+Z\|GET\|\/ruled\/a%20b\|from the environment\|from a file\|\$\{plain\}$/
  t.match(call.fields.get('x-all'), filled)
  t.match(reply.fields.get('x-all'), filled)
  t.equal(call.fields.get('x-all')?.split('|')[0], reply.fields.get('x-all')?.split('|')[0])
  t.equal(call.fields.get('x-set'), 'one')
  t.notOk(call.fields.has('x_set'))
  t.notOk(call.fields.has('x-away'))
  t.equal(call.fields.get('x-more'), '0, a, b')
  t.notOk(reply.fields.has('server') || reply.fields.has('x-old'))
  t.equal(reply.fields.get('x-kept'), '1, 2, 3')
})

t.test('an upstream learns who called, by what name and how; what a caller says of itself is not believed', async (t) => {
  const lies = [
    'x-forwarded-for: 9.9.9.9',
    'x-forwarded-proto: https',
    'x-forwarded-host: evil',
    'forwarded: for=9.9.9.9',
    'x-real-ip: 9.9.9.9',
    'via: 1.1 liar',
  ]

  const { call } = await ask('/x', lies)

  t.equal(call.fields.get('x-forwarded-for'), '127.0.0.1')
  t.equal(call.fields.get('x-forwarded-proto'), 'http')
  t.equal(call.fields.get('x-forwarded-host'), 'relay.test')
  t.equal(call.fields.get('via'), '1.1 relay')
  t.equal(call.fields.get('host'), `127.0.0.1:${upstream.port}`)
  t.notOk(call.fields.has('forwarded') || call.fields.has('x-real-ip'))
})

t.test('a proxy that is trusted is believed, and relay adds itself', async (t) => {
  const lines = ['x-forwarded-for: 198.51.100.7, 10.0.0.1', 'x-forwarded-proto: https', 'x-forwarded-host: api.example', 'via: 1.1 front']

  const { call } = await ask('/x', lines, trusting.port)

  t.equal(call.fields.get('x-forwarded-for'), '198.51.100.7, 10.0.0.1, 127.0.0.1')
  t.equal(call.fields.get('x-forwarded-proto'), 'https')
  t.equal(call.fields.get('x-forwarded-host'), 'api.example')
  t.equal(call.fields.get('via'), '1.1 front, 1.1 relay')
})

t.test('Claude learns nothing of the callers, unless its upstream says so', async (t) => {
  const { call } = await ask('/claude/x', ['x-forwarded-for: 9.9.9.9', 'via: 1.1 a'])
  const { call: told } = await ask('/told/x')

  for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'via', 'forwarded']) t.notOk(call.fields.has(name), name)
  t.equal(told.fields.get('x-forwarded-for'), '127.0.0.1')
})

t.test("a caller's X-Request-Id passes if it is plain, and is never relay's own key", async (t) => {
  const plainId = 'a'.repeat(128)

  const { call: passed, reply } = await ask('/ruled', [`x-request-id: ${plainId}`])
  const { call: long } = await ask('/x', [`x-request-id: ${plainId}a`])
  const { call: doubled } = await ask('/x', ['x-request-id: a', 'x-request-id: b'])
  const { call: odd } = await ask('/x', ['x-request-id: two words'])

  t.equal(passed.fields.get('x-request-id'), plainId)
  t.notMatch(reply.fields.get('x-all'), plainId)
  for (const { fields } of [long, doubled, odd]) t.notOk(fields.has('x-request-id'))
})

t.test('CR, LF and NUL get into no head: not by a rule, a file, an environment, nor a caller', async (t) => {
  const before = upstream.calls.length
  for (const [name, rule] of [
    ['a value', { set: { 'x-a': 'a\r\nx-evil: 1' } }],
    ['a name', { set: { 'x-a\r\nx-evil': '1' } }],
    ['a file', { set: { 'x-a': '${file:evil.txt}' } }],
    ['an environment', { add: { 'x-a': '${env:EVIL}' } }],
    ['a NUL', { set: { 'x-a': 'a\0b' } }],
  ] as const) {
    const outcome = await trusting.reload({ routes: { '/': { to: upstream.url, headers: { request: rule } } } })

    const message = /which no header field may hold|is not the name of a header field/
    t.match(outcome, { is: 'rejected', version: 1, problems: [{ message }] }, name)
  }
  for (const lines of [['x-a: a\rx-evil: 1'], ['x-a: a\0b'], ['x-a: a\nx-evil: 1'], [' folded: 1']]) {
    const reply = await rawCall(relay.port, get('/ruled', lines)).reply

    t.equal(reply.status, 400, JSON.stringify(lines))
  }
  t.equal(upstream.calls.length, before)
})

t.test('a path whose bytes are escaped goes into a header as it came, with no byte decoded', async (t) => {
  const { call } = await ask('/ruled/%0d%0aevil:%00')

  t.match(call.fields.get('x-all'), '|/ruled/%0d%0aevil:%00|')
})
