import OpenAI from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import type { RunnableToolFunctionWithParse } from 'openai/lib/RunnableFunction'
import t from 'tap'
import { z } from 'zod'
import { relayProcess } from '../helpers/relay-process.ts'
import { keyOf, rowsFor, tenantsWith } from './tenancy.ts'
import { until } from './until.ts'

const models = { 'gpt-*': 'claude-opus-5-5' }
const config = {
  upstreams: { claude: 'builtin:claude' },
  routes: {
    '/': { to: 'claude', openai: { models } },
    '/lossy': { to: 'claude', rewrite: '/', openai: { models, lossy: true, maxTokens: 3 } },
  },
  tenants: {
    ...tenantsWith(['search', 'leaver', 'counted'], {}),
    ...tenantsWith(['picky'], { models: ['claude-haiku-*'] }),
    ...tenantsWith(['limited'], { requests: { rate: '1/h', burst: 1 } }),
    ...tenantsWith(['poor'], { budget: '0.0001usd/month' }),
  },
  ledger: { flush: '20ms' },
  shed: false,
}
const relay = await relayProcess(t, config)

function client(tenant = 'search', path = '/v1'): OpenAI {
  return new OpenAI({ apiKey: keyOf(tenant), baseURL: relay.url + path, maxRetries: 0, organization: 'o', project: 'p' })
}

function ask(content: OpenAI.ChatCompletionUserMessageParam['content']): { model: string; messages: OpenAI.ChatCompletionMessageParam[] } {
  return {
    model: 'gpt-4o',
    messages: [
      { role: 'system', content: 'be brief' },
      { role: 'user', content },
    ],
  }
}

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  },
}
type Input = Record<string, unknown>

const time = { type: 'function' as const, function: { name: 'get_time' } }

/** What a call fails with. */
async function failure(promise: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  try {
    await promise
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error
    throw error
  }
  throw new Error('it did not fail')
}

t.test('a completion, and what it used, as Claude counts and the ledger has it', async (t) => {
  const { data, response, request_id: id } = await client().chat.completions.create(ask('hello [tokens 5] [cache read 900]')).withResponse()

  t.match(data, {
    id: /^chatcmpl-fake/,
    object: 'chat.completion',
    model: 'claude-opus-5-5',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'the sun has set and ', refusal: null } }],
    usage: { completion_tokens: 5, prompt_tokens_details: { cached_tokens: 900 } },
  })
  t.equal(data.usage?.total_tokens, (data.usage?.prompt_tokens ?? 0) + 5)
  t.match(id, /^req_fake/)
  t.equal(response.headers.get('request-id'), id)
  const [row] = await rowsFor(relay, 'search', 1)
  t.match(row, { model: 'claude-opus-5-5', status: 200, output: 5, cacheRead: 900 })
})

t.test('a stream is the same text, and ends with what it used', async (t) => {
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of await client().chat.completions.create({
    ...ask('[unicode] [split 1] [think] [ping 3]'),
    stream: true,
    stream_options: { include_usage: true },
  }))
    chunks.push(chunk)
  const whole = await client().chat.completions.create(ask('[unicode]'))

  t.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), whole.choices[0]?.message.content)
  t.match(chunks[0]?.choices, [{ delta: { role: 'assistant', content: '' } }])
  t.match(chunks.at(-2)?.choices, [{ delta: {}, finish_reason: 'stop' }])
  t.match(chunks.at(-1), { choices: [], usage: { completion_tokens_details: { reasoning_tokens: Number } } })
  t.ok(chunks.every(({ id, model }) => id === chunks[0]?.id && model === 'claude-opus-5-5'))
})

t.test("the SDK's own way to stream puts a completion together", async (t) => {
  const stream = client().chat.completions.stream({ ...ask('[tools get_weather get_time]'), tools: [weather, time] })
  const seen: string[] = []
  stream.on('content', (delta) => void seen.push(delta))

  const { choices } = await stream.finalChatCompletion()

  t.match(choices, [
    {
      finish_reason: 'tool_calls',
      message: {
        content: 'I will use get_weather and get_time.',
        tool_calls: [
          { type: 'function', function: { name: 'get_weather', arguments: '{"place":"example"}' } },
          { type: 'function', function: { name: 'get_time', arguments: '{}' } },
        ],
      },
    },
  ])
  t.equal(seen.join(''), 'I will use get_weather and get_time.')
})

