import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { ChunkConverter } from '../../src/openai/chunks.ts'
import { failureOf } from './failure.ts'

type Event = Readonly<Record<string, unknown>> & { readonly type: string }

const usage = { input_tokens: 25, cache_creation_input_tokens: 4, cache_read_input_tokens: 7, output_tokens: 1, service_tier: 'standard' }
const start: Event = {
  type: 'message_start',
  message: { id: 'msg_01', type: 'message', role: 'assistant', model: 'claude-opus-5-5', content: [], usage },
}
const ping: Event = { type: 'ping' }
const stop: Event = { type: 'message_stop' }

function text(index: number, ...pieces: readonly string[]): readonly Event[] {
  return [
    { type: 'content_block_start', index, content_block: { type: 'text', text: '', citations: null } },
    ...pieces.map((piece) => ({ type: 'content_block_delta', index, delta: { type: 'text_delta', text: piece } })),
    { type: 'content_block_stop', index },
  ]
}

function tool(index: number, id: string, ...pieces: readonly string[]): readonly Event[] {
  return [
    {
      type: 'content_block_start',
      index,
      content_block: { type: 'tool_use', id, name: 'get_weather', input: {}, caller: { type: 'direct' } },
    },
    ...pieces.map((piece) => ({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: piece } })),
    { type: 'content_block_stop', index },
  ]
}

function thinking(index: number): readonly Event[] {
  return [
    { type: 'content_block_start', index, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index, delta: { type: 'thinking_delta', thinking: 'hm' } },
    { type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: 'AA==' } },
    { type: 'content_block_stop', index },
  ]
}

function ending(reason: string | null, more: Readonly<Record<string, unknown>> = {}): Event {
  return {
    type: 'message_delta',
    delta: { stop_reason: reason, stop_sequence: null, ...more },
    usage: { output_tokens: 15, input_tokens: null },
  }
}

