import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf, keyRecord, newKey } from '../../src/auth/keys.ts'
import { recordText } from '../../src/auth/record.ts'
import { type Registry, registry, type RegistryOptions } from '../../src/auth/registry.ts'
import { sqliteStore } from '../../src/auth/sqlite-store.ts'
import type { TenantStore } from '../../src/auth/tenant.ts'
import { directoryReader } from '../../src/auth/directory.ts'
import { type WorkerTenants, workerTenants } from '../../src/auth/worker-tenants.ts'
import { keyed, requestsLimit, tierOf } from './helpers.ts'

const slots = { tenant: (name: string) => name.length, business: () => 99 }

function place(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'relay-registry-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'tenants.db')
}

interface World {
  readonly all: Registry
  readonly tenants: WorkerTenants
  readonly told: readonly string[]
  readonly id: (key: string) => number
}

async function world(t: Test, options: Partial<RegistryOptions>): Promise<World> {
  const told: string[] = []
  const opened: { tenants?: WorkerTenants } = {}
  const all = await registry({
    tiers: [],
    tenants: [],
    store: null,
    slots,
    retryMs: 10,
    moved: (memory) => opened.tenants?.useDirectory(memory),
    log: { warn: (_, message) => told.push(message) },
    ...options,
  })
  t.teardown(async () => {
    await all.close()
    await options.store?.close()
  })
  opened.tenants = workerTenants({ memory: all.memory, ask: async (id) => all.tenant(id) })
  return { all, tenants: opened.tenants, told, id: (key) => directoryReader(all.memory).find(digestOf(key)) }
}

