import t from 'tap'
import { type Case, tellsEachOnce } from './cases.ts'
import { planOf } from './helpers.ts'

const upstreams = 'upstreams:\n  a: http://a.example\n  b: http://b.example\n'
const config = (...routes: readonly string[]): string => `${upstreams}routes:\n${routes.map((route) => `  ${route}\n`).join('')}`
const routesOf = (...routes: readonly string[]) => planOf(config(...routes)).routes

t.test('conditions on fields, parameters and the model are read as they are written', async (t) => {
  const when = 'header: { X-Team: [a, b*], x-flag: true, x-old: false }, query: { v: 2, q: x }, model: claude-opus-*'
  const [route] = routesOf(`x: { to: a, when: { ${when} } }`)

  t.strictSame(route?.when, {
    headers: [
      { name: 'x-team', values: ['a', 'b*'], isAbsent: false },
      { name: 'x-flag', values: null, isAbsent: false },
      { name: 'x-old', values: null, isAbsent: true },
    ],
    query: [
      { name: 'v', values: ['2'], isAbsent: false },
      { name: 'q', values: ['x'], isAbsent: false },
    ],
    models: ['claude-opus-*'],
  })
  t.equal(routesOf('x: { to: a, when: { header: {} } }')[0]?.when, null)
})

t.test('routes that differ by their conditions are no tie, and those with the same ones are', async (t) => {
  const two = (one: string, other: string) => routesOf(`x: { to: a, path: /p, when: ${one} }`, `y: { to: b, path: /p, when: ${other} }`)

  t.equal(two('{ header: { a: x } }', '{ header: { a: y } }').length, 2)
  t.equal(two('{ header: { a: x } }', '{ query: { a: x } }').length, 2)
  t.throws(() => two('{ header: { a: [x, y], b: true } }', '{ header: { B: true, A: [y, x] } }'), /matches the same calls as the route 'x'/)
})

t.test(
  'versions by a header are routes of their own, one for calls that name another, and the default for those that name none',
  async (t) => {
    const versions = '{ by: { header: X-Api-Version }, default: v1, map: { v1: a/old, v2: { to: b, rewrite: /new } } }'
    const routes = routesOf(`user: { methods: [GET], when: { query: { q: true } }, versions: ${versions} }`, '/: a')

    const by = (value: string, isAbsent: boolean) => ({
      headers: [{ name: 'x-api-version', values: [value], isAbsent }],
      query: [{ name: 'q' }],
    })
    t.match(routes, [
      { name: 'user@v1', family: 'user', upstream: 'a', rewrite: '/old', when: by('v1', true), refusal: null, methods: ['GET'] },
      { name: 'user@v2', family: 'user', upstream: 'b', rewrite: '/new', when: by('v2', false), refusal: null },
      { name: 'user@unknown', family: 'user', refusal: 'no known version in the header X-Api-Version; known: v1, v2' },
      { name: '/', family: '/', refusal: null },
    ])
    t.match(routes[2]?.when, { headers: [], query: [{ name: 'q' }] }, 'all that no version takes')
  },
)

t.test('versions by a path are paths written out, and the rest of them are refused', async (t) => {
  const by = (path: string, rest = '') => routesOf(`'${path}': { versions: { by: path, map: { v1: a, v2: b/x } }${rest} }`)

  t.match(by('/{version}/user'), [
    { name: '{version}/user@v1', path: { is: 'prefix', path: '/v1/user' }, rewrite: null },
    { name: '{version}/user@v2', path: { is: 'prefix', path: '/v2/user' }, rewrite: '/x' },
    { name: '{version}/user@unknown', path: { is: 'template', template: '/{version}/user' }, refusal: /in the path; known: v1, v2/ },
  ])
  t.match(by('/{version}/user/{id}')[0]?.path, { is: 'template', template: '/v1/user/{id}' })
  t.match(by('x', ", path: { template: '/{version}/user' }")[0]?.path, { is: 'exact', path: '/v1/user' })
})

