import { MessageChannel, type MessagePort } from 'node:worker_threads'
import t from 'tap'
import type { FromLedger, LedgerRow, ToLedger } from '../../src/ledger/row.ts'
import { ledgerWriter, type PortWriter, type WriterOptions } from '../../src/ledger/writer.ts'
import { intent, row, until } from './rows.ts'

interface World {
  readonly writer: PortWriter
  readonly got: ToLedger[]
  readonly say: (message: FromLedger) => void
  /** A new thread takes over; what it is sent stands in `got`. */
  readonly replace: () => ToLedger[]
}

function world(t: { teardown(work: () => unknown): unknown }, options: Partial<WriterOptions> = {}): World {
  const first = new MessageChannel()
  let thread = first.port1
  const listen = (port: MessagePort) => {
    const got: ToLedger[] = []
    port.on('message', (message: ToLedger) => got.push(message))
    t.teardown(() => port.close())
    return got
  }
  const got = listen(thread)
  const writer = ledgerWriter(first.port2, { flushMs: 20, queue: 100, ...options })
  return {
    writer,
    got,
    say: (message) => thread.postMessage(message),
    replace: () => {
      const next = new MessageChannel()
      thread = next.port1
      writer.reconnect(next.port2)
      return listen(thread)
    },
  }
}

t.test('rows leave together, a little later, and room is made by their commit', async (t) => {
  const { writer, got, say } = world(t, { queue: 4 })

  const taken = ['a', 'b', 'c', 'd', 'e'].map((id) => writer.write(row(id)))
  await until(() => got.length > 0)
  const full = writer.canTake
  say({ is: 'committed', batch: 1 })
  await until(() => writer.canTake)

  t.strictSame(taken, [true, true, true, true, false])
  t.equal(writer.lost, 1)
  t.match(got, [{ is: 'rows', batch: 1, rows: [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }] }])
  t.equal(full, false)
  t.equal(writer.write(row('f')), true)
})

t.test('calls are let in while a quarter of the queue is free for those under way', async (t) => {
  const { writer } = world(t, { queue: 8 })

  const seen = Array.from({ length: 8 }, (_, at) => {
    writer.write(row(`${at}`))
    return writer.canTake
  })

  t.strictSame(seen, [true, true, true, true, true, false, false, false])
})

t.test('refusals go first: beyond half of the queue, and beyond a hundred a second', async (t) => {
  let clock = 5000
  const { writer } = world(t, { queue: 1000, now: () => clock })
  const small = world(t, { queue: 10 }).writer

  for (let at = 0; at < 150; at++) writer.write(row(`r${at}`, { end: 'refused' }))
  const first = writer.dropped
  clock += 1000
  writer.write(row('next', { end: 'refused' }))
  for (let at = 0; at < 10; at++) small.write(row(`r${at}`, { end: 'refused' }))
  const kept = [small.write(row('paid')), small.write(row('paid too'))]

  t.equal(first, 50)
  t.equal(writer.dropped, 50)
  t.equal(small.dropped, 5)
  t.strictSame(kept, [true, true])
  t.equal(small.lost, 0)
})

t.test(
  'refusals without a row are counted by day, tenant, business and route, and their counts are posted one batch at a time',
  async (t) => {
    const { writer, got, say, replace } = world(t, { queue: 2 })
    const at = Date.parse('2026-11-23T12:00:00Z')
    const refused = (more: Partial<LedgerRow> = {}) => writer.write(row('r', { end: 'refused', at, ...more }))

    writer.write(row('a'))
    for (let time = 0; time < 3; time++) refused({ model: `any-${time}` })
    refused({ tenant: 'mail' })
    refused({ at: at + 86_400_000 })
    await until(() => got.length === 1)
    refused()
    refused()
    const flushed = writer.flush(60_000)
    const before = got.length
    const again = replace()
    await until(() => again.length === 1)
    say({ is: 'committed', batch: 1 })
    await until(() => again.length === 2)
    say({ is: 'committed', batch: 2 })
    await flushed

    t.equal(before, 1)
    t.equal(writer.dropped, 7)
    t.match(again[0], got[0])
    t.match(again, [
      {
        is: 'rows',
        batch: 1,
        rows: [{ id: 'a' }],
        refused: [
          { day: '2026-11-23', tenant: 'search', business: 'shop', route: 'v1/messages', count: 3 },
          { day: '2026-11-23', tenant: 'mail', count: 1 },
          { day: '2026-11-24', tenant: 'search', count: 1 },
        ],
      },
      { is: 'rows', batch: 2, rows: [], refused: [{ tenant: 'search', count: 2 }] },
    ])
  },
)

