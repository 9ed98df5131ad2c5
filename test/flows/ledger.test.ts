import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { agreeing, ask, killed, load, replied, startedAgain, sumsOf } from './ledger-world.ts'
import { origin } from './origin.ts'
import { rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const tenants = tenantsWith(['rich'], { budget: '1000000usd/month' })
/** A call costs a dollar as it is, and as it is expected to be. */
const price = { input: 0, output: 100_000 }

function configOf(upstream: string, more: object): object {
  return {
    upstreams: { claude: { url: upstream, kind: 'claude', credential: { env: 'SHARED_KEY' } } },
    routes: { '/': 'claude' },
    headers: { request: { set: { 'x-id': '${request.id}' } }, reply: { set: { 'x-id': '${request.id}' } } },
    prices: { 'claude-opus-5-5': price },
    tenants,
    log: { access: false },
    shed: false,
    ...more,
  }
}
const env = { SHARED_KEY: 'sk-ant-shared' }

t.test('after kill -9 under load, what was acknowledged a flush interval ago is in the ledger once, and in its sums', async (t) => {
  const flushMs = 1_000
  const upstream = await origin(t, replied)
  const relay = await relayProcess(t, configOf(upstream.url, { ledger: { flush: `${flushMs}ms` } }), { env })
  const { made, ended } = load(relay.url, 'rich', 8)
  const since = performance.now()
  await until(() => made.length > 300 && performance.now() - since > 1.5 * flushMs)

  const at = await killed(relay)
  await ended

  const due = made.filter(({ endedAt }) => endedAt < at - flushMs)
  const rows = rowsOf(relay, 'rich')
  const found = new Map(rows.map((row) => [row.id, row]))
  t.ok(due.length > 20, `${due.length} of ${made.length} were due`)
  t.strictSame(
    due.filter(({ id }) => !found.has(id)),
    [],
  )
  t.ok(rows.every((row) => row.end !== 'done' || (row.output === 10 && row.source === 'exact' && row.costNanoUsd === 1e9)))
  t.strictSame(sumsOf(relay), agreeing)
  await startedAgain(t, relay)
  t.equal(rowsOf(relay, 'rich').length, rows.length, 'the next start adds nothing')
})

t.test(
  'with sync, each call that reached the upstream has one row after kill -9 under load: those that were under way are estimates',
  async (t) => {
    // Every third call stays open.
    let count = 0
    const upstream = await origin(t, (call) => {
      if (count++ % 3 > 0) replied(call)
    })
    const relay = await relayProcess(t, configOf(upstream.url, { ledger: { sync: true } }), { env })
    const loads = Array.from({ length: 12 }, () => load(relay.url, 'rich', 8))
    await until(() => upstream.calls.length > 60 && upstream.open() >= 12)

    await killed(relay)
    await Promise.all(loads.map(({ ended }) => ended))
    const again = await startedAgain(t, relay)

    const reached = upstream.calls.map(({ fields }) => fields.get('x-id'))
    await until(() => sumsOf(relay)['open'] === 0)
    const rows = rowsOf(relay, 'rich')
    const found = new Map(rows.map((row) => [row.id, row]))
    t.strictSame(
      reached.filter((id) => !found.has(id ?? '')),
      [],
    )
    t.ok(reached.length > 60)
    const lost = rows.filter(({ end }) => end === 'lost')
    t.ok(lost.length > 0)
    t.ok(lost.every(({ source, output, costNanoUsd }) => source === 'estimated' && output === 10 && costNanoUsd === 1e9))
    t.equal(
      rows.filter(({ end }) => end === 'done').every(({ source }) => source === 'exact'),
      true,
    )
    t.strictSame(sumsOf(relay), agreeing)
    await killed(again)
    await startedAgain(t, relay)
    t.strictSame([rowsOf(relay, 'rich').length, sumsOf(relay)], [rows.length, agreeing], 'one more start changes nothing')
  },
)

t.test('a budget worth ten calls is worth ten over a crash and a clean restart', async (t) => {
  const upstream = await origin(t, replied)
  const config = configOf(upstream.url, { tenants: tenantsWith(['poor'], { budget: '10usd/month' }), ledger: { flush: '20ms' } })
  const relay = await relayProcess(t, config, { env })
  for (let k = 0; k < 4; k++) t.match(await ask(relay.url, 'poor'), { status: 200 })
  await until(() => rowsOf(relay, 'poor').length === 4)
  await killed(relay)
  const second = await startedAgain(t, relay)
  for (let k = 0; k < 3; k++) t.match(await ask(second.url, 'poor'), { status: 200 })
  // Told to stop at once: what is not in the file yet goes there.
  second.child.kill('SIGTERM')
  await second.ended()
  t.equal(rowsOf(relay, 'poor').length, 7)
  const third = await startedAgain(t, relay)

  const last = await Promise.all(Array.from({ length: 20 }, () => ask(third.url, 'poor')))

  // Parallel calls hold what they may cost, and none of it is given out twice.
  t.equal(last.filter((made) => made?.status === 200).length, 3)
  t.equal(last.filter((made) => made?.status === 429).length, 17)
  t.equal(upstream.calls.length, 10)
})

t.test('while the ledger cannot be written calls under a budget are refused, others are counted; then all goes on', async (t) => {
  const upstream = await origin(t, replied)
  const both = { ...tenants, ...tenantsWith(['free'], {}) }
  const relay = await relayProcess(t, configOf(upstream.url, { tenants: both, ledger: { queue: 16, flush: '20ms' } }), { env })
  t.match(await ask(relay.url, 'rich'), { status: 200 })
  await until(() => rowsOf(relay, null).length === 1)
  const lock = new DatabaseSync(relay.home.path('relay-ledger.db'))
  t.teardown(() => lock.close())
  lock.exec('BEGIN IMMEDIATE')

  const free = await Promise.all(Array.from({ length: 80 }, () => ask(relay.url, 'free')))
  const rich = await Promise.all(Array.from({ length: 10 }, () => ask(relay.url, 'rich')))

  t.ok(free.every((made) => made?.status === 200))
  t.ok(
    rich.every((made) => made?.status === 503),
    JSON.stringify(rich),
  )
  // Workers tell of it once a second.
  const lost = async (): Promise<number> => relay.metric('relay_ledger_lost_total')
  await until(async () => (await lost()) > 0)
  lock.exec('ROLLBACK')
  await until(async () => (await ask(relay.url, 'rich'))?.status === 200)
  await until(async () => rowsOf(relay, 'free').length + (await lost()) === free.length)
  await until(() => Object.values(sumsOf(relay)).every((value) => value === 0))
})

t.test('whenFull: count lets calls under a budget pass too, and refuse refuses all', async (t) => {
  for (const [whenFull, status] of [
    ['count', 200],
    ['refuse', 503],
  ] as const) {
    const upstream = await origin(t, replied)
    const both = { ...tenants, ...tenantsWith(['free'], {}) }
    const relay = await relayProcess(
      t,
      configOf(upstream.url, { workers: 1, tenants: both, ledger: { queue: 8, flush: '20ms', whenFull } }),
      { env },
    )
    // What a budget has spent is asked of the ledger once, at its first call.
    await ask(relay.url, 'rich')
    await until(() => rowsOf(relay, null).length === 1)
    const lock = new DatabaseSync(relay.home.path('relay-ledger.db'))
    t.teardown(() => lock.close())
    lock.exec('BEGIN IMMEDIATE')
    for (let k = 0; k < 8; k++) await ask(relay.url, 'free')

    t.match(await ask(relay.url, 'rich'), { status }, whenFull)
    t.match(await ask(relay.url, 'free'), { status }, whenFull)
    lock.exec('ROLLBACK')
  }
})
