import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Home, home, relay, type RunningRelay, started } from '../helpers/cli.ts'
import { redisServer } from '../helpers/redis.ts'
import { keyOf, printed } from './tenant-helpers.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const base = `listen: 127.0.0.1:0
workers: 2
drain: { delay: 0 }
shed: false
upstreams:
  c: builtin:claude
routes:
  /: c
`

/** A folder whose command is relay itself, its own workers and all. */
function realHome(t: Test): Home {
  return { ...home(t), command: [process.execPath, main] }
}

/** Status of a call with a key. */
async function statusOf({ url }: RunningRelay, key: string): Promise<number> {
  const answer = await fetch(`${url}/v1/models`, { headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01' } })
  await answer.text()
  return answer.status
}

/** Asks until it is answered so; how long that took, in ms. */
async function until(one: RunningRelay, key: string, status: number): Promise<number> {
  const since = performance.now()
  while ((await statusOf(one, key)) !== status) await new Promise(setImmediate)
  return performance.now() - since
}

/** The same for a message to an Opus. */
async function untilMessage({ url }: RunningRelay, key: string, status: number): Promise<void> {
  const body = JSON.stringify({ model: 'claude-opus-5', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] })
  const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  const statusNow = async (): Promise<number> => {
    const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body })
    await answer.text()
    return answer.status
  }
  while ((await statusNow()) !== status) await new Promise(setImmediate)
}

t.test('a tenant of the config file is let in as soon as the command returns, and out as soon as it is removed', async (t) => {
  const place = realHome(t)
  place.write('relay.config.yaml', `${base}tenants: {}\n`)
  const one = await started(t, place)
  const given = { place, text: base }

  const key = await keyOf(given, 'add', 'search')
  const added = await statusOf(one, key)
  const bearer = await fetch(`${one.url}/v1/models`, { headers: { authorization: `Bearer ${key}`, 'anthropic-version': '2023-06-01' } })
  await bearer.text()
  const second = await keyOf(given, 'rotate', 'search', '--now')
  const rotated = [await statusOf(one, key), await statusOf(one, second)]
  const limited = await printed(given, 'quota', 'search', '--requests', '1/h')
  const used = [await statusOf(one, second), await statusOf(one, second)]
  const removed = await relay(place, 'tenant', 'remove', 'search')
  const gone = await statusOf(one, second)

  t.equal(added, 200)
  t.equal(bearer.status, 200)
  t.same(rotated, [401, 200])
  t.match(limited, { applied: true })
  t.same(used, [200, 429])
  t.match(removed, { exit: 0, out: /the running relay serves it now/ })
  t.equal(gone, 401)
})

t.test('a change in SQLite is followed by the running relay within a second', async (t) => {
  const place = realHome(t)
  place.write('relay.config.yaml', `${base}tenantsFrom: sqlite\n`)
  const one = await started(t, place)
  const given = { place, text: base }

  const key = await keyOf(given, 'add', 'search')
  await until(one, key, 200)
  await printed(given, 'quota', 'search', '--requests', '1/h')
  await until(one, key, 429)
  await printed(given, 'quota', 'search', '--requests', 'none')
  await until(one, key, 200)
  const second = await keyOf(given, 'rotate', 'search', '--now')
  const revokedMs = await until(one, key, 401)
  const other = await statusOf(one, second)

  t.ok(revokedMs < 1000, `${revokedMs} ms`)
  t.equal(other, 200)
})

for (const [where, line] of [
  ['the config file', 'tenants: {}'],
  ['SQLite', 'tenantsFrom: sqlite'],
]) {
  t.test(`what is set of a tenant in ${where} counts in the running relay, with the key that it had`, async (t) => {
    const place = realHome(t)
    place.write('relay.config.yaml', `${base}${line}\n`)
    const one = await started(t, place)
    const given = { place, text: base }
    const key = await keyOf(given, 'add', 'search')
    await until(one, key, 200)

    await printed(given, 'set', 'search', '--model', 'claude-haiku-*')
    await untilMessage(one, key, 400)
    await printed(given, 'set', 'search', '--all-models')
    await untilMessage(one, key, 200)

    t.equal(await statusOf(one, key), 200)
  })
}

t.test('a change in Redis is followed by every node within a second, and a Redis that is away is told', async (t) => {
  const server = await redisServer(t)
  const place = realHome(t)
  const text = `${base}tenantsFrom: redis\nredis: { url: 'redis://127.0.0.1:${server.port}', timeout: 2s }\n`
  place.write('relay.config.yaml', text)
  place.write('other.config.yaml', `${text}ledger: { file: other.db }\n`)
  const nodes = await Promise.all([started(t, place), started(t, place, '--config', 'other.config.yaml')])
  const given = { place, text }

  const key = await keyOf(given, 'add', 'search')
  await Promise.all(nodes.map(async (node) => until(node, key, 200)))
  const listed = await printed(given, 'list')
  const removed = await relay(place, 'tenant', 'remove', 'search')
  const tookMs = await Promise.all(nodes.map(async (node) => until(node, key, 401)))
  await server.kill()
  const away = await relay(place, 'tenant', 'add', 'late')

  t.match(listed, { tenants: [{ name: 'search', in: 'Redis' }], next: null })
  t.match(removed, { exit: 0, out: /every relay with its tenants in Redis follows within a second/ })
  for (const ms of tookMs) t.ok(ms < 1000, `${ms} ms`)
  t.match(away, { exit: 1, err: /the tenants are in Redis, which does not answer: .*; nothing was changed/ })
})
