import t from 'tap'
import { Router, captures, hostOf, type modelNeeded, type PathPattern, type Pattern } from '../../src/engine/router.ts'
import { RequestHead } from '../../src/protocol/request.ts'

const exact = (path: string): PathPattern => ({ is: 'exact', path })
const prefix = (path: string): PathPattern => ({ is: 'prefix', path })
const template = (text: string): PathPattern => ({ is: 'template', template: text })
const any = (path: PathPattern): Pattern => ({ host: null, methods: null, path, when: null })

/** What a head asks for. */
function find<T>(router: Router<T>, method: string, authority: string, path: string): T | typeof modelNeeded | null {
  return router.find(Object.assign(new RequestHead(), { method, authority, path }))
}

function routerOf(...patterns: readonly (readonly [string, Pattern])[]): Router<string> {
  const router = new Router<string>()
  for (const [name, pattern] of patterns) router.add(pattern, name)
  return router
}

t.test('a prefix matches itself and what is below it, up to a segment', async (t) => {
  const router = routerOf(['user', any(prefix('/v1/user'))])

  t.equal(find(router, 'GET', 'h', '/v1/user'), 'user')
  t.equal(find(router, 'GET', 'h', '/v1/user/'), 'user')
  t.equal(find(router, 'GET', 'h', '/v1/user/42/x'), 'user')
  t.equal(find(router, 'GET', 'h', '/v1/users'), null)
  t.equal(find(router, 'GET', 'h', '/v1'), null)
  t.equal(find(router, 'GET', 'h', '/V1/user'), null)
  t.equal(find(router, 'GET', 'h', '//v1/user'), null)
})

t.test('the most specific of all that match wins, in whatever order they were added', async (t) => {
  const all = [
    ['all', any(prefix('/'))],
    ['a', any(prefix('/a'))],
    ['a/b', any(prefix('/a/b'))],
    ['a/{x}', any(template('/a/{x}'))],
    ['{x}/b', any(template('/{x}/b'))],
    ['a/b exact', any(exact('/a/b'))],
    ['a/b/c posted', { host: null, methods: ['POST'], path: exact('/a/b/c'), when: null }],
    ['a on host', { host: 'h', methods: null, path: prefix('/a'), when: null }],
  ] as const
  const asked = [
    ['GET', 'x', '/z', 'all'],
    ['GET', 'x', '/', 'all'],
    ['GET', 'x', '/a', 'a'],
    ['GET', 'x', '/a/c', 'a/{x}'],
    ['GET', 'x', '/a/c/d', 'a'],
    ['GET', 'x', '/z/b', '{x}/b'],
    ['GET', 'x', '/a/b', 'a/b exact'],
    ['GET', 'x', '/a/b/c', 'a/b'],
    ['POST', 'x', '/a/b/c', 'a/b/c posted'],
    ['GET', 'H:80', '/a/b', 'a on host'],
    ['GET', 'h', '/z', 'all'],
  ] as const

  for (const router of [routerOf(...all), routerOf(...[...all].reverse())]) {
    for (const [method, host, path, name] of asked) t.equal(find(router, method, host, path), name, `${method} ${host}${path}`)
  }
})

t.test('of two templates the one with more literals wins, then the one whose literal comes first', async (t) => {
  const router = routerOf(
    ['{}/{}/c', any(template('/{x}/{y}/c'))],
    ['{}/b/{}', any(template('/{x}/b/{y}'))],
    ['a/{}/{}', any(template('/a/{x}/{y}'))],
    ['{}/b/c', any(template('/{x}/b/c'))],
  )

  t.equal(find(router, 'GET', 'h', '/a/b/c'), '{}/b/c')
  t.equal(find(router, 'GET', 'h', '/a/b/z'), 'a/{}/{}')
  t.equal(find(router, 'GET', 'h', '/z/b/z'), '{}/b/{}')
  t.equal(find(router, 'GET', 'h', '/z/z/c'), '{}/{}/c')
  t.equal(find(router, 'GET', 'h', '/z//c'), null)
  t.equal(find(router, 'GET', 'h', '/z/z/z'), null)
})

