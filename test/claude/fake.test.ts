import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { fakeClaude } from '../../src/claude/fake/fake.ts'
import { triggerTable } from '../../src/claude/fake/triggers.ts'
import { usageReader } from '../../src/claude/usage.ts'
import { ask, world } from './helpers.ts'

interface Event {
  readonly event: string
  readonly data: Record<string, unknown>
}

function eventsOf(text: string): readonly Event[] {
  return text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const [event = '', data = ''] = block.split('\n')
      return { event: event.slice('event: '.length), data: JSON.parse(data.slice('data: '.length)) as Record<string, unknown> }
    })
}

t.test('a stream has the order and the fields of the API', async (t) => {
  const { post } = await world(t)

  const reply = await post('[think] [ping 2] [tool find {"q":1}] [cache read 7]', {
    stream: true,
    tools: [{ name: 'find', input_schema: { type: 'object' } }],
  })

  const events = eventsOf(await reply.text())
  t.equal(reply.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  t.ok(events.every(({ event, data }) => event === data['type']))
  const order = events.map(({ event }) => event).join(' ')
  t.match(
    order,
    /^message_start content_block_start ping ping( content_block_delta)+ content_block_stop content_block_start( content_block_delta)+ content_block_stop content_block_start( content_block_delta)+ content_block_stop message_delta message_stop$/,
  )
  t.strictSame(events[0]?.data, {
    type: 'message_start',
    message: {
      id: 'msg_fake00000000000000000001',
      type: 'message',
      role: 'assistant',
      model: 'claude-opus-5-5',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        input_tokens: 25,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 7,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
        output_tokens: 1,
        output_tokens_details: null,
        server_tool_use: null,
        service_tier: 'standard',
        inference_geo: 'global',
        speed: 'standard',
      },
    },
  })
  const starts = events.filter(({ event }) => event === 'content_block_start').map(({ data }) => data['content_block'])
  t.strictSame(starts, [
    { type: 'thinking', thinking: '', signature: '' },
    { type: 'text', text: '', citations: null },
    { type: 'tool_use', id: 'toolu_fake00000000000000000001', name: 'find', input: {}, caller: { type: 'direct' } },
  ])
  const kinds = events.flatMap(({ data }) => (data['delta'] as { type?: string } | undefined)?.type ?? [])
  t.match(kinds.join(' '), /^(thinking_delta )+signature_delta (text_delta )+(input_json_delta ?)+$/)
  t.strictSame(events.at(-2)?.data, {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null, container: null },
    usage: {
      input_tokens: 25,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 7,
      output_tokens: 25,
      output_tokens_details: { thinking_tokens: 19 },
      server_tool_use: null,
    },
  })
})

t.test('a stream and a JSON answer tell the same usage, and it can be read', async (t) => {
  const { post } = await world(t)
  const body = {
    system: [{ type: 'text', text: 'x'.repeat(400), cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'y [tokens 30] [deltas 3] [cache read 50]', cache_control: { type: 'ephemeral' } },
          { type: 'text', text: 'z' },
        ],
      },
    ],
  }

  const readers = await Promise.all(
    (['sse', 'json'] as const).map(async (kind) => {
      const reader = usageReader(kind)
      const reply = await post('', { ...body, stream: kind === 'sse' })
      for await (const bytes of reply.body ?? []) reader.read(Buffer.from(bytes as Uint8Array))
      reader.end()
      return reader
    }),
  )

  const [stream, json] = readers
  t.strictSame(stream?.usage, json?.usage)
  t.match(json?.usage, {
    outputTokens: 30,
    cacheReadTokens: 50,
    cacheWrite1hTokens: 119,
    cacheWriteTokens: 145,
    cacheWrite5mTokens: 26,
    inputTokens: 7,
  })
  t.ok(stream?.isComplete)
  t.equal(stream?.observedOutput, 30)
})

