import t from 'tap'
import { editTenants, writtenTenants, type WrittenTenants } from '../../src/config/edit-tenants.ts'
import { withQuota } from '../../src/config/quota.ts'
import { problemsIn } from './helpers.ts'

const [one, two] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`]

const base = `# ours
upstreams:
  c: { url: https://api.anthropic.com, credential: { env: KEY } }
tenants: # who calls
  # the first
  search: # of the shop
    business: shop # groups
    requests: 600/m # agreed
    keys:
      - ${one} # the laptop
      # between
      - ${two}

    # and its budget
    budget: { amount: 50usd, per: day, timeZone: Europe/Berlin } # in Berlin

  # the second
  plain:
routes:
  /: c # all
`

const edit = (text: string, change: (tenants: WrittenTenants) => WrittenTenants) => editTenants(text, 'done', change).text

/** An edit of one tenant, as it is written. */
function editOne(
  text: string,
  name: string,
  change: (written: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>,
): string {
  return edit(text, (tenants) => ({ ...tenants, [name]: change((tenants[name] ?? {}) as Readonly<Record<string, unknown>>) }))
}

t.test('a tenant is added behind the last one, and all else stays', async (t) => {
  const text = edit(base, (tenants) => ({ ...tenants, new: { keys: [{ sha256: '3'.repeat(64), hint: 'rk_abcd…' }] } }))

  const lines = `  new:\n    keys:\n      - sha256: "${'3'.repeat(64)}"\n        hint: rk_abcd…\n`
  t.equal(text, base.replace('  plain:\n', `  plain:\n${lines}`))
})

t.test('the first tenant of a file makes its section; the last that goes leaves it empty, not away', async (t) => {
  const bare = 'upstreams:\n  c: https://api.anthropic.com\n'

  const added = edit(bare, () => ({ a: { keys: [one] } }))
  const removed = edit(added, () => ({}))
  const again = edit(removed, () => ({ b: { keys: [one] } }))

  t.equal(added, `${bare}tenants:\n  a:\n    keys:\n      - ${one}\n`)
  t.equal(removed, `${bare}tenants: {}\n`)
  t.equal(again, `${bare}tenants:\n  b:\n    keys:\n      - ${one}\n`)
})

t.test('a tenant goes with its lines, and comments around it stay', async (t) => {
  const text = edit(base, ({ plain }) => ({ plain }))

  t.match(text, /^# ours\n[^]*tenants: # who calls\n {2}# the first\n[^]* {2}# the second\n {2}plain:\nroutes:/)
  t.notMatch(text, /search|laptop|Berlin }/)
})

t.test('a quota changes where it stands: comments and options of a limit stay', async (t) => {
  const text = editOne(base, 'search', (written) => withQuota(written, { requests: '700/m', budget: ['60usd/day'] }))

  t.equal(text, base.replace('600/m', '700/m').replace('amount: 50usd', 'amount: "60usd"'))
})

t.test('a quota is written in its short form, and with a burst in its long one', async (t) => {
  const change = { requests: '10/s', burst: '20', inputTokens: '2M/m', outputTokens: '400k/m', concurrency: '40' }
  const plain = editOne(base, 'plain', (written) => withQuota(written, { ...change, budget: ['5usd/day', '50usd/month'] }))
  const none = editOne(plain, 'plain', (written) =>
    withQuota(written, { requests: 'none', inputTokens: 'none', outputTokens: 'none', concurrency: 'none', budget: ['none'] }),
  )

  const written = `    requests:
      rate: 10/s
      burst: 20
    inputTokens: 2M/m
    outputTokens: 400k/m
    concurrency: 40
    budget:
      - 5usd/day
      - 50usd/month
`
  t.equal(plain, base.replace('  plain:\n', `  plain:\n${written}`))
  t.equal(none, base.replace('  plain:\n', '  plain: {}\n'))
})

t.test('a budget takes the place of the one of its period, and stands beside the others', async (t) => {
  const first = withQuota({}, { budget: ['5usd/day'] })
  const both = withQuota(first, { budget: ['50usd/month'] })
  const changed = withQuota(both, { budget: ['6usd/day'] })

  t.same(first, { budget: '5usd/day' })
  t.same(both, { budget: ['5usd/day', '50usd/month'] })
  t.same(changed, { budget: ['6usd/day', '50usd/month'] })
  t.same(withQuota(changed, { budget: ['none', '1usd/week'] }), { budget: '1usd/week' })
})

t.test('one of several budgets changes where it stands', async (t) => {
  const two = base.replace(
    '  plain:\n',
    '  plain:\n    budget:\n      - 5usd/day # small\n      - amount: 50usd # large\n        per: month\n        exact: false\n',
  )

  const changed = editOne(two, 'plain', (written) => withQuota(written, { budget: ['6usd/day', '70usd/month'] }))
  const added = editOne(two, 'plain', (written) => withQuota(written, { budget: ['20usd/week'] }))

  t.equal(changed, two.replace('5usd/day #', '6usd/day #').replace('50usd # large', '70usd # large'))
  t.equal(added, two.replace('exact: false\n', 'exact: false\n      - 20usd/week\n'))
})

t.test('a key comes and the older goes, and the comment of the other stays', async (t) => {
  const three = { sha256: '3'.repeat(64), createdAt: '2026-11-23T00:00:00.000Z', hint: 'rk_abcd…' }

  const rotated = editOne(base, 'search', (written) => ({ ...written, keys: [two, three] }))
  const replaced = editOne(base, 'search', (written) => ({ ...written, keys: [three] }))

  t.match(
    rotated,
    `      # between\n      - ${two}\n      - sha256: "${three.sha256}"\n        createdAt: ${three.createdAt}\n        hint: rk_abcd…\n`,
  )
  t.notMatch(rotated, /laptop/)
  t.same(writtenTenants(replaced)['search'], { ...(writtenTenants(base)['search'] as object), keys: [three] })
})

t.test('JSON stays JSON', async (t) => {
  const json = '{\n  "upstreams": { "c": "https://api.anthropic.com" },\n  "tenants": { "a": { "keys": ["' + one + '"] } }\n}\n'

  const more = edit(json, (tenants) => ({ ...tenants, b: { requests: '1/s' } }))
  const keys = editOne(more, 'a', (written) => ({ ...written, keys: [one, two], requests: { rate: '5/s', burst: 9 } }))
  const fewer = edit(keys, ({ b }) => ({ b }))

  t.same(JSON.parse(keys).tenants, { a: { keys: [one, two], requests: { rate: '5/s', burst: 9 } }, b: { requests: '1/s' } })
  t.same(JSON.parse(fewer).tenants, { b: { requests: '1/s' } })
})

t.test('what cannot be edited without touching more is refused, and so is what would not load', async (t) => {
  const shared = base.replace('  plain:\n', '  plain: *same\n').replace('  search: #', '  search: &same #')
  const [anchored] = problemsIn(() => editOne(shared, 'plain', (written) => ({ ...written, requests: '1/s', keys: [] })))
  const [broken] = problemsIn(() => editOne(base, 'plain', () => ({ requests: '1/x' })))
  const [wrong] = problemsIn(() => edit('routes: 5\n', () => ({})))

  t.ok(anchored)
  t.match(broken, { path: 'tenants.plain.requests', message: /'1\/x' is not a rate/ })
  t.match(wrong, { path: 'routes' })
})
