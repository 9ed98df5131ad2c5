import { gzipSync } from 'node:zlib'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { PeekBudget } from '../../src/stages/peek-budget.ts'
import type { RawClient } from '../helpers/raw.ts'
import type { Message } from '../helpers/strict-reader.ts'
import { field } from '../engine/helpers.ts'
import { worker, type Worker } from './world.ts'

const byModel = `
bounds: { peek: 64KiB }
routes:
  '/': ORIGIN/other
  opus: { path: /, to: ORIGIN/opus, when: { model: 'claude-opus-*' } }
  team: { path: /, to: ORIGIN/team, when: { header: { x-team: [a, 'b*'] }, query: { debug: false } } }
`

/** A budget that says who holds how much. */
function budgetOf(most = Infinity): PeekBudget & { readonly held: Map<string, number>; readonly owners: Set<string> } {
  const held = new Map<string, number>()
  const owners = new Set<string>()
  const change = (bytes: number, owner: string): void => void held.set(owner, (held.get(owner) ?? 0) + bytes)
  return {
    held,
    owners,
    take(bytes, owner = '') {
      owners.add(owner)
      if ((held.get(owner) ?? 0) + bytes > most) return false
      change(bytes, owner)
      return true
    },
    give: (bytes, owner = '') => change(-bytes, owner),
  }
}

function head(lines: readonly string[], method = 'POST'): string {
  return [`${method} /v1/x HTTP/1.1`, 'Host: relay', 'Connection: close', ...lines, '\r\n'].join('\r\n')
}

/** Sends a call in these pieces; its answer. */
async function send({ caller }: Pick<Worker, 'caller'>, ...pieces: readonly (string | Buffer)[]): Promise<Message | undefined> {
  const client = await caller()
  await client.send(...pieces)
  return answer(client)
}

async function answer(client: RawClient): Promise<Message | undefined> {
  return (await client.answers(1)).at(-1)
}

/** A body, in one piece with its head. */
function post(body: string | Buffer, ...lines: readonly string[]): readonly Buffer[] {
  return [Buffer.concat([Buffer.from(head([`Content-Length: ${Buffer.byteLength(body)}`, ...lines])), Buffer.from(body)])]
}

const opus = JSON.stringify({ model: 'claude-opus-4-8', max_tokens: 1, messages: [] })
const haiku = JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 1, messages: [] })
const late = JSON.stringify({ messages: 'x'.repeat(2000), model: 'claude-opus-4-8' })

const asked: readonly (readonly [what: string, path: string, pieces: readonly (string | Buffer)[]])[] = [
  ['a model that matches', '/opus/v1/x', post(opus)],
  ['one that does not', '/other/v1/x', post(haiku)],
  ['no model', '/other/v1/x', post('{"messages":[]}')],
  ['a model that is no text', '/other/v1/x', post('{"model":["claude-opus-4-8"]}')],
  ['a model below the top', '/other/v1/x', post('{"a":{"model":"claude-opus-4-8"}}')],
  ['a body that is no JSON', '/other/v1/x', post('model=claude-opus-4-8')],
  ['no body', '/other/v1/x', post('')],
  ['another method', '/other/v1/x', [head([], 'GET')]],
  ['a body that comes behind its head', '/opus/v1/x', [head([`Content-Length: ${opus.length}`]), opus]],
  [
    'a body in pieces, its model last',
    '/opus/v1/x',
    [head([`Content-Length: ${late.length}`]), late.slice(0, 900), late.slice(900, 2030), late.slice(2030)],
  ],
  [
    'chunks',
    '/opus/v1/x',
    [head(['Transfer-Encoding: chunked']), `${opus.length.toString(16)}\r\n${opus.slice(0, 5)}`, opus.slice(5), '\r\n0\r\n\r\n'],
  ],
  ['a coded body', '/opus/v1/x', post(gzipSync(late), 'Content-Encoding: gzip')],
  ['a coding that nobody reads', '/other/v1/x', post(opus, 'Content-Encoding: compress')],
  [
    'a model behind what is read',
    '/other/v1/x',
    post(JSON.stringify({ messages: 'x'.repeat(100_000), model: 'claude-opus-4-8' })).flatMap((all) => [
      all.subarray(0, 500),
      all.subarray(500, 66_000),
      all.subarray(66_000),
    ]),
  ],
  ['gRPC', '/other/v1/x', post(opus, 'Content-Type: application/grpc')],
  ['a header, which is more conditions than a model', '/team/v1/x', post(opus, 'X-Team: bcd')],
]
for (const [what, path, pieces] of asked) {
  t.test(`by model: ${what} goes to ${path}, as it came`, async (t) => {
    const peeks = budgetOf()
    const made = await worker(t, { peeks })
    made.use(byModel)

    const reply = await send(made, ...pieces)

    t.equal(reply?.line[1], '200')
    t.equal(made.origin.calls[0]?.line[1], path)
    const all = Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)))
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4).toString('latin1')
    t.equal(made.origin.calls[0]?.body, what === 'chunks' ? opus : body)
    t.same(
      [...peeks.held.values()].filter((bytes) => bytes !== 0),
      [],
    )
    t.same(
      [...peeks.owners].filter((owner) => owner !== 'nobody yet'),
      [],
      'what is held before a route is known is nobody’s',
    )
  })
}

