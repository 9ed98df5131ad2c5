import t from 'tap'
import { redisScript } from '../../src/limits/redis/scripts.ts'
import { redisServer } from '../helpers/redis.ts'
import { connected, texts } from './redis-world.ts'

type Texts = keyof typeof texts
type Arg = string | number

const server = await redisServer(t)
const epochMs = Date.UTC(2026, 10, 23, 10)
const at = (ms: number): string => `caller-clock:${(epochMs + ms) * 1000}`

/** Runs a script with its text, with and without its own error. */
const run = async (name: Texts, keys: readonly string[], ...args: readonly Arg[]): Promise<readonly number[]> => {
  const reply = await server.ask('EVAL', texts[name], keys.length, ...keys, ...args)
  if (!Array.isArray(reply) || !reply.every((value) => Number.isInteger(value))) throw new Error(`no integers: ${JSON.stringify(reply)}`)
  return reply
}
const ttl = async (key: string): Promise<number> => Number(await server.ask('PTTL', key))
const dump = async (): Promise<unknown> => {
  const keys = (await server.ask('KEYS', '*')) as string[]
  return Promise.all(keys.sort().map(async (key) => [key, await server.ask('DUMP', key)]))
}

const rateArgs = (amount: number, least = amount): readonly Arg[] => ['rate', 'must', amount, least, 10, 10, 60_000_000]
const callsArgs = (most = 2): readonly Arg[] => ['concurrency', 'must', 1, 1, most, 0, 0]
const moneyArgs = (amount: number, least = amount): readonly Arg[] => [
  'budget',
  'must',
  amount,
  least,
  1000,
  epochMs - 36_000_000,
  epochMs + 50_400_000,
]

t.beforeEach(async () => {
  await server.ask('FLUSHALL')
})

