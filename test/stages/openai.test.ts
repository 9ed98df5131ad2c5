import { gzipSync } from 'node:zlib'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { compose, Reply, type Call, type Next, type Stage } from '../../src/engine/call.ts'
import { aim, outgoingPath } from '../../src/stages/aim.ts'
import { credential } from '../../src/stages/credential.ts'
import { isEventStream, isStream } from '../../src/stages/event-stream.ts'
import { meter } from '../../src/stages/meter.ts'
import { openAiFailures } from '../../src/stages/openai-error.ts'
import { openai, type OpenAiOptions } from '../../src/stages/openai.ts'
import { peekBudget, peekedBytes, peekMemory } from '../../src/stages/peek-budget.ts'
import { peek } from '../../src/stages/peek.ts'
import { reach } from '../../src/stages/reach.ts'
import { errorReply } from '../../src/worker/error-reply.ts'
import { callOf, FakeSink, headOf, outgoing, written } from '../engine/shapes.ts'
import { tenantOf } from './helpers.ts'

const none = Buffer.alloc(0)
const hi = { model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] }
const hiToClaude = { model: 'claude-opus-5-5', max_tokens: 4096, messages: [{ role: 'user', content: 'hi' }] }
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-5-5',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 10, output_tokens: 20 },
}
const json = 'content-type: application/json'
const sse = 'content-type: text/event-stream; charset=utf-8'

function post(body: unknown, { fields = '', path = '/v1/chat/completions' } = {}): Call {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const head = `POST ${path} HTTP/1.1\nhost: r\ncontent-type: application/json\ncontent-length: ${bytes.length}`
  return callOf(fields === '' ? head : `${head}\n${fields}`, { body: Body.of(bytes) })
}

function stage(options: Partial<OpenAiOptions> = {}): Stage {
  return openai({ lossy: false, models: {}, maxTokens: 4096, passesCredential: true, now: () => 1_700_000_000_500, ...options })
}

/** An upstream that answers so, and keeps what it was sent. */
function upstream(status: number, fields: string, body: unknown = message): Next & { readonly sent: unknown[] } {
  const sent: unknown[] = []
  const next = async (call: Call): Promise<Reply> => {
    const sink = new FakeSink()
    call.outgoing.pipe(sink)
    sent.push(sink.text === '' ? null : JSON.parse(sink.text))
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    return new Reply(status, headOf(fields), Body.of(bytes))
  }
  return Object.assign(next, { sent })
}

function textOf(reply: Reply): string {
  const sink = new FakeSink()
  reply.body.pipe(sink)
  return Buffer.from(sink.text, 'latin1').toString('utf8')
}

function jsonOf(reply: Reply): unknown {
  return JSON.parse(textOf(reply))
}

async function refusalOf(call: Call, stages: readonly Stage[], next: Next = upstream(200, json)): Promise<Reply> {
  try {
    return await compose(stages, next)(call)
  } catch (error) {
    if (error instanceof RelayError) return errorReply(error, call)
    throw error
  }
}

t.test('a chat completion goes out as a message, and its answer comes back as a completion', async (t) => {
  const call = post(hi, {
    path: '/v1/chat/completions?api-version=1',
    fields: 'openai-organization: o\nopenai-project: p\naccept-encoding: br',
  })
  const next = upstream(200, json)

  const reply = await stage()(call, next)

  t.strictSame(next.sent, [hiToClaude])
  t.equal(call.method, 'POST')
  t.equal(outgoingPath(call), '/v1/messages')
  t.equal(call.targetFrom, call.head.targetEnd)
  t.strictSame(outgoing(call), ['anthropic-version: 2023-06-01', 'accept-encoding: identity', 'content-type: application/json'])
  t.match(jsonOf(reply), {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    choices: [{ message: { content: 'Hello' } }],
  })
  t.equal(reply.status, 200)
})

t.test('what stands behind sees what Claude is asked, and not what OpenAI would be', async (t) => {
  const call = post({ ...hi, model: 'gpt-4o', max_completion_tokens: 7 })
  const seen: unknown[] = []
  const looks: Stage = (call, next) => {
    const { model, maxTokens, bytes, body } = call.asked!
    seen.push({
      model,
      maxTokens,
      body: JSON.parse(body!.toString()) as unknown,
      isLength: bytes === body!.length && bytes === call.outgoing.length,
    })
    return next(call)
  }
  const peeking = peek({ budget: peekBudget(peekMemory(1, 1000), 0), reads: 'messages', wantsWhole: true })

  await compose([stage({ models: { 'gpt-*': 'claude-haiku-5-5' } }), peeking, looks], upstream(200, json))(call)

  t.strictSame(seen, [
    { model: 'claude-haiku-5-5', maxTokens: 7, body: { ...hiToClaude, model: 'claude-haiku-5-5', max_tokens: 7 }, isLength: true },
  ])
  t.equal(call.asked?.body, null, 'it is not kept once it has gone out')
})

