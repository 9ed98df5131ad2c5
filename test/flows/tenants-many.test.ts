import { DatabaseSync } from 'node:sqlite'
import { createHash } from 'node:crypto'
import t from 'tap'
import { openTenants } from '../../src/auth/sqlite-file.ts'
import { recordText } from '../../src/auth/record.ts'
import { home, relay as run } from '../helpers/cli.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'
import { rawCall } from './caller.ts'
import { keyOf, messageCall } from './tenancy.ts'
import { until } from './until.ts'

const many = 100_000
const name = (at: number): string => `tenant-${at}`

/** Writes tenants as `relay tenant add` does, but all in one transaction. */
function fill(file: string, count: number): void {
  openTenants(file).close()
  const database = new DatabaseSync(file)
  const tenant = database.prepare('INSERT INTO tenants (name, record) VALUES (?, ?)')
  const key = database.prepare('INSERT INTO keys (sha256, name) VALUES (?, ?)')
  database.exec('BEGIN')
  for (let at = 0; at < count; at++) {
    const sha256 = createHash('sha256')
      .update(keyOf(name(at)))
      .digest('hex')
    const keys = [{ sha256, createdAt: '2026-11-23T00:00:00.000Z', hint: 'rk_…' }]
    const plain = { business: null, tier: 'standard', priority: null, routes: null, models: null, limits: [] }
    tenant.run(name(at), recordText({ name: name(at), ...plain, keys }))
    key.run(sha256, name(at))
  }
  database.exec('COMMIT')
  database.close()
}

interface Started {
  readonly relay: RelayProcess
  readonly ms: number
}

async function withTenants(t: Parameters<typeof home>[0], count: number): Promise<Started> {
  const place = home(t)
  const file = place.path('tenants.db')
  fill(file, count)
  const config = {
    upstreams: { claude: 'builtin:claude' },
    routes: { '/': 'claude' },
    tenantsFrom: { sqlite: file },
    tiers: { standard: { requests: '1000/m', budget: '50usd/day' } },
    log: { access: false },
    shed: false,
  }
  const started = performance.now()
  const relay = await relayProcess(t, config)
  return { relay, ms: performance.now() - started }
}

async function statusOf(relay: RelayProcess, key: string): Promise<number> {
  const text = messageCall('x').toString('latin1').replace(keyOf('x'), key)
  const call = rawCall(relay.port, text)
  const { status } = await call.reply
  call.socket.destroy()
  return status
}

t.test(`${many} tenants in SQLite are loaded at the start and served, each with its own key`, async (t) => {
  const few = await withTenants(t, 10)
  const all = await withTenants(t, many)
  const mb = (bytes: number): number => Math.round(bytes / 2 ** 20)
  t.comment(`start: ${Math.round(few.ms)} ms with 10, ${Math.round(all.ms)} ms with ${many}`)
  t.comment(`memory: ${mb(few.relay.memory())} MiB with 10, ${mb(all.relay.memory())} MiB with ${many}`)

  t.match(all.relay.status.tenants, { tenants: many, keys: many })
  for (const at of [0, 1, 4_711, 50_000, many - 1]) t.equal(await statusOf(all.relay, keyOf(name(at))), 200)
  t.equal(await statusOf(all.relay, keyOf(name(many))), 401)
  t.ok(all.relay.memory() - few.relay.memory() < 400 * 2 ** 20)
})

t.test('relay tenant changes who may call a running relay, and how much, within a second', async (t) => {
  const { relay } = await withTenants(t, 10)
  const tenant = async (...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> => {
    const { exit, out, err } = await run(relay.home, 'tenant', ...args, '--config', 'relay.config.yaml', '--json')
    t.equal(exit, 0, `${args.join(' ')} ${err}`)
    return JSON.parse(out) as Record<string, unknown>
  }
  /** ms until calls with a key are answered so. */
  const becomes = async (key: string, status: number): Promise<number> => {
    const from = performance.now()
    await until(async () => (await statusOf(relay, key)) === status)
    return performance.now() - from
  }

  const first = String((await tenant('add', 'shop', '--tier', 'standard', '--business', 'b'))['key'])
  t.match(first, /^rk_[0-9A-Za-z]{43}$/)
  t.ok((await becomes(first, 200)) < 1_000)
  const second = String((await tenant('rotate', 'shop'))['key'])
  t.ok((await becomes(second, 200)) < 1_000)
  t.equal(await statusOf(relay, first), 200, 'two keys at a time')
  await tenant('rotate', 'shop', '--now')
  t.ok((await becomes(first, 401)) < 1_000)
  t.ok((await becomes(second, 401)) < 1_000)
  const third = String((await tenant('rotate', 'shop'))['key'])
  await becomes(third, 200)
  await tenant('quota', 'shop', '--requests', '1/h', '--burst', '1')
  t.ok((await becomes(third, 429)) < 2_000)
  // The bucket stays what it is, so that nobody gets a full one by a change: it owes no more than a burst of the new limit.
  await tenant('quota', 'shop', '--requests', '40/s', '--burst', '40')
  t.ok((await becomes(third, 200)) < 5_000)
  t.match(await tenant('list'), { tenants: Array })
  t.match(await tenant('show', 'shop'), { name: 'shop', business: 'b' })
  await tenant('remove', 'shop')
  t.ok((await becomes(third, 401)) < 1_000)
  t.equal(await statusOf(relay, keyOf(name(3))), 200, 'the others are as they were')
})
