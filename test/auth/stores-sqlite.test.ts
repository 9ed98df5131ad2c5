import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { configStore } from '../../src/auth/config-store.ts'
import { sqliteStore } from '../../src/auth/sqlite-store.ts'
import { recordOf } from './helpers.ts'
import { storeContract, watched } from './store-contract.ts'

function place(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'relay-tenants-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'tenants.db')
}

storeContract(t, async (t) => {
  const file = place(t)
  return async () => sqliteStore({ file })
})

t.test('who the tenants are is for the owner of the file alone to read', async (t) => {
  const file = place(t)
  const store = sqliteStore({ file })
  t.teardown(async () => store.close())

  await store.put(recordOf('a'), null)

  t.same(
    ['', '-wal', '-shm'].map((suffix) => statSync(`${file}${suffix}`).mode & 0o777),
    [0o600, 0o600, 0o600],
  )
})

t.test('a file that is none of relay’s, or of a later relay, is refused and left as it is', async (t) => {
  const file = place(t)
  writeFileSync(file, 'not a database, and long enough to be looked at as one '.repeat(20))
  const later = place(t)
  const database = new DatabaseSync(later)
  database.exec('PRAGMA user_version = 7')
  database.close()

  t.throws(() => sqliteStore({ file }), { message: /tenants cannot be kept in .*tenants\.db: file is not a database/ })
  t.throws(() => sqliteStore({ file: later }), { message: /another version of relay \(its tables are of version 7\)/ })
  t.throws(() => sqliteStore({ file: '/none/of/this.db' }), { message: /tenants cannot be kept in \/none\/of\/this\.db/ })
})

t.test('a record that cannot be read is left out and told; all others load', async (t) => {
  const file = place(t)
  const told: string[] = []
  const store = sqliteStore({ file, problem: (message) => told.push(message) })
  t.teardown(async () => store.close())
  await store.put(recordOf('a'), null)
  await store.put(recordOf('b'), null)
  const database = new DatabaseSync(file)
  database.exec(`UPDATE tenants SET record = '{"name":"a"}' WHERE name = 'a'`)
  database.close()
  const seen: string[] = []

  await store.load((some) => seen.push(...some.map(({ name }) => name)))

  t.same(seen, ['b'])
  t.match(told, [/^the tenant 'a' is left out: .*business/])
  await t.rejects(store.get('a'), { message: /cannot be read: business/ })
})

t.test('changes are forgotten after ten thousand, and who was away for longer reads all again', async (t) => {
  const file = place(t)
  const store = sqliteStore({ file })
  t.teardown(async () => store.close())
  await store.put(recordOf('a'), null)
  const database = new DatabaseSync(file)
  database.exec(
    `WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 12000) INSERT INTO changes (name) SELECT 'x' FROM n`,
  )
  await store.put(recordOf('b'), null)
  const { count } = database.prepare('SELECT count(*) AS count FROM changes').get() ?? {}
  database.close()

  const late = watched(t, store, '1')
  const early = watched(t, store, '12001')
  await late.until(['all'])
  await early.until(['b'])

  t.equal(count, 10_000)
  t.same(late.names, ['all'])
  t.same(early.names, ['b'])
})

t.test('the tenants of the config file are read like those of a store, and cannot be written', async (t) => {
  const store = configStore([recordOf('b'), recordOf('a')])
  const seen: string[] = []

  await store.load((some) => seen.push(...some.map(({ name }) => name)))

  t.same(seen, ['a', 'b'])
  t.match(await store.get('a'), { name: 'a' })
  t.equal(await store.get('c'), null)
  t.match(await store.list('a', 5), [{ name: 'b' }])
  await t.rejects(store.put(recordOf('c'), null), { message: /changed in the file/ })
  await t.rejects(store.remove('a'), { message: /changed in the file/ })
})