t.test('usage is read from what Claude says', async (t) => {
  const call = post(hi)

  const reply = await compose([stage(), meter({ asksIdentity: false })], upstream(200, json))(call)
  reply.body.pipe(new FakeSink())

  t.match(call.tokens, { input: 10, output: 20, model: 'claude-opus-5-5', estimated: false })
})

t.test('a path below one of its own, and one that a route rewrites, lead to the same place', async (t) => {
  const below = post(hi, { path: '/gw/v1/chat/completions' })
  await compose([aim({ path: { is: 'prefix', path: '/gw' }, rewrite: null, base: '/anthropic' }), stage()], upstream(200, json))(below)
  t.equal(outgoingPath(below), '/anthropic/gw/v1/messages')

  const rewritten = post(hi, { path: '/chat' })
  const aimed = aim({ path: { is: 'exact', path: '/chat' }, rewrite: '/v1/chat/completions', base: '' })
  t.match(jsonOf(await compose([aimed, stage()], upstream(200, json))(rewritten)), { object: 'chat.completion' })
  t.equal(outgoingPath(rewritten), '/v1/messages')
})

t.test("calls of Claude's own clients pass untouched", async (t) => {
  for (const [method, path, fields] of [
    ['POST', '/v1/messages', ''],
    ['POST', '/v1/messages/count_tokens', ''],
    ['GET', '/v1/models', 'anthropic-version: 2023-06-01'],
    ['GET', '/v1/models/claude-opus-5-5', 'anthropic-version: 2023-06-01'],
    ['GET', '/v1/chat/completions', ''],
    ['POST', '/v1/models', ''],
    ['POST', '/chat/completions', ''],
  ] as const) {
    const call = callOf(`${method} ${path} HTTP/1.1\nhost: r\nauthorization: Bearer k${fields === '' ? '' : `\n${fields}`}`)
    const own = new Reply(200, headOf(json), Body.of(none))

    t.equal(await stage()(call, async () => own), own, `${method} ${path}`)
    t.equal(outgoingPath(call), path)
    t.strictSame(outgoing(call), ['authorization: Bearer k', ...(fields === '' ? [] : [fields])])
    t.equal(call.tellFailure, null)
  }
})

t.test("a key comes in OpenAI's field and goes out in Claude's; a token, and what is not its to send, stay where they are", async (t) => {
  const sentWith = async (
    fields: string,
    options: Partial<OpenAiOptions> = {},
    behind: readonly Stage[] = [],
  ): Promise<readonly string[]> => {
    const call = post(hi, { fields })
    await compose([stage(options), ...behind], upstream(200, json))(call)
    return outgoing(call).filter((line) => /key|authorization/.test(line))
  }

  t.strictSame(await sentWith('authorization: Bearer sk-ant-api03-x'), ['x-api-key: sk-ant-api03-x'])
  t.strictSame(await sentWith('authorization: Bearer sk-ant-oat01-x'), ['authorization: Bearer sk-ant-oat01-x'])
  t.strictSame(await sentWith('authorization: Basic eA=='), ['authorization: Basic eA=='])
  t.strictSame(await sentWith('x-api-key: a\nauthorization: Bearer b'), ['x-api-key: a', 'authorization: Bearer b'])
  const own = credential({ field: 'authorization', secret: 'ours' })
  t.strictSame(await sentWith('authorization: Bearer k', { passesCredential: false }, [own]), ['authorization: Bearer ours'])
})

t.test('the version is the caller’s where it says one, and decides what it may ask for', async (t) => {
  const call = post({ ...hi, model: 'claude-haiku-4-5', temperature: 0 }, { fields: 'anthropic-version: 2026-10-21' })

  const reply = await refusalOf(call, [stage()])

  t.equal(reply.status, 400)
  t.match(jsonOf(reply), { error: { param: 'temperature', code: 'unsupported_parameter', type: 'invalid_request_error' } })
})

t.test('a coded request is decoded, and goes out as it is', async (t) => {
  const next = upstream(200, json)
  const call = post(gzipSync(JSON.stringify(hi)), { fields: 'content-encoding: gzip' })

  await stage()(call, next)

  t.strictSame(next.sent, [hiToClaude])
  t.notOk(outgoing(call).some((line) => line.startsWith('content-encoding')))
  const huge = post(gzipSync(Buffer.alloc(100_000, 32)), { fields: 'content-encoding: gzip' })
  t.equal((await refusalOf(huge, [stage({ most: 10_000 })])).status, 413)
})

