import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { ConfigError } from '../../src/base/errors.ts'
import { openLedger, type OpenLedger } from '../../src/ledger/open.ts'
import type { LedgerRow } from '../../src/ledger/row.ts'
import { ledgerStore, type LedgerStore } from '../../src/ledger/store.ts'
import { ask, intent, ledgerFile, random, row } from './rows.ts'

interface Opened extends OpenLedger {
  readonly file: string
  readonly store: LedgerStore
}

function opened(t: Parameters<typeof ledgerFile>[0], file = ledgerFile(t)): Opened {
  const ledger = openLedger({ file, synchronous: 'NORMAL', waitMs: 50 })
  let isOpen = true
  const close = () => {
    if (isOpen) ledger.close()
    isOpen = false
  }
  t.teardown(close)
  return { db: ledger.db, close, file, store: ledgerStore(ledger.db) }
}

const sums = `sum(input) AS input, sum(output) AS output, sum(cache_write_5m) AS write5m, sum(cache_write_1h) AS write1h,
  sum(cache_read) AS read, sum(web_searches) AS searches, coalesce(sum(cost), 0) AS cost`
const counts = `sum(end <> 'refused') AS calls, sum(end = 'refused') AS refused, sum(source = 'estimated') AS estimated,
  sum(cost IS NULL AND source <> 'none') AS untracked`
const groups = `date(at / 1000, 'unixepoch') AS day, tenant, business, route, model`

for (const seed of [1, 2, 3, 4, 5, 6]) {
  t.test(`whatever is sent, twice and in any order, days and budgets are the sums of the rows (seed ${seed})`, async (t) => {
    const { store, file } = opened(t)
    const next = random(seed)
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)]!
    const sent: { readonly rows: readonly LedgerRow[]; readonly owner: string | null }[] = []

    for (let batch = 0; batch < 60; batch++) {
      const rows = Array.from({ length: 1 + Math.floor(next() * 20) }, () => randomRow(next, pick))
      const owner = next() < 0.3 ? pick(['a', 'b']) : null
      sent.push({ rows, owner })
      const again = next() < 0.3 ? [pick(sent)] : []
      store.commit([sent.at(-1)!, ...again])
      if (next() < 0.1) store.settleLost(['a'])
    }
    while (store.settleLost([]).calls > 0);

    const days = ask(
      file,
      `SELECT day, tenant, business, route, model, calls, refused, estimated, untracked, input, output, cache_write_5m AS write5m,
      cache_write_1h AS write1h, cache_read AS read, web_searches AS searches, cost FROM days ORDER BY 1, 2, 3, 4, 5`,
    )
    t.strictSame(days, ask(file, `SELECT ${groups}, ${counts}, ${sums} FROM calls GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`))
    t.ok(days.length > 10)
    t.strictSame(
      ask(file, 'SELECT key, spent FROM budgets ORDER BY key'),
      ask(file, 'SELECT value AS key, sum(cost) AS spent FROM calls, json_each(budgets) WHERE cost > 0 GROUP BY 1 ORDER BY 1'),
    )
  })
}

function randomRow(next: () => number, pick: <Item>(items: readonly Item[]) => Item): LedgerRow {
  const tenant = pick(['search', 'mail', ''])
  const source = pick(['exact', 'exact', 'estimated', 'none'] as const)
  return row(`call-${Math.floor(next() * 400)}`, {
    at: 1_790_000_000_000 + Math.floor(next() * 3 * 86_400_000),
    tenant,
    business: tenant === 'mail' ? 'office' : 'shop',
    model: pick(['claude-opus-5', 'claude-haiku-5-5', '']),
    end: pick(['done', 'done', 'cancelled', 'refused', 'upstream_failed'] as const),
    source,
    input: Math.floor(next() * 1e6),
    output: Math.floor(next() * 1e4),
    cacheRead: Math.floor(next() * 1e6),
    costNanoUsd: next() < 0.2 ? null : Math.floor(next() * 1e9),
    budgets: pick([[], ['day|tenant=search|2026-11-23'], ['day|tenant=search|2026-11-23', 'month|2026-11-01']]),
  })
}

