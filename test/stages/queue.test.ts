import t from 'tap'
import { limitKinds } from '../../src/metrics/layout.ts'
import { RelayError } from '../../src/base/errors.ts'
import type { Call } from '../../src/engine/call.ts'
import { workerColumn } from '../../src/metrics/column.ts'
import { readHistogram } from '../../src/metrics/histogram.ts'
import { numbers } from '../../src/metrics/numbers.ts'
import type { Attempt, Ticket } from '../../src/stages/queue-ticket.ts'
import { workerQueues, type Queue, type Queues } from '../../src/stages/queue.ts'
import { permits, rate } from '../limits/world.ts'
import { limitWorld, manualClock, messagesCall, over, tenantOf, turn, type ManualClock } from './limit-world.ts'

/** Buckets with so many permits each, over all workers: whoever takes one takes one of each of its buckets. */
interface Line {
  readonly clock: ManualClock
  readonly workers: readonly { readonly queues: Queues; readonly queue: Queue }[]
  readonly free: Map<string, number>
  /** Who got through, in order; and who did not, with the reason. */
  readonly through: string[]
  readonly turnedAway: string[]
  /** What still waits, over all workers. */
  readonly waiting: () => number
  /** A call joins. */
  readonly join: (name: string, more?: Partial<Ticket> & { worker?: number; later?: Promise<void> }) => Call
  /** So many permits of a bucket come free, told to the worker. */
  readonly release: (bucket: string, count?: number, worker?: number) => Promise<void>
}

function line({ most = 1000, timeoutMs = 10_000, workers = 1 } = {}): Line {
  const clock = manualClock()
  const shared = numbers({ workers })
  const made = Array.from({ length: workers }, (_none, index) => {
    const column = workerColumn(shared.memory, index)
    const queues = workerQueues({ numbersOf: (slot) => column.queue(slot), clock })
    return { queues, queue: queues.room(1) }
  })
  const free = new Map<string, number>()
  const through: string[] = []
  const turnedAway: string[] = []
  return {
    clock,
    workers: made,
    free,
    through,
    turnedAway,
    waiting: () => shared.read()[shared.layout.queues + 14] ?? 0,
    join: (name, { worker = 0, later, ...more } = {}) => {
      const call = messagesCall()
      const ticket: Ticket = {
        ...{ tenant: name, priority: 5, size: 1, most, timeoutMs, buckets: ['shared'] },
        attempt: () => (later === undefined ? attempt(ticket) : later.then(() => attempt(ticket))),
        giveBack: () => {
          for (const bucket of ticket.buckets) free.set(bucket, (free.get(bucket) ?? 0) + 1)
        },
        refusal: (why) => new RelayError('over_limit', why),
        ...more,
      }
      void made[worker]!.queue.wait(call, ticket).then(
        () => through.push(name),
        (error: unknown) => turnedAway.push(`${name}: ${error instanceof Error ? error.message : ''}`),
      )
      return call
    },
    release: async (bucket, count = 1, worker = 0) => {
      free.set(bucket, (free.get(bucket) ?? 0) + count)
      made[worker]!.queues.released()
      await turn()
    },
  }

  function attempt({ buckets }: Ticket): Attempt {
    const empty = buckets.find((bucket) => (free.get(bucket) ?? 0) < 1)
    if (empty !== undefined) return { is: 'waits', bucket: empty, buckets, waitMs: 0 }
    for (const bucket of buckets) free.set(bucket, (free.get(bucket) ?? 0) - 1)
    return { is: 'taken' }
  }
}

t.test('one tenant’s thousand waiting calls do not stand before another’s first', async (t) => {
  const { join, release, through } = line({ most: 2000 })
  for (let k = 0; k < 1000; k++) join('many')
  join('few')

  await release('shared', 3)

  t.same(through, ['many', 'few', 'many'])
})

