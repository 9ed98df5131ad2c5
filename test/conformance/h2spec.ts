import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttp1Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { selfSigned } from '../helpers/certificate.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { findH2spec, runH2spec, type H2specCase } from './h2spec-tool.ts'

/**
 * Runs h2spec against relay, in clear text and over TLS, and against Node's own server. It fails where a test fails that
 * `h2spec-allowed.txt` does not name, where that names one that passes, and where Node passes what relay does not.
 */
const tool = findH2spec()
if ('problem' in tool) {
  process.stderr.write(`${tool.problem}\n`)
  process.exit(2)
}

const allowed = new Set(
  readFileSync(new URL('h2spec-allowed.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')),
)
const text = 'some tests want some bytes of every reply\n'
let wrong = 0

await using scope = new AsyncDisposableStack()
const t = { teardown: (work: () => unknown): void => scope.defer(async () => void (await work())) }
const node = await spoken("Node's own server", await nodeServer())
const origin = await http1Origin()
const config = { upstreams: { origin: `http://127.0.0.1:${origin}` }, routes: { '/': 'origin' } }
const clear = await relayProcess(t, { ...config, listen: '127.0.0.1:0' })
judge('clear', await spoken('relay in clear text', Number(new URL(clear.url).port)))
const { cert, key } = selfSigned('relay.example')
const tls = { cert: 'cert.pem', key: 'key.pem' }
const files = { 'cert.pem': cert, 'key.pem': key }
const secure = await relayProcess(t, { ...config, listen: { address: '127.0.0.1:0', tls } }, { files })
judge('tls', await spoken('relay over TLS', Number(new URL(secure.url).port), true))
await scope.disposeAsync()
process.exit(wrong === 0 ? 0 : 1)

/** Runs all of it against one server, and tells what came of it. */
async function spoken(name: string, port: number, isTls = false): Promise<readonly H2specCase[]> {
  if (!('path' in tool)) throw new Error('unreachable: looked at above')
  const cases = await runH2spec(tool.path, { port, isTls })
  const count = (is: H2specCase['is']): number => cases.filter((one) => one.is === is).length
  process.stdout.write(`${name}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped\n`)
  for (const { id, is, why } of cases) if (is !== 'passed') process.stdout.write(`  ${is}: ${id}${is === 'failed' ? `\n    ${why}` : ''}\n`)
  if (cases.length < 140) problem(`h2spec ran ${cases.length} tests, and should have run more than 140`)
  return cases
}

function judge(where: 'clear' | 'tls', cases: readonly H2specCase[]): void {
  const passedByNode = new Set(node.filter(({ is }) => is === 'passed').map(({ id }) => id))
  for (const { id, is } of cases) {
    if (is === 'failed' && passedByNode.has(id)) problem(`Node passes it, relay does not: ${id}`)
    else if (is === 'failed' && !allowed.has(`${where} ${id}`)) problem(`not among the allowed failures: ${id}`)
    else if (is === 'passed' && allowed.has(`${where} ${id}`)) problem(`it passes, and is still among the allowed failures: ${id}`)
  }
}

function problem(text: string): void {
  wrong++
  process.stdout.write(`  WRONG ${text}\n`)
}

async function http1Origin(): Promise<number> {
  return listening(
    createHttp1Server((request, response) => {
      request.resume()
      request.on('end', () => response.end(text))
    }),
  )
}

/** Node's HTTP/2 behind a port that serves HTTP/1.1 too, as relay's does: what begins like no preface of HTTP/2 is HTTP/1.1. */
async function nodeServer(): Promise<number> {
  const server = createHttp2Server((request, response) => {
    request.resume()
    request.on('end', () => response.end(text))
  })
  server.on('sessionError', () => {})
  const [http1, http2] = await Promise.all([listening(createHttp1Server()), listening(server)])
  const door = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      const chosen = connect(chunk.toString('latin1', 0, 3) === 'PRI' ? http2 : http1, '127.0.0.1')
      chosen.on('error', () => socket.destroy()).write(chunk)
      socket.pipe(chosen).pipe(socket)
    })
  })
  return listening(door)
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server that listens on a port of TCP has an AddressInfo.
  return (server.address() as AddressInfo).port
}
