import t from 'tap'
import { changedParts, fixedProblems } from '../../src/relay/changed.ts'
import { planOf } from '../config/helpers.ts'

const around = { env: { PW: 's3cret', OTHER: 's3cret-2' } }
const fixed = (before: string, after: string) => fixedProblems(planOf(before, around), planOf(after, around))
const changed = (before: string, after: string) => changedParts(planOf(before, around), planOf(after, around))

t.test('a reload says of each part that it cannot change, and shows no secret', async (t) => {
  const cases: readonly (readonly [before: string, after: string, path: string, message: RegExp])[] = [
    ['workers: 1', 'workers: 2', 'workers', /\(1 to 2\)/],
    ['accept: reusePort', 'accept: handover', 'accept', /\(reusePort to handover\)/],
    ['redis: "redis://:${env:PW}@h"', 'redis: "redis://:${env:OTHER}@h"', 'redis', /^cannot change while relay runs$/],
    [
      'redis: redis://h\nlimitDefaults: { store: memory }',
      'redis: redis://h\nlimitDefaults: { store: redis }',
      'limitDefaults.store',
      /\(memory to redis\)/,
    ],
    ['tenants: {}', 'tenants: {}\ntenantsFrom: sqlite', 'tenantsFrom', /\(none to \/etc\/relay\/relay-tenants\.db\)/],
    ['ledger: { file: a.db }', 'ledger: { file: b.db }', 'ledger', /\(\/etc\/relay\/a\.db to \/etc\/relay\/b\.db\)/],
    ['', 'limits: [{ name: x, budget: 1usd/day }]', 'ledger', /\(none to \/etc\/relay\/relay-ledger\.db\)/],
  ]
  for (const [before, after, path, message] of cases) {
    const problems = fixed(before, after)

    t.match(problems, [{ path, message, remedy: /stop relay and start it again/ }], after)
    t.equal(problems.length, 1, after)
    t.notMatch(JSON.stringify(problems), /s3cret/, after)
  }
  t.match(fixed('', 'tenants: {}'), [{ remedy: /or write ledger: false/ }])
})

t.test('all else of tenants, limits, prices and the ledger changes while relay runs, and is told by its name', async (t) => {
  const before = 'tenants: { a: { requests: 1/s }, b: {} }\ntiers: { t: {} }\nlimits: [{ name: x, concurrency: 5 }]'
  const after = `tenants: { a: { requests: 2/s }, c: {} }
tiers: { t: { priority: 3 } }
limits: [{ name: y, concurrency: 5 }]
prices: { claude-opus-5: { input: 4 }, m: { input: 1, output: 2 } }
estimate: { outputMost: 32k }
shed: false
ledger: { keep: 30d }
`
  t.same(fixed(before, after), [])
  t.same(changed(before, after), [
    'tenants: +c, -b, ~a',
    'tiers: ~t',
    'limits: +y, -x',
    'prices: +m, ~claude-opus-5',
    'estimate',
    'shed',
    'ledger',
  ])
  t.same(changed('redis: redis://h', 'redis: { url: "redis://h", nodes: 3 }'), ['nodes'])
})
