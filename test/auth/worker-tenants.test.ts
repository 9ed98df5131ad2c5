import t from 'tap'
import type { Tenant } from '../../src/base/tenant.ts'
import { directoryWriter } from '../../src/auth/directory.ts'
import { digestOf, keyRecord, looksLikeKey, newKey } from '../../src/auth/keys.ts'
import { workerTenants } from '../../src/auth/worker-tenants.ts'
import { tenantOfId } from './helpers.ts'

interface Asked {
  readonly id: number
  readonly answer: (tenant: Tenant | null) => void
  readonly fail: (error: Error) => void
}

function world(most?: number) {
  const asks: Asked[] = []
  const writer = directoryWriter({ moved: (memory) => tenants.useDirectory(memory) })
  const ask = (id: number) => new Promise<Tenant | null>((answer, fail) => void asks.push({ id, answer, fail }))
  const tenants = workerTenants({ memory: writer.memory, ask, ...(most === undefined ? {} : { most }) })
  const key = newKey()
  writer.setKeys(3, [digestOf(key)])
  const answerAll = () => asks.splice(0).forEach(({ id, answer }) => answer(tenantOfId(id, writer.generation(id))))
  return { writer, tenants, asks, key, answerAll }
}

t.test('a key has 256 random bits in letters and digits, and no two are alike', async (t) => {
  const keys = Array.from({ length: 1000 }, () => newKey())

  t.ok(keys.every((key) => /^rk_[0-9A-Za-z]{43}$/.test(key) && looksLikeKey(key)))
  t.equal(new Set(keys).size, 1000)
  t.equal(
    newKey(() => Buffer.alloc(32)),
    `rk_${'0'.repeat(43)}`,
  )
  t.equal(newKey(() => Buffer.alloc(32, 255)).length, 46)
  t.match(keyRecord('rk_abcdefgh', 0), { sha256: /^[0-9a-f]{64}$/, createdAt: '1970-01-01T00:00:00.000Z', hint: 'rk_abcd…' })
})

t.test('what is not a key, and a key that nobody has, is known at once to be nobody’s', async (t) => {
  const { tenants, asks } = world()

  t.equal(tenants.find('sk-ant-api03-something'), null)
  t.equal(tenants.find(''), null)
  t.equal(tenants.find(newKey()), null)
  t.equal(asks.length, 0)
})

t.test('control is asked once for many calls, and not again until the tenant changes', async (t) => {
  const { writer, tenants, asks, key, answerAll } = world()

  const calls = Array.from({ length: 100 }, async () => tenants.find(key))
  const questions = asks.length
  answerAll()
  const found = await Promise.all(calls)
  const again = tenants.find(key)
  writer.bump(3)
  const changed = tenants.find(key)

  t.equal(questions, 1)
  t.ok(found.every((tenant) => tenant?.name === 't3'))
  t.equal(again, found[0])
  t.type(changed, Promise)
  answerAll()
  t.match(await changed, { generation: 1 })
})

t.test('a key that is revoked while control is asked lets nobody in', async (t) => {
  const { writer, tenants, key, answerAll } = world()

  const call = tenants.find(key)
  writer.setKeys(3, [])
  answerAll()

  t.equal(await call, null)
  t.equal(tenants.find(key), null)
})

t.test('an answer that is out of date when it comes is asked for again, and never kept', async (t) => {
  const { writer, tenants, asks, key, answerAll } = world()

  const call = tenants.find(key)
  const [first] = asks.splice(0)
  writer.bump(3)
  first?.answer(tenantOfId(3, 0, 'before'))
  await new Promise(setImmediate)
  answerAll()

  t.match(await call, { name: 't3', generation: 1 })
})

t.test('an id that is another tenant’s by now: that nobody has it was said of before, and locks nobody out', async (t) => {
  const { writer, tenants, asks, key, answerAll } = world()
  const [old] = [tenants.find(key)]
  const [before] = asks.splice(0)
  writer.setKeys(3, [])
  writer.bump(3)

  // Control looked while nobody had the id; its answer is still on its way when another tenant gets it.
  const other = newKey()
  writer.setKeys(3, [digestOf(other)])
  writer.bump(3)
  const call = tenants.find(other)
  before?.answer(null)
  await new Promise(setImmediate)
  answerAll()

  t.match(await call, { name: 't3', generation: 2 })
  t.equal(await old, null)
  t.match(tenants.find(other), { name: 't3' })
})

t.test('a tenant that never stops changing is told as unavailable in the end', async (t) => {
  const { writer, tenants, asks, key } = world()

  const call = tenants.find(key)
  const failed = t.rejects(Promise.resolve(call), { message: 'the tenant of this key is changing' })
  for (let round = 0; round < 4; round++) {
    writer.bump(3)
    asks.splice(0).forEach(({ answer }) => answer(tenantOfId(3, 0)))
    await new Promise(setImmediate)
  }

  await failed
})

t.test('a question that fails fails the calls that wait for it, and the next call asks anew', async (t) => {
  const { tenants, asks, key, answerAll } = world()

  const call = tenants.find(key)
  asks.splice(0).forEach(({ fail }) => fail(new Error('the store is away')))
  await t.rejects(Promise.resolve(call), { message: 'the store is away' })
  const next = tenants.find(key)
  answerAll()

  t.match(await next, { name: 't3' })
})

t.test('no more records are kept than were allowed, and those in use stay', async (t) => {
  const { writer, tenants, asks, key, answerAll } = world(10)
  const others = Array.from({ length: 100 }, () => newKey())
  others.forEach((other, k) => writer.setKeys(100 + k, [digestOf(other)]))
  void tenants.find(key)
  answerAll()
  await new Promise(setImmediate)

  for (const other of others) {
    const call = tenants.find(other)
    answerAll()
    await call
    t.equal(tenants.find(key) instanceof Promise, false)
  }
  void tenants.find(others[0] ?? '')

  t.equal(asks.length, 1)
  answerAll()
})
