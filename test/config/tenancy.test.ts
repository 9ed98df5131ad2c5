import t from 'tap'
import { addRoute, removeRoute } from '../../src/config/edit.ts'
import { defaultPrices } from '../../src/ledger/default-prices.ts'
import { planOf, problemsIn, problemsOf } from './helpers.ts'

const digest = '3fa9'.repeat(16)
const routes = 'upstreams: { c: "builtin:claude" }\nroutes: { v1/messages: c, v2: c }\n'
const plain = { exact: false, away: 'local', dryRun: false }

const tenantsText = `tiers:
  standard: { priority: 3, models: [claude-opus-*], requests: 10/s }
tenants:
  search:
    business: shop
    tier: standard
    priority: 7
    keys: ["sha256:${digest.toUpperCase()}"]
    routes: [/v1/messages/]
    requests: 600/m
    inputTokens: { rate: 2M/m, burst: 100k, dryRun: true }
    concurrency: 40
    budget: [50usd/day, { amount: 1000usd, per: month, timeZone: Europe/Berlin }]
    limits: [{ name: opus, per: [model], models: [claude-opus-*], outputTokens: 100k/m }]
  nobody:
`

t.test('a tenant has its keys by their digests, and limits named for what they count', async (t) => {
  const plan = planOf(routes + tenantsText)

  const [search, nobody] = plan.tenancy?.tenants ?? []
  t.match(search, { name: 'search', business: 'shop', tier: 'standard', priority: 7, routes: ['v1/messages'], models: null })
  t.same(search?.keys, [{ sha256: digest, createdAt: '', hint: 'sha256:3fa93fa9…' }])
  const own = { per: ['tenant'], routes: null, models: null, ...plain }
  t.same(search?.limits, [
    { ...own, name: 'requests', kind: 'requests', count: 600, periodMs: 60_000, burst: 600 },
    { ...own, name: 'input-tokens', kind: 'input_tokens', count: 2e6, periodMs: 60_000, burst: 100_000, dryRun: true },
    { ...own, name: 'concurrency', kind: 'concurrency', most: 40 },
    { ...own, name: 'budget-day', kind: 'budget', nanoUsd: 50e9, period: 'day', timeZone: 'UTC' },
    { ...own, name: 'budget-month', kind: 'budget', nanoUsd: 1000e9, period: 'month', timeZone: 'Europe/Berlin' },
    {
      ...own,
      name: 'opus',
      per: ['tenant', 'model'],
      models: ['claude-opus-*'],
      kind: 'output_tokens',
      count: 100_000,
      periodMs: 60_000,
      burst: 100_000,
    },
  ])
  t.same(nobody, { name: 'nobody', business: null, tier: null, priority: null, routes: null, models: null, limits: [], keys: [] })
  t.match(plan.tenancy?.tiers, [{ name: 'standard', priority: 3, routes: null, models: ['claude-opus-*'], limits: [{ name: 'requests' }] }])
  t.same(structuredClone(plan), plan)
})

t.test('a key may say when it was made and how it begins', async (t) => {
  const plan = planOf(`tenants: { a: { keys: [{ sha256: "${digest}", createdAt: "2026-11-23T10:00:00.000Z", hint: "rk_3fa9…" }] } }`)

  t.same(plan.tenancy?.tenants[0]?.keys, [{ sha256: digest, createdAt: '2026-11-23T10:00:00.000Z', hint: 'rk_3fa9…' }])
})

t.test('limits of all calls and of a route say whom they count by; one of a route always counts by it', async (t) => {
  const text = `limits:
  - { name: everything, concurrency: 500 }
  - { name: shop, per: [model, business], budget: { amount: 5usd, per: week, dryRun: true } }
tenants: {}
upstreams: { c: "builtin:claude" }
routes:
  v1:
    limits: [{ name: burst, per: [tenant], requests: { rate: 10/s, burst: 1 } }]
    queue: { size: 5 }
    onLeave: drain
    estimate: count_tokens
`
  const plan = planOf(text)

  const [everything, shop] = plan.limits
  t.match(everything, { name: 'everything', per: [], routes: null, models: null, kind: 'concurrency', most: 500 })
  t.match(shop, { per: ['business', 'model'], kind: 'budget', period: 'week', dryRun: true })
  t.match(plan.routes[0], { queue: { size: 5, timeoutMs: 10_000 }, onLeave: 'drain', estimateInput: 'count_tokens', authenticate: true })
  t.match(plan.routes[0]?.limits, [{ name: 'burst', per: ['tenant', 'route'], routes: ['v1'], count: 10, periodMs: 1000, burst: 1 }])
})