t.test('what is wrong with a call is told as the API tells it', async (t) => {
  const { url, post } = await world(t)
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') => fetch(url + path, { method, headers })
  const version = { 'anthropic-version': '2023-06-01' }
  const replies: readonly (readonly [number, string, Promise<Response>])[] = [
    [401, 'authentication_error', get('/v1/models', version)],
    [401, 'authentication_error', get('/v1/models', { ...version, 'x-api-key': 'sk-ant-invalid' })],
    [401, 'authentication_error', get('/v1/models', { ...version, authorization: 'Bearer sk-ant-invalid' })],
    [401, 'authentication_error', get('/v1/models', { ...version, authorization: 'Basic eDp5' })],
    [400, 'invalid_request_error', get('/v1/models', { 'x-api-key': 'k' })],
    [400, 'invalid_request_error', get('/v1/models', { 'x-api-key': 'k', 'anthropic-version': 'new' })],
    [400, 'invalid_request_error', get('/v1/models?limit=0', { ...version, 'x-api-key': 'k' })],
    [404, 'not_found_error', get('/v1/models/claude-none', { ...version, 'x-api-key': 'k' })],
    [404, 'not_found_error', get('/v1/other', { ...version, 'x-api-key': 'k' })],
    [404, 'not_found_error', get('/v1/messages', { ...version, 'x-api-key': 'k' })],
    [404, 'not_found_error', post('hi', { model: 'other' })],
    [400, 'invalid_request_error', post('hi', { model: 7 })],
    [400, 'invalid_request_error', post('hi', { messages: 'hi' })],
    [400, 'invalid_request_error', post('hi', { messages: [] })],
    [400, 'invalid_request_error', post('hi', { messages: [{ role: 'user' }] })],
    [400, 'invalid_request_error', post('hi', { max_tokens: undefined })],
    [400, 'invalid_request_error', post('hi', { max_tokens: '7' })],
    [400, 'invalid_request_error', post('hi', { stream: 'yes' })],
    [400, 'invalid_request_error', post('hi', { tools: [7] })],
    [400, 'invalid_request_error', post('hi', { temperature: 1 }, { 'anthropic-version': '2026-10-21' })],
    [400, 'invalid_request_error', post('hi', {}, { 'content-encoding': 'gzip' })],
  ]

  for (const [status, type, asked] of replies) {
    const reply = await asked
    const body = (await reply.json()) as { type: string; error: { type: string; message: string }; request_id: string }

    t.equal(reply.status, status, body.error.message)
    t.match(body, { type: 'error', error: { type, message: String }, request_id: reply.headers.get('request-id') ?? 'none' })
  }
})

t.test('every answer carries the fields of the API', async (t) => {
  const fake = fakeClaude({ now: () => Date.UTC(2026, 0, 1) })
  const { port } = await fake.listen()
  t.teardown(() => fake.close())

  const reply = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' } })

  await reply.text()
  t.match(reply.headers.get('request-id'), /^req_/)
  t.ok(reply.headers.has('anthropic-organization-id'))
  for (const name of ['requests', 'tokens', 'input-tokens', 'output-tokens']) {
    t.match(reply.headers.get(`anthropic-ratelimit-${name}-limit`), /^\d+$/)
    t.match(reply.headers.get(`anthropic-ratelimit-${name}-remaining`), /^\d+$/)
    t.equal(reply.headers.get(`anthropic-ratelimit-${name}-reset`), '2026-01-01T00:01:00Z')
  }
})

t.test('the probes of Claude Code are answered without a credential', async (t) => {
  const { url } = await world(t)

  const [root, hello, other] = await Promise.all(['/', '/api/hello', '/other'].map((path) => fetch(url + path, { method: 'HEAD' })))

  t.strictSame([root?.status, hello?.status, other?.status], [200, 200, 404])
})

t.test('a body above 32 MB gets its answer while it is still being sent', async (t) => {
  const { port } = await world(t)
  for (const framing of [{ 'content-length': 40_000_000 }, { 'transfer-encoding': 'chunked' }]) {
    const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01', ...framing }
    const call = request({ host: '127.0.0.1', port, path: '/v1/messages', method: 'POST', headers })
    call.on('error', () => undefined)
    for (let sent = 0; sent < 39_000_000; sent += 1_000_000) call.write(Buffer.alloc(1_000_000, ' '))

    const [reply] = (await once(call, 'response')) as [IncomingMessage]

    t.equal(reply.statusCode, 413)
    reply.resume()
    await once(reply, 'end')
    call.destroy()
  }
})