t.test('arguments that cannot be meant are an error, and nothing changes', async (t) => {
  const take = ['redis', 'c1', 60_000] as const
  const rate = rateArgs(1)
  const bad: readonly (readonly [Texts, readonly string[], readonly Arg[]])[] = [
    ['take', ['r'], []],
    ['take', ['r', 'b'], take],
    ['take', ['r', 'b'], [...take, ...rate.slice(1)]],
    ['take', ['r', 'b'], ['now', 'c1', 60_000, ...rate]],
    ['take', ['r', 'b'], ['caller-clock:', 'c1', 60_000, ...rate]],
    ['take', ['r', 'b'], ['redis', '', 60_000, ...rate]],
    ['take', ['r', 'b'], ['redis', 'c1', 0, ...rate]],
    ['take', ['r', 'b'], ['redis', 'c1', 86_400_001, ...rate]],
    ['take', ['r', 'b'], [...take, 'pace', ...rate.slice(1)]],
    ['take', ['r', 'b'], [...take, 'rate', 'may', ...rate.slice(2)]],
    ...['-1', '1.5', 'nan', 'inf', '', '9007199254740993'].map((amount) => takeOf('rate', 'must', amount, 0, 10, 10, 1e6)),
    takeOf('rate', 'must', 1, 2, 10, 10, 1e6),
    takeOf('rate', 'must', 1, 1, 0, 10, 1e6),
    takeOf('rate', 'must', 1, 1, 10, 0, 1e6),
    takeOf('rate', 'must', 1, 1, 10, -1, 1e6),
    takeOf('rate', 'must', 1, 1, 10, 10, 0),
    takeOf('rate', 'must', 1, 1, 10, 10, 'nan'),
    takeOf('rate', 'must', 1, 1, 1e12, 1, 1e15),
    ['take', ['r', 'b', 'b:held'], [...take, 'concurrency', 'must', 1, 1, -1, 0, 0]],
    ['take', ['r', 'b', 'b:held'], [...take, 'budget', 'must', 1, 1, 100, 5, 5]],
    ['take', ['r', 'b'], [...take, 'concurrency', 'must', 1, 1, 1, 0, 0]],
    ['take', ['r', 'b', 'b:held'], [...take, ...rate]],
    ['settle', ['r', 'b'], ['redis', 'c1', 1000, 'settle']],
    ['settle', ['r', 'b'], settleOf('refund', 1, 1)],
    ['settle', ['r', 'b'], settleOf('settle', -1, 1)],
    ['settle', ['r', 'b'], settleOf('settle', 1, 'nan')],
    ['settle', ['r', 'b'], settleOf('settle', 1, 0.5)],
    ['settle', ['r', 'b', 'c'], settleOf('settle', 1, 1)],
    ['settle', ['r', 'b'], ['later', ...settleOf('settle', 1, 1).slice(1)]],
    ['renew', ['r'], ['redis', 1000]],
    ['renew', ['r'], ['redis', 0, 'c1', 0]],
    ['renew', ['r'], ['redis', 1000, 'c1', 1, 1]],
    ['renew', ['r', 'b', 'b:held'], ['redis', 1000, 'c1', 1]],
    ['renew', ['r', 'b', 'b:held'], ['redis', 1000, 'c1', 1, -1]],
    ['renew', ['r'], ['soon', 1000, 'c1', 0]],
    ['nodes', ['n'], ['a', 6000]],
    ['nodes', ['n'], ['', 6000, 'beat']],
    ['nodes', ['n'], ['a', 0, 'beat']],
    ['nodes', ['n'], ['a', 'nan', 'beat']],
    ['nodes', ['n'], ['a', 6000, 'sing']],
  ]
  await run('take', ['r', 'b', 'm', 'm:held'], ...take, ...rateArgs(3), 'concurrency', 'must', 1, 1, 5, 0, 0)
  const before = await dump()

  for (const [name, keys, args] of bad) {
    await t.rejects(run(name, keys, ...args), { message: /^ERR relay: / }, `${name} ${args.join(' ')}`)
  }

  t.strictSame(await dump(), before)

  function takeOf(...bucket: readonly Arg[]): readonly [Texts, readonly string[], readonly Arg[]] {
    return ['take', ['r', 'b'], [...take, ...bucket]]
  }
  function settleOf(how: string, taken: Arg, used: Arg): readonly Arg[] {
    return ['redis', 'c1', 1000, how, 'rate', taken, used, 10, 10, 1e6]
  }
})

t.test('every key expires when it says nothing any more', async (t) => {
  const bucket = ['rate', 'must', 4, 4, 10, 10, 60_000_000]
  await run('take', ['c', 'r', 'p', 'p:held', 'm', 'm:held'], at(0), 'c1', 60_000, ...bucket, ...callsArgs(), ...moneyArgs(500))

  near(t, await ttl('r'), 24_001, 'a rate: when it is full')
  near(t, await ttl('c'), 61_000, 'a call: its lease')
  near(t, await ttl('p'), 61_000, 'permits: the lease')
  near(t, await ttl('p:held'), 61_000)
  near(t, await ttl('m:held'), 61_000)
  near(t, await ttl('m'), 50_400_000 + 3_600_000, 'a budget: an hour after its period')
  t.equal(await server.ask('DBSIZE'), 6)
})

t.test('a rate that refills by itself is gone with the ms at which it is full', async (t) => {
  await run('take', ['c', 'r'], 'redis', 'c1', 1000, 'rate', 'must', 2, 2, 10, 10, 100_000)
  const early = await server.ask('EXISTS', 'r')
  const wait = await ttl('r')

  await new Promise((resolve) => setTimeout(resolve, wait + 5))

  t.equal(early, 1)
  t.ok(wait > 0 && wait <= 21, `${wait} ms`)
  t.equal(await server.ask('EXISTS', 'r'), 0)
})

