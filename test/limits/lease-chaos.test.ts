import t from 'tap'
import type { Limit } from '../../src/base/limit.ts'
import type { LimitSet } from '../../src/limits/store.ts'
import { Word } from '../../src/limits/cells.ts'
import { redisServer, type RedisServer } from '../helpers/redis.ts'
import { bound, callId, limitProcess, until, type LimitProcess, type LimitProcessOptions } from './lease-world.ts'
import { budget, permits, rate } from './world.ts'

const leased = { exact: false, away: 'closed' } as const
const hour = { count: 1, periodMs: 3_600_000, ...leased } as const

t.test('200 calls on a budget worth 10, three processes, Redis killed and restarted in the middle: never more than 10', async (t) => {
  const server = await redisServer(t, { appendOnly: 'always' })
  const processes = await threeOf(server, t)
  const limit = budget(1000, leased)
  const sets = await setsOf(processes, limit)
  let [through, wrong] = [0, 0]

  const one = async (at: number): Promise<void> => {
    const [made, set] = [processes[at % 3]!, sets[at % 3]!]
    for (let turn = 0; turn < 60; turn += 1) {
      const call = callId()
      const verdict = await made.limiter.take(call, set, [100])
      if (verdict.is === 'refused' && verdict.why === 'rate') wrong += 1
      if (verdict.is === 'taken') {
        through += 1
        made.limiter.settle(call, set, [100], [100])
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const calls = Array.from({ length: 200 }, async (_none, at) => one(at))
  const looks = setInterval(() => {
    for (const { keeper, clock } of processes) {
      clock.advance(200)
      keeper.look()
    }
  }, 20)
  await until(() => through > 2)
  await server.kill()
  await server.start()
  await Promise.all(calls)
  clearInterval(looks)

  t.equal(wrong, 0)
  t.ok(through <= 10, `${through} calls`)
  t.equal(through, 10)
})

t.test('permits: whatever answers are lost, no more calls run at once in three processes than there are permits', async (t) => {
  const server = await redisServer(t)
  const processes = await threeOf(server, t, { lose: losing(7) })
  const sets = await setsOf(processes, permits(24, leased))
  let [now, most, through] = [0, 0, 0]

  const random = lehmer(3)
  const caller = async (at: number): Promise<void> => {
    const [made, set] = [processes[at % 3]!, sets[at % 3]!]
    for (let turn = 0; turn < 40; turn += 1) {
      const call = callId()
      const verdict = await made.limiter.take(call, set, [1])
      if (verdict.is === 'taken') {
        now += 1
        through += 1
        most = Math.max(most, now)
      }
      await new Promise((resolve) => setTimeout(resolve, random(4)))
      if (verdict.is !== 'taken') continue
      now -= 1
      made.limiter.settle(call, set, [1], [0])
    }
  }
  const looks = setInterval(() => {
    for (const { keeper, clock } of processes) {
      clock.advance(300)
      keeper.look()
    }
  }, 10)
  await Promise.all(Array.from({ length: 45 }, async (_none, at) => caller(at)))
  clearInterval(looks)

  t.ok(most <= 24, `${most} at once`)
  t.ok(through > 100, `${through} calls`)
})

t.test('tokens and money: whatever answers are lost, what Redis knows in the end is what was used', async (t) => {
  const server = await redisServer(t)
  const processes = await threeOf(server, t, { lose: losing(5) })
  const limits = [rate({ ...hour, burst: 600 }), budget(100_000, leased)]
  const sets = await setsOf(processes, ...limits)
  const random = lehmer(11)
  let [tokens, money] = [0, 0]

  for (let call = 0; call < 400; call += 1) {
    const [made, set] = [processes[call % 3]!, sets[call % 3]!]
    const [id, amounts] = [callId(), [1 + random(3), random(200)]]
    const verdict = await made.limiter.take(id, set, amounts)
    if (verdict.is === 'taken') {
      const used = [random(3), random(250)]
      made.limiter.settle(id, set, amounts, used)
      tokens += used[0]!
      money += used[1]!
    }
    made.clock.advance(random(100))
    if (call % 10 === 0) made.keeper.look()
    if (random(40) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  for (const made of processes) {
    made.lossless()
    made.keeper.look()
    await made.quiet()
    await made.keeper.close(2000)
  }

  const hash = await server.ask('HGETALL', bucketKey(sets[0]!, 1))
  const [held, spent] = ['held', 'spent'].map((field) => Number(fieldOf(hash, field)))
  t.equal(spent, money)
  t.equal(held, 0)
  const other = await limitProcess(t, server, { name: 'other', wayOf: () => 'exact' })
  const left = await bound(other.limiter, rate({ ...hour, burst: 600 }))
  t.equal((await other.limiter.take(callId(), left, [600 - tokens + 1])).is, 'refused')
  t.ok(tokens > 100)
})

t.test('a lease that cannot be renewed is not used any more once it has lapsed', async (t) => {
  const server = await redisServer(t)
  const made = await limitProcess(t, server)
  const [set] = await setsOf([made], permits(400, leased))
  const call = callId()
  await made.limiter.take(call, set!, [1])
  const before = made.limiter.take(callId(), set!, [1])
  const held = made.cells.read(set!.buckets[0]!.slot, Word.granted)
  server.pause()
  t.teardown(() => server.resume())

  made.clock.advance(60_000)
  const after = await made.limiter.take(callId(), set!, [1])

  t.strictSame(before, { is: 'taken', over: [] })
  t.ok(held > 10)
  t.equal(after.is, 'away')
})

async function threeOf(
  server: RedisServer,
  t: Parameters<typeof limitProcess>[0],
  more: Partial<LimitProcessOptions> = {},
): Promise<readonly LimitProcess[]> {
  return Promise.all(['a', 'b', 'c'].map(async (name) => limitProcess(t, server, { name, timeoutMs: 300, ...more })))
}

async function setsOf(processes: readonly LimitProcess[], ...limits: readonly Limit[]): Promise<readonly LimitSet[]> {
  return Promise.all(processes.map(async ({ limiter }) => bound(limiter, ...limits)))
}

/** Whether an answer is lost, one in so many. */
function losing(one: number): () => boolean {
  const random = lehmer(one)
  return () => random(one) === 0
}

function lehmer(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

function bucketKey(set: LimitSet, at: number): string {
  const { key, tag } = set.buckets[at]!
  return `relay:{${tag}}:b:${key}`
}

function fieldOf(hash: unknown, field: string): unknown {
  const list = Array.isArray(hash) ? hash : []
  return list[list.indexOf(field) + 1]
}