t.test('two routes may each have a limit of one name, and a tenant one of the name of its tier', async (t) => {
  const text = `upstreams: { c: "builtin:claude" }
routes:
  v1: { limits: [{ name: burst, requests: 10/s }] }
  v2: { limits: [{ name: burst, requests: 20/s }] }
tiers: { t: { requests: 1/s } }
tenants: { a: { tier: t, requests: 2/s }, b: { tier: t, requests: 3/s } }
`
  t.same(problemsOf(text), [])
})

t.test('what all limits have in common is said once', async (t) => {
  const text = `redis: redis://h
limitDefaults: { away: closed, exact: true, timeZone: Europe/Berlin }
tenants: { a: { budget: 1usd/day, requests: { rate: 1/s, exact: false, away: open } } }
`
  t.match(planOf(text).tenancy?.tenants[0]?.limits, [
    { name: 'requests', exact: false, away: 'open' },
    { name: 'budget-day', exact: true, away: 'closed', timeZone: 'Europe/Berlin' },
  ])
})

t.test('tenants come from the file, from SQLite or from Redis', async (t) => {
  t.equal(planOf('').tenancy, null)
  t.same(planOf('tenantsFrom: sqlite').tenancy, { tenants: [], from: { is: 'sqlite', file: '/etc/relay/relay-tenants.db' }, tiers: [] })
  t.same(planOf('tenantsFrom: { sqlite: db/t.db }').tenancy?.from, { is: 'sqlite', file: '/etc/relay/db/t.db' })
  t.same(planOf('redis: redis://h\ntenantsFrom: redis').tenancy?.from, { is: 'redis' })
})

t.test('whoever takes the last tenant away lets nobody in', async (t) => {
  for (const text of ['tenants: {}', 'tenants:', 'tenants:\n  # none\n'])
    t.same(planOf(text).tenancy, { tenants: [], from: null, tiers: [] }, text)
})

const credential = 'upstreams: { c: { url: "https://api.anthropic.com", credential: { env: KEY } } }\n'

t.test('with tenants relay may listen for others, unless a route gives its credential away without asking for a key', async (t) => {
  const around = { env: { KEY: 'k' } }
  const open = 'routes: { a: c, b: { to: c, authenticate: false } }\n'

  const asking = planOf(`listen: :80\ntenants: {}\n${credential}routes: { a: c }`, around)
  t.equal(asking.guard, null)
  t.same(asking.listeners, [{ host: '0.0.0.0', port: 80, tls: null, http2: true }])
  t.not(planOf(`tenants: {}\n${credential}${open}`, around).guard, null)
  t.match(problemsOf(`listen: :80\ntenants: {}\n${credential}${open}`, around), [{ path: 'listen', message: /the route 'b'/ }])
  t.equal(planOf(`listen: :80\npublic: true\ntenants: {}\n${credential}${open}`, around).guard, null)
  t.same(problemsOf(`listen: :80\ntenants: {}\n${credential}routes: { a: c, b: { to: "http://x.y", authenticate: false } }`, around), [])
  t.match(problemsOf(`listen: :80\n${credential}routes: { a: c }`, around), [{ path: 'listen', remedy: /keys of their own \(`tenants`\)/ }])
})

