import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, createReadStream, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'

import { accessLine, type AccessFields } from '../../src/base/log-access.ts'
import { logger, type Log } from '../../src/base/log.ts'

const call: AccessFields = {
  id: 'req_1',
  route: 'v1/messages',
  method: 'POST',
  path: '/v1/messages?key=sk-ant-secret',
  status: 200,
  end: 'done',
  ms: 12.34567,
  firstByteMs: null,
  upstream: null,
  bytesIn: 10,
  bytesOut: 20,
  client: '127.0.0.1',
  failure: null,
  tenant: null,
  model: null,
  tokens: null,
}

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'relay-log-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return path
}

/** A pipe that nobody reads until `readAll`. */
function pipe(t: Test) {
  const path = join(directory(t), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  t.teardown(() => closeSync(reader))
  return { path, reader, writer }
}

function drainNow(fd: number): string {
  const bytes = Buffer.alloc(1024 * 1024)
  let text = ''
  for (;;) {
    try {
      const length = readSync(fd, bytes)
      if (length === 0) return text
      text += bytes.toString('utf8', 0, length)
    } catch {
      return text
    }
  }
}

function fileLog(t: Test, level: 'debug' | 'info' | 'error' | 'silent' = 'info') {
  const path = join(directory(t), 'log')
  const fd = openSync(path, 'a')
  const log: Log = logger({ level, fd, now: () => 0 })
  t.teardown(async () => log.close())
  const lines = async (): Promise<Record<string, unknown>[]> => {
    await log.flush()
    return parsed(readFileSync(path, 'utf8'))
  }
  return { log, lines }
}

function parsed(text: string): Record<string, unknown>[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`the last line is torn: ${text.slice(-100)}`)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

t.test('a line is JSON with level, time, message and fields, and lower levels are left out', async (t) => {
  const { log, lines } = fileLog(t)

  log.debug({ at: 'never' }, 'quiet')
  log.info({ port: 8080 }, 'listening')
  log.error({ error: new Error('broken', { cause: new Error('root') }) }, 'failed')

  const [info, error, ...more] = await lines()
  t.strictSame(info, { level: 'info', time: '1970-01-01T00:00:00.000Z', port: 8080, msg: 'listening' })
  t.match(error, { level: 'error', error: { type: 'Error', message: 'broken', stack: /log\.test/, cause: { message: 'root' } } })
  t.strictSame(more, [])
  t.strictSame([log.isEnabled('debug'), log.isEnabled('info'), log.isEnabled('silent')], [false, true, false])
})

t.test('a silent log and a log of errors write no access line', async (t) => {
  for (const level of ['silent', 'error'] as const) {
    const { log, lines } = fileLog(t, level)
    log.access(call)
    log.warn({}, 'careful')
    t.strictSame(await lines(), [], level)
  }
})

t.test('an access line says what happened, and nothing of the query', async (t) => {
  const tokens = { input: 1, output: 2, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 5, estimated: true }

  const plain = JSON.parse(accessLine(call, 0))
  const full = JSON.parse(
    accessLine({ ...call, firstByteMs: 1.5, upstream: 'claude', failure: 'timed_out', tokens, tenant: 'search', model: 'claude-x' }, 1),
  )

  t.strictSame(plain, {
    level: 'info',
    time: '1970-01-01T00:00:00.000Z',
    id: 'req_1',
    route: 'v1/messages',
    method: 'POST',
    path: '/v1/messages',
    status: 200,
    end: 'done',
    ms: 12.346,
    firstByteMs: null,
    upstream: null,
    bytesIn: 10,
    bytesOut: 20,
    client: '127.0.0.1',
    msg: 'call',
  })
  t.match(full, {
    time: '1970-01-01T00:00:00.001Z',
    firstByteMs: 1.5,
    upstream: 'claude',
    tenant: 'search',
    model: 'claude-x',
    failure: 'timed_out',
    inputTokens: 1,
    outputTokens: 2,
    cacheWrite5mTokens: 3,
    cacheWrite1hTokens: 4,
    cacheReadTokens: 5,
    estimated: true,
  })
})

t.test('whatever a path holds, the access line is one line of JSON', async (t) => {
  for (const path of ['/"', '/\\', '/\n\r\0\u001f\u007f\u0085', '/é€😀', '/\ud800', '/\u2028\u2029', `/${'😀'.repeat(5000)}`]) {
    const line = accessLine({ ...call, path, route: path }, 0)

    t.equal(line.indexOf('\n'), line.length - 1)
    t.notMatch(line.slice(0, -1), /[\p{Cc}\u2028\u2029]/u)
    t.ok(Buffer.byteLength(line) <= 4096)
    if (path.length < 500) t.equal(JSON.parse(line).path, path.toWellFormed() === path ? path : '/\ud800')
  }
})

t.test('what looks like a credential does not reach a line, by name or by shape, at any depth', async (t) => {
  const { log, lines } = fileLog(t)
  const key = 'sk-ant-api03-abcdefghijkl'
  const error = Object.assign(new Error(`refused ${key}`), { headers: { Authorization: 'Bearer abcdefghij' } })

  log.info({ headers: { 'x-api-key': key, authorization: 'x1y2z3', cookie: 'x1y2z3' }, list: [{ password: 'x1y2z3' }] }, `got ${key}`)
  log.info({ upstream: { credential: { field: 'x-api-key', secret: 'x1y2z3' } }, access_token: 'x1y2z3' }, 'Bearer x1y2z3x1y2z3')
  log.info({ tenant: 'search', hint: 'rk_ab12…' }, 'no tenant has the key rk_x1y2z3x1y2z3, redis://:x1y2z3@h')
  log.error({ error, url: new URL('https://user:x1y2z3@example.com/'), map: [['header', `bearer ${key}`]] }, 'failed')

  const text = JSON.stringify(await lines())
  t.notMatch(text, /x1y2z3|sk-ant|abcdefghij/)
  t.match(text, '[redacted]')
  t.match(text, 'example.com')
  t.match(text, 'rk_ab12…')
})

t.test('counts of tokens are no credentials', async (t) => {
  const { log, lines } = fileLog(t)

  log.info({ tokens: 5, inputTokens: 6 }, 'usage')

  t.match(await lines(), [{ tokens: 5, inputTokens: 6 }])
})

t.test('when nobody reads, lines are dropped and counted, none is torn, and the log goes on afterwards', async (t) => {
  const { reader, writer } = pipe(t)
  const log = logger({ level: 'info', fd: writer, capacity: 100_000 })
  t.teardown(async () => log.close())
  const sent = 5000
  for (let line = 0; line < sent; line += 1) log.info({ line, pad: 'x'.repeat(line % 300) }, 'flood')
  const droppedBefore = log.dropped()

  let text = drainNow(reader)
  while (parsed(text).length + droppedBefore < sent) {
    await log.flush()
    text += drainNow(reader)
  }
  log.info({ line: 'last' }, 'after')
  await log.flush()
  text += drainNow(reader)

  const lines = parsed(text).map(({ line }) => line)
  t.ok(droppedBefore > 1000, `${droppedBefore} dropped`)
  t.equal(log.dropped(), droppedBefore)
  t.equal(lines.length, sent - droppedBefore + 1)
  t.equal(lines.at(-1), 'last')
})

t.test('close ends although nobody reads, and counts what it had to leave', async (t) => {
  const { reader, writer } = pipe(t)
  const log = logger({ level: 'info', fd: writer, capacity: 200_000 })
  for (let line = 0; line < 2000; line += 1) log.info({ line, pad: 'x'.repeat(100) }, 'flood')

  await log.close()

  t.equal(parsed(drainNow(reader)).length + log.dropped(), 2000)
})

t.test('a reader that is gone costs lines, never the process', async (t) => {
  const path = join(directory(t), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const log = logger({ level: 'info', fd: openSync(path, constants.O_WRONLY) })
  closeSync(reader)

  log.info({}, 'to nobody')
  log.info({}, 'to nobody')
  await log.flush()

  t.equal(log.dropped(), 2)
  await log.close()
})

t.test('a line that is too long is cut, stays JSON and says so', async (t) => {
  const { log, lines } = fileLog(t)

  log.info({ body: 'é'.repeat(50_000), port: 1 }, 'long')
  log.info(Object.fromEntries(Array.from({ length: 99 }, (_none, index) => [`k${index}`, 'y'.repeat(90)])), 'wide')
  log.info({ port: 2 }, 'x'.repeat(50_000))

  const [long, wide, message] = await lines()
  t.match(long, { port: 1, cut: true, msg: 'long' })
  t.match(wide, { cut: true, msg: 'wide' })
  t.match(message, { port: 2, cut: true, level: 'info' })
  t.equal(log.dropped(), 0)
})

const threadCode = `
const { workerData, parentPort } = require('node:worker_threads')
import(workerData.module).then(async ({ logger }) => {
  const log = logger({ level: 'info', fd: workerData.fd, base: { from: workerData.from } })
  for (let line = 0; line < 3000; line += 1) {
    log.info({ line, pad: 'z'.repeat((line * 37) % 3500) }, 'thread')
    if (line % 20 === 0) await log.flush()
  }
  await log.close()
  parentPort.postMessage(log.dropped())
})`

t.test('threads that share a descriptor never tear one another’s lines, on a pipe or in a file', async (t) => {
  const { path, writer } = pipe(t)
  const file = join(directory(t), 'file')
  const module = new URL('../../src/base/log.ts', import.meta.url).href
  let piped = ''
  const stream = createReadStream(path, { encoding: 'utf8' }).on('data', (chunk) => (piped += chunk))
  const ended = once(stream, 'end')
  await once(stream, 'open')

  for (const fd of [writer, openSync(file, 'a')]) {
    const workers = ['a', 'b', 'c'].map((from) => new Worker(threadCode, { eval: true, workerData: { module, fd, from } }))
    const dropped = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
    t.strictSame(dropped, [0, 0, 0])
    await Promise.all(workers.map(async (worker) => worker.terminate()))
    closeSync(fd)
  }
  await ended

  for (const text of [piped, readFileSync(file, 'utf8')]) {
    const lines = parsed(text)
    t.equal(lines.length, 9000)
    for (const from of ['a', 'b', 'c']) {
      const own = lines.filter((line) => line['from'] === from)
      t.ok(
        own.every(({ line }, index) => line === index),
        `${from} in order`,
      )
    }
  }
})

t.test('what was logged right before process.exit is written', async (t) => {
  const { reader, writer } = pipe(t)
  const module = new URL('../../src/base/log.ts', import.meta.url).href
  const code = `const { logger } = await import('${module}'); logger({ level: 'info' }).error({}, 'last words'); process.exit(3)`

  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'ignore', writer] })

  t.equal(status, 3)
  t.match(parsed(drainNow(reader)), [{ msg: 'last words' }])
  closeSync(writer)
})