t.test('tenants get through in turn, and one that comes late is not owed what it was not there for', async (t) => {
  const { join, release, through } = line()
  for (let k = 0; k < 6; k++) join('a')
  for (let k = 0; k < 3; k++) join('b')
  await release('shared', 4)
  t.same(through, ['a', 'b', 'a', 'b'])

  for (let k = 0; k < 3; k++) join('c')
  await release('shared', 6)

  t.same(count(through.slice(4)), { a: 2, b: 1, c: 3 })
})

t.test('who comes when others have been served for long stands beside them, not before them', async (t) => {
  const { join, release, through } = line()
  for (let k = 0; k < 10; k++) join('a')
  await release('shared', 5)

  for (let k = 0; k < 5; k++) join('late')
  await release('shared', 6)

  t.same(count(through.slice(5)), { a: 3, late: 3 })
})

t.test('where calls wait too long, tenants get through alike, however many come of each', async (t) => {
  const { clock, join, release, through } = line({ timeoutMs: 5000 })
  for (let second = 0; second < 30; second++) {
    for (let k = 0; k < 8; k++) join('many')
    for (let k = 0; k < 4; k++) join('some')
    await release('shared', 2)
    clock.advance(1000)
    await turn()
  }

  t.same(count(through), { many: 30, some: 30 })
})

t.test('whose call has gone before its turn has lost nothing: the one behind it moves up', async (t) => {
  const { join, release, through } = line()
  const gone = [join('a'), join('a')]
  join('a')
  for (let k = 0; k < 3; k++) join('b')
  for (const call of gone) call.cancel('cancelled')

  await release('shared', 2)

  t.same(through, ['a', 'b'])
})

t.test('a call that asks for more than there is counts as a large one, and the others’ turns go on', async (t) => {
  const { join, release, through } = line()
  for (let k = 0; k < 3; k++) join('huge', { size: 2 ** 100 })
  await release('shared', 3)
  join('huge', { size: 2 ** 100 })
  for (let k = 0; k < 3; k++) join('a')
  for (let k = 0; k < 3; k++) join('b')

  await release('shared', 6)

  t.same(through.slice(-6).join(' '), 'huge a b a b a')
})

t.test('what a large call waits for is not taken by small ones behind it', async (t) => {
  const { join, release, through, free } = line()
  const need = (name: string, most: number): void => {
    join(name, {
      attempt: () => {
        const left = free.get('shared') ?? 0
        if (left < most) return { is: 'waits', bucket: 'shared', buckets: ['shared'], waitMs: 0 }
        free.set('shared', left - most)
        return { is: 'taken' }
      },
    })
  }
  need('large', 3)
  need('small', 1)

  await release('shared', 2)
  t.same(through, [])
  await release('shared', 2)

  t.same(through, ['large', 'small'])
})

t.test('a tenant whose calls ask for twice as much gets through half as often', async (t) => {
  const { join, release, through } = line()
  for (let k = 0; k < 40; k++) join('large', { size: 2000 })
  for (let k = 0; k < 40; k++) join('small', { size: 1000 })

  await release('shared', 30)

  t.same(count(through), { large: 10, small: 20 })
})

t.test('a higher priority goes first, whoever waits longer', async (t) => {
  const { join, release, through } = line()
  join('low', { priority: 0 })
  join('plain')
  join('high', { priority: 9 })

  await release('shared', 3)

  t.same(through, ['high', 'plain', 'low'])
})

t.test('nobody waits for a limit that is another’s, and nobody takes what a better call waits for', async (t) => {
  const { join, release, through } = line()
  join('a', { buckets: ['of a', 'shared'], priority: 9 })
  join('b', { buckets: ['of b', 'shared'] })
  join('c', { buckets: ['of b', 'shared'], priority: 3 })

  await release('of b')
  t.same(through, [], 'the shared one is empty')
  await release('shared')
  t.same(through, ['b'], 'a waits for its own, which b does not need')
  await release('shared')
  t.same(through, ['b'])
  await release('of b')

  t.same(through, ['b', 'c'])
})

