import t from 'tap'
import { openLedger } from '../../src/ledger/open.ts'
import type { LedgerRow } from '../../src/ledger/row.ts'
import { ledgerStore } from '../../src/ledger/store.ts'
import { home, relay, type Home } from '../helpers/cli.ts'
import { row } from './rows.ts'

const dayMs = 86_400_000

/** A ledger that is open and written, as beside a relay that runs; `close` ends it. */
function ledger(
  t: Parameters<typeof home>[0],
  place: Home,
  rows: readonly LedgerRow[],
): { readonly file: string; readonly close: () => void } {
  const file = place.path('relay-ledger.db')
  const { db, close } = openLedger({ file, synchronous: 'NORMAL', waitMs: 50 })
  let isOpen = true
  const closeOnce = () => {
    if (isOpen) close()
    isOpen = false
  }
  t.teardown(closeOnce)
  ledgerStore(db).commit([{ rows, owner: null }])
  return { file, close: closeOnce }
}

const today = new Date().toISOString().slice(0, 10)
const rows: readonly LedgerRow[] = [
  row('a', { input: 1_234_567, output: 1000, cacheWrite5m: 10, cacheWrite1h: 5, cacheRead: 70_000, costNanoUsd: 5_080_000_001 }),
  row('b', { end: 'cancelled', source: 'estimated', costNanoUsd: 20_000 }),
  row('c', { tenant: 'mail', business: 'office, "main"', model: '=new-model', costNanoUsd: null }),
  row('d', {
    tenant: 'mail',
    business: 'office, "main"',
    end: 'refused',
    latencyMs: 12.3456781,
    status: 429,
    source: 'none',
    input: 0,
    output: 0,
    costNanoUsd: 0,
  }),
  row('e', { at: Date.now() - 10 * dayMs, costNanoUsd: 1_000_000_000 }),
]

t.test('relay usage prints the bill of each tenant, with what is estimated and untracked, and the total', async (t) => {
  const place = home(t)
  const { file } = ledger(t, place, rows)

  const { exit, out } = await relay(place, 'usage', '--ledger', file)

  t.equal(exit, 0)
  t.equal(
    out.split('\n').slice(1).join('\n'),
    `tenant  calls      input  output  cache write  cache read     USD  estimated  untracked  refused
search      3  1,234,767   1,020           15      70,000  6.0800          1          0        0
mail        1        100      10            0           0       -          0          1        1
total       4  1,234,867   1,030           15      70,000  6.0800          1          1        1
1 call estimated: cut off before the upstream told its figures
1 call untracked: of a model without a price, and in no sum of costs
`,
  )
  t.match(out, new RegExp(`^\\d{4}-\\d\\d-\\d\\d to ${today} \\(UTC\\)\n`))
})

t.test('a bill of some days, of one tenant, by model or by day', async (t) => {
  const place = home(t)
  const { file } = ledger(t, place, rows)
  const usage = async (...args: readonly string[]) => JSON.parse((await relay(place, 'usage', '--ledger', file, '--json', ...args)).out)
  const before = new Date(Date.now() - 10 * dayMs).toISOString().slice(0, 10)

  const week = await usage('--since', '7d')
  const search = await usage('--tenant', 'search', '--by', 'day')
  const office = await usage('--business', 'office, "main"', '--by', 'model')
  const past = await usage('--since', before, '--until', before)

  t.match(week.total, { calls: 3, refused: 1, costUsd: '5.080020001' })
  t.match(search.usage, [
    { day: before, calls: 1, costUsd: '1.000000000' },
    { day: today, calls: 2, costUsd: '5.080020001' },
  ])
  t.match(office.usage, [
    { model: '=new-model', calls: 1, untracked: 1, costUsd: null },
    { model: 'claude-opus-5-5', calls: 0, refused: 1, costUsd: '0.000000000' },
  ])
  t.match(past, { since: before, until: before, total: { calls: 1, input: 100 } })
})

t.test('CSV quotes what has to be quoted and leaves the cost of untracked calls empty', async (t) => {
  const place = home(t)
  const { file } = ledger(t, place, rows)

  const { out } = await relay(place, 'usage', '--ledger', file, '--by', 'business', '--csv')

  t.equal(
    out,
    [
      'business,calls,refused,estimated,untracked,input,output,cacheWrite5m,cacheWrite1h,cacheRead,webSearches,costUsd',
      'shop,3,0,1,0,1234767,1020,10,5,70000,0,6.080020001',
      '"office, ""main""",1,1,0,1,100,10,0,0,0,0,',
      '',
    ].join('\r\n'),
  )
})

t.test('in CSV no name that a caller chose is a formula to a spreadsheet, and figures stay as they are', async (t) => {
  const place = home(t)
  const models = ['=1+1', '+1', '-1', '@sum', '\t=1', '\r=1', '=a,"b"', 'a=1', "'quoted"]
  const { file } = ledger(
    t,
    place,
    models.map((model, at) => row(`=${at}`, { model, at: Date.now() - at })),
  )

  const bill = await relay(place, 'usage', '--ledger', file, '--by', 'model', '--csv')
  const calls = await relay(place, 'usage', '--ledger', file, '--calls', '--csv')
  const json = JSON.parse((await relay(place, 'usage', '--ledger', file, '--calls', '--json')).out)

  const written = ["'=1+1", "'+1", "'-1", "'@sum", "'\t=1", `"'\r=1"`, `"'=a,""b"""`, 'a=1', "'quoted"]
  const lines = bill.out.split('\r\n').slice(1, -1)
  t.strictSame(lines.map((line) => line.slice(0, line.indexOf(',1,0,'))).toSorted(), written.toSorted())
  t.match(calls.out, /Z,'=0,search,shop,v1\/messages,'=1\+1,claude,200,done,100,10,/)
  t.strictSame(
    json.calls.map(({ model }: { readonly model: string }) => model),
    models,
  )
})

