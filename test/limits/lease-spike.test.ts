import t from 'tap'
import { openCells } from '../../src/limits/cells.ts'
import { redisServer } from '../helpers/redis.ts'
import { bound, burst, callId, first, limitProcess, taken } from './lease-world.ts'
import { budget, permits } from './world.ts'

const leased = { exact: false } as const
const limits = { money: budget(20, leased), permits: permits(20, leased) }

for (const [name, limit] of Object.entries(limits)) {
  t.test(`${name}: what a call holds for the moment that it takes to see that there is not enough is not asked for`, async (t) => {
    const server = await redisServer(t)
    const a = await limitProcess(t, server, { name: 'a', workers: 2 })
    const set = await bound(a.limiter, limit)
    t.equal(await burst(a.limiter, set, { count: 30, amounts: [1] }), 20)

    // A worker that has raised its column, and has not come to look at the others' yet.
    const other = openCells(a.memory, 1)
    other.hold(first(set).slot, 1)
    a.clock.advance(15_000)
    a.keeper.look()
    await a.quiet()
    other.hold(first(set).slot, -1)
    a.clock.advance(200)

    t.equal((await taken(a.limiter, set, [1])).is, 'refused')
  })
}

t.test('money that calls hold is kept for them though another call has used more than it took', async (t) => {
  const server = await redisServer(t)
  const [a, b] = [await limitProcess(t, server, { name: 'a' }), await limitProcess(t, server, { name: 'b' })]
  const limit = budget(100, leased)
  const [setA, setB] = [await bound(a.limiter, limit), await bound(b.limiter, limit)]
  const dear = callId()
  await a.limiter.take(dear, setA, [30])
  const open = [await taken(a.limiter, setA, [20]), await taken(a.limiter, setA, [20])]
  await a.quiet()

  a.limiter.settle(dear, setA, [30], [55])
  a.clock.advance(15_000)
  a.keeper.look()
  await a.quiet()

  t.strictSame(
    open.map(({ is }) => is),
    ['taken', 'taken'],
  )
  // 55 are spent and 40 are held.
  t.equal((await taken(b.limiter, setB, [6])).is, 'refused')
  b.clock.advance(200)
  t.equal((await taken(b.limiter, setB, [5])).is, 'taken')
})
