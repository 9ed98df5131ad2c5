import t from 'tap'
import { redisServer } from '../helpers/redis.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { post, rawCall, type RawCall } from './caller.ts'
import { ask, claudeOrigin, messageOf, model, redisConfig, tenantKey, type TenantKey } from './nodes.ts'
import { until } from './until.ts'

const names = ['busy', 'spender', 'whole', 'drained', 'permits', 'exact', 'money', 'worker'] as const
const keys = Object.fromEntries(names.map((name) => [name, tenantKey(name)])) as Readonly<Record<(typeof names)[number], TenantKey>>
const many = { rate: '4000/s', burst: 400 }

const [server, claude] = await Promise.all([redisServer(t), claudeOrigin(t, { input: 10, output: 100 })])
const tenant = (name: (typeof names)[number], limits: object) => ({ [name]: { keys: [keys[name].digest], ...limits } })
const config = (prefix: string, nodes: number) => ({
  upstreams: { claude: claude.upstream },
  routes: { '/': 'claude' },
  redis: redisConfig(server.place, { timeout: '250ms', prefix, nodes }),
  prices: { [model]: { input: 0, output: 1000 } },
  tenants: {
    ...tenant('busy', { requests: many }),
    ...tenant('spender', { budget: '10000usd/month' }),
    ...tenant('whole', {
      requests: { ...many, burst: 1000 },
      inputTokens: '100M/m',
      outputTokens: '100M/m',
      concurrency: 100,
      budget: '1000000usd/month',
    }),
    ...tenant('drained', { requests: '100/h', concurrency: 200, budget: '10usd/month' }),
    ...tenant('permits', { concurrency: 20 }),
    ...tenant('exact', { concurrency: { most: 20, exact: true } }),
    ...tenant('money', { budget: '1usd/month' }),
    ...tenant('worker', { concurrency: 20 }),
  },
})
const env = { SHARED_KEY: 'sk-ant-shared', HOW: 'exception' }
const entry = new URL('../helpers/mortal-cli.ts', import.meta.url)
const [alone, stays, goes, dies] = await Promise.all([
  relayProcess(t, config('alone', 1), { env }),
  relayProcess(t, config('fleet', 3), { env }),
  relayProcess(t, config('fleet', 3), { env }),
  relayProcess(t, config('fleet', 3), { env, entry }),
])

const sorts = [
  ['busy', 'a limit on requests with a burst of 400', 2000],
  ['spender', 'a budget', 2000],
  ['whole', 'limits of every kind', 4000],
] as const

for (const [name, what, calls] of sorts)
  t.test(`${what}: a tenant that calls all the time costs one round trip for 50 calls at most`, async (t) => {
    await ask(alone, keys[name])
    const before = await scripts()
    const from = performance.now()

    const statuses = await sustained(alone, keys[name], calls)
    // Each of four relays says every two seconds that it is there.
    const sent = (await scripts()) - before - 2 * Math.floor((performance.now() - from) / 1000)

    t.equal(statuses.filter((status) => status === 200).length, calls)
    t.ok(sent <= calls / 50, `${sent} scripts for ${calls} calls`)
  })

t.test('a worker that dies: the permits of its calls are there again at once, and not those of its sibling', async (t) => {
  claude.hold()
  const calls = await opened(dies, keys.worker, 20)
  let lost = 0
  for (const { reply } of calls) reply.catch(() => (lost += 1))

  dies.child.kill('SIGUSR2')
  await dies.logged('worker 0 ended')
  await until(() => lost > 0)
  let again = 0
  // A refusal is believed for a moment.
  await until(async () => (again += await throughAtOnce(dies, keys.worker, 20)) >= lost)
  again += await throughAtOnce(dies, keys.worker, 20)
  claude.release()

  t.equal(again, lost)
  t.ok(lost < 20, `${lost} of 20`)
})

