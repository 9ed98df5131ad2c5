import t, { type Test } from 'tap'
import { processClock } from '../../src/limits/clock.ts'
import { exactStore } from '../../src/limits/redis/exact.ts'
import type { LimitSet, LimitStore } from '../../src/limits/store.ts'
import { redisServer } from '../helpers/redis.ts'
import { bound, callId, limitProcess, type MovingClock } from './lease-world.ts'
import { connected, texts } from './redis-world.ts'
import { budget, permits, rate, setMaker } from './world.ts'

const server = await redisServer(t)
const skews = [1, 60, 3600, 86_400].flatMap((seconds) => [seconds, -seconds])
const burst = 40
const perSecond = 20
/** How long an empty bucket takes to be full. */
const windowMs = (burst * 1000) / perSecond
const limit = rate({ count: perSecond, periodMs: 1000, burst, exact: false })
let prefixes = 0

for (const skew of skews) {
  t.test(`leased: nodes whose clocks are ${skew} s apart share tokens, permits and money as if they were one`, async (t) => {
    prefixes += 1
    const shared = { prefix: `nodes${prefixes}`, wayOf: () => 'leased' as const }
    const [a, b] = await Promise.all([
      limitProcess(t, server, { ...shared, name: 'a' }),
      limitProcess(t, server, { ...shared, name: 'b', skewMs: skew * 1000 }),
    ])
    const nodes = [a, b].map(({ limiter }) => limiter)
    const passed = async (limits: Parameters<typeof bound>[1][], amount: number, times: number): Promise<number> => {
      const sets = await Promise.all(nodes.map(async (node) => bound(node, ...limits)))
      let sum = 0
      for (let at = 0; at < times; at += 1) sum += await takes(nodes[at % 2]!, sets[at % 2]!, amount)
      return sum
    }
    const from = performance.now()

    const tokens = await passed([limit], 1, 200)
    const most = burst + (perSecond * (performance.now() - from)) / 1000 + 1
    const held = await passed([permits(20, { exact: false })], 1, 60)
    const money = await passed([budget(1000, { exact: false, timeZone: 'Asia/Tokyo' })], 100, 60)

    t.ok(tokens >= burst - 2 && tokens <= most, `${tokens} of at most ${most}`)
    t.ok(held <= 20 && held >= 18, `${held} of 20`)
    t.ok(money <= 10 && money >= 8, `${money} of 10`)
  })

  for (const way of ['exact', 'leased'] as const)
    t.test(`${way}: a Redis whose own clock steps by ${skew} s gives no more than a burst for it, and locks nobody out`, async (t) => {
      const { store, set, pass } = await world(t, way)
      const drained = await drain(store, set)

      pass(skew * 1000)
      const after = await drain(store, set)
      // An empty bucket is full again after one of these, one in the deepest debt after two.
      pass(2 * windowMs)
      const later = await drain(store, set)

      t.equal(drained, burst)
      t.equal(after, skew > 0 ? Math.min(burst, skew * perSecond) : 0)
      t.ok(later > 0 && later <= burst, `${later}`)
    })
}

interface World {
  readonly store: Pick<LimitStore, 'take'>
  readonly set: LimitSet
  /** The clock of Redis is another one; that of the process goes on as long as it takes to ask again. */
  readonly pass: (ms: number) => void
}

async function world(t: Test, way: 'exact' | 'leased'): Promise<World> {
  prefixes += 1
  const prefix = `steps${prefixes}`
  let ms = Date.UTC(2027, 0, 15)
  const callerUs = (): number => ms * 1000
  const real = processClock()
  let ahead = 0
  const clock: MovingClock = { us: () => real.us() + ahead * 1000, wallMs: real.wallMs, advance: (by) => void (ahead += by) }
  const pass = (by: number): void => {
    ms += by
    clock.advance(10_001)
  }
  if (way === 'leased') {
    const { limiter } = await limitProcess(t, server, { prefix, clock, wayOf: () => 'leased', keeper: { callerUs } })
    return { store: limiter, set: await bound(limiter, limit), pass }
  }
  const client = await connected(t, server.place)
  const store = exactStore({ client, texts, prefix, isCluster: false, callerUs, nowMs: () => clock.us() / 1000 })
  t.teardown(async () => store.close())
  return { store, set: setMaker(clock)(limit), pass }
}

async function takes(store: Pick<LimitStore, 'take'>, set: LimitSet, amount: number): Promise<0 | 1> {
  return (await store.take(callId(), set, [amount])).is === 'taken' ? 1 : 0
}

/** Takes one after the other, until it is refused. */
async function drain(store: Pick<LimitStore, 'take'>, set: LimitSet): Promise<number> {
  let taken = 0
  while (taken < 3 * burst && (await takes(store, set, 1)) === 1) taken += 1
  return taken
}
