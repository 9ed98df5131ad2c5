import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { home, relay } from '../helpers/cli.ts'
import { type Given, keyOf, limitsOf, printed, tenant } from './tenant-helpers.ts'

const config = `# ours
listen: :8080
upstreams:
  c: https://api.anthropic.com # the API
tiers:
  standard: { requests: 100/m, concurrency: 5, models: [claude-opus-*] }
routes:
  v1/messages: c
`

t.test('a tenant is added to the config file with its key’s digest; the key is printed once and stands nowhere', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)

  const added = await relay(place, 'tenant', 'add', 'search', '--business', 'shop', '--tier', 'standard', '--priority', '7')
  const key = /rk_[0-9A-Za-z]{43}/.exec(added.out)?.[0] ?? 'none'
  const shown = await relay(place, 'tenant', 'show', 'search')

  t.equal(added.exit, 0)
  t.match(
    added.out,
    /added the tenant search \(tier standard\)\n {2}key {2}rk_[^]*BASE_URL=http:\/\/127\.0\.0\.1:8080 ANTHROPIC_API_KEY=rk_[^]*asked for a key/,
  )
  t.notMatch(readFileSync(file, 'utf8') + shown.out, key)
  t.match(
    readFileSync(file, 'utf8'),
    /^# ours\n[^]*# the API\n[^]*search:\n {4}business: shop\n {4}tier: standard\n {4}priority: 7\n {4}keys:/,
  )
  t.match(
    shown.out,
    /business {2}shop\ntier {6}standard\npriority {2}7\n[^]*models {4}claude-opus-\*[^]*requests +100\/m {2}\(from the tier standard\)/,
  )
  t.ok(shown.out.includes(key.slice(0, 7)))
})

t.test('what is given wrongly is told by flag, value and remedy, and nothing changes', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)
  await relay(place, 'tenant', 'add', 'search')
  const before = readFileSync(file, 'utf8')
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['add', 'search'], /there is a tenant 'search' already, in relay\.config\.yaml/],
    [['add', 'b', '--tier', 'standart'], /--tier: there is no tier 'standart' \(did you mean 'standard'\?\)/],
    [['add', 'b', '--route', 'v1/mesages'], /--route.*'v1\/mesages' \(did you mean 'v1\/messages'\?\)/],
    [['add', 'b', '--priority', '10'], /--priority.*from 0 to 9/],
    [['add', 'B c'], /'B c' is not a name for a tenant/],
    [['quota', 'serch', '--requests', '1/s'], /there is no tenant 'serch' \(did you mean 'search'\?\)/],
    [['quota', 'search', '--requests', '600'], /--requests: '600' is not a rate \(.*600\/m/],
    [['quota', 'search', '--requests', '600/m', '--burst', 'many'], /--burst: 'many' is not a count/],
    [['quota', 'search', '--burst', '10'], /--burst 10 belongs to a limit on requests/],
    [['quota', 'search', '--input-tokens', '2T/m'], /--input-tokens: '2T\/m' is not a rate/],
    [['quota', 'search', '--concurrency', '0'], /--concurrency: '?0'? is too small/],
    [['quota', 'search', '--budget', '50eur/day'], /--budget: '50eur\/day' is not a budget/],
    [
      ['quota', 'search', '--budget', '5usd/day', '--budget', '6usd/day'],
      /--budget 5usd\/day and --budget 6usd\/day: a day has one budget/,
    ],
    [['quota', 'search', '--budget', '5usd/day', '--budget', 'none'], /--budget 5usd\/day and then --budget none: .*give it first/],
    [['quota', 'search', '--requests', '5/s', '--requests', '6/s'], /--requests.*'6\/s'.*it was given before, as '5\/s': give it once/],
    [['set', 'serch', '--tier', 'standard'], /there is no tenant 'serch' \(did you mean 'search'\?\)/],
    [['set', 'search'], /nothing is named .* of the tenant 'search': give one of --business, --tier, --priority, --route, --model, --all-/],
    [['set', 'search', '--tier', 'standart'], /--tier: there is no tier 'standart' \(did you mean 'standard'\?\)/],
    [['set', 'search', '--tier', 'standard', '--tier', 'none'], /--tier.*it was given before, as 'standard'/],
    [['set', 'search', '--priority', 'high'], /--priority.*from 0 to 9/],
    [['set', 'search', '--route', 'v1/mesages'], /--route.*'v1\/mesages' \(did you mean 'v1\/messages'\?\)/],
    [['set', 'search', '--route', 'v1/messages', '--all-routes'], /'--all-routes' cannot be used with option '--route <name>'/],
    [['set', 'search', '--model', 'claude-*', '--all-models'], /'--all-models' cannot be used with option '--model <pattern>'/],
    [['remove', 'serch'], /did you mean 'search'/],
    [['rotate', 'nobody-at-all'], /there is no tenant 'nobody-at-all' \(known: search\)/],
    [['show', 'serch'], /did you mean 'search'/],
  ]

  for (const [args, told] of wrong) {
    const ran = await tenant(place, ...args)
    t.match(ran, { exit: 2, err: told }, args.join(' '))
  }

  t.equal(readFileSync(file, 'utf8'), before)
})

