import t from 'tap'
import { resolver } from '../../src/engine/resolve.ts'

t.test('an address stands for itself and is never looked up', async (t) => {
  const look = async (): Promise<readonly string[]> => {
    throw new Error('looked up')
  }

  t.same(await resolver('192.0.2.1', 0, look).addresses(), ['192.0.2.1'])
  t.same(await resolver('::1', 0, look).addresses(), ['::1'])
})

t.test('a name is looked up once while its answer is fresh, however many ask at the same time', async (t) => {
  let looks = 0
  const names = resolver('a.example', 60_000, async () => {
    looks++
    return ['192.0.2.1']
  })

  await Promise.all([names.addresses(), names.addresses()])
  await names.addresses()

  t.equal(looks, 1)
})

t.test('an old answer is renewed, and serves until the new one is there', async (t) => {
  const answers = [['192.0.2.1'], ['192.0.2.2']]
  const second = Promise.withResolvers<void>()
  const names = resolver('a.example', 0, async () => {
    if (answers.length === 1) await second.promise
    return answers.shift() ?? []
  })
  await names.addresses()

  const meanwhile = names.addresses()
  second.resolve()
  await new Promise((resolve) => setImmediate(resolve))

  t.same(meanwhile, ['192.0.2.1'])
  t.same(names.addresses(), ['192.0.2.2'])
})

t.test('while look-ups fail the last good answer serves on', async (t) => {
  let looks = 0
  const names = resolver('a.example', 0, async () => {
    if (looks++ > 0) throw new Error('no such name')
    return ['192.0.2.1']
  })
  await names.addresses()

  for (let k = 0; k < 3; k++) {
    t.same(await names.addresses(), ['192.0.2.1'])
    await new Promise((resolve) => setImmediate(resolve))
  }

  t.equal(looks, 4)
})

t.test('an empty answer does not take the place of a good one', async (t) => {
  const answers: string[][] = [['192.0.2.1'], []]
  const names = resolver('a.example', 0, async () => answers.shift() ?? [])
  await names.addresses()
  await names.addresses()
  await new Promise((resolve) => setImmediate(resolve))

  t.same(await names.addresses(), ['192.0.2.1'])
})

t.test('a name that was never found fails whoever waits for it', async (t) => {
  const names = resolver('a.example', 60_000, async () => {
    throw new Error('no such name')
  })

  await t.rejects(async () => names.addresses(), { message: 'no such name' })
})

t.test('the machine itself is found by its name', async (t) => {
  const found = await resolver('localhost', 60_000).addresses()

  t.ok(found.includes('127.0.0.1') || found.includes('::1'), found.join(' '))
})