t.test('a call that comes while others wait for its buckets waits too; one that shares none does not', async (t) => {
  const { join, workers } = line()
  const { queue } = workers[0]!
  t.equal(queue.isFree(['shared']), true)

  join('a', { buckets: ['of a', 'shared'] })

  t.equal(queue.isFree(['of a']), false)
  t.equal(queue.isFree(['shared', 'of b']), true, 'a waits for its own')
})

t.test('a caller that leaves frees its place at once, and what was on its way to it goes back', async (t) => {
  const { join, release, through, turnedAway, waiting, free } = line({ most: 1 })
  const first = join('first')
  join('second')
  await turn()
  t.same(turnedAway, ['second: full'])

  first.cancel('cancelled')
  t.equal(waiting(), 0)
  const answer = Promise.withResolvers<void>()
  const third = join('third', { later: answer.promise })
  third.cancel('cancelled')
  t.equal(waiting(), 0)
  free.set('shared', 1)
  answer.resolve()
  await turn()

  t.equal(free.get('shared'), 1)
  await release('shared', 0)
  t.same(through, [])
  t.same(turnedAway.slice(1), ['first: the caller left', 'third: the caller left'])
})

t.test('who waits too long is told so', async (t) => {
  const { join, clock, turnedAway, waiting } = line({ timeoutMs: 100 })
  join('a')
  clock.advance(90)
  join('b')
  await turn()
  t.same(turnedAway, [])

  clock.advance(20)
  await turn()

  t.same(turnedAway, ['a: late'])
  t.equal(waiting(), 1)
})

t.test('a full queue keeps the best: another’s first call takes the place of one tenant’s last, and no worse call does', async (t) => {
  const { join, release, through, turnedAway, waiting } = line({ most: 3 })
  for (const _ of [1, 2, 3]) join('many')

  join('few')
  join('many')
  join('low', { priority: 0 })
  await turn()

  t.equal(waiting(), 3)
  t.same(turnedAway, ['many: full', 'many: full', 'low: full'])
  await release('shared', 3)
  t.same(through, ['many', 'few', 'many'])
})

t.test('the bound and the order hold over all workers: the best of all goes first', async (t) => {
  const { join, clock, free, through, turnedAway } = line({ most: 3, workers: 2 })
  join('here', { worker: 0, priority: 5 })
  join('there', { worker: 1, priority: 7 })
  join('last', { worker: 1, priority: 1 })
  join('too many', { worker: 0, priority: 0 })
  await turn()
  t.same(turnedAway, ['too many: full'])

  for (const name of ['there', 'here', 'last']) {
    free.set('shared', 1)
    clock.advance(60)
    await turn()
    t.equal(through.at(-1), name)
  }
})

t.test('a worker that dies leaves nobody waiting for it', async (t) => {
  const clock = manualClock()
  const shared = numbers({ workers: 2 })
  const queues = [0, 1].map((index) => workerQueues({ numbersOf: (slot) => workerColumn(shared.memory, index).queue(slot), clock }))
  const ticket: Ticket = {
    ...{ tenant: 'a', priority: 9, size: 1, most: 1, timeoutMs: 1000, buckets: ['shared'] },
    attempt: () => ({ is: 'waits', bucket: 'shared', buckets: ['shared'], waitMs: 0 }),
    giveBack: () => {},
    refusal: (why) => new RelayError('over_limit', why),
  }
  const left = messagesCall()
  const waiting = queues[0]!.room(1).wait(left, ticket)
  t.equal(queues[1]!.room(1).isFree(['shared']), false)

  shared.workerDied(0)

  t.equal(queues[1]!.room(1).isFree(['shared']), true)
  left.cancel('cancelled')
  await t.rejects(waiting)
})

t.test('nothing ticks while nobody waits', async (t) => {
  const { join, clock, release } = line()
  t.equal(clock.ticking(), 0)
  join('a')
  t.equal(clock.ticking(), 1)

  await release('shared')

  t.equal(clock.ticking(), 0)
})

