import type { Test } from 'tap'
import type { RedisPlace } from '../../src/base/redis.ts'
import type { RelayProcess } from '../helpers/relay-process.ts'
import { claudeOrigin, insist, messageOf, model, redisConfig, relayNodes, tenantKey, type Claude } from './nodes.ts'
import { until } from './until.ts'

const callers = 200
/** One tenant a test: each has money for ten calls. */
const keys = { exact: tenantKey('exact'), refunded: tenantKey('refunded'), leased: tenantKey('leased'), mixed: tenantKey('mixed') }

type Name = keyof typeof keys

/** What the tests kill and start again. */
export interface Store {
  readonly place: RedisPlace
  kill(): Promise<unknown>
  start(): Promise<unknown>
}

/** A dollar is what ten calls cost: 100 tokens of output each, at 0.001 USD. */
function config({ place }: Store, { upstream }: Claude): object {
  const tenant = (name: Name, exact: boolean) => ({
    [name]: { keys: [keys[name].digest], budget: { amount: '1usd', per: 'month', exact } },
  })
  return {
    upstreams: { claude: upstream },
    routes: { '/': 'claude' },
    redis: redisConfig(place, { timeout: '100ms', nodes: 3 }),
    limitDefaults: { away: 'closed' },
    prices: { [model]: { input: 0, output: 1000 } },
    tenants: { ...tenant('exact', true), ...tenant('refunded', true), ...tenant('leased', false), ...tenant('mixed', false) },
  }
}

interface World {
  readonly store: Store
  readonly claude: Claude
  readonly nodes: readonly RelayProcess[]
}

/** 200 callers at once on three relays; Redis is killed as soon as one of them is let through, and comes back. */
async function throughDeath({ store, claude, nodes }: World, name: Name, maxTokens: number) {
  const before = claude.calls.length
  const options = { body: messageOf(maxTokens), most: 150 }
  await until(async () => areAway(nodes, 0))
  claude.hold()
  const asking = Promise.all(Array.from({ length: callers }, async (_, at) => insist(nodes[at % 3]!, keys[name], options)))
  await until(() => claude.calls.length > before, 1)
  await store.kill()
  // They end while nobody can be told what they cost.
  claude.release()
  await until(async () => areAway(nodes, 1))
  await store.start()
  const asked = await asking
  const lastly = (status: number, type: RegExp) =>
    asked.filter(({ last }) => last.status === status && type.test(last.body.toString())).length
  return {
    passed: lastly(200, /"message"/),
    stopped: lastly(429, /billing_error/),
    upstream: claude.calls.length - before,
    isAnyToldToWait: asked.some(({ statuses }) => statuses.includes(503)),
  }
}

async function areAway(nodes: readonly RelayProcess[], wanted: 0 | 1): Promise<boolean> {
  const seen = await Promise.all(nodes.map(async (node) => node.metric('relay_redis_away')))
  return seen.every((is) => is === wanted)
}

/** 200 callers on money for ten calls, three relays, and a store that is killed and comes back in their midst. */
export async function budgetStory(t: Test, store: Store): Promise<void> {
  const claude = await claudeOrigin(t, { input: 10, output: 100 })
  const world = { store, claude, nodes: await relayNodes(t, 3, config(store, claude)) }

  t.test('exact: ten pass, and all others are told to stop', async (t) => {
    const came = await throughDeath(world, 'exact', 100)

    t.strictSame(came, { passed: 10, stopped: 190, upstream: 10, isAnyToldToWait: true })
  })

  t.test(
    'exact, and calls may cost four times what they do: seven pass, two of them at once; behind them is no money for a dear one',
    async (t) => {
      const came = await throughDeath(world, 'refunded', 400)

      t.strictSame(came, { passed: 7, stopped: 193, upstream: 7, isAnyToldToWait: true })
    },
  )

  // A caller is told to stop only when the money is really spent. What a relay took ahead and does not need goes back before that.
  for (const [tenant, maxTokens, most] of [
    ['leased', 100, 10],
    ['mixed', 400, 7],
  ] as const)
    t.test(`leased, calls of ${maxTokens} tokens: never more than ${most} pass, and once retries end it is as many`, async (t) => {
      const { upstream, ...came } = await throughDeath(world, tenant, maxTokens)

      t.ok(upstream <= most, `${upstream} of at most ${most}`)
      t.strictSame(came, { passed: most, stopped: callers - most, isAnyToldToWait: true })
    })
}