function bytesOf(events: readonly Event[]): Buffer {
  return Buffer.from(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
}

interface Read {
  readonly converter: ChunkConverter
  /** What has come out. */
  text(): string
  push(bytes: Buffer): void
  end(): void
}

function reading(options: { includesUsage?: boolean; isLegacy?: boolean } = {}): Read {
  const pushed: Buffer[] = []
  const out = { push: (bytes: Buffer) => pushed.push(bytes) }
  const converter = new ChunkConverter({ created: 1_700_000_000, includesUsage: false, isLegacy: false, ...options })
  return {
    converter,
    text: () => Buffer.concat(pushed).toString('utf8'),
    push: (bytes) => converter.read(bytes, out),
    end: () => converter.end(Buffer.alloc(0), out),
  }
}

function converted(events: readonly Event[], options: { includesUsage?: boolean; isLegacy?: boolean } = {}): string {
  const read = reading(options)
  read.push(bytesOf(events))
  read.end()
  return read.text()
}

/** The data of each event, comments aside; the chunks as JSON. */
function dataOf(stream: string): readonly unknown[] {
  t.match(stream, /\n\n$/)
  const events = stream.slice(0, -2).split('\n\n')
  return events
    .filter((event) => !event.startsWith(':'))
    .map((event) => event.slice('data: '.length))
    .map((data): unknown => (data === '[DONE]' ? data : JSON.parse(data)))
}

/** Of each chunk its delta, or what else it says. */
function deltasOf(stream: string): readonly unknown[] {
  return dataOf(stream).map((chunk) => {
    // Whatever is missing fails the test.
    const { choices } = (chunk === '[DONE]' ? {} : chunk) as { choices?: { delta: unknown; finish_reason: unknown }[] }
    const [choice] = choices ?? []
    return choice === undefined ? chunk : (choice.finish_reason ?? choice.delta)
  })
}

const first = { role: 'assistant', content: '', refusal: null }

t.test('a whole stream: role, text, end, and the mark behind it', async (t) => {
  const stream = converted([start, ping, ...text(0, 'Hel', 'lo'), ending('end_turn'), stop])

  t.strictSame(deltasOf(stream), [first, { content: 'Hel' }, { content: 'lo' }, 'stop', '[DONE]'])
  t.strictSame(dataOf(stream)[1], {
    id: 'chatcmpl-01',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'claude-opus-5-5',
    system_fingerprint: null,
    choices: [{ index: 0, delta: { content: 'Hel' }, logprobs: null, finish_reason: null }],
  })
  t.match(dataOf(stream)[3], { service_tier: 'default', choices: [{ delta: {}, logprobs: null }] })
})

t.test('usage is a chunk of its own before the end, and null in all others, where it is asked for', async (t) => {
  const data = dataOf(converted([start, ...text(0, 'x'), ending(null), ending('end_turn'), stop], { includesUsage: true }))

  t.strictSame(data.at(-1), '[DONE]')
  t.match(data.at(-2), {
    choices: [],
    usage: {
      prompt_tokens: 36,
      completion_tokens: 15,
      total_tokens: 51,
      prompt_tokens_details: { cached_tokens: 7, cache_write_tokens: 4 },
    },
  })
  t.match(data.slice(0, -2), [{ usage: null }, { usage: null }, { usage: null }])
  t.notOk(converted([start, ending('end_turn'), stop]).includes('usage'))
})

t.test('tools called at once are counted from 0, whatever blocks stand between, and their arguments come in pieces', async (t) => {
  const stream = converted([
    start,
    ...thinking(0),
    ...text(1, 'I will.'),
    ...tool(2, 'toolu_1', '', '{"pl', 'ace":"Rome"}'),
    ...tool(3, 'toolu_2', ''),
    ending('tool_use'),
    stop,
  ])

  t.strictSame(deltasOf(stream), [
    first,
    { content: 'I will.' },
    { tool_calls: [{ index: 0, id: 'toolu_1', type: 'function', function: { name: 'get_weather', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"pl' } }] },
    { tool_calls: [{ index: 0, function: { arguments: 'ace":"Rome"}' } }] },
    { tool_calls: [{ index: 1, id: 'toolu_2', type: 'function', function: { name: 'get_weather', arguments: '' } }] },
    // Without arguments: an empty object, so that it can be parsed.
    { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
    'tool_calls',
    '[DONE]',
  ])
})

t.test('a function of the old kind is called in the old way', async (t) => {
  const stream = converted([start, ...tool(0, 'toolu_1', '{}'), ending('tool_use'), stop], { isLegacy: true })

  t.strictSame(deltasOf(stream), [
    first,
    { function_call: { name: 'get_weather', arguments: '' } },
    { function_call: { arguments: '{}' } },
    'function_call',
    '[DONE]',
  ])
})

t.test("what a server's own tools do says nothing, and an input that is there at once is not lost", async (t) => {
  const server = {
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
  }
  const query = { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{"q":1}' } }
  const whole = { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } } }
  const stops = [0, 1].map((index) => ({ type: 'content_block_stop', index }))

  const stream = converted([start, server, query, whole, ...stops, ending('tool_use'), stop])

  t.strictSame(deltasOf(stream).slice(1, -2), [
    { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }] },
  ])
})

for (const [reason, finish] of [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['pause_turn', 'stop'],
  ['something_new', 'stop'],
  [null, 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
] as const) {
  t.test(`an answer that ends by ${reason} ends by ${finish}`, async (t) => {
    t.strictSame(deltasOf(converted([start, ending(reason), stop])), [first, finish, '[DONE]'])
  })
}

t.test('a refusal is told in words, where Claude has some', async (t) => {
  const refused = ending('refusal', { stop_details: { type: 'refusal', category: 'bio', explanation: 'not this' } })

  t.strictSame(deltasOf(converted([start, refused, stop])), [first, { refusal: 'not this' }, 'content_filter', '[DONE]'])
})

t.test('pings, thinking and whatever has no counterpart become comments: who waits for bytes sees some', async (t) => {
  const read = reading()
  for (const event of [start, ping, ...thinking(0), { type: 'something_new' }]) read.push(bytesOf([event]))

  t.match(read.text(), /\n\n: ping\n\n: ping\n\n: ping\n\n: ping\n\n: ping\n\n$/)
  t.strictSame(deltasOf(read.text()), [first])
})

t.test('cut anywhere, in the middle of an event and of a character, the chunks are the same', async (t) => {
  const bytes = bytesOf([start, ping, ...text(0, 'Grüße, 世界! 👩‍🚀', '"\\\n'), ...tool(1, 'a', '{"x":"é"}'), ending('tool_use'), stop])
  const whole = reading()
  whole.push(bytes)

  for (let size = 1; size < 9; size++) {
    const read = reading()
    for (let at = 0; at < bytes.length; at += size) read.push(bytes.subarray(at, at + size))
    read.end()
    t.strictSame(dataOf(read.text()), dataOf(whole.text()), `${size} bytes a piece`)
  }
  t.match(whole.text(), 'Grüße, 世界! 👩‍🚀')
})

t.test('lines may end in CR LF, and data may have spaces behind it', async (t) => {
  const read = reading()
  const plain = bytesOf([start, ...text(0, 'x'), ending('end_turn'), stop]).toString()
  read.push(Buffer.from(plain.replaceAll('}\n', '}  \n').replaceAll('\n', '\r\n')))
  read.end()

  t.strictSame(deltasOf(read.text()), [first, { content: 'x' }, 'stop', '[DONE]'])
})

t.test('an error in the stream ends it, and nothing says that it is done', async (t) => {
  const failed = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded', details: null } }
  const read = reading()
  read.push(bytesOf([start, ...text(0, 'x'), failed, ...text(1, 'more'), stop]))
  read.end()

  t.strictSame(dataOf(read.text()).at(-1), { error: { message: 'Overloaded', type: 'server_error', param: null, code: 'overloaded' } })
  t.notOk(read.text().includes('more'))
})

t.test('a stream that ends before its end has failed', async (t) => {
  const read = reading()
  read.push(bytesOf([start, ...text(0, 'x')]))

  t.throws(() => read.end(), { message: 'the stream ended without message_stop' })
})

t.test('a stream that breaks off tells so, once, and what had come stands before it', async (t) => {
  const pushed: string[] = []
  const out = { push: (bytes: Buffer) => pushed.push(bytes.toString()) }
  const broken = (end: 'upstream_failed' | 'cancelled' | 'drained', error: RelayError | null): string => {
    const { converter } = reading()
    converter.read(bytesOf([start, ...text(0, 'x')]), { push: () => true })
    pushed.length = 0
    t.equal(converter.broken(end, error, out), null)
    t.equal(converter.broken(end, error, out), null)
    return pushed.join('')
  }

  t.strictSame(dataOf(broken('upstream_failed', new RelayError('upstream_failed', 'claude broke off its reply'))), [
    { error: { message: 'claude broke off its reply', type: 'server_error', param: null, code: null } },
  ])
  t.match(dataOf(broken('upstream_failed', null)), [{ error: { message: 'the stream broke off' } }])
  t.match(dataOf(broken('drained', new RelayError('unavailable', 'relay is shutting down'))), [{ error: { code: 'overloaded' } }])
  t.equal(broken('cancelled', null), '')
})

t.test('behind its end nothing is told, whatever happens', async (t) => {
  const pushed: Buffer[] = []
  const out = { push: (bytes: Buffer) => pushed.push(bytes) }
  const converter = new ChunkConverter({ created: 1, includesUsage: false, isLegacy: false })
  converter.read(bytesOf([start, ending('end_turn'), stop]), out)
  const told = Buffer.concat(pushed).toString()

  converter.read(bytesOf([ping, start, ...text(0, 'x')]), out)
  converter.broken('upstream_failed', null, out)

  t.equal(Buffer.concat(pushed).toString(), told)
})

t.test('what is no stream of messages fails as the upstream', async (t) => {
  for (const bytes of [
    Buffer.from('event: message_start\ndata: {"type":\n\n'),
    Buffer.from('event: message_start\ndata: [1]\n\n'),
    bytesOf(text(0, 'before the start')),
    bytesOf([stop]),
    bytesOf([start, ...text(0, 'x'.repeat(5_000_000))]),
  ]) {
    const read = reading()
    t.equal(
      failureOf(() => read.push(bytes)),
      'upstream_failed',
    )
  }
})

t.test('events that lack what they should have say nothing', async (t) => {
  const stream = converted([
    { type: 'message_start' },
    { type: 'content_block_start', index: 0 },
    { type: 'content_block_delta', index: 0 },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 7 } },
    { type: 'content_block_stop' },
    { type: 'message_delta' },
    stop,
  ])

  t.strictSame(deltasOf(stream), [first, 'stop', '[DONE]'])
})