t.test('a prefix that is all of the path wins over a template, and a shorter one does not', async (t) => {
  const router = routerOf(
    ['users', any(prefix('/users'))],
    ['{id}', any(template('/users/{id}'))],
    ['me', any(prefix('/users/me'))],
    ['{id}/posts', any(template('/users/{id}/posts'))],
  )

  t.equal(find(router, 'GET', 'h', '/users/me'), 'me')
  t.equal(find(router, 'GET', 'h', '/users/42'), '{id}')
  t.equal(find(router, 'GET', 'h', '/users/me/posts'), '{id}/posts')
  t.equal(find(router, 'GET', 'h', '/users/me/likes'), 'me')
  t.equal(find(router, 'GET', 'h', '/users/42/likes'), 'users')
})

t.test('a route with methods wins over one without, and leaves other methods to it', async (t) => {
  const router = routerOf(['any', any(exact('/a'))], ['get', { host: null, methods: ['GET', 'HEAD'], path: exact('/a'), when: null }])

  t.equal(find(router, 'HEAD', 'h', '/a'), 'get')
  t.equal(find(router, 'POST', 'h', '/a'), 'any')
})

t.test('a route of the host that does not match leaves the call to those of any host', async (t) => {
  const router = routerOf(['host', { host: 'api.example', methods: ['POST'], path: prefix('/a'), when: null }], ['any', any(prefix('/a'))])

  t.equal(find(router, 'POST', 'API.example:8080', '/a'), 'host')
  t.equal(find(router, 'GET', 'api.example', '/a'), 'any')
  t.equal(find(router, 'POST', '', '/a'), 'any')
})

t.test('a host is compared without its port, its capitals and its brackets', async (t) => {
  t.same(['H.Example:80', 'h', '[::1]:80', '[::1]', ''].map(hostOf), ['h.example', 'h', '::1', '::1', ''])
})

t.test('the variables of a template are taken as they came', async (t) => {
  t.same(
    [...captures('/a/{x}/b/{y}', '/a/1%2F2/b/3')],
    [
      ['x', '1%2F2'],
      ['y', '3'],
    ],
  )
})

t.test('a look-up in ten thousand routes takes as many steps as one in ten', async (t) => {
  const counts = [10, 10_000].map((size) => {
    const router = new Router<string>()
    for (let n = 0; n < size; n++) {
      // The names are as long, so that the longest prefix is.
      const k = String(n).padStart(4, '0')
      router.add(any(prefix(`/p${k}/a/b`)), `p${k}`)
      router.add(any(exact(`/e${k}/a/b`)), `e${k}`)
      router.add(any(template(`/t${k}/{x}/b`)), `t${k}`)
      router.add({ host: `h${k}`, methods: null, path: prefix('/'), when: null }, `h${k}`)
    }
    const paths = ['/p0003/a/b/c/d', '/e0003/a/b', '/t0003/x/b', '/none/at/all', `/p${String(size - 1).padStart(4, '0')}/a/b`]
    return stepsOf(() => paths.map((path) => find(router, 'GET', 'unknown', path)))
  })

  t.same(counts[0]!.found, ['p0003', 'e0003', 't0003', null, 'p0009'])
  t.same(counts[1]!.found, ['p0003', 'e0003', 't0003', null, 'p9999'])
  t.equal(counts[1]!.steps, counts[0]!.steps)
  t.ok(counts[0]!.steps < 60)
})

t.test('a path of many slashes takes no more steps than the longest prefix has', async (t) => {
  const router = new Router<string>()
  router.add(any(prefix('/a/b')), 'ab')
  router.add(any(prefix('/')), 'all')

  const { found, steps } = stepsOf(() => [
    find(router, 'GET', 'x', `/a/b${'/'.repeat(30_000)}c`),
    find(router, 'GET', 'x', `${'/'.repeat(30_000)}c`),
  ])

  t.same(found, ['ab', 'all'])
  t.ok(steps < 30, `${steps} steps`)
})

/* oxlint-disable no-extend-native, typescript/unbound-method -- the look-ups themselves are counted, and put back */
/** What a look-up finds, and in how many steps through maps and lists. */
function stepsOf<T>(look: () => T): { readonly found: T; readonly steps: number } {
  const get = Map.prototype.get
  const iterate = Array.prototype[Symbol.iterator]
  let steps = 0
  Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown) {
    steps++
    return get.call(this, key) as unknown
  }
  Array.prototype[Symbol.iterator] = function (this: unknown[]) {
    steps += this.length
    return iterate.call(this)
  }
  try {
    return { found: look(), steps }
  } finally {
    Map.prototype.get = get
    Array.prototype[Symbol.iterator] = iterate
  }
}