t.test('without a config, and with a broken one, that is told', async (t) => {
  const place = home(t)

  const none = await relay(place, 'tenant', 'add', 'search')
  place.write('relay.config.yaml', 'routes: 5\n')
  const broken = await relay(place, 'tenant', 'list', '--json')

  t.match(none, { exit: 2, err: /there is no config file here/ })
  t.match(broken, { exit: 2, out: /"problems":\[\{"file":"relay\.config\.yaml"/ })
})

const stores: readonly (readonly [string, string])[] = [
  ['in the config file', config],
  ['in SQLite', `${config}tenantsFrom: sqlite\n`],
]

for (const [where, text] of stores) {
  t.test(`a tenant ${where} is rotated key by key, and all at once`, async (t) => {
    const given: Given = { place: home(t), text }
    given.place.write('relay.config.yaml', text)
    const first = await keyOf(given, 'add', 'search')
    const second = await keyOf(given, 'rotate', 'search')
    const two = await printed(given, 'show', 'search')
    const third = await keyOf(given, 'rotate', 'search')
    const newer = await printed(given, 'show', 'search')
    const last = await keyOf(given, 'rotate', 'search', '--now')
    const one = await printed(given, 'show', 'search')

    const hints = (shown: Readonly<Record<string, unknown>>) => (shown['keys'] as { hint: string }[]).map(({ hint }) => hint.slice(0, 7))
    t.equal(new Set([first, second, third, last]).size, 4)
    t.same(
      hints(two),
      [first, second].map((key) => key.slice(0, 7)),
    )
    t.same(
      hints(newer),
      [second, third].map((key) => key.slice(0, 7)),
    )
    t.same(hints(one), [last.slice(0, 7)])
  })

  t.test(`a quota ${where} is set, shown, changed limit by limit, and taken away`, async (t) => {
    const given: Given = { place: home(t), text }
    given.place.write('relay.config.yaml', text)
    await keyOf(given, 'add', 'search', '--tier', 'standard')

    const flags = ['--requests', '600/m', '--burst', '100', '--input-tokens', '2M/m', '--output-tokens', '400k/m', '--concurrency', '40']
    const set = await printed(given, 'quota', 'search', ...flags, '--budget', '50usd/day', '--budget', '1000usd/month')
    const changed = await printed(given, 'quota', 'search', '--requests', '700/m', '--budget', '60usd/day')
    const shown = await printed(given, 'quota', 'search')
    const less = await printed(given, 'quota', 'search', '--requests', 'none', '--budget', 'none', '--input-tokens', 'none')

    t.same(limitsOf(set), {
      requests: '600 in 60000, burst 100',
      concurrency: 40,
      'input-tokens': '2000000 in 60000, burst 2000000',
      'output-tokens': '400000 in 60000, burst 400000',
      'budget-day': '50000000000 a day UTC',
      'budget-month': '1000000000000 a month UTC',
    })
    t.same(limitsOf(changed), { ...limitsOf(set), requests: '700 in 60000, burst 100', 'budget-day': '60000000000 a day UTC' })
    t.same(limitsOf(shown), limitsOf(changed))
    t.same(limitsOf(less), { requests: '100 in 60000, burst 100', concurrency: 40, 'output-tokens': '400000 in 60000, burst 400000' })
  })

  t.test(`a tenant ${where} has its business, tier, priority, routes and models changed, and keeps all else`, async (t) => {
    const given: Given = { place: home(t), text }
    given.place.write('relay.config.yaml', text)
    await keyOf(given, 'add', 'search', '--business', 'shop', '--priority', '3')
    await printed(given, 'quota', 'search', '--requests', '7/s', '--budget', '50usd/day')
    const before = await printed(given, 'show', 'search')

    const tier = await printed(given, 'set', 'search', '--tier', 'standard')
    const lists = await printed(given, 'set', 'search', '--route', 'v1/messages', '--model', 'claude-haiku-*', '--model', 'claude-opus-5')
    const people = await relay(given.place, 'tenant', 'set', 'search', '--priority', '7', '--business', 'mall')
    const set = await printed(given, 'show', 'search')
    await printed(given, 'set', 'search', '--all-routes', '--all-models', '--business', 'none', '--priority', 'none')
    const inherits = await printed(given, 'show', 'search')
    await printed(given, 'set', 'search', '--tier', 'none')
    const bare = await printed(given, 'show', 'search')

    t.match(tier, {
      change: 'changed the tenant search',
      tenant: 'search',
      tier: 'standard',
      models: ['claude-opus-*'],
      keys: before['keys'],
    })
    t.match(lists, { business: 'shop', routes: ['v1/messages'], models: ['claude-haiku-*', 'claude-opus-5'] })
    t.match(people, { exit: 0, out: /^changed the tenant search\n {2}search \(in .*\)\n {2}business {2}mall\n[^]*priority {2}7\n/ })
    t.match(set, { business: 'mall', tier: 'standard', priority: 7, routes: ['v1/messages'], models: ['claude-haiku-*', 'claude-opus-5'] })
    t.match(inherits, { business: 'search', tier: 'standard', priority: 5, routes: null, models: ['claude-opus-*'] })
    t.match(bare, { tier: null, models: null })
    t.same(limitsOf(set), { ...limitsOf(before), concurrency: 5 })
    t.same(limitsOf(bare), limitsOf(before))
    t.same(bare['keys'], before['keys'])
  })

  t.test(`tenants ${where} are listed page by page, and a removed one is gone`, async (t) => {
    const given: Given = { place: home(t), text }
    given.place.write('relay.config.yaml', text)
    for (const name of ['b', 'a', 'c']) await keyOf(given, 'add', name)

    const first = await printed(given, 'list', '--limit', '2')
    const rest = await printed(given, 'list', '--limit', '2', '--after', String(first['next']))
    const removed = await relay(given.place, 'tenant', 'remove', 'a')
    const left = await relay(given.place, 'tenant', 'list')

    const names = (list: Readonly<Record<string, unknown>>) => (list['tenants'] as { name: string }[]).map(({ name }) => name)
    t.same([names(first), first['next']], [['a', 'b'], 'b'])
    t.same([names(rest), rest['next']], [['c'], null])
    t.match(removed, { exit: 0, out: /^removed the tenant a\n/ })
    t.match(left.out, /^NAME +BUSINESS +TIER +KEYS\nb +b +- +rk_.{4}…\nc +c/)
  })
}

t.test('a stored limit keeps its time zone when its amount changes, also after the default has changed', async (t) => {
  const text = `${config}tenantsFrom: sqlite\n`
  const given: Given = { place: home(t), text }
  given.place.write('relay.config.yaml', `${text}limitDefaults: { timeZone: Europe/Berlin }\n`)
  await keyOf(given, 'add', 'search')
  await printed(given, 'quota', 'search', '--budget', '50usd/day')
  given.place.write('relay.config.yaml', text)

  const changed = await printed(given, 'quota', 'search', '--budget', '60usd/day', '--budget', '70usd/week')

  t.same(limitsOf(changed), { 'budget-day': '60000000000 a day Europe/Berlin', 'budget-week': '70000000000 a week UTC' })
})

t.test('with tenantsFrom the config file stays as it is; those that stand in it are changed in it', async (t) => {
  const place = home(t)
  const text = `${config}tenantsFrom: { sqlite: kept/here.db }\ntenants:\n  old: { keys: ['sha256:${'1'.repeat(64)}'] }\n`
  const file = place.write('relay.config.yaml', text)
  const given: Given = { place, text }

  const failed = await relay(place, 'tenant', 'add', 'new')
  mkdirSync(place.path('kept'))
  await keyOf(given, 'add', 'new')
  const unchanged = readFileSync(file, 'utf8')
  const again = await relay(place, 'tenant', 'add', 'old')
  await relay(place, 'tenant', 'quota', 'old', '--requests', '1/s')
  const list = await printed(given, 'list')

  t.match(failed, { exit: 1, err: /tenants cannot be kept in .*kept\/here\.db: .*no such file or directory/ })
  t.equal(unchanged, text)
  t.ok(existsSync(place.path('kept/here.db')))
  t.match(again, { exit: 2, err: /there is a tenant 'old' already, in relay\.config\.yaml/ })
  t.match(readFileSync(file, 'utf8'), /old: \{ keys: .*"requests": "1\/s" \}/)
  t.match(list, {
    tenants: [
      { name: 'new', in: 'kept/here.db' },
      { name: 'old', in: 'relay.config.yaml' },
    ],
  })
})
