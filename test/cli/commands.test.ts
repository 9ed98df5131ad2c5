import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { home, relay, started, type Home } from '../helpers/cli.ts'

t.test('a mistyped command or flag gets a suggestion and exit code 2', async (t) => {
  const place = home(t)

  const [command, flag, below] = [
    await relay(place, 'relod'),
    await relay(place, 'start', '--upstraem', 'x'),
    await relay(place, 'route', 'lst'),
  ]

  t.match(command, { exit: 2, err: /unknown command 'relod'\n\(Did you mean reload\?\)/ })
  t.match(flag, { exit: 2, err: /unknown option '--upstraem'\n\(Did you mean --upstream\?\)/ })
  t.match(below, { exit: 2, err: /Did you mean list\?/ })
})

t.test('help says how to use every command, with an example and the exit codes', async (t) => {
  const place = home(t)
  const commands = [
    ['start'],
    ['init'],
    ['validate'],
    ['reload'],
    ['status'],
    ['stop'],
    ['route', 'add'],
    ['route', 'remove'],
    ['route', 'list'],
    ['config', 'schema'],
  ]

  const [all, ...each] = [
    await relay(place, '--help'),
    ...(await Promise.all(commands.map((command) => relay(place, ...command, '--help')))),
  ]

  t.match(all, { exit: 0, out: /Exit codes:\n +0 {2}done/ })
  for (const { exit, out } of each) {
    t.equal(exit, 0)
    t.match(out, /--json/)
    t.match(out, /Examples?:\n {2}relay /)
  }
})

t.test('--version prints the version alone', async (t) => {
  const { exit, out } = await relay(home(t), '--version')

  t.equal(exit, 0)
  t.match(out, /^\d+\.\d+\.\d+\n$/)
})

t.test('init writes a config that validate accepts, and never over another', async (t) => {
  const place = home(t)

  const first = await relay(place, 'init', '--listen', '127.0.0.1:0')
  const valid = await relay(place, 'validate')
  const again = await relay(place, 'init')

  t.match(first, { exit: 0, out: /wrote relay\.config\.yaml\n/ })
  t.match(valid, { exit: 0, out: /is valid: 1 route, 1 upstream, listens on 127\.0\.0\.1:0/ })
  t.match(again, { exit: 1, err: /exists already and was left as it is/ })
})

t.test('validate says how many tenants and limits there are', async (t) => {
  const place = home(t)
  const tenants = 'tiers: { t: { requests: 1/s } }\ntenants: { a: { tier: t, budget: 5usd/day }, b: {} }\n'
  place.write('relay.config.yaml', `${tenants}limits: [{ name: all, concurrency: 5 }]\nroutes: { /: "builtin:claude" }\n`)

  const text = await relay(place, 'validate')
  const json = JSON.parse((await relay(place, 'validate', '--json')).out)

  t.match(text, { exit: 0, out: /is valid: 1 route, 1 upstream, 2 tenants, 3 limits, listens on/ })
  t.match(json, { routes: 1, tenants: 2, limits: 3 })
})

t.test('validate tells every mistake with file, line, column and remedy, and exits with 2', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', 'listen: nowhere\nroutes:\n  /: claud\nupstreams:\n  claude: builtin:claude\n')

  const text = await relay(place, 'validate')
  const json = JSON.parse((await relay(place, 'validate', '--json')).out)

  t.equal(text.exit, 2)
  t.match(text.err, /^error: relay\.config\.yaml:1:9 listen: .*\(.+\)$/m)
  t.match(text.err, /^error: relay\.config\.yaml:3:6 routes.*claude.*$/m)
  t.equal(text.out, '')
  t.match(json, { error: { problems: [{ line: 1, column: 9 }, { line: 3 }] } })
})

t.test('without a relay status, stop and reload say so and exit with 4', async (t) => {
  const place = home(t)

  const all = await Promise.all(['status', 'stop', 'reload'].map((command) => relay(place, command)))

  for (const { exit, err } of all) {
    t.equal(exit, 4)
    t.match(err, /^error: no relay is running.*relay start\n$/)
  }
})

t.test('a config in this folder that nobody runs is never taken for the relay of another', async (t) => {
  const place = home(t)
  const running = await started(t, place, '--upstream', 'http://127.0.0.1:9', '--listen', '127.0.0.1:0')
  const alone = await relay(place, 'status', '--json')
  place.write('relay.config.yaml', 'routes: { /: http://127.0.0.1:9 }\n')

  const ran = await relay(place, 'stop')

  t.equal(JSON.parse(alone.out).pid, running.child.pid)
  t.equal(ran.exit, 4)
  t.match(ran.err, running.status.control)
  t.equal((await relay(place, 'status', '--control', running.status.control)).exit, 0)
})

