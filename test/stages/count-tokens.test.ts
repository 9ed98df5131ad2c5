import t from 'tap'
import type { Used } from '../../src/base/tokens.ts'
import { fakeClaude } from '../../src/claude/fake/fake.ts'
import type { Stage } from '../../src/engine/call.ts'
import { awaitFor } from '../../src/engine/hold.ts'
import { Name } from '../../src/protocol/names.ts'
import { aim } from '../../src/stages/aim.ts'
import { countTokens, countedFields } from '../../src/stages/count-tokens.ts'
import { credential } from '../../src/stages/credential.ts'
import { expectByCount } from '../../src/stages/expect-by-count.ts'
import { expectBySize } from '../../src/stages/expected.ts'
import { peek } from '../../src/stages/peek.ts'
import { peekBudget, peekMemory } from '../../src/stages/peek-budget.ts'
import { bench, handOrigin, type Bench } from '../engine/helpers.ts'

interface Scene extends Bench {
  readonly expected: readonly Used[]
  readonly fallbacks: () => number
}

const bySize = expectBySize({ outputTokens: 4096, outputMost: null, bytesPerToken: 4 })

interface SceneOptions {
  readonly port: number
  readonly secret?: string
  readonly timeoutMs?: number
}

async function scene(t: Parameters<typeof bench>[0], { port, secret, timeoutMs = 5000 }: SceneOptions): Promise<Scene> {
  const expected: Used[] = []
  let fallbacks = 0
  const own: Stage = secret === undefined ? (call, next) => next(call) : credential({ field: 'x-api-key', secret })
  const count = countTokens({ ask: (asking) => own(asking, (call) => made.pool.dispatch(call)), timeoutMs })
  const expect = expectByCount({ bySize, count, fellBack: () => fallbacks++ })
  const estimate: Stage = async (call, next) => {
    const used = expect(call, () => true)
    expected.push(used instanceof Promise ? await awaitFor(call, used) : used)
    return next(call)
  }
  const made = await bench(t, {
    port,
    stages: [
      // What `authenticate` does with a field that holds a key of relay's own.
      (call, next) => {
        if (call.head.fields.text(Name.authorization)?.includes('rk_') === true) call.edits.drop(1 << Name.authorization)
        return next(call)
      },
      aim({ path: { is: 'prefix', path: '/gw' }, rewrite: '', base: '' }),
      peek({ budget: peekBudget(peekMemory(1, 2 ** 22), 0), reads: 'messages', wantsWhole: true, most: 10_000 }),
      estimate,
      own,
    ],
  })
  return { ...made, expected, fallbacks: () => fallbacks }
}

function ask(content: string, lines: readonly string[] = []): string {
  const body = JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 12,
    metadata: { user_id: 'u' },
    messages: [{ role: 'user', content }],
  })
  const head = ['host: a', 'anthropic-version: 2023-06-01', `content-length: ${body.length}`, ...lines]
  return `POST /gw/v1/messages?beta=true HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`
}

t.test('the upstream counts the input of a call before it goes out, asked in its name and with the route’s credential', async (t) => {
  const fake = fakeClaude()
  const { port } = await fake.listen()
  t.teardown(() => fake.close())
  const { call, expected, fallbacks } = await scene(t, { port, secret: 'sk-ours' })

  const caller = await call(ask('one two three [tokens 3]', ['authorization: Bearer sk-ant-invalid', 'accept-encoding: gzip']))
  await caller.answers(1)

  const { body } = caller.replies().all[0]!
  const { usage } = JSON.parse(body) as { usage: { input_tokens: number } }
  t.match(expected, [{ input: usage.input_tokens, output: 12, estimated: true, model: 'claude-opus-5-5' }])
  t.equal(fallbacks(), 0)
})

t.test('the question has the fields that the endpoint takes, the caller’s head, and goes to its path', async (t) => {
  const origin = await handOrigin(t)
  const { call, expected } = await scene(t, { port: origin.port })
  const caller = await call(ask('hi', ['x-api-key: sk-caller', 'authorization: Bearer rk_1', 'anthropic-beta: a,b', 'accept-encoding: br']))
  const question = await origin.called()
  await question.until(() => question.received.endsWith('}'))
  const asked = question.received
  await question.send('HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{"input_tokens": 7}')
  await question.until(() => question.received.includes('metadata'))
  await question.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
  await caller.answers(1)

  t.match(asked, /^POST \/v1\/messages\/count_tokens\?beta=true HTTP/)
  t.match(asked, /x-api-key: sk-caller\r\n/)
  t.notMatch(asked, 'rk_', 'a key of relay stays here')
  t.match(asked, /anthropic-beta: a,b\r\n/)
  t.match(asked, /accept-encoding: identity\r\n/)
  t.equal(asked.split('\r\n\r\n')[1], '{"model":"claude-opus-5-5","messages":[{"role":"user","content":"hi"}]}')
  t.match(expected, [{ input: 7, output: 12 }])
})

const answers = {
  'an error': 'HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}',
  'no number': 'HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{"input_tokens": "lot"}'.replace('22', '23'),
  'no JSON': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno',
  'an answer that is cut': 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"input',
  'an answer without an end': `HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${' '.repeat(70_000)}`,
}

for (const [what, answer] of Object.entries(answers)) {
  t.test(`where the upstream answers with ${what} the size has to do, and that is counted`, async (t) => {
    const origin = await handOrigin(t)
    const { call, expected, fallbacks, watched } = await scene(t, { port: origin.port })
    const caller = await call(ask('hi'))
    const question = await origin.called()
    await question.until(() => question.received.endsWith('}'))

    await question.send(answer)
    if (what === 'an answer that is cut') question.socket.end()
    await watched.until(() => expected.length > 0 || fallbacks() > 0)
    await caller.leave()

    t.equal(fallbacks(), 1)
    t.match(expected, [{ output: 12, estimated: true }])
    t.ok(expected[0]!.input > 20)
  })
}

t.test('an upstream that does not answer in time, and a body that was not read whole, are guessed by size', async (t) => {
  const origin = await handOrigin(t)
  const { call, expected, fallbacks, watched } = await scene(t, { port: origin.port, timeoutMs: 50 })
  const slow = await call(ask('hi'))
  await watched.until(() => expected.length === 1)
  const long = await call(ask('x'.repeat(20_000)))
  await watched.until(() => expected.length === 2)
  slow.reset()
  long.reset()

  t.equal(fallbacks(), 2)
  t.ok(expected[1]!.input > 5000)
})

t.test('a caller that leaves while its input is counted ends the question at once', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended, watched, expected, told } = await scene(t, { port: origin.port })
  const caller = await call(ask('hi'))
  const question = await origin.called()

  caller.reset()
  await question.ended()
  await watched.until(() => ended.length === 1 && told.open === 0)

  t.match(ended, [{ end: 'cancelled' }])
  t.same(expected, [])
})

t.test('what is no JSON object has no fields to count', async (t) => {
  for (const text of ['', '[', 'null', '7']) t.equal(countedFields(Buffer.from(text)), null, text)
  t.equal(String(countedFields(Buffer.from('{"max_tokens":1,"system":"s","stream":true}'))), '{"system":"s"}')
})