t.test('a narrow terminal gets shorter figures and names, and no line that is too long', async (t) => {
  const place = home(t)
  const { file } = ledger(t, place, [...rows, row('long', { tenant: `team-${'x'.repeat(80)}\u001b[31m`, cacheRead: 2_345_678_901 })])

  const { out } = await relay({ ...place, env: { ...place.env, COLUMNS: '100' } }, 'usage', '--ledger', file)

  t.ok(out.split('\n').every((line) => line.length <= 100))
  t.match(out, /2\.3G/)
  t.match(out, /team-x+…/)
  t.notOk(out.includes('\u001b'))
})

t.test('on 80 columns models are told apart and the cost of a call is whole', async (t) => {
  const place = home(t)
  const models = ['claude-opus-4-5', 'claude-opus-5-5'].map((model, at) => row(`m${at}`, { model, cacheRead: 2_345_678_901 }))
  const { file } = ledger(t, place, [...rows, ...models])
  const narrow = { ...place, env: { ...place.env, COLUMNS: '80' } }

  const bill = await relay(narrow, 'usage', '--ledger', file, '--by', 'model')
  const calls = await relay(narrow, 'usage', '--ledger', file, '--calls')

  t.same(
    `${bill.out}${calls.out}`.split('\n').filter((line) => line.length > 80),
    [],
  )
  t.match(bill.out, /^claude…\S*4-5 +1 /m)
  t.match(bill.out, /^claude…\S*5-5 +4 /m)
  t.match(calls.out, /^\d\d-\d\d \d\d:\d\d:\d\d {2}search +claude\S*5-5 +200 +cancelled +100 +10 +~0\.00002$/m)
  t.match(calls.out, / 5\.0800$/m)
  t.match(calls.out, /\n~ estimated\n$/)
})

t.test('relay usage --calls lists single calls, the newest first', async (t) => {
  const place = home(t)
  const { file } = ledger(t, place, rows)

  const text = await relay(place, 'usage', '--calls', '--tenant', 'search', '--ledger', file)
  const json = JSON.parse(
    (await relay(place, 'usage', '--calls', '--limit', '1', '--since', '1d', '--tenant', 'mail', '--ledger', file, '--json')).out,
  )
  const csv = await relay(place, 'usage', '--calls', '--csv', '--ledger', file)

  t.equal(text.out.trim().split('\n').length, 4)
  t.match(text.out, /search {2}claude-opus-5-5 {2}200 {5}cancelled, estimated +100 +10 +0\.00002\n/)
  t.equal(json.calls.length, 1)
  t.match(json.calls[0], { tenant: 'mail', budgets: [/budget-day/], latencyMs: 12.346 })
  t.match(csv.out, /^time,id,tenant,.*,attempts\r\n/)
})

t.test('the ledger is that of the config, whether relay runs or has ended, and no secret of the config is needed', async (t) => {
  const place = home(t)
  place.write(
    'relay.config.yaml',
    'ledger: {file: relay-ledger.db}\nupstreams:\n  claude: {url: https://api.anthropic.com, credential: {env: NOT_SET_HERE}}\n',
  )
  const { close } = ledger(t, place, rows)

  const during = await relay(place, 'usage', '--by', 'route')
  close()
  const after = await relay(place, 'usage', '--by', 'route')

  t.match(during, { exit: 0, out: /v1\/messages +4 / })
  t.equal(after.out, during.out)
})

t.test('what cannot be printed is told in one clear line', async (t) => {
  const place = home(t)
  place.write('notes.txt', 'no ledger at all\n'.repeat(300))
  const told = async (...args: readonly string[]) => {
    const { exit, err } = await relay(place, 'usage', ...args)
    return `${exit} ${err.trim().replaceAll(place.folder, '')}`
  }

  t.match(await told('--ledger', 'none.db'), /^2 error: there is no ledger yet: \/none\.db \(relay makes it when/)
  t.match(await told('--ledger', 'notes.txt'), /^2 error: .*damaged, or no database at all/)
  t.match(await told('--ledger', 'none.db', '--since', '2026-02-30'), /^2 error: --since '2026-02-30' is no day; give a day such as/)
  t.match(await told('--ledger', 'none.db', '--until', 'now'), /^2 error: --until 'now' is no day/)
  t.match(await told('--ledger', 'none.db', '--since', '2026-11-02', '--until', '2026-11-01'), /^2 error: --since .* is after/)
  t.match(await told('--ledger', 'none.db', '--by', 'tenent'), /^2 error: .*Allowed choices are tenant, business, model, route, day/)
  t.match(await told('--ledger', 'none.db', '--csv', '--json'), /^2 error: .*cannot be used with/)
  t.match(await told('--ledger', 'none.db', '--calls', '--by', 'day'), /^2 error: .*'--by <what>' cannot be used with option '--calls'/)
  t.match(await told('--ledger', 'none.db', '--limit', '5'), /^2 error: --limit is of --calls/)
  t.match(await told(), /^2 error: there is no config file in .*--ledger/)
})