t.test('limits and tenants know a route by its own name, whatever its versions are called', async (t) => {
  const limits = '[{ name: own, requests: 10/m }]'
  const route = `user: { versions: { by: { query: v }, map: { v1: a, v2: b } }, limits: ${limits}, queue: {} }`
  const plan = planOf(`${config(route)}limits: [{ name: all, requests: 1/m, routes: [user] }]\ntenants: { t: { routes: [/user/] } }\n`)

  t.strictSame(
    plan.routes.map(({ limits }) => limits.map((limit) => limit.routes)),
    [[['user']], [['user']], [['user']]],
  )
  t.match(plan, { limits: [{ routes: ['user'] }], tenancy: { tenants: [{ routes: ['user'] }] } })
})

const one = (route: string): string => config(route)
const byHeader = (rest: string): string => one(`x: { versions: { by: { header: v }, ${rest} } }`)
const cases: readonly Case[] = [
  [
    'a header that is none',
    one('x: { to: a, when: { header: { "a b": x } } }'),
    '5:33',
    'routes.x.when.header.a b',
    /'a b' is not the name/,
    /letters/,
  ],
  [
    'a header that stands twice',
    one('x: { to: a, when: { header: { A: x, a: y } } }'),
    '5:23',
    'routes.x.when.header',
    /'a' stands here twice/,
    /list/,
  ],
  [
    'an unknown condition',
    one('x: { to: a, when: { heder: { a: x } } }'),
    '5:23',
    'routes.x.when.heder',
    /'heder'/,
    /did you mean 'header'/,
  ],
  ['a condition of nothing', one('x: { to: a, when: { header: { a: [] } } }'), '5:36', 'routes.x.when.header.a', /too small/, /at least 1/],
  [
    'versions and a target',
    one('x: { to: a, versions: { by: { header: v }, map: { v1: a } } }'),
    '5:8',
    'routes.x.to',
    /both 'to' and versions/,
    /into the versions/,
  ],
  ['no version', byHeader('map: {}'), '5:44', 'routes.x.versions.map', /names no version/, /at least one/],
  [
    'a default that is no version',
    byHeader('default: v2, map: { v1: a }'),
    '5:48',
    'routes.x.versions.default',
    /no version 'v2'/,
    /did you mean 'v1'/,
  ],
  [
    'a name that is none',
    byHeader('map: { "v*": a }'),
    '5:46',
    'routes.x.versions.map.v*',
    /'v\*' is not a name for a version/,
    /begin with/,
  ],
  [
    'the name of those that are unknown',
    byHeader('map: { unknown: a }'),
    '5:46',
    'routes.x.versions.map.unknown',
    /not a name for a version/,
    /counted under it/,
  ],
  ['a version that goes nowhere', byHeader('map: { v1: c }'), '5:50', 'routes.x.versions.map.v1', /no upstream 'c'/, /did you mean/],
  [
    'a version with two targets',
    byHeader('map: { v1: { to: a, upstream: b } }'),
    '5:59',
    'routes.x.versions.map.v1.upstream',
    /both/,
    /keep one/,
  ],
  [
    'a version said by what is asked for',
    one('x: { when: { header: { V: a } }, versions: { by: { header: v }, map: { v1: a } } }'),
    '5:8',
    'routes.x.when',
    /says the version/,
    /leave/,
  ],
  [
    'versions by a path that has none',
    one('x: { versions: { by: path, map: { v1: a } } }'),
    '5:24',
    'routes.x.versions.by',
    /no segment \{version\}/,
    /\/\{version\}\/user/,
  ],
  [
    'a default of paths',
    one("'/{version}/x': { versions: { by: path, default: v1, map: { v1: a } } }"),
    '5:43',
    'routes./{version}/x.versions.default',
    /always says a version/,
    /leave/,
  ],
  [
    'versions by something else',
    one('x: { versions: { by: cookie, map: { v1: a } } }'),
    '5:24',
    'routes.x.versions.by',
    /'cookie'/,
    /path/,
  ],
  [
    'a version that is a route',
    config('x: { versions: { by: { header: v }, map: { v1: a } } }', 'x@v1: b'),
    '6:3',
    'routes.x@v1',
    /same name as the route 'x'/,
    /differently/,
  ],
]

t.test('each mistake in conditions and versions is told once, where it stands, with a remedy', async (t) => {
  tellsEachOnce(t, cases)
})
