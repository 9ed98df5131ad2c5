import { readFileSync } from 'node:fs'
import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { until } from './redis-world.ts'

type Arg = string | number

const text = readFileSync(new URL('../../lua/token_bucket.lua', import.meta.url), 'utf8')
const server = await redisServer(t)
const ask = async (...args: readonly Arg[]): Promise<unknown> => server.ask('EVAL', text, 1, 'bucket', ...args)
const asked = async (times: number, ...args: readonly Arg[]): Promise<number> => {
  let allowed = 0
  for (let turn = 0; turn < times; turn += 1) allowed += Number(await ask(...args))
  return allowed
}
const clock = 'caller-clock'
const now = 1_795_428_000

t.beforeEach(async () => {
  await server.ask('FLUSHALL')
})

t.test('a bucket allows its capacity, then what has been refilled', async (t) => {
  const burst = await asked(20, 10, 2, now, 1, clock)
  const early = await ask(10, 2, now + 0.499, 1, clock)
  const inTime = await ask(10, 2, now + 0.5, 1, clock)
  const many = await asked(20, 10, 2, now + 3600, 3, clock)

  t.strictSame([burst, early, inTime, many], [10, 0, 1, 3])
})

t.test('ten refills of a tenth are one', async (t) => {
  for (const start of [now, now + 0.1, now + 1 / 3, 0.7, 0]) {
    await server.ask('FLUSHALL')
    const first = await ask(1, 1, start, 1, clock)
    const between: unknown[] = []
    for (let turn = 1; turn < 10; turn += 1) between.push(await ask(1, 1, start + turn * 0.1, 1, clock))
    const tenth = await ask(1, 1, start + 1, 1, clock)

    t.equal(first, 1)
    t.ok(between.every((allowed) => allowed === 0))
    t.equal(tenth, 1, `from ${start}`)
  }
})

t.test('a thousand refills of a tenth of a token are a hundred tokens', async (t) => {
  await ask(1, 0.1, now, 1, clock)
  let allowed = 0
  for (let turn = 1; turn <= 1000; turn += 1) allowed += Number(await ask(1, 0.1, now + turn, 1, clock))

  t.equal(allowed, 100)
})

t.test('a third of a second refills a third of three, though no clock can say a third', async (t) => {
  const allowed: unknown[] = []
  for (let turn = 0; turn < 30; turn += 1) allowed.push(await ask(1, 3, now + turn / 3, 1, clock))

  t.strictSame(
    allowed,
    allowed.map(() => 1),
  )
})

t.test('more than the capacity is never allowed, and costs nothing; asking for nothing always is', async (t) => {
  const large = await ask(5, 1, now, 6)
  const all = await ask(5, 1, now, 5)
  const nothing = await ask(5, 1, now, 0)
  const half = await ask(5, 1000, now, 0.5)

  t.strictSame([large, all, nothing, half], [0, 1, 1, 0])
})

t.test('the clock of a caller is not asked for: it may even be no number', async (t) => {
  const allowed = [await ask(1, 0.01, 'yesterday', 1), await ask(1, 0.01, '', 1), await ask(1, 0.01, now + 86_400, 1)]

  t.strictSame(allowed, [1, 0, 0])
})

t.test('the key expires when the bucket is full', async (t) => {
  await ask(10, 2, now, 3)
  const lives = Number(await server.ask('PTTL', 'bucket'))
  await ask(10, 2, now, 20)

  t.ok(lives > 500 && lives <= 1501, `${lives} ms`)
  t.ok(Number(await server.ask('PTTL', 'bucket')) <= 1501, 'a refusal does not keep it')
})

t.test('arguments that cannot be meant are an error, and nothing changes', async (t) => {
  await ask(10, 0.01, now, 3)
  const before = await server.ask('DUMP', 'bucket')
  const bad: readonly (readonly Arg[])[] = [
    [],
    [10, 1, now],
    [0, 1, now, 1],
    [-1, 1, now, 1],
    [10, 0, now, 1],
    [10, -1, now, 1],
    [10, 'nan', now, 1],
    ['inf', 1, now, 1],
    [10, 1, now, -1],
    [10, 1, now, 'nan'],
    [10, 1, now, ''],
    [1e15, 1e-9, now, 1],
    [10, 1, now, 1, 'my-clock'],
    [10, 1, 'nan', 1, clock],
    [10, 1, -5, 1, clock],
    [10, 1, now * 1000, 1, clock],
    [10, 1, now, 1, clock, 1],
  ]

  for (const args of bad) await t.rejects(ask(...args), { message: /^ERR relay: / }, args.join(' '))

  t.equal(await server.ask('DUMP', 'bucket'), before)
  await t.rejects(server.ask('EVAL', text, 2, 'bucket', 'other', 10, 1, now, 1), { message: /^ERR relay: / })
})

t.test('a bucket that the older script has left behind counts as full once', async (t) => {
  await server.ask('HSET', 'bucket', 'tokens', 0, 'last_refill', now)

  t.equal(await asked(10, 4, 0.01, now, 1), 4)
})

const skews = [1, 5, 60, 3600, 86_400].flatMap((seconds) => [seconds, -seconds])

for (const skew of skews) {
  t.test(`callers whose clocks are ${skew} s apart get what one would, and none is locked out`, async (t) => {
    const from = performance.now()
    let allowed = 0
    for (let turn = 0; turn < 100; turn += 1) {
      const clockOfCaller = Date.now() / 1000 + (turn % 2 === 0 ? skew : 0)
      allowed += Number(await ask(10, 20, clockOfCaller, 1))
    }
    const most = 10 + (20 * (performance.now() - from)) / 1000 + 1

    t.ok(allowed >= 10 && allowed <= most, `${allowed} of at most ${most}`)
    // Two tokens' time is enough for an honest caller.
    await until(async () => (await ask(10, 20, Date.now() / 1000, 2)) === 1)
  })
}

t.test('a clock that steps back costs a bucket no more than it takes to fill', async (t) => {
  await ask(10, 1, now + 86_400, 10, clock)

  const refused = await ask(10, 1, now, 1, clock)
  const early = await ask(10, 1, now + 0.9, 1, clock)
  const later = await ask(10, 1, now + 1, 1, clock)
  const full = await asked(20, 10, 1, now + 60, 1, clock)

  t.strictSame([refused, early, later, full], [0, 0, 1, 10])
})

t.test('a capacity that is cut holds at once, and nobody waits for the old one', async (t) => {
  await ask(1000, 1, now, 1000, clock)

  const now2 = await ask(2, 1, now, 1, clock)
  const later = await asked(5, 2, 1, now + 2, 1, clock)

  t.strictSame([now2, later], [0, 2])
})