t.test('a body holds its bytes of what all may hold until it has gone out', async (t) => {
  const memory = peekMemory(1, 1000)
  const budget = peekBudget(memory, 0)
  let during = 0
  const next: Next = async (call) => {
    during = peekedBytes(memory)
    return upstream(200, json)(call)
  }

  await stage({ budget })(post(hi), next)

  t.equal(during, Buffer.byteLength(JSON.stringify(hi)))
  t.equal(peekedBytes(memory), 0)
  t.equal((await refusalOf(post({ ...hi, user: 'x'.repeat(2000) }), [stage({ budget })])).status, 503)
})

t.test("a refusal is in OpenAI's words, whichever stage refuses", async (t) => {
  const refuses =
    (error: RelayError): Stage =>
    async () => {
      throw error
    }
  const lines = [Buffer.from('anthropic-ratelimit-requests-limit: 1\r\n')]
  const limited = await refusalOf(post(hi), [
    openAiFailures(),
    refuses(new RelayError('over_limit', 'over the limit x', { retryAfterMs: 1500, shouldRetry: true, lines })),
  ])

  t.equal(limited.status, 429)
  t.match(jsonOf(limited), { error: { message: 'over the limit x', type: 'rate_limit_error', param: null, code: 'rate_limit_exceeded' } })
  t.strictSame(written(limited), [
    'content-type: application/json',
    'request-id: req_1',
    'x-request-id: req_1',
    'retry-after: 2',
    'x-should-retry: true',
    'anthropic-ratelimit-requests-limit: 1',
    'x-ratelimit-limit-requests: 1',
  ])
  const stranger = await refusalOf(callOf('GET /v1/models HTTP/1.1\nhost: r'), [
    openAiFailures(),
    refuses(new RelayError('unauthenticated', 'who?')),
  ])
  t.match(jsonOf(stranger), { error: { code: 'invalid_api_key' } })
  const unknown = await refusalOf(post({ ...hi, foo: 1 }), [stage()])
  t.match(jsonOf(unknown), { error: { param: 'foo', code: 'unknown_parameter' } })
  const claudes = await refusalOf(post(hi, { path: '/v1/messages' }), [openAiFailures(), refuses(new RelayError('over_limit', 'x'))])
  t.match(jsonOf(claudes), { type: 'error', error: { type: 'rate_limit_error' } })
})

t.test("an error of Claude's is told as one of OpenAI's, with what says when to come again", async (t) => {
  const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' }, request_id: 'req_9' }
  const fields = `${json}\nretry-after: 7\nx-should-retry: true\nrequest-id: req_9\ncontent-length: 99`

  const reply = await stage()(post(hi), upstream(529, fields, error))

  t.equal(reply.status, 503)
  t.match(jsonOf(reply), { error: { message: 'Overloaded', type: 'server_error', code: 'overloaded' } })
  t.strictSame(written(reply), ['retry-after: 7', 'x-should-retry: true', 'request-id: req_9', json, 'x-request-id: req_9'])

  const edge = await stage()(post(hi), upstream(502, 'content-type: text/html\ncontent-encoding: gzip', gzipSync('<html>')))
  t.match(jsonOf(edge), { error: { message: 'the upstream answered with status 502', type: 'server_error' } })
  t.strictSame(written(edge), [json, 'x-request-id: req_1'])
})

t.test('rates are told under the names of both', async (t) => {
  const fields = [
    json,
    'anthropic-ratelimit-requests-limit: 50',
    'anthropic-ratelimit-requests-remaining: 49',
    'anthropic-ratelimit-requests-reset: 2023-11-14T22:13:22Z',
    'anthropic-ratelimit-tokens-remaining: 1000',
    'anthropic-ratelimit-tokens-reset: soon',
    'anthropic-ratelimit-input-tokens-limit: 7',
  ].join('\n')

  const reply = await stage()(post(hi), upstream(200, fields))

  t.strictSame(
    written(reply).filter((line) => line.startsWith('x-ratelimit')),
    [
      'x-ratelimit-limit-requests: 50',
      'x-ratelimit-remaining-requests: 49',
      'x-ratelimit-reset-requests: 2s',
      'x-ratelimit-remaining-tokens: 1000',
    ],
  )
  t.equal(written(reply).filter((line) => line.startsWith('anthropic-')).length, 6)
})

