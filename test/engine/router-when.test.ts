import t from 'tap'
import type { FieldMatch, When } from '../../src/engine/conditions.ts'
import { Router, modelNeeded, type PathPattern } from '../../src/engine/router.ts'
import { RequestHead } from '../../src/protocol/request.ts'

const prefix = (path: string): PathPattern => ({ is: 'prefix', path })
const is = (name: string, ...values: readonly string[]): FieldMatch => ({ name, values, isAbsent: false })
const there = (name: string): FieldMatch => ({ name, values: null, isAbsent: false })
const absent = (name: string): FieldMatch => ({ name, values: null, isAbsent: true })
const isOrAbsent = (name: string, ...values: readonly string[]): FieldMatch => ({ name, values, isAbsent: true })
const when = (some: Partial<When>): When => ({ headers: [], query: [], models: null, ...some })

interface Told {
  readonly host?: string
  readonly methods?: readonly string[]
  readonly path?: PathPattern
  readonly when?: When
}

/** Routes in this order, by name. */
function routes(all: Readonly<Record<string, Told>>): Router<string> {
  const router = new Router<string>()
  for (const [name, { host = null, methods = null, path = prefix('/'), when = null }] of Object.entries(all))
    router.add({ host, methods, path, when }, name)
  return router
}

/** The head of a request: target, and field lines. */
function head(target: string, ...lines: readonly string[]): RequestHead {
  const bytes = Buffer.from([`POST ${target} HTTP/1.1`, 'Host: h', ...lines, '\r\n'].join('\r\n'), 'utf8')
  const parsed = new RequestHead()
  const refused = parsed.parse(bytes, 0, bytes.length - 2, 100)
  if (refused !== null) throw new Error(`the test's head is malformed: ${refused.message}`)
  return parsed
}

const headers: readonly (readonly [
  what: string,
  asks: FieldMatch,
  yes: readonly (readonly string[])[],
  no: readonly (readonly string[])[],
])[] = [
  [
    'a value',
    is('x-team', 'a'),
    [['X-Team: a'], ['x-team:a '], ['x-team: b', 'X-TEAM: a']],
    [[], ['x-team: A'], ['x-team: a, b'], ['x-teams: a'], ['x_team: a'], ['y-team: a'], ['x-team:']],
  ],
  ['one of several', is('x-team', 'a', 'b*'), [['x-team: a'], ['x-team: b'], ['x-team: bcd']], [['x-team: ab'], ['x-team: c']]],
  ['a pattern', is('x-team', '*core*'), [['x-team: core'], ['x-team: my-core-team']], [['x-team: cor']]],
  ['a value beyond ASCII', is('x-team', 'größe'), [['x-team: größe']], [['x-team: grosse']]],
  ['any value', there('x-flag'), [['x-flag: 1'], ['x-flag:']], [[], ['x-flags: 1']]],
  ['none at all', absent('x-old'), [[], ['x-older: 1']], [['x-old: 1'], ['X-OLD:']]],
  ['a value, or none at all', isOrAbsent('x-api-version', 'v1'), [[], ['x-api-version: v1']], [['x-api-version: v2'], ['x-api-version:']]],
  [
    'a field that relay itself knows',
    is('content-type', 'application/json'),
    [['Content-Type: application/json']],
    [['Content-Type: text/plain'], []],
  ],
]
for (const [what, asks, yes, no] of headers) {
  t.test(`a header condition: ${what}`, async (t) => {
    const router = routes({ other: {}, asked: { when: when({ headers: [asks] }) } })

    for (const lines of yes) t.equal(router.find(head('/', ...lines)), 'asked', lines.join(' + ') || 'nothing')
    for (const lines of no) t.equal(router.find(head('/', ...lines)), 'other', lines.join(' + ') || 'nothing')
  })
}

const queries: readonly (readonly [what: string, asks: FieldMatch, yes: readonly string[], no: readonly string[]])[] = [
  [
    'a value',
    is('v', '2'),
    ['?v=2', '?x=1&v=2', '?v=1&v=2', '?v=%32', '?%76=2'],
    ['', '?', '?v', '?v=', '?v=22', '?V=2', '?x=v=2', '?vv=2'],
  ],
  ['a value with a space', is('q', 'a b'), ['?q=a+b', '?q=a%20b'], ['?q=a%2Bb', '?q=ab']],
  ['a value beyond ASCII', is('q', 'größe'), ['?q=gr%C3%B6%C3%9Fe'], ['?q=gr%F6%DFe']],
  ['a name that is coded', is('a[b]', '1'), ['?a%5Bb%5D=1', '?a[b]=1'], ['?a%255Bb%5D=1']],
  ['any value', there('debug'), ['?debug', '?debug=', '?debug=1'], ['', '?nodebug']],
  ['none at all', absent('debug'), ['', '?x'], ['?debug', '?x&debug=0']],
  ['a value, or none at all', isOrAbsent('v', '1'), ['', '?v=1'], ['?v=2', '?v']],
]
for (const [what, asks, yes, no] of queries) {
  t.test(`a query condition: ${what}`, async (t) => {
    const router = routes({ other: {}, asked: { when: when({ query: [asks] }) } })

    for (const query of yes) t.equal(router.find(head(`/a${query}`)), 'asked', query || 'nothing')
    for (const query of no) t.equal(router.find(head(`/a${query}`)), 'other', query || 'nothing')
  })
}