t.test('a second model in the body is a 400, and no route’s', async (t) => {
  const made = await worker(t)
  made.use(byModel)

  const whole = await send(made, ...post('{"model":"claude-opus-4-8","model":"claude-haiku-4-5"}'))
  const cut = await send(made, head(['Content-Length: 60']), '{"model":"claude-opus-4-8",', '"x":1,"model":"claude-haiku-4-5"}')

  t.match(whole, { line: ['HTTP/1.1', '400'], body: /model stands in the request body more than once/ })
  t.equal(cut?.line[1], '400')
  t.same(made.origin.calls, [])
})

t.test('what follows the model is not waited for', async (t) => {
  const made = await worker(t)
  made.use(byModel)
  const client = await made.caller()
  await client.send(head(['Content-Length: 60']), '{"model":"claude-opus-4-8",')
  while (made.origin.connections[0]?.rest.includes('claude-opus') !== true) await turn()

  await client.send(' '.repeat(32), '}')

  t.equal((await answer(client))?.line[1], '200')
  t.equal(made.origin.calls[0]?.line[1], '/opus/v1/x')
})

t.test('a caller that waits to be asked for its body is asked', async (t) => {
  const made = await worker(t)
  made.use(byModel)
  const client = await made.caller()
  await client.send(head([`Content-Length: ${opus.length}`, 'Expect: 100-continue']))
  await client.until(() => client.received.includes('100 Continue\r\n\r\n'))

  await client.send(opus)

  t.equal((await answer(client))?.line[1], '200')
  t.equal(made.origin.calls[0]?.line[1], '/opus/v1/x')
  t.equal(field(made.origin.calls[0], 'expect'), undefined)
})

t.test('who leaves, or sends nothing more, while its model is waited for is let go', async (t) => {
  const peeks = budgetOf()
  const made = await worker(t, { peeks }, { bodyMs: 100 })
  made.use(byModel)
  const gone = await made.caller()
  await gone.send(head(['Content-Length: 100']), '{"messages":')
  await made.heard(gone)
  gone.reset()

  const slow = await send(made, head(['Content-Length: 100']), '{"messages":')

  t.equal(slow?.line[1], '408')
  t.equal(made.endedOf(0), 2, 'both are counted, once, as calls of no route')
  t.equal(made.underWay.size, 0)
  t.same(peeks.held.get('nobody yet'), 0)
  t.same(made.origin.calls, [])
})

t.test('where too much is held already, a call whose model must be read is told to come back', async (t) => {
  const made = await worker(t, { peeks: budgetOf(10) })
  made.use(byModel)

  const reply = await send(made, head(['Content-Length: 100']), '{"messages":"', 'x'.repeat(50))

  t.equal(reply?.line[1], '503')
  t.equal(field(reply, 'retry-after'), '1')
})

t.test('by header and query: one of the values, a field that is there, one that is not', async (t) => {
  const made = await worker(t)
  made.use(`
routes:
  '/': ORIGIN/other
  team: { path: /, to: ORIGIN/team, when: { header: { x-team: [a, 'b*'] } } }
  beta: { path: /, to: ORIGIN/beta, when: { header: { x-team: a, x-beta: true } } }
  debug: { path: /, to: ORIGIN/debug, when: { query: { debug: 'yes please' }, header: { x-old: false } } }
`)
  const paths: (string | undefined)[] = []
  for (const [target, ...lines] of [
    ['/'],
    ['/', 'x-team: bc'],
    ['/', 'x-team: a', 'x-beta:'],
    ['/?debug=yes+please'],
    ['/?debug=yes+please', 'x-old: 1'],
    ['/', 'x-team: c'],
  ]) {
    await send(made, [`GET ${target} HTTP/1.1`, 'Host: relay', 'Connection: close', ...lines, '\r\n'].join('\r\n'))
    paths.push(made.origin.calls.at(-1)?.line[1])
  }

  t.same(paths, ['/other/', '/team/', '/beta/', '/debug/?debug=yes+please', '/other/?debug=yes+please', '/other/'])
})

t.test('versions by header: a default, each version its own, and a 400 for others that names those there are', async (t) => {
  const made = await worker(t)
  made.use(`
routes:
  user: { path: /user, versions: { by: { header: X-Api-Version }, default: v1, map: { v1: ORIGIN/one, v2: ORIGIN/two } } }
`)
  const ask = (...lines: readonly string[]): Promise<Message | undefined> =>
    send(made, [`GET /user/7 HTTP/1.1`, 'Host: relay', 'Connection: close', ...lines, '\r\n'].join('\r\n'))

  await ask()
  await ask('x-api-version: v1')
  await ask('x-api-version: v2')
  const refused = await ask('x-api-version: v3')

  t.same(
    made.origin.calls.map((call) => call.line[1]),
    ['/one/7', '/one/7', '/two/7'],
  )
  t.match(refused, { line: ['HTTP/1.1', '400'], body: /known: v1, v2/ })
})

t.test('versions by path and by query', async (t) => {
  const made = await worker(t)
  made.use(`
routes:
  user: { path: '/{version}/user', versions: { by: path, map: { v1: ORIGIN/one, v2: ORIGIN/two } } }
  chat: { path: /chat, versions: { by: { query: v }, map: { '1': ORIGIN/c1, '2': ORIGIN/c2 } } }
`)
  const statuses: (string | undefined)[] = []
  for (const target of ['/v1/user/7', '/v2/user', '/v3/user', '/chat?v=2', '/chat/x?a&v=1', '/chat', '/chat?v=3'])
    statuses.push((await made.ask(target))?.line[1])

  t.same(statuses, ['200', '200', '400', '200', '200', '400', '400'])
  t.same(
    made.origin.calls.map((call) => call.line[1]),
    ['/one/7', '/two', '/c2?v=2', '/c1/x?a&v=1'],
  )
})