t.test('errors are made on request', async (t) => {
  const { post } = await world(t)

  const limited = await post('please [error 429 retry-after 7 should-retry false]')
  const edge = await post('[error 413 html]')
  const first = await post('[error 529 attempts 1]', {}, { 'x-stainless-retry-count': '0' })
  const second = await post('[error 529 attempts 1]', {}, { 'x-stainless-retry-count': '1' })

  t.strictSame([limited.status, limited.headers.get('retry-after'), limited.headers.get('x-should-retry')], [429, '7', 'false'])
  t.match(await limited.json(), { error: { type: 'rate_limit_error' } })
  t.equal(edge.status, 413)
  t.match(await edge.text(), /^<html>/)
  t.strictSame([first.status, second.status], [529, 200])
  await Promise.all([first.text(), second.text()])
})

t.test('streams break on request, each in its way', async (t) => {
  const { post } = await world(t)
  async function read(text: string): Promise<{ readonly text: string; readonly end: string }> {
    const reply = await post(text, { stream: true })
    let body = ''
    try {
      for await (const bytes of reply.body ?? []) body += Buffer.from(bytes as Uint8Array).toString('latin1')
      return { text: body, end: 'clean' }
    } catch (error) {
      return { text: body, end: String(((error as Error).cause as { code?: string } | undefined)?.code) }
    }
  }

  const broken = await read('[break after 3]')
  const inside = await read('[break inside 3]')
  const reset = await read('[reset after 3]')
  const early = await read('[end early]')
  const early2 = await read('[end early 2]')
  const failed = await read('[stream error api_error]')

  t.strictSame(
    [broken.end, inside.end, reset.end, early.end, early2.end, failed.end],
    ['UND_ERR_SOCKET', 'UND_ERR_SOCKET', 'ECONNRESET', 'clean', 'clean', 'clean'],
  )
  t.equal(eventsOf(broken.text).length, 3)
  t.equal(inside.text.split('\n\n').length, 3, 'two whole events and a part')
  t.notOk(inside.text.endsWith('\n\n'))
  t.equal(eventsOf(early.text).at(-1)?.event, 'message_delta')
  t.equal(eventsOf(early2.text).length, 2)
  t.match(eventsOf(failed.text).at(-1), { event: 'error', data: { error: { type: 'api_error' } } })
})

t.test('coded and split answers are the same answers', async (t) => {
  const { post } = await world(t)
  const plain = (await (await post('[unicode]', { stream: true })).text()).replaceAll(/msg_\w+/g, 'msg')

  for (const trigger of ['gzip', 'deflate', 'br', 'zstd', 'split 1', 'split 5', 'pace 0ms', 'pace 2ms']) {
    const reply = await post(`[unicode] [${trigger}]`, { stream: true }, { 'accept-encoding': 'gzip, deflate, br, zstd' })
    const body = await reply.text()

    const wanted = /^(split|pace)/.test(trigger) ? null : trigger
    // What was asked is longer than before, so the input differs.
    const same = (text: string): string => text.replaceAll(/msg_\w+/g, 'msg').replaceAll(/"input_tokens":\d+/g, '')
    t.equal(reply.headers.get('content-encoding'), wanted)
    t.equal(same(body), same(plain))
  }
  const unasked = await post('[gzip]', {}, { 'accept-encoding': 'identity' })
  t.equal(unasked.headers.get('content-encoding'), null)
  t.match(await unasked.json(), { type: 'message' })
  t.match(await (await post('[br]', {}, { 'accept-encoding': 'br' })).json(), { type: 'message' })
})

t.test('an echo tells what was received', async (t) => {
  const { post } = await world(t)
  const textOf = async (reply: Response): Promise<Record<string, unknown>> => {
    const { content } = (await reply.json()) as { content: readonly { text: string }[] }
    return JSON.parse(content[0]?.text ?? '') as Record<string, unknown>
  }

  const headers = await textOf(await post('[echo headers]', { max_tokens: 1 }, { 'x-thing': 'é'.normalize('NFC') }))
  const whole = await textOf(await post('[echo request]'))

  t.equal(headers['x-api-key'], 'sk-test')
  t.match(whole, {
    method: 'POST',
    url: '/v1/messages',
    bytes: Buffer.byteLength(JSON.stringify(ask('[echo request]'))),
    sha256: /^[0-9a-f]{64}$/,
    fields: Array,
  })
})