for (const stream of [false, true]) {
  t.test(`tools are run until there is an answer, several at once (${stream ? 'streamed' : 'whole'})`, async (t) => {
    const called: unknown[] = []
    const runs = (name: string, parameters: object): RunnableToolFunctionWithParse<Input> => ({
      type: 'function',
      function: {
        name,
        description: 'of a place',
        parameters,
        // A tool's arguments are an object.
        parse: (text) => JSON.parse(text) as Input,
        function: (input) => {
          called.push([name, input])
          return 'sun'
        },
      },
    })
    const tools = [runs('get_weather', weather.function.parameters), runs('get_time', {})]
    const params = { ...ask('what now? [tools get_weather get_time]'), tools }

    const runner = stream
      ? client().chat.completions.runTools({ ...params, stream: true })
      : client().chat.completions.runTools({ ...params, stream: false })

    t.equal(await runner.finalContent(), 'The tool has answered, so this is done.')
    t.strictSame(called, [
      ['get_weather', { place: 'example' }],
      ['get_time', {}],
    ])
  })
}

t.test('one tool at a time, this tool, and none, are kept to', async (t) => {
  const used = async (more: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>): Promise<readonly string[]> => {
    const { choices } = await client().chat.completions.create({ ...ask('[tools get_weather get_time]'), tools: [weather, time], ...more })
    return (choices[0]?.message.tool_calls ?? []).map((call) => (call.type === 'function' ? call.function.name : ''))
  }

  t.strictSame(await used({ parallel_tool_calls: false }), ['get_weather'])
  t.strictSame(
    await used({ messages: [{ role: 'user', content: 'x' }], tool_choice: { type: 'function', function: { name: 'get_time' } } }),
    ['get_time'],
  )
  t.strictSame(await used({ messages: [{ role: 'user', content: 'x' }], tool_choice: 'none' }), [])
})

t.test('images and files go along', async (t) => {
  const reply = await client().chat.completions.create(
    ask([
      { type: 'text', text: 'what is this? [tokens 1]' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${Buffer.alloc(300_000).toString('base64')}` } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${Buffer.alloc(300).toString('base64')}` } },
    ]),
  )

  t.match(reply.choices, [{ message: { content: 'the ' } }])
  t.ok((reply.usage?.prompt_tokens ?? 0) > 100_000, 'the fake counts their bytes')
})

t.test('an answer keeps to a schema, whole and streamed', async (t) => {
  const answer = z.object({ steps: z.array(z.object({ text: z.string() })), count: z.number(), kind: z.enum(['a', 'b']) })
  const params = { ...ask('count'), response_format: zodResponseFormat(answer, 'answer') }
  const wanted = { steps: [{ text: 'example' }], count: 1, kind: 'a' }

  const parsed = await client().chat.completions.parse(params)
  const streamed = await client().chat.completions.stream(params).finalChatCompletion()

  t.strictSame(parsed.choices[0]?.message.parsed, wanted)
  t.strictSame(streamed.choices[0]?.message.parsed, wanted)
})

t.test('an answer that is declined, or cut short, says so', async (t) => {
  t.match((await client().chat.completions.create(ask('[refuse]'))).choices, [
    { finish_reason: 'content_filter', message: { refusal: 'It was asked to decline.' } },
  ])
  t.match((await client().chat.completions.create({ ...ask('[tokens 50]'), max_completion_tokens: 2 })).choices, [
    { finish_reason: 'length', message: { content: 'the sun ' } },
  ])
})

t.test('what Claude has no counterpart for is refused by name, and dropped on a lossy route', async (t) => {
  const asks = { ...ask('[tokens 9]'), temperature: 1.7, logprobs: true } as const

  const refused = await failure(client().chat.completions.create(asks))

  t.ok(refused instanceof OpenAI.BadRequestError)
  t.match(refused, { status: 400, param: 'logprobs', code: 'unsupported_parameter', type: 'invalid_request_error' })
  t.match(await failure(client().chat.completions.create({ ...ask('hi'), n: 2 })), { status: 400, param: 'n' })
  const reply = await client('search', '/lossy/v1').chat.completions.create(asks)
  t.match(reply.choices, [{ message: { content: 'the sun has ' }, finish_reason: 'length' }], "cut by the route's own max_tokens")
})

