import t from 'tap'
import { Anthropic } from '@anthropic-ai/sdk'
import { Anthropic as Anthropic0 } from 'anthropic-sdk-0'
import { ask, sdks, world } from './helpers.ts'

for (const [name, sdk] of sdks) {
  t.test(`${name} creates a message`, async (t) => {
    const { client } = await world(t)

    const message = await client(sdk).messages.create(ask('hello [tokens 5] [cache read 9]'))

    t.strictSame(message.content, [{ type: 'text', text: 'the sun has set and ', citations: null }])
    t.match(message, {
      type: 'message',
      role: 'assistant',
      stop_reason: 'end_turn',
      usage: { output_tokens: 5, cache_read_input_tokens: 9 },
    })
    t.match(message._request_id, /^req_/)
  })

  t.test(`${name} takes a stream whose text is the same as without`, async (t) => {
    const { client } = await world(t)
    const streaming = client(sdk).messages.stream(ask('[unicode]'))
    const seen: string[] = []
    streaming.on('text', (text) => void seen.push(text))

    const streamed = await streaming.finalMessage()

    const whole = await client(sdk).messages.create(ask('[unicode]'))
    t.strictSame(streamed.content, whole.content)
    t.strictSame(streamed.usage, whole.usage)
    t.equal(streamed.content[0]?.type === 'text' && streamed.content[0].text, seen.join(''))
    t.ok(seen.length > 10)
  })

  t.test(`${name} iterates over raw events, split into single bytes`, async (t) => {
    const { client } = await world(t)

    const stream = await client(sdk).messages.create({ ...ask('[unicode] [split 1]'), stream: true })

    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    t.equal(types[0], 'message_start')
    t.equal(types.at(-1), 'message_stop')
  })

  t.test(`${name} goes round with a tool`, async (t) => {
    const { client } = await world(t)
    const tools = [
      { name: 'get_weather', input_schema: { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] } },
    ]
    const question = ask('[tool get_weather {"city":"Zürich","days":[{"n":1}]}]')

    const used = await client(sdk)
      .messages.stream({ ...question, tools })
      .finalMessage()
    const call = used.content.find((block) => block.type === 'tool_use')
    const result = { type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'rain' }
    const messages = [
      ...question.messages,
      { role: 'assistant' as const, content: used.content },
      { role: 'user' as const, content: [result] },
    ]
    const done = await client(sdk).messages.create({ ...question, tools, messages })

    t.equal(used.stop_reason, 'tool_use')
    t.match(call, { id: /^toolu_/, name: 'get_weather', input: { city: 'Zürich', days: [{ n: 1 }] } })
    t.equal(done.stop_reason, 'end_turn')
  })

  t.test(`${name} gets a tool that it forces or names, with an input that fits, and none that it does not offer`, async (t) => {
    const { client } = await world(t)
    const input_schema = {
      type: 'object' as const,
      properties: { n: { type: 'integer' }, how: { enum: ['up', 'down'] } },
      required: ['n', 'how'],
    }
    const tools = [{ name: 'move', input_schema }]

    const forced = await client(sdk).messages.create({ ...ask('hi'), tools, tool_choice: { type: 'any' } })
    const named = await client(sdk).messages.create({ ...ask('please use move'), tools })
    const other = await client(sdk).messages.create({ ...ask('[tool fly]'), tools })

    t.match(forced.content.at(-1), { type: 'tool_use', name: 'move', input: { n: 1, how: 'up' } })
    t.match(named.content.at(-1), { type: 'tool_use', name: 'move' })
    t.equal(other.stop_reason, 'end_turn')
  })

  t.test(`${name} gets thinking with a signature`, async (t) => {
    const { client } = await world(t)
    const thinking = { type: 'enabled' as const, budget_tokens: 1_024 }

    const shown = await client(sdk)
      .messages.stream({ ...ask('hi'), max_tokens: 2_000, thinking })
      .finalMessage()
    const omitted = await client(sdk).messages.create({ ...ask('hi'), max_tokens: 2_000, thinking: { ...thinking, display: 'omitted' } })

    t.match(shown.content[0], { type: 'thinking', thinking: /^Let me think/, signature: /^[\w+/=]{20,}$/ })
    t.equal(shown.content[1]?.type, 'text')
    t.match(omitted.content[0], { type: 'thinking', thinking: '', signature: /^[\w+/=]{20,}$/ })
  })

  t.test(`${name} is told when max_tokens cuts the answer`, async (t) => {
    const { client } = await world(t)

    const cut = await client(sdk).messages.create({ ...ask('[tokens 50]'), max_tokens: 10 })

    t.equal(cut.stop_reason, 'max_tokens')
    t.equal(cut.usage.output_tokens, 10)
  })

  t.test(`${name} counts tokens as messages does`, async (t) => {
    const { client } = await world(t)
    const { model, messages } = ask('世界 and more')

    const counted = await client(sdk).messages.countTokens({ model, messages })
    const used = await client(sdk).messages.create(ask('世界 and more'))

    t.equal(counted.input_tokens, used.usage.input_tokens)
    t.equal(counted.input_tokens, 4)
  })

  t.test(`${name} lists models page by page, and gets one`, async (t) => {
    const { client } = await world(t)
    const ids: string[] = []

    for await (const model of client(sdk).models.list({ limit: 2 })) ids.push(model.id)
    const one = await client(sdk).models.retrieve('claude-opus-5-5')

    t.equal(new Set(ids).size, ids.length)
    t.ok(ids.length > 4)
    t.ok(ids.includes(one.id))
    t.equal(one.display_name, 'Claude Opus 5 5')
    const before = await client(sdk).models.list({ limit: 2, before_id: ids[3] ?? '' })
    t.strictSame(
      before.data.map(({ id }) => id),
      ids.slice(1, 3),
    )
  })

  t.test(`${name} sends its key, or its token`, async (t) => {
    const { client } = await world(t)
    const received = async (options: object): Promise<Record<string, string>> => {
      const { content } = await client(sdk, options).messages.create(ask('[echo headers]'))
      return JSON.parse(content[0]?.type === 'text' ? content[0].text : '') as Record<string, string>
    }

    const key = await received({ apiKey: 'sk-one' })
    const token = await received({ apiKey: null, authToken: 'token-two' })

    t.equal(sdk === Anthropic ? key['authorization'] : key['x-api-key'], sdk === Anthropic ? 'Bearer sk-one' : 'sk-one')
    t.equal(token['authorization'], 'Bearer token-two')
    t.match(key['anthropic-version'], /^20\d\d-\d\d-\d\d$/)
  })

  t.test(`${name} retries, and succeeds at the third attempt`, async (t) => {
    const { client } = await world(t)

    const message = await client(sdk, { maxRetries: 2 }).messages.create(ask('[error 529 retry-after 0.01 attempts 2]'))

    t.equal(message.type, 'message')
  })

  t.test(`${name} stops by abort, before the head and in mid-stream`, async (t) => {
    const { client } = await world(t)
    const controller = new AbortController()
    const waiting = client(sdk).messages.create(ask('[delay 100000ms]'), { signal: controller.signal })
    const streaming = client(sdk).messages.stream(ask('[tokens 1000] [pace 20ms]'))
    streaming.on('text', () => streaming.abort())

    controller.abort()

    t.type(await failure(waiting), sdk.APIUserAbortError)
    t.type(await failure(streaming.finalMessage()), sdk.APIUserAbortError)
  })

  t.test(`${name} fails on a stream that breaks, ends early or tells an error`, async (t) => {
    const { client } = await world(t)

    for (const trigger of ['break after 4', 'break inside 4', 'reset after 4', 'end early 6', 'stream error']) {
      await t.rejects(
        client(sdk)
          .messages.stream(ask(`[${trigger}]`))
          .finalMessage(),
        trigger,
      )
    }
    const failed = await failure(client(sdk).messages.stream(ask('[stream error]')).finalMessage())
    t.type(failed, sdk.APIError)
    t.match(failed, { type: 'overloaded_error' })
  })
}