t.test('refusals of more tenants than are told apart count as those of others, and none is missed', async (t) => {
  const { writer, got } = world(t, { queue: 0 })

  for (let at = 0; at < 5000; at++) writer.write(row(`${at}`, { end: 'refused', tenant: `tenant-${at % 2500}` }))
  await until(() => got.length === 1)

  const [message] = got
  const refused = message?.is === 'rows' ? message.refused : []
  t.ok(refused.length <= 1002)
  t.equal(
    refused.reduce((sum, { count }) => sum + count, 0),
    5000,
  )
  t.match(refused.at(-1), { tenant: 'other', business: 'other', route: 'other', count: 3000 })
})

t.test('an intent resolves with its commit, and all of one turn go in one message', async (t) => {
  const { writer, got, say } = world(t)

  const both = Promise.all([writer.intend(intent('a')), writer.intend(intent('b'))])
  await until(() => got.length > 0)
  say({ is: 'committed', batch: 1 })
  await both

  t.match(got, [{ is: 'intents', rows: [{ id: 'a' }, { id: 'b' }] }])
  t.equal(got.length, 1)
})

t.test('an intent that is not committed in time fails as unavailable, and its refusal is written whatever else is dropped', async (t) => {
  const { writer, got } = world(t, { intentMs: 30, queue: 10 })

  const failed = await writer.intend(intent('a')).catch((error: unknown) => error)
  for (let at = 0; at < 6; at++) writer.write(row(`${at}`))
  writer.write(row('dropped', { end: 'refused' }))
  writer.write(row('a', { end: 'refused' }))
  await until(() => got.length === 2)

  t.match(failed, { failure: 'unavailable', retryAfterMs: 1000 })
  t.equal(writer.dropped, 1)
  t.match(got[1]?.rows.at(-1), { id: 'a', end: 'refused' })
})

t.test('while the ledger cannot be written no call is let in and no intent is taken, and rows are kept', async (t) => {
  const { writer, got, say } = world(t)

  say({ is: 'state', canWrite: false })
  await until(() => !writer.canTake)
  const failed = await writer.intend(intent('a')).catch((error: unknown) => error)
  const taken = writer.write(row('b'))
  await until(() => got.length > 0)
  say({ is: 'state', canWrite: true })
  await until(() => writer.canTake)

  t.match(failed, { failure: 'unavailable' })
  t.equal(taken, true)
})

t.test('what was not committed goes to the next thread again, in its order, and an answer of the last one is passed over', async (t) => {
  const { writer, got, say, replace } = world(t, { intentMs: 60_000 })
  const intended = writer.intend(intent('a'))
  await until(() => got.length === 1)
  writer.write(row('b'))
  await until(() => got.length === 2)
  writer.write(row('c'))
  await until(() => got.length === 3)
  say({ is: 'committed', batch: 2 })
  const third = Promise.withResolvers<void>()
  setTimeout(third.resolve, 20)
  await third.promise

  const again = replace()
  await until(() => again.length === 2)
  say({ is: 'committed', batch: 1 })
  say({ is: 'committed', batch: 3 })
  await intended
  await writer.flush(1000)

  t.match(again, [
    { is: 'intents', batch: 1, rows: [{ id: 'a' }] },
    { is: 'rows', batch: 3, rows: [{ id: 'c' }] },
  ])
})

t.test('flush ends with the last commit, or when its time is over', async (t) => {
  const { writer, got, say } = world(t, { flushMs: 60_000 })
  writer.write(row('a'))

  await writer.flush(20)
  const posted = got.length
  say({ is: 'committed', batch: 1 })
  await writer.flush(60_000)

  t.equal(posted, 1)
})

t.test('a queue that is full in one turn goes out in messages of a bounded size', async (t) => {
  const { writer, got } = world(t, { queue: 1000 })

  for (let at = 0; at < 600; at++) writer.write(row(`${at}`))
  await until(() => got.length === 3)

  t.strictSame(
    got.map(({ rows }) => rows.length),
    [256, 256, 88],
  )
})