t.test("errors of relay's and of Claude's are those that the SDK knows", async (t) => {
  const cases = [
    [OpenAI.AuthenticationError, { status: 401, code: 'invalid_api_key' }, client('nobody'), ask('hi')],
    [
      OpenAI.BadRequestError,
      { status: 400, type: 'invalid_request_error', message: /may not use the model claude-opus-5-5/ },
      client('picky'),
      ask('hi'),
    ],
    [OpenAI.NotFoundError, { status: 404, code: 'model_not_found', param: 'model' }, client(), { ...ask('hi'), model: 'mistral' }],
    [OpenAI.RateLimitError, { status: 429, code: 'rate_limit_exceeded' }, client(), ask('[error 429 retry-after 7]')],
    [OpenAI.RateLimitError, { status: 429, code: 'insufficient_quota' }, client('poor'), ask('hi')],
    [OpenAI.PermissionDeniedError, { status: 403, type: 'permission_error' }, client(), ask('[error 403]')],
    [OpenAI.InternalServerError, { status: 503, code: 'overloaded' }, client(), ask('[error 529]')],
    [OpenAI.InternalServerError, { status: 502, type: 'server_error' }, client(), ask('[error 502 html]')],
  ] as const
  for (const [wanted, shape, asker, asks] of cases) {
    const error = await failure(asker.chat.completions.create(asks))
    t.ok(error instanceof wanted, `${error.status} is ${wanted.name}`)
    t.match(error, { ...shape, requestID: /^req_/ })
  }
  t.equal((await failure(client().chat.completions.create(ask('[error 429 retry-after 7]')))).headers?.get('retry-after'), '7')

  await client('limited').chat.completions.create(ask('hi'))
  const limited = await failure(client('limited').chat.completions.create(ask('hi')))
  t.match(limited, { status: 429, code: 'rate_limit_exceeded', message: /over the limit/ })
  t.ok(Number(limited.headers?.get('retry-after')) > 1000)
})

t.test('a client that comes again does so as it is told', async (t) => {
  const again = new OpenAI({ apiKey: keyOf('search'), baseURL: `${relay.url}/v1`, maxRetries: 2 })

  t.match((await again.chat.completions.create(ask('[error 503 retry-after 0 attempts 1] [tokens 1]'))).choices, [
    { message: { content: 'the ' } },
  ])
})

for (const [what, trigger, error] of [
  ['tells an error', '[stream error overloaded_error]', { code: 'overloaded', type: 'server_error' }],
  ['breaks off', '[break after 4]', { type: 'server_error' }],
  ['breaks off in the middle of an event', '[break inside 5]', { type: 'server_error' }],
  ['ends before its end', '[end early 4]', { type: 'server_error' }],
] as const) {
  t.test(`a stream that ${what} is an error to its reader, after what had come`, async (t) => {
    const seen: string[] = []
    const stream = await client().chat.completions.create({ ...ask(`${trigger} [tokens 50]`), stream: true })
    const reading = (async () => {
      for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? '')
    })()

    t.match(await failure(reading), error)
    t.match(seen.join(''), /^the /)
  })
}

t.test('who leaves in the middle of a stream stops the upstream, and the ledger knows what that used', async (t) => {
  const stream = await client('leaver').chat.completions.create({ ...ask('[tokens 5000] [pace 5ms]'), stream: true })
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content === 'sun ') break

  const [row] = await rowsFor(relay, 'leaver', 1)
  t.match(row, { end: 'cancelled', source: 'estimated' })
  t.ok(row !== undefined && row.output < 1000)
  await until(async () => (await relay.metric('relay_open_streams')) === 0)
})

t.test('models are listed and found', async (t) => {
  const listed: OpenAI.Model[] = []
  for await (const model of client().models.list()) listed.push(model)

  t.ok(listed.length > 5)
  t.match(listed[0], { id: 'claude-fable-5-2', object: 'model', owned_by: 'anthropic' })
  t.match(await client().models.retrieve('gpt-4o'), { id: 'claude-opus-5-5', object: 'model' })
  const missing = await failure(client().models.retrieve('claude-0'))
  t.ok(missing instanceof OpenAI.NotFoundError)
  t.equal(missing.code, 'model_not_found')
})

t.test("Claude's own callers pass on the same route as they do elsewhere", async (t) => {
  const headers = { 'x-api-key': keyOf('search'), 'anthropic-version': '2023-06-01', 'content-type': 'application/json' }
  const body = JSON.stringify({ model: 'claude-opus-5-5', max_tokens: 2, messages: [{ role: 'user', content: '[tokens 9]' }] })

  const message: unknown = await (await fetch(`${relay.url}/v1/messages`, { method: 'POST', headers, body })).json()
  const models: unknown = await (await fetch(`${relay.url}/v1/models`, { headers })).json()

  t.match(message, { type: 'message', stop_reason: 'max_tokens' })
  t.match(models, { data: [{ type: 'model' }], has_more: false })
})

t.test('every call of a tenant is in the ledger once, refused ones too', async (t) => {
  await client('counted').chat.completions.create(ask('[tokens 1]'))
  await failure(client('counted').chat.completions.create({ ...ask('hi'), n: 2 }))

  const rows = await rowsFor(relay, 'counted', 2)

  t.strictSame(new Set(rows.map(({ status, end, output }) => `${status} ${end} ${output}`)), new Set(['200 done 1', '400 refused 0']))
})