t.test('counts of refusals are added once for each batch of a worker, beside the rows of the same day', async (t) => {
  const { store, file } = opened(t)
  const batch = (from: string, batch: number, count: number) => {
    const counts = [{ day: '2026-11-23', tenant: 'search', business: 'shop', route: 'v1/messages', count }]
    return { rows: [], owner: null, refused: { from, batch, counts } }
  }

  store.commit([batch('a', 1, 10), batch('a', 4, 100), batch('b', 1, 1000)])
  store.commit([batch('a', 1, 10), batch('a', 4, 100), batch('a', 5, 10_000)])
  store.commit([{ rows: [row('c', { end: 'refused', model: '', at: Date.parse('2026-11-23T12:00:00Z') })], owner: null }])

  t.match(ask(file, 'SELECT day, tenant, model, calls, refused FROM days'), [
    { day: '2026-11-23', tenant: 'search', model: '', calls: 0, refused: 11_111 },
  ])
  store.prune({ rows: 0, days: 0, budgets: Date.now() + 1 })
  t.strictSame(ask(file, 'SELECT owner FROM counted'), [])
})

t.test('a ledger of the version before gets what it lacks, and keeps what it has', async (t) => {
  const first = opened(t)
  first.store.commit([{ rows: [row('a')], owner: null }])
  first.db.exec('DROP TABLE counted; PRAGMA user_version = 1')
  first.close()

  const next = opened(t, first.file)

  t.match(ask(next.file, 'SELECT calls FROM days'), [{ calls: 1 }])
  t.strictSame(ask(next.file, 'SELECT owner FROM counted'), [])
})

t.test('an intent counts nowhere until its row settles it, and then once', async (t) => {
  const { store, file } = opened(t)
  const key = row('x').budgets[0]!

  store.commit([{ rows: [intent('a')], owner: 'w1' }])
  const before = [store.spent([key])[0], ask(file, 'SELECT * FROM days').length]
  store.commit([{ rows: [row('a')], owner: null }])
  store.commit([
    { rows: [row('a', { costNanoUsd: 7 })], owner: null },
    { rows: [intent('a')], owner: 'w1' },
  ])

  t.strictSame(before, [0, 0])
  t.strictSame(store.spent([key, 'unknown']), [600_000, 0])
  t.match(ask(file, 'SELECT end, cost, owner FROM calls'), [{ end: 'done', cost: 600_000, owner: null }])
  t.equal(store.settleLost([]).calls, 0)
})

t.test('open intents of an owner who is gone become estimates, those of a live one stay open', async (t) => {
  const { store, file } = opened(t)
  store.commit([
    { rows: [intent('a')], owner: 'w1' },
    { rows: [intent('b')], owner: 'w2' },
  ])

  const lost = [store.settleLost(['w2']), store.settleLost(['w2'])]

  t.strictSame(
    lost.map(({ calls, budgets }) => [calls, ...budgets.values()]),
    [[1, 5_000_000], [0]],
  )
  t.match(ask(file, 'SELECT id, end, source, cost FROM calls WHERE owner IS NULL'), [
    { id: 'a', end: 'lost', source: 'estimated', cost: 5_000_000 },
  ])
  t.strictSame(store.spent(row('x').budgets), [5_000_000])
  store.commit([{ rows: [row('a'), row('b')], owner: null }])
  t.strictSame(store.spent(row('x').budgets), [5_600_000], 'the lost one is not counted again')
})

t.test('a transaction that fails changes nothing: neither rows, nor days, nor budgets', async (t) => {
  const { store, file } = opened(t)
  // Given a row that cannot be written.
  const broken = { ...row('b'), tenant: {} as unknown as string }

  t.throws(() => store.commit([{ rows: [row('a'), broken], owner: null }]))

  t.strictSame(
    ask(file, 'SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM days) + (SELECT count(*) FROM budgets) AS all_of_it'),
    [{ all_of_it: 0 }],
  )
})

t.test('what is too old goes, rows before days, a little at a time; open intents and new rows stay', async (t) => {
  const { store, file } = opened(t)
  const day = 86_400_000
  const now = Date.now()
  const old = Array.from({ length: 1200 }, (_, at) => row(`old-${at}`, { at: now - 100 * day }))
  store.commit([
    { rows: [...old, row('new')], owner: null },
    { rows: [intent('open', { at: now - 100 * day })], owner: 'w' },
  ])
  const rowsOnly = { rows: now - 90 * day, days: now - 730 * day, budgets: 0 }

  const steps = [store.prune(rowsOnly), store.prune(rowsOnly), store.prune(rowsOnly), store.prune(rowsOnly)]
  const daysAfter = ask(file, 'SELECT sum(calls) AS calls FROM days')
  const rest = store.prune({ rows: 0, days: now - 90 * day, budgets: now + day })

  t.strictSame(steps, [500, 500, 200, 0])
  t.strictSame(ask(file, 'SELECT id FROM calls ORDER BY id'), [{ id: 'new' }, { id: 'open' }])
  t.strictSame(daysAfter, [{ calls: 1201 }])
  t.equal(rest, 2, 'one day and one budget')
  t.strictSame(ask(file, 'SELECT sum(calls) AS calls FROM days'), [{ calls: 1 }])
})

