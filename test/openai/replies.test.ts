import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { completion } from '../../src/openai/completion.ts'
import { errorBytes, errorOfClaude, errorOfRelay, statusOf } from '../../src/openai/errors.ts'
import { model, modelList, modelsQuery } from '../../src/openai/models.ts'
import { OpenAiProblem } from '../../src/openai/problem.ts'
import { failureOf } from './failure.ts'

const usage = {
  input_tokens: 10,
  cache_creation_input_tokens: 20,
  cache_read_input_tokens: 300,
  output_tokens: 40,
  output_tokens_details: { thinking_tokens: 5 },
  service_tier: 'priority',
}
const message = {
  id: 'msg_01',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'Hello', citations: null }],
  stop_reason: 'end_turn',
  stop_details: null,
  usage,
}

function completed(changes: Readonly<Record<string, unknown>> = {}, isLegacy = false): Readonly<Record<string, unknown>> {
  return completion(Buffer.from(JSON.stringify({ ...message, ...changes })), { created: 1_700_000_000, isLegacy })
}

/** The one choice of a completion. */
function choiceOf(changes: Readonly<Record<string, unknown>>, isLegacy = false): unknown {
  // Whatever else it is fails the test.
  return (completed(changes, isLegacy)['choices'] as readonly unknown[])[0]
}

const thinking = { type: 'thinking', thinking: 'hm', signature: 'AA==' }
const tool = { type: 'tool_use', id: 'toolu_1', name: 'f', input: { place: 'Rome' }, caller: { type: 'direct' } }

t.test('a message is a completion with one choice', async (t) => {
  t.strictSame(completed(), {
    id: 'chatcmpl-01',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'claude-opus-5-5',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', refusal: null }, logprobs: null, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: 330,
      completion_tokens: 40,
      total_tokens: 370,
      prompt_tokens_details: { cached_tokens: 300, cache_write_tokens: 20, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 5, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
    },
    service_tier: 'priority',
    system_fingerprint: null,
  })
})

t.test('texts are joined, and thinking is not among them', async (t) => {
  t.match(
    choiceOf({ content: [thinking, { type: 'text', text: 'a' }, { type: 'redacted_thinking', data: 'x' }, { type: 'text', text: 'b' }] }),
    {
      message: { content: 'ab' },
    },
  )
  t.match(choiceOf({ content: [] }), { message: { content: '' } })
})

t.test('tools are called at once, without content where nothing was said', async (t) => {
  const second = { ...tool, id: 'toolu_2', input: {} }

  t.strictSame(choiceOf({ content: [thinking, tool, second], stop_reason: 'tool_use' }), {
    index: 0,
    message: {
      role: 'assistant',
      content: null,
      refusal: null,
      tool_calls: [
        { id: 'toolu_1', type: 'function', function: { name: 'f', arguments: '{"place":"Rome"}' } },
        { id: 'toolu_2', type: 'function', function: { name: 'f', arguments: '{}' } },
      ],
    },
    logprobs: null,
    finish_reason: 'tool_calls',
  })
  t.match(choiceOf({ content: [{ type: 'text', text: 'so' }, tool], stop_reason: 'tool_use' }), {
    message: { content: 'so', tool_calls: [{}] },
  })
})

t.test('arguments are as exact as they came', async (t) => {
  const text = `{"type":"message","content":[{"type":"tool_use","id":"a","name":"f","input":{"id":12345678901234567891}}],"stop_reason":"tool_use"}`

  t.match(JSON.stringify(completion(Buffer.from(text), { created: 1, isLegacy: false })), '{\\"id\\":12345678901234567891}')
})

t.test('a function of the old kind is called in the old way', async (t) => {
  t.match(choiceOf({ content: [tool], stop_reason: 'tool_use' }, true), {
    message: { content: null, function_call: { name: 'f', arguments: '{"place":"Rome"}' } },
    finish_reason: 'function_call',
  })
})

t.test('a refusal is one, in words where Claude has some', async (t) => {
  const details = { type: 'refusal', category: null, explanation: 'not this' }

  t.match(choiceOf({ content: [], stop_reason: 'refusal', stop_details: details }), {
    message: { content: null, refusal: 'not this' },
    finish_reason: 'content_filter',
  })
  t.match(choiceOf({ content: [], stop_reason: 'refusal' }), { message: { content: '', refusal: null }, finish_reason: 'content_filter' })
})

t.test('usage that is not told is none', async (t) => {
  t.match(completed({ usage: null }), { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } })
  t.notOk('service_tier' in completed({ usage: { ...usage, service_tier: 'batch' } }))
})

t.test('what is no message fails as the upstream', async (t) => {
  for (const text of ['', '[]', '{}', '{"type":"message"}', '<html>']) {
    t.equal(
      failureOf(() => completion(Buffer.from(text), { created: 1, isLegacy: false })),
      'upstream_failed',
      text,
    )
  }
})

function claude(type: string, words: string, details: unknown = null): Buffer {
  return Buffer.from(JSON.stringify({ type: 'error', error: { type, message: words, details }, request_id: 'req_1' }))
}

