import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import t from 'tap'
import { ConfigError } from '../../src/base/errors.ts'
import { ledgerHost, type LedgerHost, type LedgerHostOptions } from '../../src/ledger/host.ts'
import type { FromLedgerThread, LedgerOptions, ToLedgerThread } from '../../src/ledger/messages.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { LedgerService } from '../../src/ledger/service.ts'
import { ledgerWriter, type PortWriter } from '../../src/ledger/writer.ts'
import { ask, intent, keptLog, ledgerFile, optionsFor, row, until } from './rows.ts'

const thread = new URL('../../src/ledger/thread.ts', import.meta.url)
const mortal = new URL('./mortal-thread.ts', import.meta.url)

interface World {
  readonly file: string
  readonly host: LedgerHost
  readonly log: ReturnType<typeof keptLog>
  /** Starts a worker: its writer goes from thread to thread. */
  readonly worker: (index: number) => PortWriter & { readonly end: () => void }
}

async function world(t: Parameters<typeof ledgerFile>[0], options: Partial<LedgerOptions> = {}, source = thread): Promise<World> {
  const file = options.file ?? ledgerFile(t)
  const log = keptLog()
  const writers = new Map<number, PortWriter>()
  const ports = new Map<number, MessagePort>()
  const onPort: LedgerHostOptions['onPort'] = (worker, port) => {
    ports.set(worker, port)
    writers.get(worker)?.reconnect(port)
  }
  const host = await ledgerHost({ source: { file: source }, options: optionsFor(file, options), log, onPort, waits: { backoffFirst: 5 } })
  t.teardown(async () => {
    await host.close()
    for (const port of ports.values()) port.close()
  })
  return {
    file,
    host,
    log,
    worker(index) {
      const port = host.joined(index)
      const writer = ledgerWriter(port, { flushMs: 200, queue: 10_000, intentMs: 30_000 })
      writers.set(index, writer)
      ports.set(index, port)
      const end = () => {
        ports.get(index)?.close()
        void host.left(index)
      }
      return Object.assign(writer, { end })
    },
  }
}

t.test('rows of several workers are in the ledger within its interval, and their cost on the budgets', async (t) => {
  const { file, host, worker } = await world(t)
  const writers = [worker(0), worker(1)]

  for (let at = 0; at < 100; at++) writers[at % 2]!.write(row(`call-${at}`))
  await until(() => Number(ask(file, 'SELECT count(*) AS count FROM calls')[0]?.['count']) === 100)

  t.strictSame(await host.spent([row('x').budgets[0]!, 'none']), [60_000_000, 0])
  t.match(ask(file, 'SELECT tenant, calls, cost FROM days'), [{ tenant: 'search', calls: 100, cost: 60_000_000 }])
})

t.test('what was spent counts what a worker has posted and the ledger has not committed yet', async (t) => {
  const { host, worker } = await world(t, { flushMs: 60_000 })
  const writer = worker(0)
  writer.write(row('a'))
  const flushed = writer.flush(10_000)

  const spent = await host.spent(row('x').budgets)
  await flushed

  t.strictSame(spent, [600_000])
})

t.test('a thread that dies between a commit and its word is replaced, and nothing is in the ledger twice', async (t) => {
  const { file, host, worker, log } = await world(t, {}, mortal)
  const writers = [worker(0), worker(1)]
  await writers[0]!.intend(intent('intended'))

  for (let death = 0; death < 3; death++) {
    writeFileSync(`${file}.die`, '')
    for (let at = 0; at < 50; at++) writers[at % 2]!.write(row(`${death}-${at}`))
    await Promise.all(writers.map((writer) => writer.flush(20_000)))
  }
  writers[0]!.write(row('intended'))
  await writers[0]!.flush(20_000)

  t.equal(host.status().restarts, 3)
  t.match(log.lines.filter((line) => line.includes('another one is started')).length, 3)
  t.match(ask(file, 'SELECT calls, estimated, cost FROM days'), [{ calls: 151, estimated: 0, cost: 151 * 600_000 }])
  t.strictSame(await host.spent(row('x').budgets), [151 * 600_000])
  t.equal(host.status().estimated, 0, "a live worker's intent outlives the thread")
})

