import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { controlClient } from '../../src/control/client.ts'
import { relay as run } from '../helpers/cli.ts'
import { redisServer } from '../helpers/redis.ts'
import type { RelayProcess } from '../helpers/relay-process.ts'
import { ask, claudeOrigin, redisConfig, relayNodes, tenantKey, type TenantKey } from './nodes.ts'
import { until } from './until.ts'

const policies = ['local', 'closed', 'open'] as const
const timeoutMs = 100

/** A tenant for each policy and way to keep a limit, whose limits are never reached; and some whose limits are. */
const roomy = policies.flatMap((away) =>
  [true, false].map((exact) => ({ away, exact, key: tenantKey(`${away}-${exact ? 'exact' : 'leased'}`) })),
)
const keys = { shared: tenantKey('shared'), denied: tenantKey('denied'), leased: tenantKey('leased') }

const [server, claude] = await Promise.all([redisServer(t), claudeOrigin(t, { input: 10, output: 10 })])
const nodes = await relayNodes(t, 2, {
  upstreams: { claude: claude.upstream },
  routes: { '/': 'claude' },
  redis: redisConfig(server.place, { timeout: `${timeoutMs}ms`, nodes: 2 }),
  ledger: false,
  tenants: {
    ...Object.fromEntries(
      roomy.map(({ away, exact, key }) => [
        `${away}-${exact ? 'exact' : 'leased'}`,
        { keys: [key.digest], requests: { rate: '10M/h', burst: '1M', exact, away } },
      ]),
    ),
    shared: { keys: [keys.shared.digest], requests: { rate: '40/h', exact: true } },
    denied: { keys: [keys.denied.digest], requests: { rate: '10/h', exact: true } },
    leased: { keys: [keys.leased.digest], requests: { rate: '100/h' } },
  },
})

/** Calls of a tenant on a node, one after the other, until they are told to end. */
interface Load {
  readonly away: (typeof policies)[number]
  readonly replies: { readonly status: number; readonly ms: number; readonly retryAfter: string | undefined }[]
  end(): Promise<void>
}

function load(node: RelayProcess, { away, key }: { readonly away: Load['away']; readonly key: TenantKey }): Load {
  const replies: Load['replies'] = []
  const over = new AbortController()
  const calling = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const from = performance.now()
      const { status, fields } = await ask(node, key)
      replies.push({ status, ms: performance.now() - from, retryAfter: fields.get('retry-after') })
      await wait(5)
    }
  }
  const running = Promise.all([calling(), calling()])
  return {
    away,
    replies,
    end: async () => {
      over.abort()
      await running
    },
  }
}

/** Redis is there, and each of the nodes knows of the other. */
async function allTogether(): Promise<void> {
  for (const node of nodes) {
    const control = controlClient(node.status.control)
    await until(async () => {
      const { redis } = await control.status()
      return redis?.isAway === false && redis.nodes === 2
    }, 50)
    await control.close()
  }
}

async function allAre(wanted: 0 | 1): Promise<boolean> {
  const seen = await Promise.all(nodes.map(async (node) => node.metric('relay_redis_away')))
  return seen.every((is) => is === wanted)
}

function logged(node: RelayProcess, text: string): number {
  return node.log().split(`"msg":"${text}`).length - 1
}

/** What a node tells of its Redis: in its log, in its numbers, and to a person who asks. */
async function told(node: RelayProcess) {
  const { out } = await run(node.home, 'status', '--control', node.home.path('control.sock'))
  return {
    entries: logged(node, 'Redis is away'),
    exits: logged(node, 'Redis is back'),
    counted: await node.metric('relay_redis_away_total'),
    shown: /^redis .*$/m.exec(out)?.[0] ?? '',
  }
}

const outages = {
  killed: { go: async () => server.kill(), back: async () => server.start() },
  paused: { go: async () => server.pause(), back: async () => server.resume() },
}

for (const [times, [how, { go, back }]] of Object.entries(outages).entries()) {
  t.test(`Redis is ${how} under load: each limit goes by its policy, nobody waits for Redis, and it is told once`, async (t) => {
    await allTogether()
    const loads = nodes.flatMap((node) => roomy.map((tenant) => load(node, tenant)))
    const more = async (count: number): Promise<void> => {
      const before = loads.map(({ replies }) => replies.length)
      await until(() => loads.every(({ replies }, at) => replies.length >= before[at]! + count))
    }
    await more(5)

    await go()
    await until(async () => allAre(1))
    // So many calls of everybody begin and end while Redis is not there.
    await more(10)
    const meanwhile = await Promise.all(nodes.map(told))
    await back()
    await until(async () => allAre(0))
    await until(() => loads.every(({ replies }) => replies.at(-1)?.status === 200))
    await Promise.all(loads.map(async (load) => load.end()))
    const after = await Promise.all(nodes.map(told))

    const of = (policy: string) => loads.filter(({ away }) => away === policy).flatMap(({ replies }) => replies)
    const statuses = (policy: string) => [...new Set(of(policy).map(({ status }) => status))].sort((a, b) => a - b)
    t.strictSame(policies.map(statuses), [[200], [200, 503], [200]], 'and none of them is a 429')
    t.ok(of('closed').every(({ status, retryAfter }) => status === 200 || retryAfter === '1'))
    const slowest = Math.max(...loads.flatMap(({ replies }) => replies.map(({ ms }) => ms)))
    t.ok(slowest < timeoutMs + 1900, `the slowest took ${slowest} ms`)
    const count = times + 1
    for (const node of meanwhile) t.match(node, { entries: count, exits: times, counted: count, shown: /away \(.+\), 2 nodes/ })
    for (const node of after) t.match(node, { entries: count, exits: count, counted: count, shown: /there, .*was away/ })
    t.ok((await nodes[0]!.metric('relay_limit_away_refusals_total')) > 0)
  })
}

t.test('while Redis is away, each of two nodes gives half of a limit, and no more', async (t) => {
  await allTogether()
  await server.kill()
  await until(async () => allAre(1))

  const replies = await Promise.all(nodes.map(async (node) => Promise.all(Array.from({ length: 60 }, async () => ask(node, keys.shared)))))
  await server.start()
  await until(async () => allAre(0))

  for (const statuses of replies.map((of) => of.map(({ status }) => status))) {
    t.equal(statuses.filter((status) => status === 200).length, 20)
    t.equal(statuses.filter((status) => status === 429).length, 40)
  }
})

for (const [name, limit] of [
  ['denied', 10],
  ['leased', 100],
] as const)
  t.test(`${name}: once Redis has refused, it is not asked again before the time to retry`, async (t) => {
    await allTogether()
    const statuses = async (count: number): Promise<readonly number[]> =>
      Promise.all(Array.from({ length: count }, async (_, at) => (await ask(nodes[at % 2]!, keys[name])).status))
    let passed = 0
    for (let left = 1; left > 0; passed += left) left = (await statuses(limit + 10)).filter((status) => status === 200).length

    const before = await scripts()
    const from = performance.now()
    const then = await statuses(200)
    const sent = (await scripts()) - before
    // Each node says every two seconds that it is there.
    const beats = 2 * Math.ceil(1 + (performance.now() - from) / 2000)

    t.equal(passed, limit)
    t.ok(then.every((status) => status === 429))
    // And each of four workers may not have been refused before.
    t.ok(sent <= beats + 4, `${sent} scripts for 200 calls`)
  })

/** Scripts that Redis has run. */
async function scripts(): Promise<number> {
  const stats = String(await server.ask('INFO', 'commandstats'))
  return ['evalsha', 'eval'].reduce((sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0), 0)
}