t.test('a ledger is kept where there is somebody to account to, and as the config says', async (t) => {
  const usual = {
    file: '/etc/relay/relay-ledger.db',
    flushMs: 200,
    sync: false,
    synchronous: 'NORMAL',
    queue: 10_000,
    whenFull: null,
    keepRowsMs: 90 * 86_400_000,
    keepDaysMs: 730 * 86_400_000,
    unknownModel: 'block',
  }
  const route = 'upstreams: { c: "builtin:claude" }\nroutes: { v1: { limits: [{ name: x, budget: 1usd/day }] } }'
  for (const text of ['tenants: {}', 'tenantsFrom: sqlite', 'limits: [{ name: x, budget: 1usd/day }]', route, 'ledger: {}'])
    t.same(planOf(text).ledger, usual, text)
  for (const text of ['', 'limits: [{ name: x, requests: 1/s }]', 'tenants: {}\nledger: false']) t.equal(planOf(text).ledger, null, text)

  const written =
    'ledger: { file: /var/l.db, flush: 1s, sync: true, synchronous: full, queue: 5, whenFull: count, keep: 8w, keepDays: 1y, unknownModel: untracked }'
  t.same(planOf(written).ledger, {
    file: '/var/l.db',
    flushMs: 1000,
    sync: true,
    synchronous: 'FULL',
    queue: 5,
    whenFull: 'count',
    keepRowsMs: 56 * 86_400_000,
    keepDaysMs: 365 * 86_400_000,
    unknownModel: 'untracked',
  })
})

t.test('relay sheds calls on its own, unless it is told not to', async (t) => {
  t.same(planOf('').shed, { lagMs: 1000, heap: 0.95 })
  t.same(planOf('shed: false').shed, { lagMs: null, heap: null })
  t.same(planOf('shed: { lag: 250ms, heap: false }').shed, { lagMs: 250, heap: null })
  t.same(planOf('shed: { lag: false, heap: 0.5 }').shed, { lagMs: null, heap: 0.5 })
})

t.test('what is reserved is 4096 tokens of output where nobody says', async (t) => {
  t.same(planOf('').estimate, { outputTokens: 4096, outputMost: null, bytesPerToken: 4 })
  t.same(planOf('estimate: { outputTokens: 1k, outputMost: 32k, bytesPerToken: 3.5 }').estimate, {
    outputTokens: 1000,
    outputMost: 32_000,
    bytesPerToken: 3.5,
  })
})

t.test('prices take the place of the built-in ones key by key, and a model more brings its own', async (t) => {
  t.same(planOf('').prices, defaultPrices)

  const text = `prices:
  claude-haiku-5-5: { input: 0.2, longPrompt: false }
  claude-x: { input: 1, output: 5 }
  claude-y: { input: 1, output: 5, cacheWrite5m: 2, cacheWrite1h: 3, cacheRead: 0, longPrompt: { above: 100k, input: 2, output: 10 }, fast: 3, batch: 0.4, geo: { eu: 1.2 }, webSearch: 0.02 }
`
  const { prices } = planOf(text)

  t.same(prices['claude-haiku-5-5'], { ...defaultPrices['claude-haiku-5-5'], input: 0.2, longPrompt: null })
  const usual = { longPrompt: null, fastFactor: 2, batchFactor: 0.5, geoFactors: { us: 1.1 }, webSearch: 0.01 }
  t.same(prices['claude-x'], { input: 1, output: 5, cacheWrite5m: 1.25, cacheWrite1h: 2, cacheRead: 0.1, ...usual })
  t.same(prices['claude-y'], {
    input: 1,
    output: 5,
    cacheWrite5m: 2,
    cacheWrite1h: 3,
    cacheRead: 0,
    longPrompt: { abovePromptTokens: 100_000, input: 2, output: 10, cacheWrite5m: 2.5, cacheWrite1h: 4, cacheRead: 0.2 },
    fastFactor: 3,
    batchFactor: 0.4,
    geoFactors: { eu: 1.2 },
    webSearch: 0.02,
  })
  t.same(prices['claude-opus-5'], defaultPrices['claude-opus-5'])
})

t.test('a route is added and taken away beside tenants and limits, and not while a tenant names it', async (t) => {
  const text = `redis: redis://:\${env:NONE}@h\nlimits: [{ name: all, requests: 1/s }]\n${tenantsText}upstreams: { c: "builtin:claude" }\nroutes:\n  v1/messages: c\n`

  const added = addRoute(text, { path: 'v9', to: 'c' }).text

  t.equal(added, `${text}  v9: c\n`)
  t.equal(removeRoute(added, 'v9').text, text)
  t.match(
    problemsIn(() => removeRoute(added, 'v1/messages')),
    [{ path: 'tenants.search.routes.0', message: /no route '\/v1\/messages\/'/ }],
  )
})