t.test('a call that ended leaves nothing but its mark and what it used', async (t) => {
  const keys = ['c', 'r', 'p', 'p:held', 'm', 'm:held']
  const settle = ['rate', 4, 0, 10, 10, 60_000_000, 'concurrency', 1, 0, 2, 0, 0, 'budget', 500, 120, 1000, epochMs, epochMs + 9]
  await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...callsArgs(), ...moneyArgs(500))

  const reply = await run('settle', keys, at(0), 'c1', 5000, 'settle', ...settle)

  t.strictSame(reply.slice(0, 7), [1, epochMs, 10, 0, 2, 0, 880])
  t.strictSame(((await server.ask('KEYS', '*')) as string[]).sort(), ['c', 'm', 'p'])
  near(t, await ttl('c'), 5000)
})

t.test('a take that is repeated is answered as before and charges nothing', async (t) => {
  const keys = ['c', 'r', 'd', 'm', 'm:held']
  const dry = ['rate', 'dry', 11, 11, 10, 10, 60_000_000]
  const take = async () => run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...dry, ...moneyArgs(500))

  const first = await take()
  const before = await dump()
  const second = await take()

  t.strictSame(first, [1, -1, epochMs, 4, 6, 24_000, 0, 0, 0, 10, 0, -1, 1, 500, 500, 50_400_000, 0, 0])
  t.strictSame(second, [2, ...first.slice(1)])
  t.strictSame(await dump(), before)
})

t.test('a refused take leaves no trace: the call may ask again', async (t) => {
  const keys = ['c', 'r', 'm', 'm:held']
  const refused = await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(1001))
  const size = await server.ask('DBSIZE')
  const taken = await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(1000))

  t.strictSame(refused.slice(0, 3), [0, 1, epochMs])
  t.equal(size, 0)
  t.equal(taken[0], 1)
})

t.test('what is left is granted down to the least', async (t) => {
  const take = async (call: string, want: number, least: number) =>
    run('take', [call, 'r', 'm', 'm:held'], at(0), call, 60_000, ...rateArgs(want, least), ...moneyArgs(want * 100, least))

  const all = await take('c1', 7, 1)
  const some = await take('c2', 7, 3)
  const none = await take('c3', 7, 1)

  t.strictSame([all[3], all[8]], [7, 700])
  t.strictSame([some[3], some[8]], [3, 300])
  t.strictSame(none.slice(0, 2), [0, 0], 'calls that hold money end sooner than tokens come back')
  t.strictSame(none.slice(6, 8), [6000, 1])
})

t.test('a settle that comes before its take leaves a mark: the late take takes nothing', async (t) => {
  const keys = ['c', 'r', 'm', 'm:held']
  const end = ['rate', 4, 0, 10, 10, 60_000_000, 'budget', 500, 0, 1000, epochMs, epochMs + 9]

  const undone = await run('settle', keys, at(0), 'c1', 5000, 'undo', ...end)
  const late = await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(500))

  t.equal(undone[0], 2)
  t.strictSame(late, [-1, -1, epochMs])
  t.strictSame(await server.ask('KEYS', '*'), ['c'])
})

t.test('a call is settled once, whatever comes after', async (t) => {
  const keys = ['c', 'r', 'm', 'm:held']
  const end = (used: number) => ['rate', 4, used, 10, 10, 60_000_000, 'budget', 500, used, 1000, epochMs - 1, epochMs + 50_400_000]
  await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(500))

  const first = await run('settle', keys, at(0), 'c1', 5000, 'settle', ...end(5))
  const before = await dump()
  const second = await run('settle', keys, at(0), 'c1', 5000, 'settle', ...end(9))
  const third = await run('settle', keys, at(0), 'c1', 5000, 'undo', ...end(0))

  t.strictSame(first, [1, epochMs, 5, 30_000, 995, 50_400_000])
  t.strictSame(second, [0, ...first.slice(1)])
  t.strictSame(third, second)
  t.strictSame(await dump(), before)
})

