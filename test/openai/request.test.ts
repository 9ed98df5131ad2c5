import t from 'tap'
import { OpenAiProblem } from '../../src/openai/problem.ts'
import { messagesRequest, type RequestOptions } from '../../src/openai/request.ts'
import { requestCases, type RequestCase } from './cases.ts'

const defaults: RequestOptions = { lossy: false, models: {}, maxTokens: 4096, version: '2023-06-01' }
const asksHi = { model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] }
const becomesHi = { model: 'claude-opus-5-5', max_tokens: 4096, messages: [{ role: 'user', content: 'hi' }] }

function translated(asks: unknown, options: Partial<RequestOptions> = {}): unknown {
  return messagesRequest(Buffer.from(JSON.stringify(asks)), { ...defaults, ...options }).body
}

function problemOf(asks: unknown, options: Partial<RequestOptions> = {}): OpenAiProblem | null {
  try {
    translated(asks, options)
    return null
  } catch (error) {
    if (error instanceof OpenAiProblem) return error
    throw error
  }
}

for (const { name, asks, becomes, refuses, options } of requestCases) {
  t.test(`${name}: ${outcome({ becomes, refuses })}`, async (t) => {
    const request = { ...asksHi, ...asks }
    const lossy = { ...options, lossy: true }

    if (refuses === undefined) t.strictSame(translated(request, options), { ...becomesHi, ...becomes })
    else t.equal(problemOf(request, options)?.param, refuses)

    if (becomes === undefined) t.equal(problemOf(request, lossy)?.param, refuses, 'on a lossy route too')
    else t.strictSame(translated(request, lossy), { ...becomesHi, ...becomes }, 'on a lossy route')
  })
}

function outcome({ becomes, refuses }: { readonly becomes: RequestCase['becomes']; readonly refuses: RequestCase['refuses'] }): string {
  if (refuses === undefined) return 'said to Claude'
  return becomes === undefined ? `refused for ${refuses}` : `refused for ${refuses}, dropped on a lossy route`
}

t.test('the table is as long as it has to be', async (t) => {
  t.ok(requestCases.length >= 120, `${requestCases.length} cases`)
  t.equal(new Set(requestCases.map(({ name }) => name)).size, requestCases.length)
})

t.test('a refusal says what is wrong, in words and in a code', async (t) => {
  t.match(problemOf({ ...asksHi, seed: 1 }), {
    message: "seed: this cannot be put into Claude's terms",
    code: 'unsupported_parameter',
    failure: 'bad_request',
  })
  t.match(problemOf({ ...asksHi, foo: 1 }), { message: /^foo is not a field/, code: 'unknown_parameter' })
  t.match(problemOf({ messages: [] }), { message: 'model is missing', code: 'missing_required_parameter' })
  t.match(problemOf({ ...asksHi, temperature: 9 }), { code: 'invalid_value' })
})

t.test('what is no JSON object is refused', async (t) => {
  for (const text of ['', '{', '[]', '"x"', 'null', '{"model":"a"}x']) {
    t.throws(() => messagesRequest(Buffer.from(text), defaults), { message: 'the request body is not a JSON object' })
  }
})

t.test('what a reply is to look like is told along', async (t) => {
  const wishOf = (asks: unknown): unknown => messagesRequest(Buffer.from(JSON.stringify(asks)), defaults).wish

  t.strictSame(wishOf(asksHi), { isStream: false, includesUsage: false, isLegacy: false })
  t.strictSame(wishOf({ ...asksHi, stream: true, stream_options: { include_usage: true } }), {
    isStream: true,
    includesUsage: true,
    isLegacy: false,
  })
  t.strictSame(wishOf({ ...asksHi, functions: [{ name: 'f' }] }), { isStream: false, includesUsage: false, isLegacy: true })
})

t.test('whole numbers too large for a double pass as they are, in arguments and in schemas', async (t) => {
  const text = `{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":
    {"name":"f","arguments":"{\\"id\\":12345678901234567891,\\"part\\":0.10}"}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":
    {"type":"object","properties":{"id":{"const":98765432109876543211}}}}}],"temperature":0.50}`

  const { body } = messagesRequest(Buffer.from(text), defaults)

  t.match(JSON.stringify(body), '"input":{"id":12345678901234567891,"part":0.1}')
  t.match(JSON.stringify(body), '"const":98765432109876543211')
  t.equal(body['temperature'], 0.5)
})

t.test('a name from the depths of JavaScript is no model and no field', async (t) => {
  t.match(translated({ ...asksHi, model: 'constructor' }, { models: {} }), { model: 'constructor' })
  const polluting = '{"model":"m","messages":[{"role":"user","content":"hi"}],"__proto__":{"lossy":true}}'
  t.throws(() => messagesRequest(Buffer.from(polluting), defaults), { message: /^__proto__ is not/ })
})
