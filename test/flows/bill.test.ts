import type { Anthropic } from '@anthropic-ai/sdk'
import t from 'tap'
import { ask, sdks } from '../claude/helpers.ts'
import { relay as run, type Ran } from '../helpers/cli.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { keyOf, rowsOf, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

/** USD a million tokens, so that a token is a whole number of nano-dollars. */
const prices = {
  'claude-opus-5-5': { input: 5, output: 25, cacheWrite5m: 6, cacheWrite1h: 10, cacheRead: 1, longPrompt: false },
  'claude-sonnet-5': { input: 2, output: 10, cacheWrite5m: 3, cacheWrite1h: 4, cacheRead: 0.5, longPrompt: false },
} as const
type Model = keyof typeof prices
const models: readonly Model[] = ['claude-opus-5-5', 'claude-sonnet-5']
const tenants = ['search', 'mail', 'shop']

/** What one line of the bill says. */
interface Sums {
  readonly calls: number
  readonly input: number
  readonly output: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
  readonly nanoUsd: number
}

const none: Sums = { calls: 0, input: 0, output: 0, cacheWrite5m: 0, cacheWrite1h: 0, cacheRead: 0, nanoUsd: 0 }

/** What a reply told its caller, as a line of a bill. */
function said({ usage, model }: Anthropic.Message): Sums {
  const creation = usage.cache_creation
  const line = {
    calls: 1,
    input: usage.input_tokens,
    output: usage.output_tokens,
    cacheWrite5m: creation?.ephemeral_5m_input_tokens ?? 0,
    cacheWrite1h: creation?.ephemeral_1h_input_tokens ?? 0,
    cacheRead: usage.cache_read_input_tokens ?? 0,
  }
  const price = prices[models.find((known) => known === model)!]
  const usd = line.input * price.input + line.output * price.output + line.cacheRead * price.cacheRead
  return { ...line, nanoUsd: Math.round((usd + line.cacheWrite5m * price.cacheWrite5m + line.cacheWrite1h * price.cacheWrite1h) * 1_000) }
}

function add(one: Sums, other: Sums): Sums {
  const names = Object.keys(none) as (keyof Sums)[]
  return Object.assign({}, ...names.map((name) => ({ [name]: one[name] + other[name] }))) as Sums
}

/** A line of `relay usage` in the same form. */
function told(line: Readonly<Record<string, unknown>>): Sums {
  const [whole = '', part = ''] = String(line['costUsd']).split('.')
  const numbers = Object.keys(none).map((name) => [name, Number(line[name])] as const)
  return { ...none, ...Object.fromEntries(numbers), nanoUsd: Number(`${whole}${part}`) }
}

const config = {
  upstreams: { claude: 'builtin:claude' },
  routes: { '/': 'claude' },
  tenants: tenantsWith(tenants, { budget: '1000usd/month' }),
  prices,
  ledger: { flush: '20ms' },
  log: { access: false },
  shed: false,
}
const relay = await relayProcess(t, config)
const bill = new Map<string, Sums>()
const note = (label: string, line: Sums): unknown => bill.set(label, add(bill.get(label) ?? none, line))
const system = [
  { type: 'text' as const, text: 'x'.repeat(4_000), cache_control: { type: 'ephemeral' as const, ttl: '1h' as const } },
  { type: 'text' as const, text: 'y'.repeat(2_000), cache_control: { type: 'ephemeral' as const } },
]

for (const [at, tenant] of tenants.entries())
  for (const [, sdk] of sdks)
    for (const model of models) {
      const client = new sdk({ apiKey: keyOf(tenant), baseURL: relay.url, maxRetries: 0 })
      const body = { ...ask(`[cache read ${700 + at}] [deltas 3] [tokens ${30 + at}] hello`), model, system }
      const replies = [
        await client.messages.create(body),
        await client.messages.stream(body).finalMessage(),
        await client.messages.create({ ...ask(`hi ${tenant}`), model }),
      ]
      for (const reply of replies) for (const label of [tenant, model, 'total']) note(label, said(reply))
    }
await until(() => rowsOf(relay, null).length === bill.get('total')!.calls)

async function usage(...args: readonly string[]): Promise<Ran> {
  return run(relay.home, 'usage', '--config', 'relay.config.yaml', ...args)
}

/** The lines that a `--json` bill has. */
async function lines(by: string, ...args: readonly string[]): Promise<Record<string, Sums>> {
  const { out, exit } = await usage('--by', by, '--json', ...args)
  if (exit !== 0) throw new Error(out)
  const { usage: found, total } = JSON.parse(out) as { usage: readonly Record<string, unknown>[]; total: Record<string, unknown> }
  return Object.fromEntries([...found.map((line) => [String(line[by]), told(line)]), ['total', told(total)]])
}

t.test('the bill by tenant and by model is what the SDKs were told, to the last token and nano-dollar', async (t) => {
  const pick = (labels: readonly string[]) => Object.fromEntries([...labels, 'total'].map((label) => [label, bill.get(label)]))

  t.same(await lines('tenant'), pick(tenants))
  t.same(await lines('model'), pick(models))
  t.ok(bill.get('total')!.cacheWrite1h > 1_000 && bill.get('total')!.cacheRead > 1_000)
})

t.test('the bill by day has the same sum, and days without calls have none', async (t) => {
  const byDay = await lines('day', '--since', '2d')

  // Unless midnight has passed in between there is one.
  const days = Object.entries(byDay).filter(([label]) => label !== 'total')
  t.same(days.map(([, sums]) => sums).reduce(add, none), bill.get('total'))
  t.same(byDay['total'], bill.get('total'))
  t.same(await lines('day', '--since', '2020-01-01', '--until', '2020-12-31'), { total: none })
})

t.test('--tenant prints the bill of one alone', async (t) => {
  t.same(await lines('tenant', '--tenant', 'mail'), { mail: bill.get('mail'), total: bill.get('mail') })
  t.same((await lines('model', '--tenant', 'mail'))['total'], bill.get('mail'))
  t.same(await lines('tenant', '--tenant', 'nobody'), { total: none })
})

t.test('--csv has the same figures, a line a tenant', async (t) => {
  const { out, exit } = await usage('--by', 'tenant', '--csv')

  const [header = '', ...rows] = out.trimEnd().split('\r\n')
  const names = header.split(',')
  const found = rows.map((row) => Object.fromEntries(row.split(',').map((value, at) => [names[at]!, value])))
  t.equal(exit, 0)
  t.same(
    Object.fromEntries(found.map((line) => [line['tenant'], told(line)])),
    Object.fromEntries(tenants.map((name) => [name, bill.get(name)])),
  )
})

t.test('the table for people has a line a tenant and the total, and the same bill is there when relay has ended', async (t) => {
  const running = await usage()
  relay.child.kill('SIGTERM')
  await relay.ended()
  const ended = await usage()

  for (const name of [...tenants, 'total']) t.match(running.out, new RegExp(`^${name} +${bill.get(name)!.calls} `, 'm'))
  t.equal(ended.out, running.out)
  t.same((await lines('tenant'))['total'], bill.get('total'))
})
