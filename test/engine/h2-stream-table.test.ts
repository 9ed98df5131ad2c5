import t from 'tap'
import { StreamTable } from '../../src/engine/h2/stream-table.ts'

t.test('a table holds what a map would, whatever comes and goes', async (t) => {
  const table = new StreamTable<{ readonly id: number }>()
  const known = new Map<number, { readonly id: number }>()
  let seed = 7
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  let next = 1

  for (let step = 0; step < 20_000; step++) {
    // Mostly the newest go, and a few stay for very long; now and then there are many at once.
    if (known.size < 3 || random(100) < (step % 4000 < 1000 ? 70 : 45)) {
      const stream = { id: next }
      next += random(50) === 0 ? 2 * 64 : 2
      table.add(stream)
      known.set(stream.id, stream)
    } else {
      const ids = [...known.keys()]
      const id = ids[ids.length - 1 - random(Math.min(ids.length, 10))]!
      known.delete(id)
      table.delete(id)
      if (table.get(id) !== undefined) t.fail(`${id} is still there`)
    }
    table.delete(next + 1000)
    if (table.size !== known.size) t.fail('its size is wrong')
    if (step % 50 === 0) for (const [id, stream] of known) if (table.get(id) !== stream) t.fail(`${id} is not found`)
  }

  t.same(
    table
      .values()
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    [...known.keys()].sort((a, b) => a - b),
  )
})
