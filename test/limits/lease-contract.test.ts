import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { storeContract } from './contract.ts'
import { callId, limitProcess, type LimitProcess } from './lease-world.ts'
import { model } from './model.ts'
import { overOf, type StoreWorld } from './store-world.ts'
import { budget, permits, rate, setMaker, testClock, type TestClock } from './world.ts'

const server = await redisServer(t)
let stores = 0

/** A process whose limits are all leased, in a corner of Redis of its own unless it shares another's. */
async function leased(clock: TestClock, more: { readonly prefix?: string; readonly name?: string } = {}): Promise<LimitProcess> {
  stores += 1
  const callerUs = (): number => clock.wallMs() * 1000
  return limitProcess(t, server, { prefix: `store${stores}`, ...more, wayOf: () => 'leased', clock, keeper: { callerUs } })
}

function worldOf(made: LimitProcess, clock: TestClock): StoreWorld {
  return {
    store: made.limiter,
    set: setMaker(clock),
    advanced: async () => {
      made.keeper.look()
      await made.quiet()
    },
    settled: async () => made.quiet(),
    close: async () => made.close(),
  }
}

storeContract(t, 'leased', async (clock) => worldOf(await leased(clock), clock), { isExact: false })

t.test('leased: of random takes, settles and refunds of two processes, none is let through that the model refuses', async (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const { takes, wrong } = await walk(seed)
    t.strictSame(wrong, [], `seed ${seed}`)
    t.ok(takes > 10, `${takes} were let through`)
  }
})

interface OpenCall {
  readonly at: number
  readonly call: string
  readonly taken: readonly number[]
}

/** One call after the other, by two processes that share Redis; what they let through is taken from the model. */
async function walk(seed: number): Promise<{ readonly takes: number; readonly wrong: readonly unknown[] }> {
  const clock = testClock()
  const random = lehmer(seed)
  const first = await leased(clock, { name: 'a' })
  const processes = [first, await leased(clock, { name: 'b', prefix: `store${stores}` })]
  const truth = model(clock)
  const set = setMaker(clock)(rate({ count: 60, burst: 30 }), permits(5), budget(300))
  const open: OpenCall[] = []
  const wrong: unknown[] = []
  let takes = 0
  for (let step = 0; step < 120; step += 1) {
    const at = random(2)
    const dice = random(10)
    if (dice < 6) {
      const [call, asked] = [callId(), [1 + random(4), 1, random(30)]]
      const verdict = await processes[at]!.limiter.take(call, set, asked)
      if (verdict.is !== 'taken') continue
      takes += 1
      if (truth.take(call, set, asked).refusing.length > 0) wrong.push({ step, at, asked })
      open.push({ at, call, taken: asked.map((amount, place) => (overOf(verdict).includes(place) ? 0 : amount)) })
    } else if (dice < 9 && open.length > 0) {
      const { at: whose, call, taken } = open.splice(random(open.length), 1)[0]!
      const used = [taken[0]!, 1, Math.max(0, taken[2]! - random(10))]
      truth.settle(call, set, used)
      processes[whose]!.limiter.settle(call, set, taken, used)
    } else {
      clock.advance(random(3000))
      for (const { keeper } of processes) keeper.look()
      for (const made of processes) await made.quiet()
    }
  }
  for (const made of processes) await made.close()
  return { takes, wrong }
}

function lehmer(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}
