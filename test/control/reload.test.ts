import { renameSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { selfSigned } from '../helpers/certificate.ts'
import { home, relay, started, type Home, type RunningRelay } from '../helpers/cli.ts'

const head = 'listen: 127.0.0.1:0\nworkers: 2\nadmin: false\ndrain: { delay: 0 }\n'

function routes(...names: readonly string[]): string {
  return `${head}routes:\n${['/', ...names].map((name) => `  ${name}: http://127.0.0.1:9\n`).join('')}`
}

async function world(t: Parameters<typeof home>[0]) {
  const place = home(t)
  const file = place.write('relay.config.yaml', routes())
  return { place, file, running: await started(t, place) }
}

t.test('a file that is renamed over the config is taken up without being asked', async (t) => {
  const { place, file, running } = await world(t)
  writeFileSync(`${file}.new`, routes('v1/user'))

  renameSync(`${file}.new`, file)

  const { changed } = await running.logged('reloaded')
  t.same(changed, ['routes: +v1/user'])
  t.match(await versions(running), [2])
  t.match((await list(place)).routes, [{ name: '/' }, { name: 'v1/user' }])
})

t.test('a config that is emptied, as one that is being written is, takes no route away', async (t) => {
  const { file, running } = await world(t)

  writeFileSync(file, '')

  await running.logged(({ msg }) => String(msg).includes('the config file is empty'))
  t.same(await versions(running), [1])
})

t.test('SIGHUP reloads', async (t) => {
  const { file, running } = await world(t)
  writeFileSync(file, routes('v1/user'))

  running.child.kill('SIGHUP')

  await running.logged('reload: asked for by SIGHUP')
  await running.logged('reloaded')
  t.same(await versions(running), [2])
})

t.test('relay reload says what changed, and nothing when nothing did', async (t) => {
  const { place, file } = await world(t)
  const [none] = await outcomes(place, 1)
  writeFileSync(file, routes('v1/user'))

  const [first, second] = await outcomes(place, 2)

  t.match(none, { is: 'unchanged', version: 1 })
  // The watch may have been faster; either way it is applied once.
  t.equal(first?.version, 2)
  t.match(second, { is: 'unchanged', version: 2 })
})

t.test('a config with mistakes changes nothing and every mistake is told with its place', async (t) => {
  const { place, file, running } = await world(t)
  writeFileSync(file, `${head}routs:\n  a: b\nroutes:\n  /: ftp://x\n`)

  const ran = await relay(place, 'reload')

  t.equal(ran.exit, 2)
  t.match(ran.err, /relay\.config\.yaml:5:1 .*routs/)
  t.match(ran.err, /relay\.config\.yaml:8:\d+ .*ftp/)
  t.same(await versions(running), [1])
  t.match((await status(place)).lastProblems, [{ line: 5 }, { line: 8 }])
})

for (const [what, message] of [
  ['reject', 'does not compile'],
  ['die', 'worker 1 ended while it prepared'],
] as const) {
  t.test(`when one of two workers cannot prepare (${what}), nothing changes in either`, async (t) => {
    const { place, file, running } = await world(t)

    // Taken up by the watch alone: a second reload might come while the worker that died is still being replaced.
    writeFileSync(file, routes(`${what}/1`))

    const { msg } = await running.logged('reload rejected')
    t.match(msg, message)
    t.same(await versions(running), [1])
    writeFileSync(file, routes('v1/user'))
    await running.logged('reloaded')
    t.equal((await status(place)).snapshot.version, 2)
  })
}

t.test('what cannot change while relay runs rejects the reload', async (t) => {
  const { place, file } = await world(t)
  writeFileSync(file, routes().replace('workers: 2', 'workers: 3'))

  const ran = await relay(place, 'reload')

  t.equal(ran.exit, 2)
  t.match(ran.err, 'workers: cannot change while relay runs (2 to 3)')
})

for (const accept of ['handover', 'reusePort']) {
  t.test(`a reload opens and closes listeners, and one that cannot be bound rejects it (${accept})`, async (t) => {
    const place = home(t)
    const text = (listen: string) => `accept: ${accept}\n${routes().replace('listen: 127.0.0.1:0', `listen: ${listen}`)}`
    const file = place.write('relay.config.yaml', text("['127.0.0.1:0', '127.0.0.2:0']"))
    const running = await started(t, place)
    const [one, two] = running.status.listeners
    const other = `http://127.0.0.2:${two?.port}`
    await (await fetch(other, { headers: { connection: 'close' } })).text()

    writeFileSync(file, text(`['127.0.0.1:0', '127.0.0.3:0', '192.0.2.1:80']`))
    const rejected = await relay(place, 'reload')
    writeFileSync(file, text(`['127.0.0.1:0', '127.0.0.3:0']`))
    const applied = await relay(place, 'reload')

    t.match(rejected, { exit: 2, err: /this machine has no address 192\.0\.2\.1/ })
    t.equal(applied.exit, 0)
    const { listeners } = await status(place)
    t.equal(listeners[0]?.port, one?.port)
    t.equal(listeners[1]?.host, '127.0.0.3')
    t.equal((await fetch(`http://127.0.0.3:${listeners[1]?.port}`)).status, 200)
    await t.rejects(fetch(other))
  })
}

t.test('a certificate that is renewed in place is served without a word', async (t) => {
  const place = home(t)
  certificate(place, 'one.test')
  place.write(
    'relay.config.yaml',
    routes().replace('listen: 127.0.0.1:0', 'listen: { address: 127.0.0.1:0, tls: { cert: cert.pem, key: key.pem } }'),
  )
  const running = await started(t, place)

  certificate(place, 'two.test')

  const { changed } = await running.logged('reloaded')
  t.same(changed, ['certificates'])
})

t.test('two edits at once are applied one after the other', async (t) => {
  const { place } = await world(t)

  const ran = await Promise.all(['a', 'b', 'c'].map((name) => relay(place, 'route', 'add', name, '--to', 'http://127.0.0.1:9')))

  t.same(
    ran.map(({ exit }) => exit),
    [0, 0, 0],
  )
  t.same((await list(place)).routes.map(({ name }) => name).sort(), ['/', 'a', 'b', 'c'])
})

async function versions({ url }: RunningRelay): Promise<readonly number[]> {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const reply = await fetch(url, { headers: { connection: 'close' } })
      return ((await reply.json()) as { version: number }).version
    }),
  )
  return [...new Set(answers)]
}

async function status(place: Home): Promise<RunningRelay['status']> {
  return JSON.parse((await relay(place, 'status', '--json')).out)
}

async function list(place: Home): Promise<{ routes: readonly { name: string }[] }> {
  return JSON.parse((await relay(place, 'route', 'list', '--json')).out)
}

async function outcomes(place: Home, count: number): Promise<readonly { is: string; version: number }[]> {
  const all = []
  for (let at = 0; at < count; at++) all.push(JSON.parse((await relay(place, 'reload', '--json')).out))
  return all
}

function certificate(place: Home, name: string): void {
  const { cert, key } = selfSigned(name)
  place.write('key.new', key)
  place.write('cert.new', cert)
  renameSync(place.path('key.new'), place.path('key.pem'))
  renameSync(place.path('cert.new'), place.path('cert.pem'))
}