t.test('a call whose lease lapsed is settled by its own word: the money that it used is counted', async (t) => {
  const keys = ['c', 'r', 'm', 'm:held', 'p', 'p:held']
  const end = ['rate', 4, 6, 10, 10, 60_000_000, 'budget', 500, 450, 1000, epochMs - 1, epochMs + 50_400_000, 'concurrency', 1, 0, 2, 0, 0]
  await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(500), ...callsArgs())
  await server.ask('DEL', 'c')

  const meanwhile = await run('take', ['d', 'm', 'm:held'], at(60_000), 'd', 60_000, ...moneyArgs(1000))
  await run('settle', ['d', 'm', 'm:held'], at(60_000), 'd', 5000, 'undo', 'budget', 1000, 0, 1000, epochMs, epochMs + 9)
  const reply = await run('settle', keys, at(60_000), 'c1', 5000, 'settle', ...end)

  t.equal(meanwhile[0], 1, 'what it had reserved had come free')
  t.equal(reply[0], 2)
  t.strictSame(reply.slice(2, 5), [8, 12_000, 550], 'two tokens beyond what it took, 450 of 1000 spent')
  t.equal(await server.ask('ZCARD', 'p:held'), 0)
})

t.test('permits of a call that nobody renews come free after its lease; renewed ones do not', async (t) => {
  const keys = (call: string) => [call, 'p', 'p:held']
  await run('take', keys('c1'), at(0), 'c1', 60_000, ...callsArgs())
  await run('take', keys('c2'), at(0), 'c2', 60_000, ...callsArgs())
  const full = await run('take', keys('c3'), at(0), 'c3', 60_000, ...callsArgs())

  const renewed = await run('renew', [...keys('c1'), ...keys('c9')], at(50_000), 60_000, 'c1', 1, 1, 'c9', 1, 1)
  const early = await run('take', keys('c3'), at(59_999), 'c3', 60_000, ...callsArgs())
  const freed = await run('take', keys('c3'), at(60_000), 'c3', 60_000, ...callsArgs())
  const again = await run('take', keys('c4'), at(60_000), 'c4', 60_000, ...callsArgs())
  const late = await run('take', keys('c4'), at(110_000), 'c4', 60_000, ...callsArgs())

  t.strictSame(renewed, [1, 0])
  t.strictSame(
    [full, early, freed, again, late].map(([status]) => status),
    [0, 0, 1, 0, 1],
  )
  t.strictSame(full.slice(1, 3), [0, epochMs])
  t.strictSame(full.slice(3), [0, 0, 0, 1000, 2])
})

t.test('a call that ended is not renewed', async (t) => {
  const keys = ['c', 'p', 'p:held']
  await run('take', keys, at(0), 'c1', 60_000, ...callsArgs())
  await run('settle', keys, at(0), 'c1', 5000, 'settle', 'concurrency', 1, 0, 2, 0, 0)

  const renewed = await run('renew', keys, at(10), 60_000, 'c1', 1, 1)

  t.strictSame(renewed, [0])
  t.equal(await server.ask('EXISTS', 'p:held'), 0)
})

t.test('a sum that an eviction took is counted anew from what calls hold', async (t) => {
  await run('take', ['c1', 'p', 'p:held'], at(0), 'c1', 60_000, ...callsArgs())
  await run('take', ['c2', 'p', 'p:held'], at(0), 'c2', 60_000, ...callsArgs())
  await server.ask('DEL', 'p')

  const third = await run('take', ['c3', 'p', 'p:held'], at(0), 'c3', 60_000, ...callsArgs())

  t.equal(third[0], 0)
})

t.test('a budget is of a period: outside of it nothing is taken, and the clock is told', async (t) => {
  const take = async (ms: number) => run('take', ['c', 'm', 'm:held'], at(ms), 'c1', 60_000, ...moneyArgs(1))

  const outcomes = [await take(-36_000_001), await take(50_400_000), await take(-36_000_000)]

  t.strictSame(outcomes[0], [-2, 0, epochMs - 36_000_001])
  t.strictSame(outcomes[1], [-2, 0, epochMs + 50_400_000])
  t.equal(outcomes[2]?.[0], 1)
})