t.test("a flood of refusals is in the day's sums to the last one, though most have no row, and the thread dies in between", async (t) => {
  const { file, host, worker } = await world(t, {}, mortal)
  const writers = [worker(0), worker(1)]
  const refuse = (many: number, from: number) => {
    for (let at = 0; at < many; at++) {
      writers[at % 2]!.write(
        row(`${from}-${at}`, { end: 'refused', source: 'none', costNanoUsd: 0, tenant: at % 4 < 2 ? 'search' : 'mail' }),
      )
    }
  }

  for (let death = 0; death < 3; death++) {
    writeFileSync(`${file}.die`, '')
    refuse(2000, death)
    const flushed = Promise.all(writers.map((writer) => writer.flush(20_000)))
    refuse(400, death + 10)
    await flushed
  }
  await Promise.all(writers.map((writer) => writer.flush(20_000)))

  t.equal(host.status().restarts, 3)
  t.ok(writers.every(({ dropped }) => dropped > 2000))
  t.match(ask(file, 'SELECT tenant, sum(refused) AS refused, sum(calls) AS calls FROM days GROUP BY tenant ORDER BY tenant'), [
    { tenant: 'mail', refused: 3600, calls: 0 },
    { tenant: 'search', refused: 3600, calls: 0 },
  ])
})

t.test('the open calls of a worker that ended become estimates; those of another go on', async (t) => {
  const { file, host, worker, log } = await world(t)
  const [first, second] = [worker(0), worker(1)]
  await Promise.all([first.intend(intent('a')), first.intend(intent('b')), second.intend(intent('c'))])
  first.write(row('a'))
  await first.flush(10_000)

  first.end()
  await until(() => host.status().estimated === 1)
  second.write(row('c'))
  await second.flush(10_000)

  t.match(ask(file, 'SELECT id, end, source FROM calls ORDER BY id'), [
    { id: 'a', end: 'done', source: 'exact' },
    { id: 'b', end: 'lost', source: 'estimated' },
    { id: 'c', end: 'done', source: 'exact' },
  ])
  t.strictSame(await host.spent(row('x').budgets), [600_000 + 5_000_000 + 600_000])
  t.ok(log.lines.some((line) => line.includes('estimates')))
})

t.test('a worker that ends while there is no thread loses its open calls, and no other', async (t) => {
  const { file, host, worker } = await world(t, {}, mortal)
  const [first, second] = [worker(0), worker(1)]
  await Promise.all([first.intend(intent('a')), second.intend(intent('b'))])

  writeFileSync(`${file}.die`, '')
  second.write(row('c'))
  await until(() => host.status().state === 'restarting')
  first.end()
  await second.flush(20_000)
  await until(() => host.status().estimated === 1)
  second.write(row('b'))
  await second.flush(20_000)

  t.match(ask(file, 'SELECT id, end FROM calls ORDER BY id'), [
    { id: 'a', end: 'lost' },
    { id: 'b', end: 'done' },
    { id: 'c', end: 'done' },
  ])
})

