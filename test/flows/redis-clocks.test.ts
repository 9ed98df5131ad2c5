import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { ask, claudeOrigin, model, redisConfig, tenantKey } from './nodes.ts'
import { until } from './until.ts'

const names = ['exact', 'leased', 'exact-money', 'leased-money'] as const
const keys = Object.fromEntries(names.map((name) => [name, tenantKey(name)]))
const day = 86_400_000
const burst = 40
const perSecond = 20

const [server, claude] = await Promise.all([redisServer(t), claudeOrigin(t, { input: 10, output: 100 })])
const rate = { rate: `${perSecond}/s`, burst }
const limits = {
  exact: { requests: { ...rate, exact: true } },
  leased: { requests: rate },
  // Ten calls of 100 tokens.
  'exact-money': { budget: { amount: '1usd', per: 'day', exact: true } },
  'leased-money': { budget: { amount: '1usd', per: 'day' } },
}
const config = {
  upstreams: { claude: claude.upstream },
  routes: { '/': 'claude' },
  redis: redisConfig(server.place, { timeout: '250ms', nodes: 4 }),
  prices: { [model]: { input: 0, output: 1000 } },
  tenants: Object.fromEntries(names.map((name) => [name, { keys: [keys[name]!.digest], ...limits[name] }])),
}
// The sources also where the binary is tested: nothing can be loaded into that before itself.
const entry = new URL('../../src/cli/main.ts', import.meta.url)
const preload = `--import=${new URL('../helpers/other-clock.ts', import.meta.url).href}`
const clocks = [{ SKEW_MS: '0' }, { SKEW_MS: String(day) }, { SKEW_MS: String(-day) }, { SKEW_MS: '3600000', STEPS: 'yes' }]
const nodes = await Promise.all(
  clocks.map(async (clock) => relayProcess(t, config, { entry, env: { SHARED_KEY: 'sk-ant-shared', NODE_OPTIONS: preload, ...clock } })),
)

t.test('the clocks of these relays are days apart, in all of their threads', async (t) => {
  await Promise.all(nodes.map(async (node) => ask(node, keys['exact']!)))

  const offsets = nodes.slice(0, 3).map(({ status }) => Date.parse(status.startedAt) - Date.now())
  const days = [0, 1, -1]
  t.ok(offsets.every((offset, at) => Math.abs(offset - days[at]! * day) < 60_000))
  for (const [at, { home }] of nodes.slice(0, 3).entries()) {
    const ledger = new DatabaseSync(home.path('relay-ledger.db'), { readOnly: true })
    t.teardown(() => ledger.close())
    await until(() => ledger.prepare('SELECT at FROM calls').all().length > 0)
    const [row] = ledger.prepare('SELECT at FROM calls').all()
    t.ok(Math.abs(Number(row?.['at']) - Date.now() - days[at]! * day) < 60_000)
  }
})

for (const name of ['exact', 'leased'] as const)
  t.test(`${name}: together they let through what one would, and none of them is locked out`, async (t) => {
    const from = performance.now()
    const passed = await Promise.all(nodes.map(async (node) => hammer(node, name, 2000)))
    const most = burst + (perSecond * (performance.now() - from)) / 1000 + 1

    const sum = passed.reduce((all, count) => all + count, 0)
    t.ok(sum >= burst && sum <= most, `${sum} of at most ${most}`)
    // Each of them lets a call through again.
    for (const node of nodes) await until(async () => (await ask(node, keys[name]!)).status === 200)
  })

for (const name of ['exact-money', 'leased-money'] as const)
  t.test(`${name}: they spend one day's money together, whatever day each of them believes it is`, async (t) => {
    const passed = await Promise.all(nodes.map(async (node) => hammer(node, name, 2000)))

    t.equal(
      passed.reduce((all, count) => all + count, 0),
      10,
    )
  })

/** Four callers that ask all the time; how many calls are let through. */
async function hammer(node: RelayProcess, name: string, ms: number): Promise<number> {
  const endsAt = performance.now() + ms
  let passed = 0
  const calling = async (): Promise<void> => {
    while (performance.now() < endsAt) if ((await ask(node, keys[name]!)).status === 200) passed += 1
  }
  await Promise.all(Array.from({ length: 4 }, calling))
  return passed
}