t.test('what stages behind it have changed of the reply’s head stays changed', async (t) => {
  const own = credential({ field: 'x-api-key', secret: 'ours' })
  const adds: Stage = async (call, next) => {
    const reply = await next(call)
    reply.edits.line(Buffer.from('x-own: 1\r\n'))
    return reply
  }

  const reply = await compose(
    [stage({ passesCredential: false }), adds, own],
    upstream(200, `${json}\nanthropic-ratelimit-tokens-limit: 5`),
  )(post(hi))

  t.strictSame(written(reply), ['x-own: 1', json, 'x-request-id: req_1'])
})

t.test('the head that a reply comes with may be another’s when its body is whole: nothing of that is told', async (t) => {
  const head = headOf(`${json}\nrequest-id: req_9`)
  const body = new Body(-1, null)
  const replying = stage()(post(hi), async () => new Reply(200, head, body))
  await new Promise((resolve) => setImmediate(resolve))
  const other = Buffer.from('content-type: text/html\r\nrequest-id: req_10\r\n')
  head.parse(other, 0, other.length, 10)
  body.push(Buffer.from(JSON.stringify(message)), true)
  body.finish(none)

  const reply = await replying

  t.strictSame(written(reply), ['request-id: req_9', json, 'x-request-id: req_9'])
})

t.test('an answer that is no message fails as the upstream, and a redirection passes', async (t) => {
  t.equal((await refusalOf(post(hi), [stage()], upstream(200, json, '{"type":"pong"}'))).status, 502)
  const moved = new Reply(307, headOf('location: /x'), Body.of(none))
  t.equal(await stage()(post(hi), async () => moved), moved)
})

t.test('who leaves while its answer is read stops the upstream', async (t) => {
  const call = post(hi)
  const body = new Body(-1, null)
  const replying = refusalOf(call, [stage()], async () => new Reply(200, headOf(json), body))
  await new Promise((resolve) => setImmediate(resolve))

  call.cancel('cancelled')
  await replying

  t.equal(body.end, 'cancelled')
})

const events = [
  { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 20 } },
  { type: 'message_stop' },
].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

interface Streaming {
  readonly call: Call
  readonly body: Body
  readonly reply: Reply
  readonly sink: FakeSink
}

async function streaming(stages: readonly Stage[] = [], fields = sse): Promise<Streaming> {
  const call = post({ ...hi, stream: true, stream_options: { include_usage: true } })
  const body = new Body(-1, null)
  const reply = await compose([stage(), ...stages], async () => new Reply(200, headOf(fields), body))(call)
  const sink = new FakeSink()
  reply.body.pipe(sink)
  return { call, body, reply, sink }
}