/** Waits until it is so, for as long as the test may take. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await turn()
}

t.test('a tenant has what its tier gives, with its own in the place of what has the same name', async (t) => {
  const { key, record } = keyed('search', { tier: 'standard', limits: [requestsLimit(10), requestsLimit(1, 'more')], models: ['m'] })
  const tier = tierOf('standard', { priority: 2, routes: ['r'], models: ['n'], limits: [requestsLimit(600), requestsLimit(5, 'hourly')] })
  const plain = keyed('plain', { business: 'shop' })
  const { tenants } = await world(t, { tiers: [tier], tenants: [record, plain.record] })

  const tenant = await tenants.find(key)
  const other = await tenants.find(plain.key)

  t.match(tenant, { name: 'search', business: 'search', priority: 2, routes: ['r'], models: ['m'], slot: 6, businessSlot: 99 })
  t.same(tenant?.limits, [requestsLimit(10), requestsLimit(5, 'hourly'), requestsLimit(1, 'more')])
  t.match(other, { business: 'shop', priority: 5, routes: null, models: null, limits: [] })
})

t.test('what another process changes in the store counts within a second: a key, a quota, a tenant', async (t) => {
  const file = place(t)
  const writing = sqliteStore({ file })
  t.teardown(async () => writing.close())
  const { key, record } = keyed('a')
  await writing.put(record, null)
  const { tenants, all } = await world(t, { store: sqliteStore({ file }) })
  const found = await tenants.find(key)

  const since = performance.now()
  const rotated = keyRecord(newKey())
  const limited = { ...record, limits: [requestsLimit(1)] }
  await writing.put(limited, record)
  await until(async () => (await tenants.find(key))?.limits.length === 1)
  await writing.put({ ...limited, keys: [rotated] }, limited)
  await until(() => tenants.find(key) === null)
  await writing.remove('a')
  await until(() => all.keys === 0)

  t.match(found, { name: 'a', limits: [] })
  t.ok(performance.now() - since < 3000)
  t.equal(all.tenants, 0)
})

t.test('while the store cannot be read, tenants that were seen go on, and what changed is taken up when it is back', async (t) => {
  const inner = sqliteStore({ file: place(t) })
  const { key, record } = keyed('seen')
  const other = keyed('unseen')
  await inner.put(record, null)
  await inner.put(other.record, null)
  const state = { isAway: false }
  const store: TenantStore = { ...inner, get: async (name) => (state.isAway ? Promise.reject(new Error('away')) : inner.get(name)) }
  const { tenants, all, told, id } = await world(t, { store })
  await tenants.find(key)

  state.isAway = true
  await all.useConfig({ tiers: [tierOf('new')], tenants: [] })
  const during = await tenants.find(key)
  await t.rejects(Promise.resolve(tenants.find(other.key)), { message: 'away' })
  const generation = during?.generation ?? 0
  state.isAway = false
  await until(() => (tenants.find(key) as unknown) instanceof Promise)

  t.match(during, { name: 'seen' })
  t.match(await all.tenant(id(key)), { name: 'seen' })
  t.ok(((await tenants.find(key))?.generation ?? 0) > generation)
  t.match(told, [/^tenants cannot be read, and stay as they are known: away/])
})

t.test('of a name in both the file’s tenant counts, and it is told; out of the file, the store’s does', async (t) => {
  const store = sqliteStore({ file: place(t) })
  const inStore = keyed('a', { priority: 1 })
  const inFile = keyed('a', { priority: 9 })
  await store.put(inStore.record, null)
  const { tenants, all, told } = await world(t, { store, tenants: [inFile.record] })

  const before = [tenants.find(inStore.key), await tenants.find(inFile.key)]
  await all.useConfig({ tiers: [], tenants: [] })
  const after = [await tenants.find(inStore.key), tenants.find(inFile.key)]

  t.match(before, [null, { priority: 9 }])
  t.match(after, [{ priority: 1 }, null])
  t.match(told, [/'a' stands in the config file and in the store: what the file says of it counts/])
})

t.test('a tenant that moves from the file into the store is let in all the while', async (t) => {
  const store = sqliteStore({ file: place(t) })
  const { key, record } = keyed('a')
  const { tenants, all } = await world(t, { store, tenants: [record] })
  await store.put({ ...record, priority: 1 }, null)

  const moved = all.useConfig({ tiers: [], tenants: [] })
  const during = tenants.find(key)
  await moved

  t.match(await during, { name: 'a' })
  t.match(await tenants.find(key), { priority: 1 })
})

t.test('a reload makes out of date what it changed, and nothing else', async (t) => {
  const [a, b, c] = [keyed('a', { tier: 'one' }), keyed('b'), keyed('c')]
  const config = { tiers: [tierOf('one')], tenants: [a.record, b.record] }
  const { tenants, all } = await world(t, config)
  const kept = await Promise.all([a, b].map(async ({ key }) => tenants.find(key)))

  await all.useConfig({ tiers: [tierOf('one')], tenants: [{ ...a.record, priority: 3 }, { ...b.record }, c.record] })
  const same = tenants.find(b.key)
  const [changed, added] = [await tenants.find(a.key), await tenants.find(c.key)]
  await all.useConfig({ tiers: [tierOf('one', { priority: 8 })], tenants: [b.record] })
  const [gone, stale] = [tenants.find(a.key), tenants.find(b.key)]

  t.match(changed, { priority: 3 })
  t.equal(same, kept[1])
  t.match(added, { name: 'c' })
  t.equal(gone, null)
  t.type(stale, Promise)
  t.equal(all.tenants, 1)
})

t.test('a tenant of a tier that the config does not have is not let in without its limits', async (t) => {
  const { key, record } = keyed('a', { tier: 'gold' })
  const { tenants, told } = await world(t, { tiers: [tierOf('silver')], tenants: [record] })

  t.equal(await tenants.find(key), null)
  t.equal(tenants.find(key), null)

  t.match(told, [/'a' names the tier 'gold', which the config does not have: its calls are refused/])
  t.equal(told.length, 1)
})

t.test('a key of two tenants stays with the first, and it is told without the key', async (t) => {
  const { key, record } = keyed('a')
  const { tenants, told } = await world(t, { tenants: [record, { ...record, name: 'b' }] })

  t.match(await tenants.find(key), { name: 'a' })
  t.match(told, [/^the key rk_.{4}… of the tenant 'b' is the tenant 'a's, and stays with that one$/])
})

t.test('when too much was missed all is read again: who is gone is gone, who is new is there', async (t) => {
  const file = place(t)
  const store = sqliteStore({ file })
  const [old, kept, added] = [keyed('old'), keyed('kept'), keyed('new')]
  await store.put(old.record, null)
  await store.put(kept.record, null)
  const watches: Parameters<TenantStore['watch']>[1][] = []
  const watch: TenantStore['watch'] = async (_, changed) => void watches.push(changed)
  const { tenants, all } = await world(t, { store: { ...store, watch } })

  await store.remove('old')
  await store.put(added.record, null)
  watches[0]?.('all')
  await until(() => all.tenants === 2 && tenants.find(added.key) !== null)

  t.equal(tenants.find(old.key), null)
  t.match(await tenants.find(kept.key), { name: 'kept' })
  t.match(await tenants.find(added.key), { name: 'new' })
})

t.test('a hundred thousand tenants load in a few seconds, and are not kept', async (t) => {
  const file = place(t)
  await sqliteStore({ file }).close()
  const { key, record } = keyed('t50000', { limits: [requestsLimit(600), requestsLimit(5, 'more')] })
  const database = new DatabaseSync(file)
  const put = database.prepare('INSERT INTO tenants (name, record) VALUES (?, ?)')
  database.exec('BEGIN')
  for (let n = 0; n < 100_000; n++) {
    const keys = ['a', 'b'].map((k) => keyRecord(`${k}${n}`))
    put.run(`t${n}`, recordText(n === 50_000 ? record : { ...record, name: `t${n}`, keys }))
  }
  database.exec('COMMIT')
  database.close()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  const since = performance.now()

  const { all, tenants } = await world(t, { store: sqliteStore({ file }) })
  const tookMs = performance.now() - since
  const after = process.memoryUsage()

  t.equal(all.tenants, 100_000)
  t.equal(all.keys, 199_999)
  t.match(await tenants.find(key), { name: 't50000' })
  const heap = (after.heapUsed - heapUsed + after.arrayBuffers - arrayBuffers) / 2 ** 20
  t.comment(`loaded in ${tookMs.toFixed(0)} ms, ${heap.toFixed(0)} MiB more`)
  t.ok(tookMs < 10_000, `${tookMs} ms`)
})