const errorCases: readonly (readonly [status: number, body: Buffer, error: Readonly<Record<string, unknown>>])[] = [
  [400, claude('invalid_request_error', 'max_tokens: 1 is too many'), { type: 'invalid_request_error', param: 'max_tokens', code: null }],
  [400, claude('invalid_request_error', 'stop_sequences: each must contain non-whitespace'), { param: 'stop' }],
  [
    400,
    claude('invalid_request_error', 'messages.3.content.1.text: too long'),
    { param: 'messages', message: 'messages.3.content.1.text: too long' },
  ],
  [400, claude('invalid_request_error', 'output_config.format.schema: no'), { param: 'response_format' }],
  [400, claude('invalid_request_error', '`temperature` is deprecated for this model.'), { param: 'temperature' }],
  [400, claude('invalid_request_error', 'Your credit balance is too low'), { param: null }],
  [401, claude('authentication_error', 'invalid x-api-key'), { type: 'invalid_request_error', code: 'invalid_api_key' }],
  [402, claude('billing_error', 'pay'), { type: 'insufficient_quota', code: 'insufficient_quota' }],
  [403, claude('permission_error', 'no'), { type: 'permission_error' }],
  [404, claude('not_found_error', 'model: claude-0'), { type: 'invalid_request_error', param: 'model', code: 'model_not_found' }],
  [404, claude('not_found_error', 'Not Found'), { param: null, code: 'not_found' }],
  [413, claude('request_too_large', 'too large'), { type: 'invalid_request_error', code: 'request_too_large' }],
  [429, claude('rate_limit_error', 'slower'), { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
  [429, claude('rate_limit_error', 'spent', { error_code: 'enforced_spend_limit_reached' }), { code: 'enforced_spend_limit_reached' }],
  [500, claude('api_error', 'oh'), { type: 'server_error', code: null }],
  [504, claude('timeout_error', 'late'), { type: 'server_error', code: 'timeout' }],
  [529, claude('overloaded_error', 'Overloaded'), { type: 'server_error', code: 'overloaded', message: 'Overloaded' }],
  [418, claude('teapot_error', 'short'), { type: 'invalid_request_error', code: null, message: 'short' }],
  [502, Buffer.from('<html>Bad gateway</html>'), { type: 'server_error', message: 'the upstream answered with status 502' }],
  [401, Buffer.from('no'), { type: 'invalid_request_error', code: 'invalid_api_key' }],
  [429, Buffer.from('{"error":"slow"}'), { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
  [400, Buffer.from('{"error":{}}'), { type: 'invalid_request_error', message: 'the upstream answered with 400' }],
]

for (const [status, body, error] of errorCases) {
  t.test(`${status} ${body.toString().slice(0, 90)} as OpenAI's clients know it`, async (t) => {
    t.match(errorOfClaude(status, body), error)
  })
}

t.test("relay's own refusals are told in the same shape", async (t) => {
  t.strictSame(JSON.parse(errorBytes(errorOfRelay(new RelayError('unauthenticated', 'who?'))).toString()), {
    error: { message: 'who?', type: 'invalid_request_error', param: null, code: 'invalid_api_key' },
  })
  t.match(errorOfRelay(new RelayError('over_limit', 'x')), { type: 'rate_limit_error', code: 'rate_limit_exceeded' })
  t.match(errorOfRelay(new RelayError('over_budget', 'x')), { type: 'insufficient_quota', code: 'insufficient_quota' })
  t.match(errorOfRelay(new RelayError('upstream_failed', 'x')), { type: 'server_error', code: null })
  t.match(errorOfRelay(new OpenAiProblem('x', { param: 'seed', code: 'unsupported_parameter' })), {
    type: 'invalid_request_error',
    param: 'seed',
    code: 'unsupported_parameter',
  })
})

t.test('529, which is Claude’s own, goes out as 503', async (t) => {
  t.same([529, 500, 429, 200].map(statusOf), [503, 500, 429, 200])
})

t.test('models are listed as OpenAI lists them, and pages can be asked for', async (t) => {
  const item = { type: 'model', id: 'claude-opus-5-5', display_name: 'Opus', created_at: '2026-09-01T00:00:00Z', max_tokens: 128_000 }
  const listed = { id: 'claude-opus-5-5', object: 'model', created: 1_788_220_800, owned_by: 'anthropic' }

  t.strictSame(modelList(Buffer.from(JSON.stringify({ data: [item, 7], has_more: true, first_id: item.id, last_id: item.id }))), {
    object: 'list',
    data: [listed],
    has_more: true,
    first_id: item.id,
    last_id: item.id,
  })
  t.strictSame(model(Buffer.from(JSON.stringify(item))), listed)
  t.match(model(Buffer.from('{"id":"x","created_at":"soon"}')), { created: 0 })
  for (const text of ['', '[]', '{"data":{}}'])
    t.equal(
      failureOf(() => modelList(Buffer.from(text))),
      'upstream_failed',
    )

  t.equal(modelsQuery(''), '?limit=1000')
  t.equal(modelsQuery('?after=a%26b&limit=5&order=asc'), '?limit=5&after_id=a%26b')
  t.equal(modelsQuery('?before_id=x'), '?limit=1000&before_id=x')
})
