import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ConfigError } from '../../src/base/errors.ts'
import { addRoute, listRoutes, removeRoute } from '../../src/config/edit.ts'
import { createFile, editFile } from '../../src/config/write.ts'
import { problemsIn, problemsLater } from './helpers.ts'

const base = `# top
upstreams:
  a: http://a.example.com # the first

routes: # what callers ask for
  # about x
  'v1/x': a # here
  /v1/y/:
    to: a

    # inside
    timeouts: { idle: 3s }

  # the end
log: { level: warn }
`

t.test('a route is added behind the last one, and everything else stays', async (t) => {
  const { text, change } = addRoute(base, { path: '/v1/user', to: 'https://api.claude.ai/v3/user' })

  t.equal(text, base.replace('idle: 3s }\n', 'idle: 3s }\n  v1/user: https://api.claude.ai/v3/user\n'))
  t.equal(change, 'added route v1/user → https://api.claude.ai/v3/user (line 13)')
})

t.test('a route with headers and a timeout is written in its long form', async (t) => {
  const { text } = addRoute('upstreams:\n  a: http://x.y\n', { path: 'v1/x', headers: { 'x-a': 'b: # c' }, timeout: '30s' })

  const [route] = listRoutes(text)
  t.same(route?.value, { timeouts: { firstByte: '30s' }, headers: { request: { set: { 'x-a': 'b: # c' } } } })
})

t.test('a route is removed however its key is written, comments around it stay', async (t) => {
  t.equal(removeRoute(base, '/v1/x/').text, base.replace("  'v1/x': a # here\n", ''))
  const { text, change } = removeRoute(base, 'v1/y')
  t.equal(text, base.replace(/ {2}\/v1\/y\/:[^]*3s \}\n/, ''))
  t.match(change, /removed route v1\/y \(it stood in line 8\)/)
})

t.test('routes are listed with their lines', async (t) => {
  t.same(
    listRoutes(base).map(({ name, key, line }) => [name, key, line]),
    [
      ['v1/x', 'v1/x', 7],
      ['v1/y', '/v1/y/', 8],
    ],
  )
})

t.test('an edit that cannot be made is refused with a remedy', async (t) => {
  const cases: readonly (readonly [deed: () => unknown, message: RegExp, remedy: RegExp])[] = [
    [() => addRoute(base, { path: 'v1/x', to: 'a' }), /there is a route 'v1\/x' already/, /remove it first/],
    [() => addRoute(base, { path: 'v1/q', to: 'b' }), /no upstream 'b'/, /did you mean 'a'/],
    [() => addRoute(base, { path: 'v1/../q', to: 'a' }), /'\.\.' segment/, /leads to/],
    [() => addRoute(base, { path: 'v1/q', to: 'a', timeout: '3' }), /'3' is not a duration/, /30s/],
    [() => addRoute(base, { path: 'v1/q', to: 'a', headers: { host: 'x' } }), /relay's own/, /leave it out/],
    [() => addRoute(base, { path: 'v1/q', to: 'a', headers: { 'x-a': 'b\r\nc' } }), /holds a/, /take it out/],
    [() => addRoute('{', { path: 'v1/q', to: 'a' }), /flow map/, /correct/],
    [() => removeRoute(base, 'v1/xx'), /no route 'v1\/xx'/, /did you mean 'v1\/x'/],
    [() => removeRoute('routes: {\n  a: http://x.y, # one\n  b: http://x.y }', 'b'), /a comment between braces/, /by hand/],
    [() => removeRoute('defaults: &r\n  a: b', 'a'), /not a key/, /may stand here/],
    [() => addRoute('upstreams: &u { a: http://x.y }\nroutes: *u', { path: 'b', to: 'a' }), /neither a mapping nor empty/, /by hand/],
    [() => removeRoute('routes:\n  x: >-\n    http://x.y\n  /:\n    to: http://x.y\n    # deep\n', '/'), /./, /./],
  ]
  for (const [deed, message, remedy] of cases) {
    const [problem] = problemsIn(deed)
    t.match(problem?.message, message)
    t.match(problem?.remedy, remedy)
  }
})

t.test('an edit needs neither the secrets nor the files of the running relay', async (t) => {
  const text = `listen: { address: ":443", tls: { cert: c, key: k } }
public: true
upstreams: { c: { url: https://api.anthropic.com, ca: x, credential: { env: NOT_SET, field: x-api-key } } }
headers: { request: { set: { x-a: "\${file:nowhere}" } } }
`
  t.equal(listRoutes(addRoute(text, { path: 'v1' }).text).length, 1)
})

t.test('whatever is added and then removed leaves the text as it was', async (t) => {
  const random = dice(20_261_122)
  for (let round = 0; round < 400; round++) {
    const text = someConfig(random)
    const path = random.pick(['v9/x', '/v9/x', 'v9/{id}', '404', 'true', 'v9/x/', "v9/it's"])
    const to = random.pick(['http://q.example/s', 'http://q.example'])
    const rest = random.pick([{}, { timeout: '3s', headers: { 'x-a': 'b: c # d' } }])

    const added = addRoute(text, { path, to, ...rest }).text
    const removed = removeRoute(added, path.startsWith('/') ? path.slice(1) : `/${path}`).text

    t.equal(listRoutes(added).length, listRoutes(text).length + 1)
    if (removed !== text) t.equal(removed, text, JSON.stringify({ text, added }))
  }
})

t.test('two edits at once both count, and mode and symbolic link stay', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'relay-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const [file, link] = [join(folder, 'real.yaml'), join(folder, 'link.yaml')]
  await createFile(file, base)
  await chmod(file, 0o640)
  await symlink('real.yaml', link)
  const paths = ['p1', 'p2', 'p3', 'p4', 'p5']

  await Promise.all(paths.map((path) => editFile(link, (text) => addRoute(text, { path, to: 'a' }))))

  const names = listRoutes(await readFile(file, 'utf8')).map(({ name }) => name)
  t.same(names.toSorted(), ['p1', 'p2', 'p3', 'p4', 'p5', 'v1/x', 'v1/y'])
  t.equal((await stat(file)).mode & 0o777, 0o640)
  t.ok((await lstat(link)).isSymbolicLink())
  t.same((await readdir(folder)).toSorted(), ['link.yaml', 'real.yaml'])
})

