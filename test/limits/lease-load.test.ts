import t, { type Test } from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import { redisServer } from '../helpers/redis.ts'
import { callId, limitProcess } from './lease-world.ts'
import { offer, type LoadResult } from './lease-load.ts'
import { budget, caller, permits, rate, testClock } from './world.ts'

const server = await redisServer(t)
const leased = { exact: false, away: 'closed' } as const
const [perSecond, burst, seconds] = [1000, 400, 3]
const requests = rate({ count: perSecond, periodMs: 1000, burst, ...leased })
const tokens = { count: 100 * perSecond, periodMs: 1000, burst: 100 * burst, ...leased }
const one = { limits: [requests], taken: [1], used: [1] }
const five = {
  limits: [
    requests,
    rate({ name: 'input-tokens', kind: 'input_tokens', ...tokens }),
    rate({ name: 'output-tokens', kind: 'output_tokens', ...tokens }),
    permits(100, leased),
    budget(1e15, { ...leased, period: 'month' }),
  ],
  taken: [1, 100, 100, 1, 1e6],
  used: [1, 100, 100, 1, 5e5],
}
let prefixes = 0

for (const [what, limited] of Object.entries({ 'one limit': one, 'five limits': five })) {
  t.test(`${what}: 1,000 calls a second at a limit of 1,000 all pass, and cost one round trip in 50 at most`, async (t) => {
    const { admitted, offered, scripts } = await load(t, limited, { offered: perSecond })

    t.equal(admitted, offered)
    t.ok(scripts <= offered / 50, `${scripts} scripts for ${offered} calls`)
  })

  for (const times of [1.5, 8])
    t.test(
      `${what}: a tenant at ${times} times its rate gets all of it, and Redis is asked 20 times a second for each limit at most`,
      async (t) => {
        const { admitted, scripts, waits } = await load(t, limited, { offered: times * perSecond })

        t.ok(admitted <= burst + perSecond * seconds, `${admitted} calls`)
        t.ok(admitted >= 0.95 * (burst + perSecond * seconds), `${admitted} calls`)
        // Of five, all but one are asked for along with it, or seldom.
        t.ok(scripts <= (what === 'one limit' ? 21 : 32) * seconds + 10, `${scripts} scripts`)
        t.ok(
          waits.every((wait) => wait >= 1 && wait <= 50),
          waits.join(' '),
        )
      },
    )
}

t.test('three nodes at one and a half times the rate of a tenant get all of it, in fair parts', async (t) => {
  const { admitted, scripts, shares } = await load(t, one, { offered: 1.5 * perSecond, nodes: 3 })

  t.ok(admitted <= burst + perSecond * seconds, `${admitted} calls`)
  t.ok(admitted >= 0.95 * (burst + perSecond * seconds), `${admitted} calls`)
  t.ok(Math.min(...shares) >= (0.85 * admitted) / 3, shares.join(' '))
  t.ok(scripts <= 3 * 25 * seconds, `${scripts} scripts`)
})

t.test('a call that is refused for tokens asks for nothing; one small enough for what there is passes meanwhile', async (t) => {
  const clock = testClock()
  const made = await limitProcess(t, server, { prefix: 'small', clock, keeper: { callerUs: clock.us } })
  const set = await made.limiter.bind(caller, [rate({ ...tokens, burst: 1000, count: 1000 })])
  const take = async (amount: number): Promise<string> => (await made.limiter.take(callId(), set, [amount])).is
  const first = await take(940)

  const large = [await take(100), await take(100), await take(90)]
  const asked = made.keeper.counts().roundTrips
  const again = [await take(100), await take(95), await take(90)]
  const after = made.keeper.counts().roundTrips
  const small = await take(10)

  t.equal(first, 'taken')
  t.strictSame(large, ['refused', 'refused', 'refused'])
  t.strictSame(again, ['refused', 'refused', 'refused'])
  t.equal(after, asked)
  t.equal(small, 'taken')
})

t.test('a call on five limits that nothing is leased of yet asks for all of them in one script', async (t) => {
  const clock = testClock()
  const made = await limitProcess(t, server, { prefix: 'first', clock, keeper: { callerUs: clock.us } })
  const set = await made.limiter.bind(caller, five.limits)

  const verdict = await made.limiter.take(callId(), set, five.taken)

  t.equal(verdict.is, 'taken')
  t.equal(made.keeper.counts().roundTrips, 1)
})

interface Limited {
  readonly limits: readonly Limit[]
  readonly taken: readonly number[]
  readonly used: readonly number[]
}

/** Nodes of two workers each, whose one clock is that of Redis too. */
async function load(
  t: Test,
  { limits, taken, used }: Limited,
  { offered, nodes = 1 }: { readonly offered: number; readonly nodes?: number },
): Promise<LoadResult> {
  prefixes += 1
  const clock = testClock()
  const made = Array.from({ length: nodes }, async (_none, at) =>
    limitProcess(t, server, { prefix: `load${prefixes}`, name: `n${at}`, workers: 2, clock, keeper: { callerUs: clock.us } }),
  )
  const processes = await Promise.all(made)
  for (const { shared } of processes) shared.nodes = nodes
  const sets = await Promise.all(processes.map(async ({ limiter }) => limiter.bind(caller, limits)))
  return offer({ processes, sets, clock, perSecond: offered, seconds, taken, used })
}
