import t from 'tap'
import { type Case, tellsEachOnce } from './cases.ts'
import { problemsOf } from './helpers.ts'

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`
const claude = 'upstreams: { c: "builtin:claude" }\nroutes: { v1/messages: c }\n'

const amounts: readonly Case[] = [
  ['a rate without a period', 'tenants:\n  a: { requests: 600 }', '2:18', 'tenants.a.requests', /'600' is not a rate/, /600\/m/],
  ['a rate of nothing', 'tenants:\n  a: { requests: 0/m }', '2:18', 'tenants.a.requests', /'0\/m' is not a rate/, /at least 1/],
  [
    'a period that is none',
    'tenants:\n  a: { inputTokens: 2M/min }',
    '2:21',
    'tenants.a.inputTokens',
    /'2M\/min'/,
    /s, m, h, d, w or month/,
  ],
  [
    'a rate inside that is none',
    'tenants:\n  a: { requests: { rate: fast } }',
    '2:26',
    'tenants.a.requests.rate',
    /'fast' is not a rate/,
    /600\/m/,
  ],
  [
    'a burst of nothing',
    'tenants:\n  a: { requests: { rate: 1/s, burst: 0 } }',
    '2:38',
    'tenants.a.requests.burst',
    /0 is too small/,
    /at least 1$/,
  ],
  [
    'a burst of less than one',
    'tenants:\n  a: { requests: { rate: 1/s, burst: 0.5 } }',
    '2:38',
    'tenants.a.requests.burst',
    /0\.5 is not a count/,
    /whole number/,
  ],
  ['no rate', 'tenants:\n  a: { requests: { burst: 5 } }', '2:8', 'tenants.a.requests.rate', /is missing/, /add it/],
  ['nobody at once', 'tenants:\n  a: { concurrency: 0 }', '2:21', 'tenants.a.concurrency', /0 is too small/, /at least 1$/],
  ['money of no currency', 'tenants:\n  a: { budget: 50/day }', '2:16', 'tenants.a.budget', /'50\/day' is not a budget/, /50usd\/day/],
  ['no money', 'tenants:\n  a: { budget: 0usd/day }', '2:16', 'tenants.a.budget', /'0usd\/day' is not a budget/, /more than none/],
  [
    'money a year',
    'tenants:\n  a: { budget: { amount: 5usd, per: year } }',
    '2:37',
    'tenants.a.budget.per',
    /'year' is none of day, week, month/,
    /day, week, month/,
  ],
  [
    'no money inside',
    'tenants:\n  a: { budget: { amount: 0usd, per: day } }',
    '2:26',
    'tenants.a.budget.amount',
    /'0usd' is not an amount of money/,
    /more than none/,
  ],
  ['a budget of a list', 'tenants:\n  a: { budget: [1usd/day, x] }', '2:27', 'tenants.a.budget.1', /'x' is not a budget/, /50usd\/day/],
  [
    'a time zone that is none',
    'tenants:\n  a: { budget: { amount: 5usd, per: day, timeZone: Europe/Berln } }',
    '2:52',
    'tenants.a.budget.timeZone',
    /'Europe\/Berln' is not a time zone/,
    /did you mean 'Europe\/Berlin'/,
  ],
  ['an offset', 'limitDefaults: { timeZone: "+01:00" }', '1:28', 'limitDefaults.timeZone', /'\+01:00' is not a time zone/, /IANA name/],
  [
    'a misspelled option',
    'tenants:\n  a: { requests: { rate: 1/s, dryrun: true } }',
    '2:31',
    'tenants.a.requests.dryrun',
    /'dryrun'/,
    /'dryRun'/,
  ],
  ['a priority beyond', 'tenants:\n  a: { priority: 10 }', '2:18', 'tenants.a.priority', /10 is too big/, /at most 9/],
  ['a priority below', 'tiers:\n  a: { priority: -1 }', '2:18', 'tiers.a.priority', /-1 is too small/, /at least 0/],
  ['bytes of no token', 'estimate: { bytesPerToken: 0 }', '1:28', 'estimate.bytesPerToken', /0 is too small/, /at least 0\.25/],
  ['a heap of two', 'shed: { heap: 2 }', '1:15', 'shed.heap', /2 is too big/, /at most 1/],
  ['an age that is none', 'ledger: { keep: 90m }', '1:17', 'ledger.keep', /'90m' is not a time to keep/, /90d/],
]

const names: readonly Case[] = [
  ['a tenant in capitals', 'tenants:\n  Search: {}', '2:3', 'tenants.Search', /'Search' is not a name for a tenant/, /small letter/],
  [
    'a business with a space',
    'tenants:\n  a: { business: my shop }',
    '2:18',
    'tenants.a.business',
    /'my shop' is not a name/,
    /small letter/,
  ],
  ['a tier with a slash', 'tiers:\n  a/b: {}', '2:3', 'tiers.a/b', /'a\/b' is not a name for a tier/, /small letter/],
  ['a limit with a bar', 'limits: [{ name: "a|b", requests: 1/s }]', '1:18', 'limits.0.name', /'a\|b' is not a name/, /small letter/],
  ['a limit without a name', 'limits: [{ requests: 1/s }]', '1:10', 'limits.0.name', /is missing/, /add it/],
  [
    'an unknown tier',
    'tiers: { standard: {} }\ntenants:\n  a: { tier: standart }',
    '3:14',
    'tenants.a.tier',
    /no tier 'standart'/,
    /did you mean 'standard'/,
  ],
  [
    'an unknown route of a tenant',
    `${claude}tenants:\n  a: { routes: [v1/message] }`,
    '4:17',
    'tenants.a.routes.0',
    /no route 'v1\/message'/,
    /did you mean 'v1\/messages'/,
  ],
  [
    'an unknown route of a limit',
    `${claude}limits: [{ name: x, routes: [/v1/messages, v2], requests: 1/s }]`,
    '3:44',
    'limits.0.routes.1',
    /no route 'v2'/,
    /v1\/messages/,
  ],
  ['a limit of nothing', 'limits: [{ name: x }]', '1:10', 'limits.0', /says nothing to count/, /requests, inputTokens/],
  [
    'a limit of two',
    'limits: [{ name: x, requests: 1/s, concurrency: 5 }]',
    '1:36',
    'limits.0.concurrency',
    /counts requests already/,
    /a limit of its own/,
  ],
  [
    'two limits of one name',
    'limits:\n  - { name: x, requests: 1/s }\n  - { name: x, concurrency: 5 }',
    '3:7',
    'limits.1.name',
    /named 'x' already \(line 2\)/,
    /another name/,
  ],
  [
    'a limit of a route with the name of one of all calls',
    'upstreams: { c: "builtin:claude" }\nlimits: [{ name: x, requests: 1/s }]\nroutes:\n  v1: { limits: [{ name: x, requests: 1/s }] }',
    '4:20',
    'routes.v1.limits.0.name',
    /named 'x' already \(line 2\)/,
    /another name/,
  ],
  [
    'a limit of a tenant with the name of one of a route',
    'upstreams: { c: "builtin:claude" }\ntenants:\n  a: { requests: 1/s }\nroutes:\n  v1: { limits: [{ name: requests, requests: 1/s }] }',
    '3:8',
    'tenants.a.requests',
    /'requests' already \(line 5\)/,
    /another name/,
  ],
  [
    'a limit of a tier with the name of one of all calls',
    'limits: [{ name: budget-day, budget: 1usd/day }]\ntiers:\n  a: { budget: 1usd/day }',
    '3:8',
    'tiers.a.budget',
    /'budget-day' already \(line 1\)/,
    /another name/,
  ],
  [
    'two budgets a day',
    'tenants:\n  a: { budget: [1usd/day, 2usd/day] }',
    '2:27',
    'tenants.a.budget.1',
    /'budget-day' already/,
    /another name/,
  ],
]

const relations: readonly Case[] = [
  ['by tenant without any', 'limits: [{ name: x, per: [tenant], requests: 1/s }]', '1:26', 'limits.0.per', /no tenants/, /`tenantsFrom`/],
  [
    'by business without any',
    'limits: [{ name: x, per: [business], requests: 1/s }]',
    '1:26',
    'limits.0.per',
    /by business/,
    /leave it out/,
  ],
  [
    'by tenant where no key is asked for',
    'upstreams: { c: "builtin:claude" }\ntenants: { a: {} }\nroutes:\n  v1: { authenticate: false, limits: [{ name: x, per: [tenant], requests: 1/s }] }',
    '4:55',
    'routes.v1.limits.0.per',
    /no route that it holds for asks for a key/,
    /authenticate: false/,
  ],
  [
    'by business in a tier',
    'tiers:\n  a: { limits: [{ name: x, per: [business], requests: 1/s }] }',
    '2:34',
    'tiers.a.limits.0.per.0',
    /each tenant by itself/,
    /`limits` of the whole relay/,
  ],
  [
    'routes in a limit of a route',
    `upstreams: { c: "builtin:claude" }\nroutes:\n  v1: { limits: [{ name: x, routes: [v1], requests: 1/s }] }`,
    '3:29',
    'routes.v1.limits.0.routes',
    /that route alone/,
    /leave `routes` out/,
  ],
  [
    'routes that the tenant may not call',
    'upstreams: { c: "builtin:claude" }\nroutes: { v1: c, v2: c }\ntenants:\n  a: { routes: [v1], limits: [{ name: x, routes: [v2], requests: 1/s }] }',
    '4:50',
    'tenants.a.limits.0.routes',
    /can never be reached/,
    /name some of v1/,
  ],
  [
    'tokens of a backend',
    'routes:\n  x: { to: "http://x.y", limits: [{ name: t, inputTokens: 1k/m }] }',
    '2:35',
    'routes.x.limits.0',
    /can never be reached/,
    /limit requests/,
  ],
  [
    'money of a backend',
    'routes:\n  x: http://x.y\nlimits:\n  - { name: t, budget: 1usd/day }',
    '4:5',
    'limits.0',
    /towards Claude only/,
    /kind: claude/,
  ],
  [
    'a queue for nothing',
    'upstreams: { c: "builtin:claude" }\nroutes:\n  v1: { queue: {} }',
    '3:9',
    'routes.v1.queue',
    /no limit holds for the route/,
    /leave `queue` out/,
  ],
  [
    'a queue where no key is asked for',
    'upstreams: { c: "builtin:claude" }\ntenants: { a: { requests: 1/s } }\nroutes:\n  v1: { authenticate: false, queue: {} }',
    '4:30',
    'routes.v1.queue',
    /no limit holds for the route/,
    /`limits`/,
  ],
  [
    'draining a backend',
    'routes:\n  x: { to: "http://x.y", onLeave: drain }',
    '2:26',
    'routes.x.onLeave',
    /onLeave works towards Claude only/,
    /leave it out/,
  ],
  [
    'counting for a backend',
    'routes:\n  x: { to: "http://x.y", estimate: count_tokens }',
    '2:26',
    'routes.x.estimate',
    /estimate works towards Claude only/,
    /leave it out/,
  ],
  [
    'asking for keys that nobody has',
    'routes:\n  x: { to: "http://x.y", authenticate: true }',
    '2:26',
    'routes.x.authenticate',
    /there are no tenants/,
    /`tenants` or `tenantsFrom`/,
  ],
  [
    'an open route for everybody',
    'listen: :80\nupstreams: { c: { url: "https://api.anthropic.com", credential: { env: KEY } } }\ntenants: { a: {} }\nroutes:\n  v1/messages: c\n  v1/open: { to: c, authenticate: false }',
    '1:9',
    'listen',
    /the route 'v1\/open' puts in a credential without asking for a key/,
    /leave `authenticate: false` out/,
    { env: { KEY: 's3cret' } },
  ],
]

const stores: readonly Case[] = [
  ['buckets in no Redis', 'limitDefaults: { store: redis }', '1:25', 'limitDefaults.store', /there is no `redis`/, /redis:\/\/127/],
  ['tenants in no Redis', 'tenantsFrom: redis', '1:14', 'tenantsFrom', /there is no `redis`/, /or write sqlite/],
  [
    'tenants from elsewhere',
    'tenantsFrom: sqlit',
    '1:14',
    'tenantsFrom',
    /expected sqlite or redis or a mapping, found 'sqlit'/,
    /did you mean 'sqlite'/,
  ],
  ['exact in memory', 'limitDefaults: { exact: true }', '1:18', 'limitDefaults.exact', /kept in memory/, /give `redis`/],
  ['away in memory', 'limitDefaults: { away: closed }', '1:18', 'limitDefaults.away', /away: closed is about Redis/, /give `redis`/],
  [
    'an exact limit in memory',
    'limits: [{ name: x, requests: { rate: 1/s, exact: true } }]',
    '1:44',
    'limits.0.requests.exact',
    /kept in memory/,
    /leave it out/,
  ],
  [
    'a limit away in memory',
    'redis: redis://h\nlimitDefaults: { store: memory }\ntenants:\n  a: { concurrency: { most: 5, away: open } }',
    '4:32',
    'tenants.a.concurrency.away',
    /away: open is about Redis/,
    /leave it out/,
  ],
]

const keys: readonly Case[] = [
  ['no digest', 'tenants:\n  a: { keys: [s3cret] }', '2:15', 'tenants.a.keys.0', /not the SHA-256 of a key/, /relay tenant add/],
  ['half a digest', 'tenants:\n  a: { keys: ["sha256:3fa9"] }', '2:15', 'tenants.a.keys.0', /not the SHA-256/, /64 hexadecimal/],
  ['another digest', `tenants:\n  a: { keys: [{ sha256: x }] }`, '2:25', 'tenants.a.keys.0.sha256', /not the SHA-256/, /^write 64 hex/],
  ['a key itself', 'tenants:\n  a: { keys: [rk_s3cret] }', '2:15', 'tenants.a.keys.0', /is a key itself/, /relay tenant rotate/],
  ['a key for a list', 'tenants:\n  a: { keys: rk_s3cret }', '2:14', 'tenants.a.keys', /expected a list, found something else/, /a list/],
  [
    'one key twice',
    `tenants:\n  a: { keys: ["${digest('a')}", "${digest('A')}"] }`,
    '2:90',
    'tenants.a.keys.1',
    /stands here already \(line 2\)/,
    /keys of its own/,
  ],
  [
    'one key for two',
    `tenants:\n  a: { keys: ["${digest('1')}"] }\n  b: { keys: ["${digest('1')}"] }`,
    '3:15',
    'tenants.b.keys.0',
    /stands here already \(line 2\)/,
    /keys of its own/,
  ],
  [
    'three keys',
    `tenants:\n  a:\n    keys:\n      - ${digest('1')}\n      - ${digest('2')}\n      - ${digest('3')}`,
    '6:9',
    'tenants.a.keys.2',
    /one key too many: there are 3/,
    /2 at most/,
  ],
]

const prices: readonly Case[] = [
  ['half a price', 'prices: { m: { input: 1 } }', '1:11', 'prices.m', /the price of output is missing/, /no built-in price of m/],
  [
    'a price for many',
    'prices: { "claude-*": { input: 1, output: 2 } }',
    '1:11',
    'prices.claude-*',
    /not the name of a model/,
    /one model/,
  ],
  ['a price below nothing', 'prices: { m: { input: -1, output: 1 } }', '1:23', 'prices.m.input', /-1 is too small/, /at least 0/],
]

for (const [noun, cases] of Object.entries({ amounts, names, relations, stores, keys, prices })) {
  t.test(`${noun}: each mistake is told once, where it stands, with a remedy`, async (t) => {
    tellsEachOnce(t, cases)
  })
}

t.test('what has the wrong shape is told alone: nobody is blamed for what it would have said', async (t) => {
  const config = [
    'redis: { prefix: 5 }',
    'limitDefaults: { store: redis, away: closed }',
    'tenantsFrom: redis',
    'tiers: { gold: { priority: x } }',
    'tenants: { a: { tier: gold, requests: 5, routes: [x] }, b: { tier: gold, routes: [x] } }',
    'limits: [{ name: all, per: [tenant], requests: 1/s, routes: [x] }]',
    'routes: { x: { to: "http://x.y", onLeave: maybe }, y: { to: "http://x.y", queue: {} } }',
  ].join('\n')

  t.same(
    problemsOf(config).map(({ path }) => path),
    ['redis.prefix', 'tiers.gold.priority', 'tenants.a.requests', 'routes.x.onLeave'],
  )
})
