import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { bound, burst, callId, limitProcess } from './lease-world.ts'
import { budget, permits, rate } from './world.ts'

const hour = { count: 1, periodMs: 3_600_000, exact: false } as const

t.test('three processes together let through the burst of a leased rate, and not one call more', async (t) => {
  const server = await redisServer(t)
  const processes = await Promise.all(['a', 'b', 'c'].map(async (name) => limitProcess(t, server, { name, workers: 2 })))
  const limit = rate({ ...hour, burst: 100 })

  const counts = await Promise.all(
    processes.flatMap(({ workers }) =>
      workers.map(async (limiter) => burst(limiter, await bound(limiter, limit), { count: 60, amounts: [1] })),
    ),
  )

  const all = counts.reduce((sum, count) => sum + count, 0)
  t.ok(all <= 100, `${all} calls`)
  t.ok(all > 50, `${all} calls`)
})

t.test('a call that a lease suffices for is decided at once, without a promise', async (t) => {
  const server = await redisServer(t)
  const { limiter } = await limitProcess(t, server)
  const set = await bound(limiter, rate({ ...hour, burst: 100 }), permits(40, { exact: false }), budget(1000, { exact: false }))

  const first = limiter.take(callId(), set, [1, 1, 1])
  const asked = await first
  const second = limiter.take(callId(), set, [1, 1, 1])

  t.ok(first instanceof Promise)
  t.equal(asked.is, 'taken')
  t.strictSame(second, { is: 'taken', over: [] })
})

t.test('1,000 calls a second with a burst of 400 cost one round trip in 50 calls at most', async (t) => {
  const server = await redisServer(t)
  const { limiter, keeper, clock } = await limitProcess(t, server)
  const set = await bound(limiter, rate({ count: 100_000, periodMs: 1000, burst: 400, exact: false }))
  const calls = 5000
  let let_through = 0

  for (let call = 0; call < calls; call += 1) {
    const verdict = await limiter.take(callId(), set, [1])
    if (verdict.is === 'taken') let_through += 1
    clock.advance(1)
  }

  const stats = String(await server.ask('INFO', 'commandstats'))
  const scripts = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
  t.equal(let_through, calls)
  t.ok(scripts <= calls / 50, `${scripts} scripts for ${calls} calls`)
  t.ok(keeper.counts().roundTrips <= calls / 50)
})
