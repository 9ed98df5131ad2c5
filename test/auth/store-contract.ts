import { EventEmitter, once } from 'node:events'
import type { Test } from 'tap'
import type { TenantRecord, TenantStore } from '../../src/auth/tenant.ts'
import { keyed, recordOf, requestsLimit } from './helpers.ts'

/** Opens the same empty place anew, as another process would. */
export type OpenStore = () => Promise<TenantStore>

/** What every store that can be written does. */
export function storeContract(t: Test, place: (t: Test) => Promise<OpenStore>): void {
  t.test('a record comes back as it was put, from every process', async (t) => {
    const { store, open } = await world(t, place)
    const full = keyed('search', {
      business: 'shop',
      tier: 'standard',
      priority: 7,
      routes: ['v1/messages'],
      models: ['claude-opus-*'],
      limits: [requestsLimit(600), budget],
    }).record

    t.equal(await store.put(full, null), true)

    t.same(await store.get('search'), full)
    t.same(await (await open()).get('search'), full)
    t.equal(await store.get('serch'), null)
  })

  t.test('a record is written over what was seen alone: who was slower is told, and nothing is lost', async (t) => {
    const { store, open } = await world(t, place)
    const other = await open()
    const first = recordOf('a')
    await store.put(first, null)

    t.equal(await other.put(recordOf('a', { priority: 1 }), null), false)
    t.equal(await other.put(recordOf('a', { priority: 2 }), first), true)
    t.equal(await store.put(recordOf('a', { priority: 3 }), first), false)
    t.equal(await store.put(recordOf('b'), first), false)

    t.match(await store.get('a'), { priority: 2 })
    t.equal(await store.get('b'), null)
  })

  t.test('of many who write at once each one’s change counts', async (t) => {
    const { store, open } = await world(t, place)
    const others = await Promise.all([open(), open(), open()])
    await store.put(recordOf('a', { priority: 0 }), null)

    await Promise.all(others.map(async (one) => raised(one, 3)))

    t.match(await store.get('a'), { priority: 9 })
  })

  t.test('a removed tenant is gone once, and its key is free again', async (t) => {
    const { store } = await world(t, place)
    const { record } = keyed('a')
    await store.put(record, null)

    t.equal(await store.remove('a'), true)
    t.equal(await store.remove('a'), false)

    t.equal(await store.get('a'), null)
    t.same(await store.list(null, 10), [])
    t.equal(await store.put({ ...record, name: 'b' }, null), true)
  })

  t.test('a key is one tenant’s alone, and the one that wanted it is as it was', async (t) => {
    const { store } = await world(t, place)
    const { record } = keyed('a')
    const second = recordOf('b')
    await store.put(record, null)
    await store.put(second, null)

    await t.rejects(store.put({ ...second, keys: record.keys }, second), { name: 'KeyTaken', message: /'b'/ })

    t.same(await store.get('b'), second)
    t.equal(await store.put({ ...record, keys: [] }, record), true)
    t.equal(await store.put({ ...second, keys: record.keys }, second), true)
  })

  t.test('tenants are listed by name, page by page', async (t) => {
    const { store } = await world(t, place)
    for (const name of ['b', 'a', 'c-2', 'c', 'c.1']) await store.put(recordOf(name), null)

    const first = await store.list(null, 2)
    const rest = await store.list('b', 10)

    t.same(first.map(nameOf), ['a', 'b'])
    t.same(rest.map(nameOf), ['c', 'c-2', 'c.1'])
    t.same(await store.list('c.1', 10), [])
  })

  t.test('loading shows all, and a watch goes on from there', async (t) => {
    const { store, open } = await world(t, place)
    for (let n = 0; n < 250; n++) await store.put(recordOf(`t${n}`), null)
    const seen: TenantRecord[] = []

    const at = await store.load((some) => seen.push(...some))
    await store.put(recordOf('late'), null)
    await store.remove('t7')
    const watching = watched(t, await open(), at)
    await watching.until(['late', 't7'])

    t.equal(new Set(seen.map(nameOf)).size, 250)
    t.same(watching.names.toSorted(), ['late', 't7'])
  })

  t.test('a watch tells of changes by others and by its own process, within a second', async (t) => {
    const { store, open } = await world(t, place)
    const other = await open()
    const watching = watched(t, store, await store.load(() => undefined))
    const since = performance.now()

    await other.put(recordOf('theirs'), null)
    await watching.until(['theirs'])
    await store.put(recordOf('mine'), null)
    await watching.until(['mine'])

    t.ok(performance.now() - since < 2000)
    t.notOk(watching.names.includes('all'))
  })

  t.test('a watch ends when it is told to', async (t) => {
    const { store } = await world(t, place)
    const end = new AbortController()

    const watching = store.watch('0', () => undefined, end.signal)
    end.abort()

    await watching
  })

  t.test('a watch that missed more than is remembered says so', async (t) => {
    const { store } = await world(t, place)
    await store.put(recordOf('a'), null)

    const watching = watched(t, store, '999')
    await watching.until(['all'])

    t.same(watching.names, ['all'])
  })
}

const budget = {
  name: 'budget-day',
  per: ['tenant'],
  routes: null,
  models: ['claude-*'],
  exact: true,
  away: 'closed',
  dryRun: true,
  kind: 'budget',
  nanoUsd: 50e9,
  period: 'day',
  timeZone: 'Europe/Berlin',
} as const

async function world(t: Test, place: (t: Test) => Promise<OpenStore>) {
  const openHere = await place(t)
  const open = async (): Promise<TenantStore> => {
    const store = await openHere()
    t.teardown(async () => store.close())
    return store
  }
  return { store: await open(), open }
}

async function raised(store: TenantStore, times: number): Promise<void> {
  for (let done = 0; done < times;) {
    const before = await store.get('a')
    if (before !== null && (await store.put({ ...before, priority: (before.priority ?? 0) + 1 }, before))) done++
  }
}

/** What a watch told so far, and a wait for what it is yet to tell. */
export interface Watched {
  readonly names: readonly string[]
  until(wanted: readonly string[]): Promise<void>
}

/** Watches a store; it ends with the test. */
export function watched(t: Test, store: TenantStore, since: string): Watched {
  const names: string[] = []
  const heard = new EventEmitter()
  const end = new AbortController()
  const changed = (some: readonly string[] | 'all') => {
    names.push(...(some === 'all' ? ['all'] : some))
    heard.emit('changed')
  }
  const watching = store.watch(since, changed, end.signal)
  t.teardown(async () => {
    end.abort()
    await watching
  })
  const until = async (wanted: readonly string[]): Promise<void> => {
    while (!wanted.every((name) => names.includes(name))) await once(heard, 'changed')
  }
  return { names, until }
}

function nameOf({ name }: TenantRecord): string {
  return name
}