t.test('several tools are used at once, unless the call says that one is enough', async (t) => {
  const { post } = await world(t)
  const tools = ['find', 'count'].map((name) => ({
    name,
    input_schema: { type: 'object', properties: { q: { type: 'string' } }, required: ['q'] },
  }))
  const used = async (more: Readonly<Record<string, unknown>> = {}): Promise<readonly unknown[]> => {
    const { content } = (await (await post('[tools find other count]', { tools, ...more })).json()) as { content: { type: string }[] }
    return content.filter(({ type }) => type === 'tool_use')
  }

  const both = await used()
  t.match(both, [
    { name: 'find', input: { q: 'example' } },
    { name: 'count', input: { q: 'example' } },
  ])
  t.equal(new Set(both.map((block) => (block as { id: string }).id)).size, 2)
  t.match(await used({ tool_choice: { type: 'auto', disable_parallel_tool_use: true } }), [{ name: 'find' }])
})

t.test('an answer keeps to a schema, and one that is declined says so, as JSON and as a stream', async (t) => {
  const { post } = await world(t)
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false }

  const kept = await (await post('count', { output_config: { format: { type: 'json_schema', schema } } })).json()
  t.match(kept, { content: [{ text: '{"n":1}' }], stop_reason: 'end_turn', stop_details: null })
  t.match(await (await post('[refuse]')).json(), { stop_reason: 'refusal', stop_details: { type: 'refusal', category: null } })
  t.match(eventsOf(await (await post('[refuse]', { stream: true })).text()).at(-2)?.data, { delta: { stop_reason: 'refusal' } })
})

t.test('triggers count in what the user said last, and not in reminders or tool results', async (t) => {
  const { post } = await world(t)
  const status = async (messages: unknown): Promise<number> => {
    const reply = await post('', { messages })
    await reply.text()
    return reply.status
  }

  const blocks = [
    { type: 'text', text: '<system-reminder>never say [error 529]</system-reminder>' },
    { type: 'text', text: 'hello' },
  ]
  const asked = await status([{ role: 'user', content: [...blocks, { type: 'text', text: '[error 403]' }] }])
  const reminded = await status([{ role: 'user', content: blocks }])
  const before = await status([
    { role: 'user', content: '[error 529]' },
    { role: 'assistant', content: 'no' },
    { role: 'user', content: 'hello' },
  ])
  const system = await status([
    { role: 'user', content: '[error 404]' },
    { role: 'system', content: '[error 529]' },
  ])
  const result = await status([{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: '[error 529]' }] }])
  const long = await status([{ role: 'user', content: `${'x'.repeat(100_000)} [error 529]` }])

  t.strictSame([asked, reminded, before, system, result, long], [403, 200, 200, 404, 200, 529])
})

t.test('every trigger in the table is one that its own example sets off', async (t) => {
  for (const { form, pattern } of triggerTable) t.match(form, pattern)
})

t.test('closing ends open streams and waiting calls at once', async (t) => {
  const fake = fakeClaude()
  const { port } = await fake.listen()
  const headers = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }
  const body = JSON.stringify({ ...ask('[pace 100000ms]'), stream: true })
  const open = await fetch(`http://127.0.0.1:${port}/v1/messages`, { method: 'POST', headers, body })
  const waiting = request({
    host: '127.0.0.1',
    port,
    path: '/v1/messages',
    method: 'POST',
    headers: { ...headers, expect: '100-continue' },
  })
  waiting.flushHeaders()
  await once(waiting, 'continue')
  waiting.end(JSON.stringify(ask('[delay 100000ms]')))
  const cut = once(waiting, 'error')

  await fake.close()

  await t.rejects(open.text())
  t.match(await cut, [{ code: 'ECONNRESET' }])
  await t.resolves(fake.close(), 'closing twice does no harm')
})

t.test('a taken port is an error', async (t) => {
  const { port } = await world(t)

  await t.rejects(fakeClaude().listen({ port }), { code: 'EADDRINUSE' })
})
