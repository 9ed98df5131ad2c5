import t from 'tap'
import { Anthropic } from '@anthropic-ai/sdk'
import { ask, sdks } from '../claude/helpers.ts'
import { relayProcess, type RelayProcess } from '../helpers/relay-process.ts'

const claude = { upstreams: { claude: 'builtin:claude' }, routes: { '/': 'claude' } }
const relay = await relayProcess(t, claude)

function client(sdk: typeof Anthropic, options: object = {}): Anthropic {
  return new sdk({ apiKey: 'sk-caller', baseURL: relay.url, maxRetries: 0, ...options })
}

/** What the fake heard of a call, told by itself. */
interface Echo {
  readonly method: string
  readonly url: string
  readonly fields: readonly string[]
  readonly bytes: number
  readonly sha256: string
}

function echoed({ content }: Anthropic.Message): unknown {
  const [block] = content
  return JSON.parse(block?.type === 'text' ? block.text : '')
}

for (const [name, sdk] of sdks) {
  t.test(`${name} gets a message through relay as it gets it from the API`, async (t) => {
    const message = await client(sdk).messages.create(ask('hello [tokens 5] [cache read 9]'))

    t.strictSame(message.content, [{ type: 'text', text: 'the sun has set and ', citations: null }])
    t.match(message, { type: 'message', stop_reason: 'end_turn', usage: { output_tokens: 5, cache_read_input_tokens: 9 } })
    t.match(message._request_id, /^req_fake/)
  })

  t.test(`${name} takes a stream whose text is the same as without`, async (t) => {
    const streaming = client(sdk).messages.stream(ask('[unicode] [split 1]'))
    const seen: string[] = []
    streaming.on('text', (text) => void seen.push(text))

    const streamed = await streaming.finalMessage()

    const whole = await client(sdk).messages.create(ask('[unicode] [split 1]'))
    t.strictSame(streamed.content, whole.content)
    t.strictSame(streamed.usage, whole.usage)
    t.equal(streamed.content[0]?.type === 'text' && streamed.content[0].text, seen.join(''))
    t.match(streaming.request_id, /^req_fake/)
  })

  t.test(`${name} iterates over raw events, pings among them`, async (t) => {
    const stream = await client(sdk).messages.create({ ...ask('[ping 3] [deltas 2]'), stream: true })

    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    t.equal(types[0], 'message_start')
    t.equal(types.at(-1), 'message_stop')
    t.equal(types.filter((type) => type === 'message_delta').length, 2)
  })

  t.test(`${name} goes round with a tool, its input in pieces`, async (t) => {
    const tools = [{ name: 'get_weather', input_schema: { type: 'object' as const } }]
    const question = ask('[tool get_weather {"city":"Zürich","days":[{"n":1}]}]')

    const used = await client(sdk)
      .messages.stream({ ...question, tools })
      .finalMessage()
    const call = used.content.find((block) => block.type === 'tool_use')
    const result = { type: 'tool_result' as const, tool_use_id: call?.id ?? '', content: 'rain' }
    const turns = [
      { role: 'assistant' as const, content: used.content },
      { role: 'user' as const, content: [result] },
    ]
    const done = await client(sdk).messages.create({ ...question, tools, messages: [...question.messages, ...turns] })

    t.equal(used.stop_reason, 'tool_use')
    t.match(call, { id: /^toolu_/, name: 'get_weather', input: { city: 'Zürich', days: [{ n: 1 }] } })
    t.equal(done.stop_reason, 'end_turn')
  })

  t.test(`${name} gets thinking with its signature`, async (t) => {
    const thinking = { type: 'enabled' as const, budget_tokens: 1_024 }

    const message = await client(sdk)
      .messages.stream({ ...ask('hi'), max_tokens: 2_000, thinking })
      .finalMessage()

    t.match(message.content[0], { type: 'thinking', thinking: /^Let me think/, signature: /^[\w+/=]{20,}$/ })
    t.equal(message.content[1]?.type, 'text')
  })

  t.test(`${name} counts tokens, lists models page by page, and gets one`, async (t) => {
    const { model, messages } = ask('世界 and more')
    const ids: string[] = []

    const counted = await client(sdk).messages.countTokens({ model, messages })
    for await (const model of client(sdk).models.list({ limit: 2 })) ids.push(model.id)
    const one = await client(sdk).models.retrieve('claude-opus-5-5')

    t.equal(counted.input_tokens, 4)
    t.ok(ids.length > 4 && new Set(ids).size === ids.length)
    t.equal(one.id, 'claude-opus-5-5')
  })

  t.test(`what ${name} sends reaches the API unchanged: path, query, body, version, betas and fields nobody knows`, async (t) => {
    const headers = {
      'anthropic-beta': 'one-2026-01-01,two',
      'anthropic-from-tomorrow': 'yes',
      'x-of-mine': 'täglich',
      'anthropic-version': '2199-12-31',
    }
    const body = ask('[echo request]')

    const echo = echoed(await client(sdk).post<Anthropic.Message>('/v1/messages?beta=true', { body, headers })) as Echo

    t.match(echo, { method: 'POST', url: '/v1/messages?beta=true', bytes: JSON.stringify(body).length })
    const sent = pairs(echo.fields)
    t.equal(sent.get('anthropic-beta'), 'one-2026-01-01,two')
    t.equal(sent.get('anthropic-from-tomorrow'), 'yes')
    t.equal(sent.get('x-of-mine'), 'täglich')
    t.equal(sent.get('anthropic-version'), '2199-12-31')
    t.equal(sent.get('accept-encoding'), 'identity')
    for (const gone of ['via', 'x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'connection', 'keep-alive'])
      t.notOk(sent.has(gone), gone)
    t.equal(sent.get(sdk === Anthropic ? 'authorization' : 'x-api-key'), sdk === Anthropic ? 'Bearer sk-caller' : 'sk-caller')
  })

  t.test(`a version that ${name} does not send is never made up`, async (t) => {
    const failed = await failure(client(sdk).post('/v1/messages', { body: ask('hi'), headers: { 'anthropic-version': null } }))

    t.match(failed, { status: 400, error: { error: { message: 'anthropic-version: header is required' } } })
  })

  t.test(`${name} retries by itself, and each attempt reaches the API with its number`, async (t) => {
    const before = await relay.metric('relay_calls_total', 'status="529"')

    const message = await client(sdk, { maxRetries: 2 }).messages.create(ask('[error 529 retry-after 0.01 attempts 2] [echo headers]'))

    t.match(echoed(message), { 'x-stainless-retry-count': '2' })
    t.equal((await relay.metric('relay_calls_total', 'status="529"')) - before, 2)
  })

  t.test(`${name} does not retry what it is told not to`, async (t) => {
    const before = await relay.metric('relay_calls_total', 'status="429"')

    const failed = await failure(client(sdk, { maxRetries: 5 }).messages.create(ask('[error 429 should-retry false]')))

    t.match(failed, { status: 429 })
    t.equal((await relay.metric('relay_calls_total', 'status="429"')) - before, 1)
  })
}

const classes: readonly (readonly [number, string, string, string])[] = [
  [400, 'invalid_request_error', 'BadRequestError', 'BadRequestError'],
  [401, 'authentication_error', 'AuthenticationError', 'AuthenticationError'],
  [402, 'billing_error', 'PaymentRequiredError', 'APIError'],
  [403, 'permission_error', 'PermissionDeniedError', 'PermissionDeniedError'],
  [404, 'not_found_error', 'NotFoundError', 'NotFoundError'],
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
  t.test(`a ${status} of the API is ${newer} in SDK 1.x and ${older} in SDK 0.x`, async (t) => {
    for (const [name, sdk] of sdks) {
      const error = await failure(client(sdk).messages.create(ask(`[error ${status}]`)))

      t.equal((error as object).constructor.name, sdk === Anthropic ? newer : older, name)
      t.match(error, { status, type, requestID: /^req_fake/ }, name)
    }
  })
}

t.test('an error reaches the caller with its status, body and fields untouched', async (t) => {
  const reply = await plain(relay, '[error 429 retry-after 7 should-retry false]')
  const edge = await plain(relay, '[error 503 html]')

  t.equal(reply.status, 429)
  t.match(await reply.json(), {
    type: 'error',
    error: { details: null, type: 'rate_limit_error', message: 'rate_limit_error, as asked for' },
  })
  t.equal(reply.headers.get('retry-after'), '7')
  t.equal(reply.headers.get('x-should-retry'), 'false')
  t.match(reply.headers.get('request-id'), /^req_fake/)
  t.equal(reply.headers.get('anthropic-ratelimit-requests-limit'), '4000')
  t.equal(edge.status, 503)
  t.equal(edge.headers.get('content-type'), 'text/html')
  t.match(await edge.text(), '<title>503</title>')
})

t.test('40 parallel streams: each caller gets its own text', async (t) => {
  const makers = Array.from({ length: 40 }, (_, at) => ({ id: `caller-${at}-${'x'.repeat(at)}`, sdk: sdks[at % sdks.length]![1] }))

  const heard = await Promise.all(
    makers.map(async ({ id, sdk }) => {
      const message = await client(sdk)
        .messages.stream(ask('[echo headers] [pace 3ms]'), { headers: { 'x-caller': id } })
        .finalMessage()
      return (echoed(message) as Record<string, string>)['x-caller']
    }),
  )

  t.strictSame(
    heard,
    makers.map(({ id }) => id),
  )
})

t.test('a body of 30 MB reaches the API byte for byte', async (t) => {
  for (const [name, sdk] of sdks) {
    const text = `[echo request] ${'äöü €'.repeat(3_000_000)}`
    const body = JSON.stringify(ask(text))

    const echo = echoed(await client(sdk).messages.create(ask(text))) as Echo

    const bytes = Buffer.from(body)
    t.equal(echo.bytes, bytes.length, name)
    t.ok(echo.bytes > 30_000_000)
    t.equal(echo.sha256, await digest(bytes), name)
  }
})

t.test('a stream that the SDK opened ends with an error where the API breaks it off', async (t) => {
  for (const [name, sdk] of sdks)
    for (const trigger of ['break after 4', 'break inside 4', 'reset after 4', 'end early 6', 'stream error']) {
      const failed = await failure(
        client(sdk)
          .messages.stream(ask(`[${trigger}]`))
          .finalMessage(),
      )
      const raw = await failure(drained(await client(sdk).messages.create({ ...ask(`[${trigger}]`), stream: true })))

      t.ok(failed instanceof Error, `${name} ${trigger}`)
      t.ok(raw instanceof Error, `${name} ${trigger}, raw`)
    }
})

async function drained(events: AsyncIterable<unknown>): Promise<string> {
  for await (const _ of events);
  return 'a clean end'
}

async function plain({ url }: RelayProcess, text: string): Promise<Response> {
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': 'sk-caller', 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
    body: JSON.stringify(ask(text)),
  })
}

async function digest(bytes: Buffer): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes))).toString('hex')
}

function pairs(fields: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (let at = 0; at < fields.length; at += 2) found.set(fields[at]!.toLowerCase(), fields[at + 1]!)
  return found
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  )
}
