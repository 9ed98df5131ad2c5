// `npm run smoke`: makes dist/relay and runs it with an empty environment in an empty folder, as on a machine without Node; then every
// flow test runs against it in the place of the sources, whose worker is another bundle.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { build, buildBinary } from './build.js'
import { conclude } from './checks.js'
import { root } from './run.js'
import { setUp } from './setup.js'
import { allTests, runTests } from './tests.js'

const relay = join(root, 'dist', 'relay')
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
const config = 'listen: 127.0.0.1:0\nadmin: false\nupstreams:\n  claude: builtin:claude\nroutes:\n  /: claude\n'
const answerWithin = 15_000

setUp({ tests: true })
await build()
buildBinary()
const folder = mkdtempSync(join(tmpdir(), 'relay-smoke-'))
writeFileSync(join(folder, 'relay.yaml'), config)
const results = []
try {
  check('it tells its version', version, tellVersion())
  await serve()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (results.every(({ failed }) => failed === 0)) results.push(await runTests(allTests(join('test', 'flows')), { RELAY_BIN: relay }))
conclude(...results)

function check(name, wanted, found) {
  const isOk = wanted === found
  process.stdout.write(isOk ? `ok   ${name}\n` : `FAIL ${name}: wanted ${wanted}, found ${found}\n`)
  results.push({ passed: isOk ? 1 : 0, failed: isOk ? 0 : 1 })
}

function tellVersion() {
  const { stdout, stderr, error } = spawnSync(relay, ['--version'], { env: {}, cwd: folder, encoding: 'utf8', timeout: answerWithin })
  return stdout?.trim() || stderr?.trim() || error?.message
}

async function serve() {
  const child = spawn(relay, ['start', '--config', 'relay.yaml'], { env: {}, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
  try {
    const address = await listensOn(child, ended)
    if (!address.startsWith('http')) return check('it says where it listens', 'http://127.0.0.1:…', address)
    check('it answers a call', '200 message', await call(address, { stream: false }))
    check('it passes a stream to its end', '200 message_stop', await call(address, { stream: true }))
    child.kill('SIGINT')
    check('it ends when it is told to', 0, await Promise.race([ended, pause(answerWithin, 'still running', { ref: false })]))
  } finally {
    child.kill('SIGKILL')
  }
}

// Whatever it printed is the answer where it never came to listen.
async function listensOn(child, ended) {
  let printed = ''
  return new Promise((resolve) => {
    const hear = (bytes) => {
      printed += bytes
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)
      if (address) resolve(address[0])
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('error', (error) => resolve(error.message))
    void ended.then((code) => resolve(`exit ${code}: ${printed}`))
    setTimeout(() => resolve(`nothing in ${answerWithin} ms: ${printed}`), answerWithin).unref()
  })
}

async function call(address, { stream }) {
  const body = { model: 'claude-sonnet-4-5', max_tokens: 64, stream, messages: [{ role: 'user', content: 'hello' }] }
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': 'none' }
  const options = { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(answerWithin) }
  try {
    const reply = await fetch(`${address}/v1/messages`, options)
    const text = await reply.text()
    const last = stream
      ? text
          .match(/^event: \w+/gm)
          ?.at(-1)
          ?.slice('event: '.length)
      : JSON.parse(text).type
    return `${reply.status} ${last}`
  } catch (error) {
    return `${error.message} ${error.cause?.message ?? ''}`.trim()
  }
}
