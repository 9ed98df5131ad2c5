import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { ledgerHost } from '../../src/ledger/host.ts'
import { ask, keptLog, ledgerFile, optionsFor, row } from './rows.ts'

const writing = new URL('./child-writer.ts', import.meta.url).pathname
const recovering = new URL('./child-recover.ts', import.meta.url).pathname

interface Killed {
  /** What the child said, in its order: an id, and when (ms). */
  readonly said: readonly { readonly id: string; readonly at: number }[]
  readonly at: number
}

/** Runs the child until it has said so many lines, and kills it. */
async function killed(t: { teardown(work: () => unknown): unknown }, args: readonly string[], lines: number): Promise<Killed> {
  const child = spawn(process.execPath, [writing, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const closed = once(child, 'close')
  const said: { readonly id: string; readonly at: number }[] = []
  const enough = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [id = '', at] = line.split(' ')
    said.push({ id, at: Number(at) })
    if (said.length === lines) enough.resolve()
  })
  await enough.promise
  const at = Date.now()
  child.kill('SIGKILL')
  await closed
  return { said, at }
}

const sumsAgree = `SELECT (SELECT sum(calls) FROM days) = (SELECT count(*) FROM calls WHERE owner IS NULL) AS days,
  (SELECT sum(cost) FROM days) = (SELECT sum(cost) FROM calls WHERE owner IS NULL) AS cost,
  (SELECT sum(spent) FROM budgets) = (SELECT sum(cost) FROM calls WHERE owner IS NULL) AS budgets`

t.test('after kill -9 every call that ended before the flush interval is in the ledger once, on its day and its budget', async (t) => {
  const file = ledgerFile(t)

  const { said, at } = await killed(t, [file, 'rows'], 700)

  // Three intervals: the machine may be busy with other tests.
  const due = said.filter((call) => call.at < at - 600).map(({ id }) => id)
  const found = new Set(ask(file, 'SELECT id FROM calls').map(({ id }) => id))
  t.ok(due.length > 100, `${due.length} were due`)
  t.strictSame(
    due.filter((id) => !found.has(id)),
    [],
  )
  t.match(ask(file, sumsAgree), [{ days: 1, cost: 1, budgets: 1 }])
})

t.test(
  'with sync every call that went out is in the ledger after kill -9; those that never ended become estimates once, whatever else dies',
  async (t) => {
    const file = ledgerFile(t)
    const { said } = await killed(t, [file, 'intents'], 1500)
    const found = new Set(ask(file, 'SELECT id FROM calls').map(({ id }) => id))
    const openBefore = Number(ask(file, 'SELECT count(*) AS count FROM calls WHERE owner IS NOT NULL')[0]?.['count'])

    // When two relays that recover are killed themselves, before their first and their second commit.
    const recovered = ['1', '2'].map((at) => spawnSync(process.execPath, [recovering, file, at]).signal)
    const openAfter = Number(ask(file, 'SELECT count(*) AS count FROM calls WHERE owner IS NOT NULL')[0]?.['count'])
    const source = { file: new URL('../../src/ledger/thread.ts', import.meta.url) }
    const host = await ledgerHost({ source, options: optionsFor(file), log: keptLog(), onPort: () => undefined })
    t.teardown(() => host.close())
    const spent = await host.spent(row('x').budgets)

    t.strictSame(
      said.filter(({ id }) => !found.has(id)),
      [],
    )
    t.strictSame(recovered, ['SIGKILL', 'SIGKILL'])
    t.ok(openBefore >= 1000)
    t.equal(openAfter, openBefore - 500, 'one commit of the second was done')
    t.equal(host.status().estimated, openAfter)
    t.match(ask(file, `SELECT count(*) AS lost FROM calls WHERE end = 'lost' AND source = 'estimated' AND owner IS NULL`), [
      { lost: openBefore },
    ])
    t.match(ask(file, sumsAgree), [{ days: 1, cost: 1, budgets: 1 }])
    t.strictSame(spent, [openBefore * 5_000_000 + (1500 - openBefore) * 600_000])
  },
)