t.test('a relay that is killed: what its calls held comes to the others when its leases lapse, and not before', async (t) => {
  claude.hold()
  for (const name of ['permits', 'exact', 'money'] as const) await opened(goes, keys[name], 5)
  goes.child.kill('SIGKILL')
  await goes.ended()
  const its = (await holders()).filter(([, member]) => member.includes(`:${goes.status.pid}-`) || member.includes(':req_'))

  const before = {
    permits: await throughAtOnce(stays, keys.permits, 30),
    exact: await throughAtOnce(stays, keys.exact, 30),
    money: await throughAtOnce(stays, keys.money, 30),
  }
  // A minute goes by for what it held.
  for (const [key, member] of its) await server.ask('ZINCRBY', key, -60_000_000, member)
  const after = { ...before }
  for (const [name, most] of [
    ['permits', 20],
    ['exact', 20],
    ['money', 10],
  ] as const) {
    await until(async () => (after[name] += await throughAtOnce(stays, keys[name], 30)) >= most)
    after[name] += await throughAtOnce(stays, keys[name], 30)
  }
  claude.release()

  // What it had leased ahead is not there either.
  t.ok(before.permits <= 15 && before.money <= 5, `${before.permits} of 15, ${before.money} of 5`)
  t.equal(before.exact, 15)
  t.strictSame(after, { permits: 20, exact: 20, money: 10 })
})

t.test('a relay that drains hands back what it leased: another one has all that is left', async (t) => {
  claude.release()
  t.equal((await ask(dies, keys.drained)).status, 200)
  dies.child.kill('SIGTERM')
  await dies.ended()

  const round = async (): Promise<number> => {
    const replies = await Promise.all(Array.from({ length: 60 }, async () => ask(stays, keys.drained)))
    return replies.filter(({ status }) => status === 200).length
  }
  let passed = 0
  // While a call that is refused gives back what it had taken, another one may be refused too.
  await until(async () => (passed += await round()) >= 99)
  passed += await round()

  t.equal(passed, 99)
})

/** Opens calls that the upstream keeps; all of them are there when it returns. Calls at once may be refused for each other's sake: again. */
async function opened({ port }: RelayProcess, key: TenantKey, count: number): Promise<readonly RawCall[]> {
  const before = claude.calls.length
  const calls = new Set<RawCall>()
  const open = (): void => {
    const call = rawCall(port, request(key))
    calls.add(call)
    const refused = ({ status }: { readonly status: number }): void => {
      if (status === 200 || !calls.delete(call)) return
      open()
    }
    call.head.then(refused, () => undefined)
  }
  for (let at = 0; at < count; at += 1) open()
  await until(() => claude.calls.length >= before + count)
  return [...calls]
}

/** Of so many calls at once, how many come to the upstream, which keeps them; all others are over. */
async function throughAtOnce({ port }: RelayProcess, key: TenantKey, count: number): Promise<number> {
  const before = claude.calls.length
  let answered = 0
  for (let at = 0; at < count; at += 1) {
    const { head } = rawCall(port, request(key))
    void head.catch(() => null).then((reply) => (answered += reply?.status === 200 ? 0 : 1))
  }
  await until(() => claude.calls.length - before + answered === count)
  return claude.calls.length - before
}

function request({ key }: TenantKey): Buffer {
  return post('/v1/messages', messageOf(100), [`x-api-key: ${key}`])
}

/** Who holds something in Redis of these tenants: its key and its member there. */
async function holders(): Promise<readonly (readonly [string, string])[]> {
  const found = (await server.ask('KEYS', 'fleet:*:held')) as readonly string[]
  const members = found.map(async (key) =>
    ((await server.ask('ZRANGE', key, 0, -1)) as readonly string[]).map((one) => [key, one] as const),
  )
  return (await Promise.all(members)).flat()
}

/** Twenty callers that call one after the other, each on its own connection. */
async function sustained({ url }: RelayProcess, { key }: TenantKey, calls: number): Promise<readonly number[]> {
  const statuses: number[] = []
  let left = calls
  const calling = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const headers = { 'x-api-key': key, 'content-type': 'application/json' }
      const reply = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: messageOf(100) })
      await reply.arrayBuffer()
      statuses.push(reply.status)
    }
  }
  await Promise.all(Array.from({ length: 20 }, calling))
  return statuses
}

/** Scripts that Redis has run. */
async function scripts(): Promise<number> {
  const stats = String(await server.ask('INFO', 'commandstats'))
  return ['evalsha', 'eval'].reduce((sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0), 0)
}