t.test('flags that cannot be used together are refused', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', 'routes: { /: http://127.0.0.1:9 }\n')

  const both = await relay(place, 'start', '--config', 'relay.config.yaml', '--upstream', 'http://x')
  const stray = await relay(place, 'start', '--listen', '127.0.0.1:0')
  const open = await relay(
    { ...place, env: { ...place.env, KEY: 'sk-x' } },
    'start',
    '--upstream',
    'http://x',
    '--key-env',
    'KEY',
    '--listen',
    '0.0.0.0:0',
  )

  t.match(both, { exit: 2, err: /exclude each other/ })
  t.match(stray, { exit: 2, err: /--listen goes with --upstream/ })
  t.match(open, { exit: 2, err: /--listen: .*spends that key.*--public/ })
})

t.test('start prints real ports, a line to try, where metrics are, and the line for the real API', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', 'listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nworkers: 1\nroutes: { /: builtin:claude }\n')
  const running = await started(t, place)
  const { out } = await relay(place, 'status')
  running.child.kill('SIGINT')
  await running.ended()

  const text = await bannerOf(t, place)

  t.match(out, /listens +http:\/\/127\.0\.0\.1:\d+/)
  t.match(text, /listens on http:\/\/127\.0\.0\.1:[1-9]\d* \(1 worker, pid \d+\)/)
  t.match(text, /metrics +http:\/\/127\.0\.0\.1:[1-9]\d*\/metrics/)
  t.match(text, /try it +curl http:\/\/127\.0\.0\.1:[1-9]\d*\/v1\/messages -H 'x-api-key: any'/)
  t.match(text, /real API +relay start --upstream https:\/\/api\.anthropic\.com --key-env ANTHROPIC_API_KEY/)
  t.match(text, /stopped, nothing was cut\n$/)
})

t.test('with tenants, start says that callers need a key and tries one; nobody is told that the key is free for all', async (t) => {
  const place = home(t)
  const config = 'listen: 0.0.0.0:0\nadmin: false\nworkers: 1\nledger: false\nupstreams: { c: { url: https://api.anthropic.com, '
  place.write('relay.config.yaml', `${config}credential: { env: KEY } } }\nroutes: { /: c }\ntenants: { search: {} }\n`)

  const text = await bannerOf(t, { ...place, env: { ...place.env, KEY: 'sk-1' } })

  t.match(text, /tenants +callers need a key of one: relay tenant add NAME/)
  t.match(text, /try it +curl http:\/\/127\.0\.0\.1:[1-9]\d*\/v1\/messages -H "x-api-key: \$TENANT_KEY"/)
  t.notMatch(text, /whoever reaches this address/)
})

t.test('what every command prints with --json is one JSON value', async (t) => {
  const place = home(t)
  const init = await relay(place, 'init', '--upstream', 'builtin:claude', '--listen', '127.0.0.1:0', '--json')
  const running = await started(t, place)
  const lines = [
    ['validate'],
    ['status'],
    ['reload'],
    ['route', 'add', 'v1/user', '--to', 'http://127.0.0.1:9'],
    ['route', 'list'],
    ['route', 'remove', 'v1/user'],
    ['config', 'schema'],
  ]
  const printed = [init]
  for (const line of lines) printed.push(await relay(place, ...line, '--json'))
  printed.push(await relay(place, 'stop', '--now', '--json'))

  for (const { exit, out } of printed) {
    t.equal(exit, 0)
    t.type(JSON.parse(out), 'object')
  }
  t.equal((await running.ended()).exit, 0)
})

t.test('a control path that no socket can have is refused with its limit', async (t) => {
  const place = home(t)

  const ran = await relay(place, 'status', '--control', `/tmp/${'x'.repeat(120)}.sock`)

  t.match(ran, { exit: 2, err: /a socket's path holds 103/ })
})

t.test('a folder for control sockets that others can enter is closed before it is used', async (t) => {
  const place = home(t)
  const { mkdirSync, chmodSync } = await import('node:fs')
  mkdirSync(place.path('run/relay'))
  chmodSync(place.path('run/relay'), 0o777)

  await started(t, place, '--upstream', 'http://127.0.0.1:9', '--listen', '127.0.0.1:0')

  t.equal(statSync(place.path('run/relay')).mode & 0o777, 0o700)
})

/** What `relay start` prints until it is told to stop. */
async function bannerOf(t: { teardown(work: () => unknown): unknown }, { folder, env }: Home): Promise<string> {
  const entry = fileURLToPath(new URL('../helpers/relay-cli.ts', import.meta.url))
  const child = spawn(process.execPath, [entry, 'start'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  for await (const part of child.stdout.setEncoding('utf8')) {
    text += String(part)
    if (text.includes('stop it')) child.kill('SIGINT')
  }
  return text
}