const classes: readonly (readonly [number, string, string, string])[] = [
  [400, 'invalid_request_error', 'BadRequestError', 'BadRequestError'],
  [401, 'authentication_error', 'AuthenticationError', 'AuthenticationError'],
  [402, 'billing_error', 'PaymentRequiredError', 'APIError'],
  [403, 'permission_error', 'PermissionDeniedError', 'PermissionDeniedError'],
  [404, 'not_found_error', 'NotFoundError', 'NotFoundError'],
  [408, 'timeout_error', 'RequestTimeoutError', 'APIError'],
  [409, 'conflict_error', 'ConflictError', 'ConflictError'],
  [413, 'request_too_large', 'ContentTooLargeError', 'APIError'],
  [422, 'invalid_request_error', 'UnprocessableEntityError', 'UnprocessableEntityError'],
  [429, 'rate_limit_error', 'RateLimitError', 'RateLimitError'],
  [500, 'api_error', 'InternalServerError', 'InternalServerError'],
  [501, 'not_supported', 'NotImplementedError', 'InternalServerError'],
  [503, 'api_error', 'ServiceUnavailableError', 'InternalServerError'],
  [504, 'timeout_error', 'GatewayTimeoutError', 'InternalServerError'],
  [529, 'overloaded_error', 'OverloadedError', 'InternalServerError'],
]

for (const [status, type, newer, older] of classes) {
  t.test(`a ${status} becomes ${newer} in SDK 1.x and ${older} in SDK 0.x`, async (t) => {
    const { client } = await world(t)

    for (const [sdk, expected] of [
      [Anthropic, newer],
      [Anthropic0 as unknown as typeof Anthropic, older],
    ] as const) {
      const error = await failure(client(sdk).messages.create(ask(`[error ${status}]`)))

      t.equal((error as object).constructor.name, expected)
      t.match(error, { status, type, requestID: /^req_/ })
    }
  })
}

t.test('an invalid key is an AuthenticationError', async (t) => {
  const { client } = await world(t)

  for (const [name, sdk] of sdks) {
    const error = await failure(client(sdk, { apiKey: 'sk-ant-invalid' }).messages.create(ask('hi')))

    t.type(error, sdk.AuthenticationError, name)
    t.match(error, { status: 401, type: 'authentication_error' })
  }
})

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  )
}