t.test('callers that invent names of models make a tenant no more than a hundred lines a day', async (t) => {
  const { store, file } = opened(t)

  store.commit([{ rows: Array.from({ length: 300 }, (_, at) => row(`${at}`, { model: `m${at}-${'x'.repeat(500)}` })), owner: null }])
  store.commit([{ rows: [row('later', { model: 'claude-opus-5' }), row('mail', { tenant: 'mail' })], owner: null }])

  t.strictSame(ask(file, `SELECT count(*) AS lines, sum(calls) AS calls FROM days WHERE tenant = 'search'`), [{ lines: 101, calls: 301 }])
  t.strictSame(ask(file, `SELECT calls FROM days WHERE tenant = 'search' AND model = 'other'`), [{ calls: 201 }])
  t.strictSame(ask(file, `SELECT model FROM days WHERE tenant = 'mail'`), [{ model: 'claude-opus-5-5' }])
  t.strictSame(ask(file, 'SELECT max(length(model)) AS longest FROM calls'), [{ longest: 128 }])
})

t.test('a figure that is none cannot stop the ledger', async (t) => {
  const { store, file } = opened(t)

  store.commit([{ rows: [row('a', { input: Number.NaN, output: 1.5, costNanoUsd: -3, latencyMs: Infinity })], owner: null }])

  t.match(ask(file, 'SELECT input, output, cost, latency_ms FROM calls'), [{ input: 0, output: 2, cost: 0, latency_ms: 0 }])
})

t.test('a file that cannot be a ledger is refused with its path, what is wrong, and what to do', async (t) => {
  const file = ledgerFile(t)
  const folder = `${file}-folder`
  mkdirSync(folder)
  writeFileSync(`${file}-text`, 'tenants: {}\n'.repeat(200))
  const foreign = new DatabaseSync(`${file}-foreign`)
  foreign.exec('CREATE TABLE notes (text)')
  foreign.close()
  const newer = opened(t, `${file}-newer`)
  newer.db.exec('PRAGMA user_version = 99')
  newer.close()

  const problem = (path: string) => {
    try {
      openLedger({ file: path, synchronous: 'NORMAL', waitMs: 50 }).close()
      return null
    } catch (error) {
      return error instanceof ConfigError ? error.problems[0] : error
    }
  }

  t.match(problem(`${folder}/none/x.db`), { path: 'ledger.file', message: /none is not there/, remedy: /make the folder/ })
  t.match(problem(folder), { path: 'ledger.file', message: /cannot be used/ })
  t.match(problem(`${file}-text`), { message: /damaged, or no database/ })
  t.match(problem(`${file}-foreign`), { message: /not a ledger of relay/, remedy: /another file/ })
  t.match(problem(`${file}-newer`), { message: /newer relay.*99/ })
  t.equal(readFileSync(`${file}-text`, 'utf8').length, 2400, 'and left as it was')
})

t.test('a damaged ledger is told at the start', async (t) => {
  const { store, file, close } = opened(t)
  store.commit([{ rows: Array.from({ length: 2000 }, (_, at) => row(`${at}`)), owner: null }])
  close()
  const bytes = readFileSync(file)
  bytes.fill(0x55, 4096 * 3, 4096 * 60)
  writeFileSync(file, bytes)

  t.throws(() => openLedger({ file, synchronous: 'NORMAL', waitMs: 50 }), /is damaged/)
})

t.test('a ledger is readable by its owner alone', async (t) => {
  const { file, store } = opened(t)
  store.commit([{ rows: [row('a')], owner: null }])

  for (const name of [file, `${file}-wal`, `${file}-shm`, `${file}-lock`]) t.equal(statSync(name).mode & 0o777, 0o600, name)
})

t.test('a second relay on one ledger is refused, and gets it once the first has ended', async (t) => {
  const { file, close } = opened(t)
  const entry = new URL('./child-open.ts', import.meta.url).pathname
  const open = () => spawnSync(process.execPath, [entry, file], { encoding: 'utf8' }).stdout

  const [during] = [open(), close()]
  const after = open()

  t.match(during, /is the ledger of another relay that runs \(give each relay a file of its own/)
  t.equal(after, 'opened\n')
})