t.test('a ledger that cannot be opened is told at the start, and a second relay on it refused', async (t) => {
  const file = ledgerFile(t)
  const absent = await world(t, { file: `${file}/none/x.db` }).catch((error: unknown) => error)
  await world(t, { file })

  const child = spawn(process.execPath, [new URL('./child-open.ts', import.meta.url).pathname, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface({ input: child.stdout }), 'line')

  t.ok(absent instanceof ConfigError)
  t.match(absent, { problems: [{ path: 'ledger.file' }] })
  t.match(line, /is the ledger of another relay/)
})

t.test('a bug of the thread at its start is told as what it is, and not as a fault of the file', async (t) => {
  // SQLite is opened with it, and takes numbers only.
  const broken = { lockMs: 'soon' } as unknown as Partial<LedgerOptions>

  const failure = await world(t, broken).catch((error: unknown) => error)

  t.notOk(failure instanceof ConfigError)
  t.match(failure, { message: /^the ledger's thread failed: .*timeout/, cause: { name: 'TypeError' } })
})

t.test('a full disk stops no row: they are kept, workers are told, and all are written when there is room', async (t) => {
  // Given a ledger that may not grow beyond a few pages.
  const file = ledgerFile(t)
  const ledger = openLedger({ file, synchronous: 'NORMAL', waitMs: 50 })
  ledger.db.exec('PRAGMA max_page_count = 40')
  const { port1: control, port2: parent } = new MessageChannel()
  const said: FromLedgerThread[] = []
  control.on('message', (message: FromLedgerThread) => said.push(message))
  const service = new LedgerService({ ledger, control: parent, options: optionsFor(file, { flushMs: 20 }), live: [] })
  const { port1, port2 } = new MessageChannel()
  control.postMessage({ is: 'join', owner: 'w', port: port1 } satisfies ToLedgerThread, [port1])
  const writer = ledgerWriter(port2, { flushMs: 20, queue: 10_000, intentMs: 30_000 })

  // When more comes than fits.
  for (let at = 0; at < 2000; at++) writer.write(row(`call-${at}`))
  await until(() => !writer.canTake)
  const stuck = said.find((message) => message.is === 'state')
  control.postMessage({ is: 'spent', ask: 1, keys: row('x').budgets } satisfies ToLedgerThread)
  await until(() => said.some(({ is }) => is === 'spent'))
  ledger.db.exec('PRAGMA max_page_count = 1000000')
  await until(() => writer.canTake)
  await writer.flush(10_000)

  // Then all of it is there once, and the budget never forgot what could not be written.
  t.match(stuck, { canWrite: false, why: /full/ })
  t.match(
    said.find(({ is }) => is === 'spent'),
    { amounts: [2000 * 600_000] },
  )
  t.match(ask(file, 'SELECT sum(calls) AS calls, sum(cost) AS cost FROM days'), [{ calls: 2000, cost: 2000 * 600_000 }])
  t.match(ask(file, 'SELECT spent FROM budgets'), [{ spent: 2000 * 600_000 }])
  t.equal(writer.lost, 0)
  control.postMessage({ is: 'close' } satisfies ToLedgerThread)
  await once(control, 'close')
  t.ok(service)
})

t.test('one row that cannot be written does not hold up the others', async (t) => {
  const { file, host, worker, log } = await world(t)
  const writer = worker(0)

  writer.write(row('a'))
  writer.write({ ...row('b'), tenant: ['no text'] as unknown as string })
  writer.write(row('c'))
  await writer.flush(10_000)

  t.match(ask(file, 'SELECT id FROM calls ORDER BY id'), [{ id: 'a' }, { id: 'c' }])
  await until(() => host.status().skipped === 1)
  t.ok(log.lines.includes('rows could not be written into the ledger'))
})

t.test('old rows and days are deleted while the ledger works', async (t) => {
  const { file, worker } = await world(t, { keepRowsMs: 1000, pruneMs: 10 })
  const writer = worker(0)

  writer.write(row('old', { at: Date.now() - 60_000 }))
  await writer.flush(10_000)
  await until(() => ask(file, 'SELECT id FROM calls').length === 0)

  t.match(ask(file, 'SELECT calls FROM days'), [{ calls: 1 }])
})

t.test('at its end the ledger commits what was posted, and an intent without a row is an estimate', async (t) => {
  const { file, host, worker } = await world(t, { flushMs: 60_000 })
  const writer = worker(0)
  await writer.intend(intent('a'))
  writer.write(row('b'))
  const flushed = writer.flush(30_000)

  await host.close()
  await flushed

  t.match(ask(file, 'SELECT id, end FROM calls ORDER BY id'), [
    { id: 'a', end: 'lost' },
    { id: 'b', end: 'done' },
  ])
  t.equal(host.status().state, 'closed')
})
