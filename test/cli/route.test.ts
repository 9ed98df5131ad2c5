import { readFileSync } from 'node:fs'
import t from 'tap'
import { home, relay, started } from '../helpers/cli.ts'

const config = `# our relay
listen: 127.0.0.1:0
workers: 2
admin: false
drain: { delay: 0 }
upstreams:
  one: http://127.0.0.1:9 # the old one
routes:
  # everything
  /: one
`

t.test('without a running relay a route is only written, and relay says so', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)

  const added = await relay(
    place,
    'route',
    'add',
    'v1/user',
    '--to',
    'https://api.claude.ai/v3/user',
    '--header',
    'x-team=a=b',
    '--timeout',
    '30s',
  )
  const listed = await relay(place, 'route', 'list')

  t.match(added, { exit: 0, out: /added route v1\/user → https:\/\/api\.claude\.ai\/v3\/user.*\nno relay is running with .*next start/ })
  t.match(readFileSync(file, 'utf8'), /# our relay\n[^]*# the old one\n[^]*# everything\n[^]*v1\/user:[^]*30s[^]*x-team: a=b/)
  t.match(listed, { exit: 0, out: /v1\/user +https:\/\/api\.claude\.ai\/v3\/user\n[^]*no relay is running/ })
})

t.test('a route is served by the running relay as soon as the command returns, and gone as soon as it is removed', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)
  await started(t, place)

  const added = await relay(place, 'route', 'add', 'v1/user', '--to', 'https://api.claude.ai/v3/user')
  const listed = await relay(place, 'route', 'list')
  const removed = await relay(place, 'route', 'remove', '/v1/user')
  const after = JSON.parse((await relay(place, 'route', 'list', '--json')).out)

  t.match(added, { exit: 0, out: /the running relay serves it now \(version 2\)/ })
  t.match(listed.out, /v1\/user +https:\/\/api\.claude\.ai\/v3\/user\n[^]*the running relay, version 2/)
  t.match(removed, { exit: 0, out: /removed route v1\/user[^]*version 3/ })
  t.match(after, { running: true, version: 3, routes: [{ name: '/' }] })
  t.equal(after.routes.length, 1)
  t.equal(readFileSync(file, 'utf8'), config)
})

t.test('a route that a worker rejects is taken out of the file again', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)
  await started(t, place)

  const ran = await relay(place, 'route', 'add', 'reject/1', '--to', 'http://127.0.0.1:9')

  t.equal(ran.exit, 2)
  t.match(ran.err, 'does not compile')
  t.match(ran.err, 'as it was before')
  t.equal(readFileSync(file, 'utf8'), config)
  t.match(JSON.parse((await relay(place, 'status', '--json')).out), { snapshot: { version: 1 } })
})

t.test('a route without a target goes to the default upstream', async (t) => {
  const place = home(t)
  place.write('relay.config.yaml', config)
  await started(t, place)

  const ran = await relay(place, 'route', 'add', 'v1/messages')

  t.match(ran, { exit: 0, out: /added route v1\/messages → the default upstream/ })
  t.match((await relay(place, 'route', 'list')).out, /v1\/messages +http:\/\/127\.0\.0\.1:9\/v1\/messages/)
})

t.test('with neither a default upstream nor a terminal the line to type is printed', async (t) => {
  const place = home(t)
  const text = 'routes:\n  /: http://127.0.0.1:9\n'
  const file = place.write('relay.config.yaml', text)

  const ran = await relay(place, 'route', 'add', 'v1/user')

  t.match(ran, { exit: 2, err: 'relay route add v1/user --to https://host/path' })
  t.equal(readFileSync(file, 'utf8'), text)
})

t.test('at a terminal relay asks where a route goes', async (t) => {
  const { run } = await import('../../src/cli/run.ts')
  const place = home(t)
  const file = place.write('relay.config.yaml', 'routes:\n  /: http://127.0.0.1:9\n')
  const printed: string[] = []
  const asked: string[] = []
  const io = {
    env: place.env,
    cwd: place.folder,
    out: (text: string) => printed.push(text),
    err: (text: string) => printed.push(text),
    ask: async (question: string) => {
      asked.push(question)
      return 'https://api.claude.ai/v3/user\n'
    },
  }

  const exit = await run(['route', 'add', 'v1/user'], { io, worker: { file: new URL('file:///none') } })

  t.equal(exit, 0)
  t.match(asked, [/^Where does v1\/user go/])
  t.match(readFileSync(file, 'utf8'), /v1\/user: https:\/\/api\.claude\.ai\/v3\/user/)
})

t.test('a route that is there already, and one that is not, are told and change nothing', async (t) => {
  const place = home(t)
  const file = place.write('relay.config.yaml', config)

  const twice = await relay(place, 'route', 'add', '/', '--to', 'one')
  const none = await relay(place, 'route', 'remove', 'v1/usr')
  const wrong = await relay(place, 'route', 'add', 'x', '--to', 'ftp://x')

  t.match(twice, { exit: 2, err: /^error: relay\.config\.yaml:10:1 .*there is a route .\/. already/ })
  t.match(none, { exit: 2, err: /there is no route .v1\/usr/ })
  t.equal(wrong.exit, 2)
  t.equal(readFileSync(file, 'utf8'), config)
})
