import t from 'tap'
import { leaseBank } from '../../src/limits/lease/bank.ts'
import { redisClient } from '../../src/limits/redis/client.ts'
import { redisScript, type Script } from '../../src/limits/redis/scripts.ts'
import { redisServer, type Scope } from '../helpers/redis.ts'
import { bound, burst, limitProcess, texts } from './lease-world.ts'
import { budget, rate } from './world.ts'

const epochMs = 1_800_000_000_000
const nothing = { want: 0, least: 0, keep: 0, used: 0, back: 0 } as const

t.test('an operation that is sent twice has its effect once, and one that comes late has none', async (t) => {
  const { bank } = await world(t)
  const place = bank.place({ key: 'requests|tenant=a', tag: 'tenant=a', limit: rate({ burst: 100, count: 1 }) }, 0)
  const first = { ...nothing, number: 1, want: 40, least: 1, keep: 40 }

  const answers = [await bank.send(place, first), await bank.send(place, first)]
  const back = await bank.send(place, { ...nothing, number: 3, back: 40 })
  const late = await bank.send(place, { ...first, number: 2 })
  const all = await bank.send(place, { ...nothing, number: 4, want: 200, least: 100, keep: 200 })

  t.strictSame(
    answers.map((answer) => ('granted' in answer ? answer.granted : answer)),
    [40, 40],
  )
  t.match(back, { is: 'done', remaining: 100 })
  t.strictSame(late, { is: 'stale' })
  t.match(all, { is: 'done', granted: 100 })
})

t.test('money that is told twice is spent once', async (t) => {
  const { bank } = await world(t)
  const place = bank.place({ key: 'budget-day|tenant=a|2027-01-15', tag: 'tenant=a', limit: budget(1000) }, 0)
  const told = { ...nothing, number: 1, want: 100, used: 300 }

  await bank.send(place, told)
  await bank.send(place, told)
  const rest = await bank.send(place, { ...nothing, number: 2, want: 1000, keep: 100 })

  t.match(rest, { is: 'done', granted: 700, remaining: 0 })
})

t.test('what a process holds stays out of the bucket until it lapses, however long the bucket has had to fill', async (t) => {
  const { bank, pass } = await world(t)
  const bucket = { key: 'requests|tenant=a', tag: 'tenant=a', limit: rate({ burst: 100, count: 6000 }) }
  const [a, b] = [bank.place(bucket, 0), bank.place(bucket, 1)]
  await bank.send(a, { ...nothing, number: 1, want: 40, least: 1, keep: 40 })

  pass(30_000)
  const beside = await bank.send(b, { ...nothing, number: 2, want: 100, least: 1, keep: 100 })
  await bank.send(b, { ...nothing, number: 3, back: 60 })
  pass(30_001)
  const alone = await bank.send(b, { ...nothing, number: 4, want: 100, least: 1, keep: 100 })

  t.match(beside, { is: 'done', granted: 60 })
  t.match(alone, { is: 'done', granted: 100 })
})

t.test('money spent in a period that is over is told there, and nothing is granted of it any more', async (t) => {
  const { bank, pass } = await world(t)
  const bucket = { key: 'budget-day|tenant=a|2027-01-15', tag: 'tenant=a', limit: budget(1000) }
  const place = bank.place(bucket, 0)
  await bank.send(place, { ...nothing, number: 1, want: 500, least: 1, keep: 0 })

  pass(86_400_000)
  const more = await bank.send(place, { ...nothing, number: 2, want: 600, least: 600, keep: 500 })
  const told = await bank.send(place, { ...nothing, number: 3, used: 300 })

  t.strictSame(more, { is: 'period' })
  t.match(told, { is: 'done', granted: 0, remaining: 700 })
  t.ok(bank.isOver(place))
})

t.test('arguments that cannot be meant are refused, and nothing has changed', async (t) => {
  const { script, ask } = await world(t)
  const keys = ['l', 'b', 'h'].map((name) => `{x}${name}`)
  const good = ['redis', 'a', 1, 1000, 1000, 'rate', 10, 1, 1000, 5, 1, 5, 0, 0]
  const wrong: readonly (readonly [number, string | number])[] = [
    [0, 'mine'],
    [1, ''],
    [2, 0],
    [3, 0],
    [5, 'bucket'],
    [6, 0],
    [9, -1],
    [9, 'NaN'],
    [10, 6],
    [12, 1.5],
  ]

  for (const [at, value] of wrong) await t.rejects(script(keys, good.with(at, value)), { message: /^ERR relay: / }, `${at}: ${value}`)

  await t.rejects(script(keys.slice(1), good), { message: /^ERR relay: / })
  t.strictSame(await ask('KEYS', '{x}*'), [])
})

t.test('every key of a lease expires', async (t) => {
  const { bank, ask } = await world(t)
  for (const limit of [rate({ burst: 100 }), budget(1000)]) {
    const key = limit.kind === 'budget' ? 'b|tenant=a|2027-01-15' : 'r|tenant=a'
    await bank.send(bank.place({ key, tag: 'tenant=a', limit }, 0), { ...nothing, number: 1, want: 50, least: 1, keep: 50 })
  }

  const keys = (await ask('KEYS', '*lease*')) as readonly string[]
  const left = await Promise.all(keys.map(async (key) => ask('PTTL', key)))

  t.equal(keys.length, 6)
  t.ok(left.every((ms) => Number(ms) > 0))
})

t.test('nodes whose clocks are a day apart, or in another period, never spend more than one budget together', async (t) => {
  const server = await redisServer(t)
  const limit = budget(1000, { exact: false })
  const days = [-1, 0, 1, 0.04]
  const processes = await Promise.all(days.map(async (day, at) => limitProcess(t, server, { name: `n${at}`, skewMs: day * 86_400_000 })))

  const counts = await Promise.all(
    processes.map(async ({ limiter }) => burst(limiter, await bound(limiter, limit), { count: 20, amounts: [50] })),
  )

  const all = counts.reduce((sum, count) => sum + count, 0)
  t.ok(all <= 20, `${all} calls`)
  t.ok(all >= 10, `${all} calls`)
})

interface World {
  readonly script: Script
  readonly bank: ReturnType<typeof leaseBank>
  readonly ask: (name: string, ...args: readonly (string | number)[]) => Promise<unknown>
  readonly pass: (ms: number) => void
}

/** Leases of 60 s by a clock that a test moves on. */
async function world(t: Scope): Promise<World> {
  const server = await redisServer(t)
  const client = redisClient({ ...server.place, timeoutMs: 1000 })
  t.teardown(async () => client.close())
  await client.first
  let ms = epochMs
  const script = redisScript(client, texts.lease)
  const bank = leaseBank({ script, prefix: 'lease', process: 'p', leaseMs: 60_000, wallMs: () => ms, callerUs: () => ms * 1000 })
  return {
    script,
    bank,
    ask: async (name, ...args) => server.ask(name, ...args),
    pass: (by) => {
      ms += by
    },
  }
}