t.test('a call over its rate waits until it is its turn, and no call is let through early', async (t) => {
  const { run, sent, advance, shared } = limitWorld({ limits: [rate({ count: 60, burst: 1 })], queue: { most: 10, timeoutMs: 5000 } })
  const calls = [1, 2, 3].map(() => messagesCall())
  const running = calls.map(run)
  await turn()
  t.equal(sent.length, 1)

  await advance(980)
  t.equal(sent.length, 1)
  await advance(40)
  t.equal(sent.length, 2)
  await advance(1000)
  t.equal(sent.length, 3)

  await Promise.all(running)
  t.equal(readHistogram(shared.read(), shared.layout.queueWaits + 21).count, 2)
})

t.test('a call at once too many goes out when another ends in the same worker, without a tick', async (t) => {
  const { run, sent } = limitWorld({ limits: [permits(1)], queue: { most: 10, timeoutMs: 5000 } })
  const [first, second] = [messagesCall(), messagesCall()]
  await run(first)
  const waiting = run(second)
  t.equal(sent.length, 1)

  over(first, { output: 1 })
  await waiting

  t.same(sent, [first, second])
})

t.test(
  'who has waited in vain gets a 429 with a time to come back, and what it is over; an exhausted budget is not waited for',
  async (t) => {
    const queue = { most: 10, timeoutMs: 500 }
    const { ask, advance, rows } = limitWorld({ limits: [permits(1)], queue })
    await ask(messagesCall())
    const asked = ask(messagesCall())
    await advance(520)

    t.match(await asked, {
      failure: 'over_limit',
      retryAfterMs: 1000,
      message: /concurrency of tenant search, 1 calls at once; it waited 500 ms/,
    })
    t.match(rows, [{ end: 'refused' }])
    const slow = limitWorld({ limits: [rate({ burst: 1 })], queue })
    await slow.ask(messagesCall())
    t.match(await slow.ask(messagesCall()), { retryAfterMs: 10_000 }, 'longer than calls wait here')
  },
)

t.test('a call that comes in the moment when a permit is given back does not get in before the one that waits for it', async (t) => {
  const { run, sent } = limitWorld({ limits: [permits(1, { per: [] })], queue: { most: 10, timeoutMs: 5000 } })
  const [first, second, third] = [messagesCall(), messagesCall(), messagesCall(tenantOf('another'))]
  await run(first)
  const waiting = run(second)
  await turn()

  over(first, { output: 1 })
  const last = run(third)
  await waiting
  t.same(
    sent.map(({ id }) => id),
    [first.id, second.id],
  )
  over(second, { output: 1 })
  await last

  t.equal(sent.length, 3)
})

t.test('a noisy tenant’s full queue refuses no call of a quiet one', async (t) => {
  const { run, ask, sent } = limitWorld({ limits: [permits(1)], queue: { most: 5, timeoutMs: 500 } })
  const noisy = Array.from({ length: 20 }, () => run(messagesCall(tenantOf('noisy'))).catch(() => null))
  await turn()
  t.equal(sent.length, 1)

  t.equal(await ask(messagesCall(tenantOf('quiet'))), 'out')

  t.equal(noisy.length, 20)
})

t.test('calls that a full queue turns away are counted as hits of their limit, asked or not', async (t) => {
  const { run, sent, shared } = limitWorld({ limits: [permits(1)], queue: { most: 2, timeoutMs: 500 } })
  const calls = Array.from({ length: 6 }, () =>
    run(messagesCall(tenantOf('one'))).then(
      () => 'out',
      () => 'refused',
    ),
  )
  await turn()
  const hits = shared.read().subarray(shared.layout.limitHits + limitKinds.length, shared.layout.limitHits + 2 * limitKinds.length)

  t.equal(sent.length, 1)
  t.equal(hits[limitKinds.indexOf('concurrency')], 3)
  t.equal(calls.length, 6)
})

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
