import t from 'tap'
import { forgetPeeks, peekBudget, peekedBytes, peekMemory, setPeekBound } from '../../src/stages/peek-budget.ts'

t.test('a tenant has room for one body in each worker, however large the bound on a body is made by a reload', async (t) => {
  const memory = peekMemory(2, 800)
  const budget = peekBudget(memory, 0)
  t.notOk(budget.take(300, 'a'), 'a quarter, and of that half')

  setPeekBound(memory, 800, 300)

  t.ok(budget.take(300, 'a'))
  t.notOk(budget.take(1, 'a'))
  t.ok(budget.take(300, 'b'))
  setPeekBound(memory, 500, 10)
  t.notOk(budget.take(1), 'what is held stays, and counts')
  budget.give(300, 'a')
  t.ok(budget.take(200))
})

t.test('all workers together hold no more than the bound, to the byte', async (t) => {
  const memory = peekMemory(3, 100)
  const [one, two, three] = [0, 1, 2].map((worker) => peekBudget(memory, worker)) as [
    ReturnType<typeof peekBudget>,
    ReturnType<typeof peekBudget>,
    ReturnType<typeof peekBudget>,
  ]

  t.same([one.take(60), two.take(41), two.take(40), three.take(1), three.take(0)], [true, false, true, false, true])
  one.give(10)
  t.same([three.take(11), three.take(10), one.take(1)], [false, true, false])
  t.equal(peekedBytes(memory), 100)
})

t.test('a tenant holds a quarter at most, its part of that in each worker, and what is left is the others’', async (t) => {
  const memory = peekMemory(2, 800)
  const [one, two] = [peekBudget(memory, 0), peekBudget(memory, 1)]

  t.same(
    [one.take(101, 'a'), one.take(100, 'a'), one.take(1, 'a'), two.take(100, 'a'), two.take(1, 'a')],
    [false, true, false, true, false],
  )
  t.same([one.take(100, 'b'), one.take(500)], [true, true])
  t.notOk(two.take(1, 'b'), 'nothing is left at all')
  one.give(60, 'a')
  t.same([one.take(61, 'a'), one.take(60, 'a')], [false, true])
  one.give(100, 'a')
  one.give(100, 'b')
  t.ok(one.take(100, 'c'))
})

t.test('what a dead worker held is free again', async (t) => {
  const memory = peekMemory(2, 10)
  const other = peekBudget(memory, 1)
  peekBudget(memory, 0).take(10)
  t.notOk(other.take(1))

  forgetPeeks(memory, 0)

  t.ok(other.take(10))
})

t.test('a bound of more than 1 GiB is 1 GiB', async (t) => {
  const budget = peekBudget(peekMemory(1, 2 ** 40), 0)

  t.ok(budget.take(2 ** 30 - 1))
  t.notOk(budget.take(1))
  t.notOk(budget.take(2 ** 30))
})