t.test('a stream is a stream of chunks, and counts as one', async (t) => {
  const { call, body, reply, sink } = await streaming([meter({ asksIdentity: true })], `${sse}\nrequest-id: req_9`)
  for (const event of events) body.push(Buffer.from(event), true)
  body.finish(none)

  t.ok(isStream(reply) && isEventStream(reply))
  t.strictSame(written(reply), [sse, 'request-id: req_9', 'x-request-id: req_9'])
  t.match(sink.text, /^data: \{"id":"chatcmpl-1".*"usage":\{"prompt_tokens":10.*\n\ndata: \[DONE\]\n\n$/s)
  t.equal(sink.told.at(-1), 'finish')
  t.match(call.tokens, { input: 10, output: 20, estimated: false })
})

t.test('a stream that breaks off says so, once, and breaks off; with and without a meter behind it', async (t) => {
  for (const stages of [[], [meter({ asksIdentity: true })]]) {
    const { body, sink } = await streaming(stages)
    body.push(Buffer.from(events.slice(0, 3).join('')), true)
    body.fail('upstream_failed', new RelayError('upstream_failed', 'claude broke off its reply'))

    t.equal(sink.text.match(/"error"/g)?.length, 1)
    t.match(sink.text, /data: \{"error":\{"message":"claude broke off its reply","type":"server_error","param":null,"code":null\}\}\n\n$/)
    t.notMatch(sink.text, 'DONE')
    t.equal(sink.told.at(-1), 'fail upstream_failed')
  }
})

t.test('so does one that ends before its end, in the middle of an event too', async (t) => {
  for (const stages of [[], [meter({ asksIdentity: true })]]) {
    const { body, sink } = await streaming(stages)
    body.push(Buffer.from(events.slice(0, 3).join('') + events[3]!.slice(0, 20)), true)
    body.finish(none)

    t.match(sink.text, /"content":"Hello".*data: \{"error":\{"message":"the stream ended without message_stop"/s)
    t.equal(sink.told.at(-1), 'fail upstream_failed')
  }
})

t.test('a drain is told as a stream’s error', async (t) => {
  const { reply, body, sink } = await streaming([meter({ asksIdentity: true })])
  body.push(Buffer.from(events[0]!), true)
  reply.body.fail('drained', new RelayError('unavailable', 'relay is shutting down'))

  t.match(sink.text, /data: \{"error":\{"message":"relay is shutting down","type":"server_error","param":null,"code":"overloaded"\}\}\n\n$/)
  t.equal(body.end, 'drained')
})

t.test('who leaves in the middle of a stream stops the upstream, and what was used is known', async (t) => {
  const { call, body, reply } = await streaming([meter({ asksIdentity: true })])
  body.push(Buffer.from(events.slice(0, 3).join('')), true)

  reply.body.cancel('cancelled')

  t.equal(body.end, 'cancelled')
  t.match(call.tokens, { input: 10, estimated: true })
})

t.test('a stream that is coded all the same is decoded as it comes; in a way that nobody knows it fails', async (t) => {
  const { call, body, reply, sink } = await streaming([meter({ asksIdentity: true })], `${sse}\ncontent-encoding: gzip`)
  const ended = new Promise((resolve) => reply.body.onEnd(resolve))
  body.push(gzipSync(events.join('')), true)
  body.finish(none)
  await ended
  await call.tokensRead

  t.match(sink.text, /"content":"Hello".*data: \[DONE\]\n\n$/s)
  t.strictSame(written(reply), [sse, 'x-request-id: req_1'])
  t.match(call.tokens, { input: 10, output: 20 })
  t.equal((await refusalOf(post({ ...hi, stream: true }), [stage()], upstream(200, `${sse}\ncontent-encoding: compress`))).status, 502)
})

t.test('an error instead of a stream is an error', async (t) => {
  const error = { type: 'error', error: { type: 'rate_limit_error', message: 'slower' } }

  const reply = await stage()(post({ ...hi, stream: true }), upstream(429, json, error))

  t.equal(reply.status, 429)
  t.match(jsonOf(reply), { error: { type: 'rate_limit_error' } })
})

t.test('models are listed and found, by names of their own too', async (t) => {
  const item = { type: 'model', id: 'claude-opus-5-5', created_at: '2026-09-01T00:00:00Z' }
  const paths: string[] = []
  const asked = async (path: string, status: number, body: unknown): Promise<Reply> => {
    const call = callOf(`GET ${path} HTTP/1.1\nhost: r\nauthorization: Bearer k`)
    const reply = await stage({ models: { 'gpt-4o': 'claude-opus-5-5' } })(call, upstream(status, json, body))
    paths.push(call.targetPrefix.toString())
    t.strictSame(outgoing(call), ['anthropic-version: 2023-06-01', 'accept-encoding: identity', 'x-api-key: k'])
    return reply
  }

  t.match(jsonOf(await asked('/v1/models', 200, { data: [item], has_more: false })), {
    object: 'list',
    data: [{ id: item.id, object: 'model' }],
  })
  t.match(jsonOf(await asked('/gw/v1/models/gpt-4o?x=1', 200, item)), { id: item.id, owned_by: 'anthropic' })
  const error = { type: 'error', error: { type: 'not_found_error', message: 'model: a/b' } }
  const missing = await asked('/v1/models/a%2Fb', 404, error)
  t.equal(missing.status, 404)
  t.match(jsonOf(missing), { error: { code: 'model_not_found', param: 'model' } })
  t.strictSame(paths, ['/v1/models?limit=1000', '/gw/v1/models/claude-opus-5-5', '/v1/models/a%2Fb'])
})

t.test('a model whose name is no text is refused, and nobody is asked for it', async (t) => {
  const call = callOf('GET /v1/models/%ff HTTP/1.1\nhost: r\nauthorization: Bearer k')

  await t.rejects(async () => stage()(call, upstream(200, json, {})), { message: /^model: its name is not/ })
  t.equal(call.targetPrefix.length, 0)
})

t.test('tenants who share a credential reach chat completions where these become messages, and nowhere else', async (t) => {
  const options = { isShared: true, path: { is: 'prefix', path: '/' }, rewrite: null, base: '' } as const
  const statusWith = async (takesChats: boolean): Promise<number> => {
    const call = post(hi)
    call.tenant = tenantOf()
    return (await refusalOf(call, [reach({ ...options, takesChats })])).status
  }

  t.equal(await statusWith(true), 200)
  t.equal(await statusWith(false), 403)
})
