import t from 'tap'
import type { FromWorker } from '../../src/control/messages.ts'
import { asking } from '../../src/worker/ask.ts'

function world(options: { timeoutMs?: number; most?: number } = {}) {
  const said: Extract<FromWorker, { is: 'question' }>[] = []
  const say = (message: FromWorker) => void (message.is === 'question' && said.push(message))
  return { said, questions: asking({ say, ...options }) }
}

async function failureOf(asked: Promise<unknown>): Promise<unknown> {
  return asked.then(
    () => null,
    (error: unknown) => error,
  )
}

t.test('answers come to their own questions, in whatever order', async (t) => {
  const { said, questions } = world()
  const first = questions.ask({ of: 'slots', keys: ['one'] })
  const second = questions.ask({ of: 'slots', keys: ['two'] })

  questions.answered(said[1]!.number, [2])
  questions.answered(said[0]!.number, [1])

  t.strictSame(await Promise.all([first, second]), [[1], [2]])
})

t.test('a question that control cannot answer fails at once, with its reason', async (t) => {
  const { said, questions } = world()
  const asked = questions.ask({ of: 'tenant', id: 7 })

  questions.unanswered(said[0]!.number, 'the tenants cannot be read right now')

  t.match(await failureOf(asked), { failure: 'unavailable', message: 'the tenants cannot be read right now', retryAfterMs: 1000 })
})

t.test('a question that nobody answers ends, and its answer may still come', async (t) => {
  const { said, questions } = world({ timeoutMs: 1 })

  t.match(await failureOf(questions.ask({ of: 'slots', keys: [] })), { failure: 'overloaded' })

  t.doesNotThrow(() => questions.answered(said[0]!.number, []))
})

t.test('no more questions wait than the bound says', async (t) => {
  const { said, questions } = world({ most: 1 })
  const first = questions.ask({ of: 'slots', keys: [] })

  t.match(await failureOf(questions.ask({ of: 'slots', keys: [] })), { failure: 'overloaded' })

  questions.answered(said[0]!.number, [])
  t.strictSame(await first, [])
  t.equal(said.length, 1)
})