t.test('a model condition is asked for only where all else holds, and nobody has looked', async (t) => {
  const router = routes({
    other: {},
    opus: { path: prefix('/v1'), when: when({ headers: [is('x-team', 'a')], models: ['claude-opus-*', 'mine'] }) },
  })

  t.equal(router.find(head('/v1', 'x-team: a')), modelNeeded)
  t.equal(router.find(head('/v1')), 'other', 'the header says no already')
  t.equal(router.find(head('/v2', 'x-team: a')), 'other')
  t.equal(router.find(head('/v1', 'x-team: a'), 'claude-opus-4-8'), 'opus')
  t.equal(router.find(head('/v1', 'x-team: a'), 'mine'), 'opus')
  t.equal(router.find(head('/v1', 'x-team: a'), 'claude-haiku-4-5'), 'other')
  t.equal(router.find(head('/v1', 'x-team: a'), null), 'other', 'a call without a model')
})

t.test('the model is not asked for where a route that stands before the one with a model has been found', async (t) => {
  const router = routes({
    team: { path: prefix('/a'), when: when({ headers: [is('x-team', 'a')], query: [there('q')] }) },
    model: { path: prefix('/a'), when: when({ models: ['m'] }) },
    exact: { path: { is: 'exact', path: '/a/b' } },
    'one by template': { path: { is: 'template', template: '/t/{x}/c' }, when: when({ models: ['m'] }) },
    'better template': { path: { is: 'template', template: '/t/b/{y}' } },
  })

  t.equal(router.find(head('/a/x?q', 'x-team: a')), 'team')
  t.equal(router.find(head('/a/b')), 'exact')
  t.equal(router.find(head('/t/b/c')), 'better template')
  t.equal(router.find(head('/t/z/c')), modelNeeded)
  t.equal(router.find(head('/a/x')), modelNeeded)
})

t.test('a route whose conditions do not hold leaves the call to those that are less specific', async (t) => {
  const router = routes({
    all: {},
    a: { path: prefix('/a') },
    template: { path: { is: 'template', template: '/a/{x}' }, when: when({ query: [there('t')] }) },
    exact: { path: { is: 'exact', path: '/a/b' }, when: when({ query: [there('e')] }) },
    posted: { path: { is: 'exact', path: '/a/b' }, methods: ['POST'], when: when({ query: [there('p')] }) },
    'on host': { host: 'h', path: { is: 'exact', path: '/a/b' }, when: when({ query: [there('h')] }) },
  })
  const found = (query: string): unknown => router.find(head(`/a/b?${query}`))

  t.equal(found('h&p&e&t'), 'on host')
  t.equal(found('p&e&t'), 'posted')
  t.equal(found('e&t'), 'exact')
  t.equal(found('t'), 'template')
  t.equal(found(''), 'a')
})

t.test('the written order: methods, then more conditions, then what was written first', async (t) => {
  const one = when({ headers: [is('a', '1')] })
  const other = when({ query: [is('b', '1')] })
  const both = when({ headers: [is('a', '1')], query: [is('b', '1')] })
  const all: Readonly<Record<string, Told>> = {
    none: {},
    other: { when: other },
    one: { when: one },
    both: { when: both },
    method: { methods: ['POST'] },
    'method and one': { methods: ['POST'], when: one },
  }
  const asked = head('/?b=1', 'a: 1')
  const found = (...names: readonly string[]): unknown => routes(Object.fromEntries(names.map((name) => [name, all[name]!]))).find(asked)

  for (const order of [Object.keys(all), Object.keys(all).toReversed()]) t.equal(found(...order), 'method and one')
  t.equal(found('none', 'other', 'one', 'both', 'method'), 'method')
  t.equal(found('none', 'other', 'one', 'both'), 'both')
  t.equal(found('none', 'other', 'one'), 'other')
  t.equal(found('none', 'one', 'other'), 'one')
})

t.test('versions by a header, one of them the default, and one route for all others', async (t) => {
  const router = routes({
    'user@v1': { when: when({ headers: [isOrAbsent('x-api-version', 'v1')] }) },
    'user@v2': { when: when({ headers: [is('x-api-version', 'v2')] }) },
    'user@unknown': {},
  })

  t.equal(router.find(head('/')), 'user@v1')
  t.equal(router.find(head('/', 'x-api-version: v1')), 'user@v1')
  t.equal(router.find(head('/', 'X-Api-Version: v2')), 'user@v2')
  t.equal(router.find(head('/', 'x-api-version: v3')), 'user@unknown')
})