t.test('an edit that is refused leaves the file and its folder alone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'relay-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'relay.config.yaml')
  await writeFile(file, base)

  await t.rejects(
    editFile(file, (text) => addRoute(text, { path: 'v1/x', to: 'a' })),
    ConfigError,
  )

  t.equal(await readFile(file, 'utf8'), base)
  t.same(await readdir(folder), ['relay.config.yaml'])
  t.match(await problemsLater(editFile(join(folder, 'none.yaml'), (text) => ({ text, change: '' }))), [
    { message: /there is no such file/ },
  ])
  await t.rejects(createFile(file, 'x'), { code: 'EEXIST' })
})

interface Dice {
  readonly pick: <Item>(items: readonly Item[]) => Item
}

// A generator of its own, so that a failure comes back with its seed.
function dice(seed: number): Dice {
  let state = seed
  const next = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state >>> 8
  }
  return { pick: (items) => items[next() % items.length]! }
}

function someConfig({ pick }: Dice): string {
  if (pick([0, 0, 0, 0, 1]) === 1) return someJson({ pick })
  const tab = pick(['  ', '    ', ' '])
  const route = (key: string): readonly string[] =>
    pick([
      [],
      [`${tab}${key}: a`],
      [`${tab}${key}: "a" # why`, ''],
      ['# about', `${tab}${key}: {to: a} # flow`],
      [`${tab}${key}:`],
      [
        `${tab}${key}:`,
        `${tab}${tab}to: a`,
        '',
        `${tab}${tab}# deep`,
        `${tab}${tab}timeouts:`,
        `${tab}${tab}${tab}idle: 1s`,
        `${tab}# after`,
      ],
      [`${tab}${key}:`, `${tab}${tab}to: a`, `${tab}${tab}methods:`, `${tab}${tab}- GET # get`, `${tab}${tab}- PUT`],
    ])
  const routes = pick<readonly string[]>([
    [],
    ['routes:'],
    ['routes: # none', `${tab}# v1/old: a`],
    ['routes: {} # none'],
    ['routes: {v1/a: a, "v1/b": http://x.example}'],
    ['routes: {', '  v1/a: a,', '  "v1/b": a,', '}'],
    ['routes: # some', `${tab}first: a`, ...['v1/a', '/v1/b', '"v1/c"', "'/v1/d/'", '/'].flatMap(route)],
  ])
  const parts = [['upstreams:', `${tab}a: http://a.example`], routes, ['log: {access: true} # calls'], ['# tail', '']]
  const ordered = pick([parts, parts.toReversed(), [parts[1]!, parts[0]!, parts[3]!, parts[2]!]])
  const eol = pick(['\n', '\n', '\r\n'])
  return (
    pick([[], ['# head', ''], ['---']])
      .concat(ordered.flat())
      .join(eol) + pick([eol, ''])
  )
}

function someJson({ pick }: Dice): string {
  const routes = pick([{}, { routes: {} }, { routes: { 'v1/a': 'a' } }, { routes: { 'v1/a': 'a', '/v1/b': null } }])
  return JSON.stringify({ upstreams: { a: 'http://a.example' }, ...routes }, null, pick([0, 2, '\t'])) + pick(['', '\n'])
}
