import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { problemLine } from '../../src/base/errors.ts'
import { initialConfig } from '../../src/config/init.ts'
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load.ts'
import { planFromFlags, type StartFlags } from '../../src/config/plan-from-flags.ts'
import { planOf, problemsIn, problemsLater } from './helpers.ts'

const claude = 'https://api.anthropic.com'

interface Teardown {
  readonly teardown: (deed: () => unknown) => void
}

async function folderWith(t: Teardown, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relay-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

t.test('a config is found in its folder under the usual names, YAML before JSON', async (t) => {
  const folder = await folderWith(t, {
    'relay.config.json': '{"workers": 2}',
    '.relayrc': 'workers: 3',
    '.config/relayrc.yaml': 'workers: 4',
  })

  t.match(await loadConfig({ folder }), { file: join(folder, 'relay.config.json'), plan: { workers: 2 } })
  await rm(join(folder, 'relay.config.json'))
  t.equal((await loadConfig({ folder })).plan.workers, 3)
  await rm(join(folder, '.relayrc'))
  t.equal((await loadConfig({ folder })).plan.workers, 4)
})

t.test('a folder without a config says what to do; folders above and files with code are not looked at', async (t) => {
  const folder = await folderWith(t, {
    'relay.config.yaml': 'workers: 2',
    'below/relay.config.js': 'export default {}',
    'below/package.json': '{"relay": {}}',
  })

  t.match(await problemsLater(loadConfig({ folder: join(folder, 'below') })), [
    { message: /there is no config file in .*below/, remedy: /relay init/ },
  ])
  t.match(await problemsLater(loadConfig({ file: join(folder, 'no.yaml') })), [{ message: /there is no such file/, remedy: /--config/ }])
  t.match(await problemsLater(loadConfig({ file: folder })), [{ message: /it is not a file/ }])
})

t.test('an empty file is no config: whoever writes in place empties it first', async (t) => {
  const folder = await folderWith(t, { 'relay.config.yaml': '\n' })

  const failed = await loadConfig({ folder, env: {} }).catch((error: unknown) => error)

  t.match(failed, { problems: [{ message: 'the config file is empty', remedy: /relay init/ }] })
})

t.test('what a config was made from is told, so that it can be watched', async (t) => {
  const text =
    'upstreams: { c: { url: https://x.y, credential: { file: secrets/key } } }\nheaders: { reply: { set: { x-a: "${file:team}" } } }\n'
  const folder = await folderWith(t, { 'relay.config.yaml': text, 'secrets/key': 'k\n', team: 'core\n' })

  const loaded = await loadConfig({ folder })

  t.same([...loaded.files].toSorted(), [join(folder, 'secrets/key'), join(folder, 'team')])
  t.equal(loaded.text, text)
  t.match(loaded.hash, /^[0-9a-f]{64}$/)
  t.equal(loaded.plan.upstreams[0]?.credential?.secret, 'k')
})

t.test('a problem reads as one line with its place', async (t) => {
  const folder = await folderWith(t, { 'relay.config.yaml': 'log:\n  level: loud\n' })

  const problems = await problemsLater(loadConfig({ folder }))

  t.same(problems.map(problemLine), [
    `${join(folder, 'relay.config.yaml')}:2:10 log.level: 'loud' is none of debug, info, warn, error, silent (write one of debug, info, warn, error, silent)`,
  ])
})

t.test('the example needs no variable, no file and no network, and goes to the fake Claude on loopback', async (t) => {
  const { plan, files } = await loadConfig({ file: 'relay.config.example.yaml', env: {} })

  t.same(plan.listeners, [{ host: '127.0.0.1', port: 8080, tls: null, http2: true }])
  t.same(
    plan.upstreams.map(({ builtin }) => builtin),
    [true],
  )
  t.same(files, [])
})

t.test('what the example has commented out loads too', async (t) => {
  const text = await readFile('relay.config.example.yaml', 'utf8')
  const open = text
    .replace(/^ {2}# ((?:anthropic|v1\/user|v2\/chat):.*)$/gm, '  $1')
    .replace(/^ {2}# {3}(url|credential): /gm, '    $1: ')
    .replace(/\n\n(# (?:tiers|redis|tenantsFrom):\n?(?:.+\n)+)/g, (block) => block.replace(/^# /gm, ''))

  const plan = planOf(open, { env: { ANTHROPIC_API_KEY: 'k', REDIS_PASSWORD: 'p' } })

  t.same(
    plan.upstreams.map(({ name }) => name),
    ['claude', 'anthropic', 'api.claude.ai', 'gateway.claude.ai'],
  )
  t.same(plan.tenancy?.from, { is: 'redis' })
  t.match(plan.tenancy?.tenants, [{ name: 'search', tier: 'standard', limits: [{ burst: 200 }, { nanoUsd: 50e9 }, { dryRun: true }] }])
  t.same(
    plan.limits.map(({ name }) => name),
    ['opus', 'everything'],
  )
  t.match([plan.limitStore, plan.redis?.password, plan.ledger?.file], ['redis', 'p', '/etc/relay/relay-ledger.db'])
  t.match(plan.prices['claude-example'], { input: 1, cacheRead: 0.1 })
})

t.test('flags and the config that relay init writes for them come to the same plan', async (t) => {
  const some: readonly StartFlags[] = [
    { upstream: claude },
    { upstream: claude, keyEnv: 'KEY', listen: '[::1]:0' },
    { upstream: 'http://gateway.example/team-a/', kind: 'claude' },
    { upstream: 'http://gateway.example:3000', listen: ':8080' },
    { upstream: claude, keyEnv: 'KEY', listen: ':8080', public: true },
    { upstream: 'builtin:claude' },
  ]
  for (const flags of some) {
    const env = { KEY: 'sk-ant-api-1' }
    t.same(planOf(initialConfig(flags), { env }), planFromFlags({ ...flags, env, parallelism: 4 }), JSON.stringify(flags))
  }
})

t.test("flags send every path to the one upstream, with the key or the caller's own credential", async (t) => {
  const passing = planFromFlags({ upstream: claude })
  t.match(passing.routes, [{ path: { is: 'prefix', path: '/' }, rewrite: null, credential: 'pass' }])
  t.match([passing.guard, passing.upstreams[0]?.kind, passing.upstreams[0]?.credential], [null, 'claude', null])

  const replacing = planFromFlags({ upstream: claude, keyEnv: 'KEY', env: { KEY: 'k' } })
  t.equal(replacing.routes[0]?.credential, 'replace')
  t.same(replacing.guard, { hosts: ['127.0.0.1', 'localhost', '::1'] })
})

t.test('problems with flags name the flag', async (t) => {
  const cases: readonly (readonly [StartFlags, path: string, message: RegExp])[] = [
    [{ upstream: 'api.anthropic.com' }, '--upstream', /is not an http/],
    [{ upstream: claude, keyEnv: 'NONE', env: {} }, '--key-env', /'NONE' is not set/],
    [{ upstream: claude, listen: '8080' }, '--listen', /'8080' is not an address/],
    [{ upstream: claude, listen: ':80', keyEnv: 'KEY', env: { KEY: 'k' } }, '--listen', /spends that key/],
  ]
  for (const [flags, path, message] of cases)
    t.match(
      problemsIn(() => planFromFlags(flags)),
      [{ path, message }],
      path,
    )
})

t.test('a key from the environment of the process itself is taken by default', async (t) => {
  process.env['RELAY_TEST_KEY'] = 'from-process'
  t.teardown(() => delete process.env['RELAY_TEST_KEY'])

  t.equal(planFromFlags({ upstream: claude, keyEnv: 'RELAY_TEST_KEY' }).upstreams[0]?.credential?.secret, 'from-process')
})

t.test('the JSON Schema says of every key what it is for and what holds without it', async (t) => {
  const seen: string[] = []
  const walk = (schema: JsonSchema, path: string): void => {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      const name = `${path}${key}`
      const isSaid = /\. Default: .+\.$|Allows an/.test(value.description ?? '')
      if (!isSaid) t.fail(`${name}: ${value.description}`)
      seen.push(name)
      walk(value, `${name}.`)
    }
    for (const branch of schema.anyOf ?? []) walk(branch, path)
    if (schema.items !== undefined) walk(schema.items, path)
    if (typeof schema.additionalProperties === 'object') walk(schema.additionalProperties, `${path}*.`)
  }

  walk(configJsonSchema(), '')

  for (const name of ['listen', 'listen.tls.cert', 'bounds.head', 'upstreams.*.pool.idle', 'routes.*.timeouts.firstByte'])
    t.ok(seen.includes(name), name)
  t.equal(configJsonSchema().additionalProperties, false)
})