t.test('an undo gives back all that was taken, whatever it says of use', async (t) => {
  const keys = ['c', 'r', 'm', 'm:held']
  await run('take', keys, at(0), 'c1', 60_000, ...rateArgs(4), ...moneyArgs(500))

  const end = ['rate', 4, 9, 10, 10, 60_000_000, 'budget', 500, 450, 1000, epochMs - 1, epochMs + 50_400_000]
  const reply = await run('settle', keys, at(0), 'c1', 5000, 'undo', ...end)

  t.strictSame(reply, [1, epochMs, 10, 0, 1000, 50_400_000])
})

t.test('permits that lapsed while a take was refused are free for the next', async (t) => {
  for (const call of ['c1', 'c2']) await run('take', [call, 'p', 'p:held'], at(0), call, 60_000, ...callsArgs())
  await run('take', ['c3', 'p', 'p:held'], at(30_000), 'c3', 60_000, ...callsArgs(3))

  const refused = await run('take', ['c4', 'p', 'p:held', 'r'], at(60_000), 'c4', 60_000, ...callsArgs(3), ...rateArgs(11))
  const taken = [await run('take', ['c5', 'p', 'p:held'], at(60_000), 'c5', 60_000, ...callsArgs(3))]
  taken.push(await run('take', ['c6', 'p', 'p:held'], at(60_000), 'c6', 60_000, ...callsArgs(3)))
  taken.push(await run('take', ['c7', 'p', 'p:held'], at(60_000), 'c7', 60_000, ...callsArgs(3)))

  t.equal(refused[0], 0)
  t.strictSame(
    taken.map(([status]) => status),
    [1, 1, 0],
  )
})

t.test('tokens of 30 microseconds are counted exactly, decades from now too', async (t) => {
  const in2060 = `caller-clock:${Date.UTC(2060, 0, 1) * 1000}`
  const take = async (call: string, amount: number) =>
    run('take', [call, 'r'], in2060, call, 60_000, 'rate', 'must', amount, amount, 1_000_000, 1_000_000, 30_000_000)
  await take('most', 999_980)

  let taken = 0
  for (let turn = 0; turn < 30; turn += 1) taken += (await take(`c${turn}`, 1))[0] ?? 0

  t.equal(taken, 20)
})

t.test('money as large as it may be is exact', async (t) => {
  const most = Number.MAX_SAFE_INTEGER
  const bucket = (amount: number) => ['budget', 'must', amount, amount, most, epochMs, epochMs + 1000]
  const first = await run('take', ['c1', 'm', 'm:held'], at(0), 'c1', 60_000, ...bucket(most - 1))
  const second = await run('take', ['c2', 'm', 'm:held'], at(0), 'c2', 60_000, ...bucket(1))
  const third = await run('take', ['c3', 'm', 'm:held'], at(0), 'c3', 60_000, ...bucket(1))

  t.strictSame([first[4], second[0], second[4], third[0]], [1, 1, 0, 0])
})

t.test('a script that the server has forgotten is sent again with its text', async (t) => {
  const client = await connected(t, server.place)
  const nodes = redisScript(client, texts.nodes)
  const first = await nodes(['n'], ['a', 6000, 'beat'])
  await server.ask('SCRIPT', 'FLUSH')

  const second = await nodes(['n'], ['b', 6000, 'beat'])

  t.strictSame([first, second], [1, 2])
  await t.rejects(nodes(['n'], ['', 6000, 'beat']), { message: /^ERR relay: a node beats with its id/ })
})

function near(t: { ok(value: boolean, text: string): unknown }, value: number, wanted: number, text = 'ms'): void {
  t.ok(value <= wanted && value > wanted - 1500, `${text}: ${value} of ${wanted}`)
}
