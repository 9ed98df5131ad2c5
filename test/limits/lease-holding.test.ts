import t from 'tap'
import { cellsMemory, openCells, Word, type Cells } from '../../src/limits/cells.ts'
import type { Answered } from '../../src/limits/lease/holding.ts'
import { holdingOf } from '../../src/limits/lease/holding-of.ts'
import { leaseSpends } from '../../src/limits/lease/spend.ts'
import { LeaseWord } from '../../src/limits/lease/words.ts'
import { redisServer } from '../helpers/redis.ts'
import { callId, limitProcess } from './lease-world.ts'
import { budget, setMaker, testClock } from './world.ts'

function cellsOf(): { readonly control: Cells; readonly worker: Cells } {
  const memory = cellsMemory({ workers: 1, slots: 1 })
  return { control: openCells(memory, null), worker: openCells(memory, 0) }
}

function granted(amount: number): Answered {
  return { is: 'done', granted: amount, remaining: 0, resetMs: 0, refusal: { why: 'rate', waitMs: 0 } }
}

t.test('a process keeps no more tokens than Redis keeps out of the bucket for it: what is given back beyond goes back', async (t) => {
  const { control, worker } = cellsOf()
  const holding = holdingOf('input_tokens', control, 0)
  const spend = leaseSpends(worker).input_tokens
  const draft = holding.draft({ is: 'more', least: 10, total: 50, spare: 50 })
  holding.apply(draft, granted(30), true)

  t.ok(spend.take(0, 30))
  spend.settle(0, 30, 0)
  spend.take(0, 0)
  spend.settle(0, 40, 0)

  t.equal(control.read(0, Word.granted), 30)
  t.equal(control.read(0, Word.leased), 30)
  t.equal(control.read(0, LeaseWord.back), 40)
  t.match(holding.draft({ is: 'keep' }), { back: 40, keep: 30, want: 0 })
})

t.test('what was granted so long ago that it has lapsed is nobody’s', async (t) => {
  const { control } = cellsOf()
  const [tokens, permits] = [holdingOf('requests', control, 0), holdingOf('concurrency', cellsOf().control, 0)]

  tokens.apply(tokens.draft({ is: 'more', least: 1, total: 1, spare: 9 }), granted(10), false)
  permits.apply(permits.draft({ is: 'more', least: 1, total: 1, spare: 9 }), granted(10), false)

  t.equal(tokens.free(), 0)
  t.equal(permits.free(), 0)
  t.notOk(tokens.isHeld() || permits.isHeld())
})

t.test('a permit that is taken while control hands it back is either kept here or not taken', async (t) => {
  const { control, worker } = cellsOf()
  const holding = holdingOf('concurrency', control, 0)
  const spend = leaseSpends(worker).concurrency
  holding.apply(holding.draft({ is: 'more', least: 1, total: 1, spare: 4 }), granted(5), true)
  spend.take(0, 1)

  const draft = holding.draft({ is: 'return', leave: 0 })
  const after = spend.take(0, 1)

  t.match(draft, { keep: 1, letGo: 4 })
  t.notOk(after)
})

t.test('a node whose clock is an hour ahead spends the day that Redis is in, and its next day is whole', async (t) => {
  const server = await redisServer(t)
  const hourMs = 3_600_000
  const clock = testClock(Date.UTC(2027, 0, 16, 0, 30))
  const callerUs = (): number => (clock.wallMs() - hourMs) * 1000
  const made = await limitProcess(t, server, { clock, keeper: { callerUs } })
  const set = setMaker(clock)(budget(1000, { exact: false }))
  const take = async (amount: number): Promise<string> => {
    const call = callId()
    const verdict = await made.limiter.take(call, set, [amount])
    if (verdict.is === 'taken') made.limiter.settle(call, set, [amount], [amount])
    return verdict.is
  }

  const first = [await take(1001), await take(400)]
  clock.advance(hourMs)
  const next = [await take(700), await take(301), await take(300)]
  made.keeper.look()
  await made.quiet()
  await made.keeper.close(1000)

  const spent = async (day: string): Promise<unknown> =>
    server.ask('HGET', `relay:{tenant=search}:b:budget-day|tenant=search|${day}`, 'spent')
  t.strictSame(first, ['refused', 'taken'])
  t.strictSame(next, ['taken', 'refused', 'taken'])
  t.strictSame([await spent('2027-01-15'), await spent('2027-01-16')], ['400', '1000'])
})
