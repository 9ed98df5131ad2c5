import t from 'tap'
import { openCalls } from '../../src/limits/memory/open-calls.ts'

t.test('a call that was added can be removed once', async (t) => {
  const open = openCalls()
  open.add('req_1')

  t.ok(open.remove('req_1'))
  t.notOk(open.remove('req_1'))
  t.notOk(open.remove('req_2'))
})

t.test('a call that was added twice can be removed twice', async (t) => {
  const open = openCalls()
  open.add('req_1')
  open.add('req_1')

  t.strictSame([open.remove('req_1'), open.remove('req_1'), open.remove('req_1')], [true, true, false])
})

t.test('however many are open, and in whatever order they end, each is found once', async (t) => {
  const open = openCalls()
  const model = new Set<string>()
  // Half of the ids have the same end: they are told apart by what stands before it.
  const id = (n: number): string => (n % 2 === 0 ? `req_${n}` : `req_${n}_same_end`)
  let state = 7
  const below = (most: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % most
  }

  for (let step = 0; step < 20_000; step += 1) {
    const call = id(below(step < 10_000 ? 1000 : 50))
    if (model.has(call) || below(3) === 0) {
      if (open.remove(call) !== model.delete(call)) t.fail(`${call} at ${step}`)
    } else {
      open.add(call)
      model.add(call)
    }
  }
  const left = Array.from({ length: 1000 }, (_none, n) => id(n)).filter((call) => open.remove(call))

  t.strictSame(new Set(left), model)
})
