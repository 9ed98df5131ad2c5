import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { relay as run } from '../helpers/cli.ts'
import { gate } from '../helpers/gate.ts'
import { placeOf, redisServer } from '../helpers/redis.ts'
import type { RelayProcess } from '../helpers/relay-process.ts'
import { ask, claudeOrigin, redisConfig, relayNodes, type TenantKey } from './nodes.ts'
import { until } from './until.ts'

type Nodes = readonly RelayProcess[]

/** What a command line of `relay tenant` printed, by the config of the first node. */
async function tenant([node]: Nodes, ...args: readonly string[]): Promise<{ readonly key: string }> {
  const { exit, out, err } = await run(node!.home, 'tenant', ...args, '--config', 'relay.config.yaml', '--json')
  if (exit !== 0) throw new Error(`relay tenant ${args.join(' ')}: ${exit}, ${out} ${err}`)
  return JSON.parse(out) as { readonly key: string }
}

function keyOf({ key }: { readonly key: string }): TenantKey {
  return { key, digest: '' }
}

/** What a key is answered on each node: both of its workers are asked, as connections go to the one that has fewer. */
async function answers(nodes: Nodes, key: TenantKey): Promise<readonly number[]> {
  return Promise.all(nodes.flatMap((node) => [node, node]).map(async (node) => (await ask(node, key)).status))
}

/** ms until a key is answered so everywhere. */
async function everywhere(nodes: Nodes, key: TenantKey, status: number): Promise<number> {
  const from = performance.now()
  await until(async () => (await answers(nodes, key)).every((its) => its === status))
  return performance.now() - from
}

/** What a tenant is told of its limit on requests, on each node. */
async function limits(nodes: Nodes, key: TenantKey): Promise<ReadonlySet<string | undefined>> {
  const replies = await Promise.all(nodes.flatMap((node) => [node, node]).map(async (node) => ask(node, key)))
  return new Set(replies.map(({ fields }) => fields.get('anthropic-ratelimit-requests-limit')))
}

/** A tenant's whole life by the command line, as all nodes see it. */
async function life(t: Test, nodes: Nodes): Promise<void> {
  const first = keyOf(await tenant(nodes, 'add', 'search'))
  const came = await everywhere(nodes, first, 200)

  await tenant(nodes, 'quota', 'search', '--requests', '10k/h')
  await until(async () => isDeepStrictEqual(await limits(nodes, first), new Set(['10000'])))
  await tenant(nodes, 'quota', 'search', '--requests', '2/h')
  await until(async () => isDeepStrictEqual(await limits(nodes, first), new Set(['2'])))
  // Two calls an hour: at most two more are let through.
  await everywhere(nodes, first, 429)
  await tenant(nodes, 'quota', 'search', '--requests', 'none')
  await everywhere(nodes, first, 200)

  const second = keyOf(await tenant(nodes, 'rotate', 'search'))
  await everywhere(nodes, second, 200)
  t.ok(
    (await answers(nodes, first)).every((status) => status === 200),
    'two keys live beside each other',
  )
  const third = keyOf(await tenant(nodes, 'rotate', 'search', '--now'))
  const [firstWent, secondWent] = await Promise.all([everywhere(nodes, first, 401), everywhere(nodes, second, 401)])
  t.ok((await answers(nodes, third)).every((status) => status === 200))

  await tenant(nodes, 'remove', 'search')
  const removed = await everywhere(nodes, third, 401)

  for (const ms of [came, firstWent, secondWent, removed]) t.ok(ms < 1000, `it took ${ms} ms`)
}

t.test('tenants in Redis', async (t) => {
  const [server, claude] = await Promise.all([redisServer(t, { appendOnly: 'always' }), claudeOrigin(t, { input: 10, output: 10 })])
  const door = await gate(t, server.port)
  const config = (port: number) => ({
    upstreams: { claude: claude.upstream },
    routes: { '/': 'claude' },
    tenantsFrom: 'redis',
    redis: redisConfig(placeOf({ is: 'single', host: '127.0.0.1', port, db: 0 }), { timeout: '100ms' }),
    ledger: false,
  })
  const [near, far] = await Promise.all([relayNodes(t, 2, config(server.port)), relayNodes(t, 1, config(door.port))])

  t.test('a tenant is let in on all nodes, has its quota changed on all, and is gone on all within a second', async (t) => {
    await life(t, [...near, ...far])
  })

  t.test(
    'a node that is cut off from Redis goes on with the tenants that it knows, and hears of a revoked key when it is back',
    async (t) => {
      const key = keyOf(await tenant(near, 'add', 'shop'))
      const other = keyOf(await tenant(near, 'add', 'other'))
      await Promise.all([everywhere([...near, ...far], key, 200), everywhere([...near, ...far], other, 200)])

      door.close()
      await until(async () => (await far[0]!.metric('relay_redis_away')) === 1)
      await tenant(near, 'remove', 'shop')
      await everywhere(near, key, 401)
      const meanwhile = [await answers(far, key), await answers(far, other)]
      door.open()
      await everywhere(far, key, 401)

      t.strictSame(meanwhile, [
        [200, 200],
        [200, 200],
      ])
      t.strictSame(await answers([...near, ...far], other), [200, 200, 200, 200, 200, 200])
    },
  )

  t.test('while Redis itself is gone, everybody goes on, and nothing can be changed; then it can again', async (t) => {
    const key = keyOf(await tenant(near, 'add', 'library'))
    await everywhere([...near, ...far], key, 200)

    await server.kill()
    await until(async () => (await near[0]!.metric('relay_redis_away')) === 1)
    const meanwhile = await answers([...near, ...far], key)
    const refused = await run(near[0]!.home, 'tenant', 'remove', 'library', '--config', 'relay.config.yaml')
    await server.start()
    await tenant(near, 'remove', 'library')
    await everywhere([...near, ...far], key, 401)

    t.strictSame(meanwhile, [200, 200, 200, 200, 200, 200])
    t.equal(refused.exit, 1)
    t.match(refused.err, /Redis, which does not answer.*nothing was changed/)
  })
})

t.test('tenants in a SQLite file that two relays share have the same life on both', async (t) => {
  const claude = await claudeOrigin(t, { input: 10, output: 10 })
  const config = {
    upstreams: { claude: claude.upstream },
    routes: { '/': 'claude' },
    tenantsFrom: { sqlite: `${t.testdir()}/tenants.db` },
    ledger: false,
  }

  await life(t, await relayNodes(t, 2, config))
})
