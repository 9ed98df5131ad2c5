import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { sideDecoder } from '../../src/claude/decode.ts'
import { usageReader } from '../../src/claude/usage.ts'
import type { UsageReader } from '../../src/claude/usage.ts'
import { everyCut } from './helpers.ts'

const nothing = {
  inputTokens: 0,
  outputTokens: 0,
  thinkingTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  webSearches: 0,
  serviceTier: null,
  speed: null,
  inferenceGeo: null,
}

function sse(...events: readonly object[]): string {
  return events.map((event) => `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
}

const start = (usage: unknown): object => ({ type: 'message_start', message: { id: 'msg_1', model: 'claude-opus-5-5', usage } })
const delta = (usage: unknown): object => ({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage })
const text = (value: string): object => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: value } })
const stop = { type: 'message_stop' }
const ping = { type: 'ping' }

function read(kind: 'sse' | 'json', pieces: readonly Buffer[]): UsageReader {
  const reader = usageReader(kind)
  for (const piece of pieces) reader.read(piece)
  reader.end()
  return reader
}

function whole(kind: 'sse' | 'json', body: string): UsageReader {
  return read(kind, [Buffer.from(body)])
}

/** All that a reader tells, as plain data. */
function told(reader: UsageReader): object {
  const { usage, hasUsage, model, stopReason, isComplete, sawError, observedOutput, isUnread, isBetweenEvents } = reader
  return { usage, hasUsage, model, stopReason, isComplete, sawError, observedOutput, isUnread, isBetweenEvents }
}

const full = {
  input_tokens: 25,
  cache_creation_input_tokens: 300,
  cache_read_input_tokens: 1_000,
  cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
  output_tokens: 1,
  output_tokens_details: null,
  server_tool_use: null,
  service_tier: 'standard',
  inference_geo: 'us',
  speed: 'fast',
}
const fullRead = {
  ...nothing,
  inputTokens: 25,
  outputTokens: 1,
  cacheReadTokens: 1_000,
  cacheWriteTokens: 300,
  cacheWrite5mTokens: 100,
  cacheWrite1hTokens: 200,
  serviceTier: 'standard',
  speed: 'fast',
  inferenceGeo: 'us',
}

const table: readonly (readonly [string, readonly unknown[], object])[] = [
  ['what message_start says stands', [full], fullRead],
  [
    'output is cumulative: the last one counts, and none is added',
    [full, { output_tokens: 5 }, { output_tokens: 90 }, { output_tokens: 97 }],
    { ...fullRead, outputTokens: 97 },
  ],
  ['an output of zero is an output', [full, { output_tokens: 0 }], { ...fullRead, outputTokens: 0 }],
  [
    'null keeps what was known',
    [
      full,
      {
        input_tokens: null,
        cache_creation_input_tokens: null,
        cache_read_input_tokens: null,
        output_tokens: 7,
        output_tokens_details: null,
        server_tool_use: null,
      },
    ],
    { ...fullRead, outputTokens: 7 },
  ],
  [
    'what message_delta repeats is not added',
    [full, { input_tokens: 25, cache_creation_input_tokens: 300, cache_read_input_tokens: 1_000, output_tokens: 7 }],
    { ...fullRead, outputTokens: 7 },
  ],
  [
    'zeros on the input side do not wipe it out',
    [full, { input_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 7 }],
    { ...fullRead, outputTokens: 7 },
  ],
  [
    'input that only message_delta tells is read',
    [
      { input_tokens: 0, output_tokens: 0 },
      { input_tokens: 10, cache_creation_input_tokens: 20, cache_read_input_tokens: 30, output_tokens: 7 },
    ],
    { ...nothing, inputTokens: 10, outputTokens: 7, cacheReadTokens: 30, cacheWriteTokens: 20, cacheWrite5mTokens: 20 },
  ],
  [
    'a split without a total is summed',
    [{ cache_creation: { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 2 } }],
    { ...nothing, cacheWriteTokens: 3, cacheWrite5mTokens: 1, cacheWrite1hTokens: 2 },
  ],
  [
    'a later total keeps the split adding up',
    [full, { cache_creation_input_tokens: 350 }],
    { ...fullRead, cacheWriteTokens: 350, cacheWrite5mTokens: 150, cacheWrite1hTokens: 200 },
  ],
  [
    'thinking and searches',
    [full, { output_tokens: 50, output_tokens_details: { thinking_tokens: 40 }, server_tool_use: { web_search_requests: 2 } }],
    { ...fullRead, outputTokens: 50, thinkingTokens: 40, webSearches: 2 },
  ],
  [
    'what is no count is ignored',
    [full, { input_tokens: -1, output_tokens: 'many', cache_read_input_tokens: 1.5, server_tool_use: [], cache_creation: 7, speed: 1 }],
    fullRead,
  ],
  ['what is no usage is ignored', [full, null, 'x', [1]], fullRead],
]

for (const [name, usages, expected] of table) {
  t.test(`of a stream's usage, ${name}`, async (t) => {
    const [first, ...later] = usages

    const reader = whole('sse', sse(start(first), ...later.map(delta), stop))

    t.strictSame(reader.usage, expected)
    t.ok(reader.isComplete)
    t.ok(reader.hasUsage)
    t.notOk(reader.isUnread)
  })
}

const stream = sse(start(full), ping, text('Grüße, 世界! 👋🏽'), delta({ output_tokens: 40 }), delta({ output_tokens: 97 }), stop)

for (const [name, body] of [
  ['LF', stream],
  ['CRLF', stream.replaceAll('\n', '\r\n')],
  ['comments and padding', stream.replaceAll('event:', ': é\nevent:').replaceAll('}\n', '}   \n')],
] as const) {
  t.test(`a stream with ${name} tells the same usage wherever it is cut`, async (t) => {
    const seen = [...everyCut(Buffer.from(body))].map((pieces) => JSON.stringify(told(read('sse', pieces))))

    t.equal(new Set(seen).size, 1)
    t.strictSame(JSON.parse(seen[0] ?? ''), {
      usage: { ...fullRead, outputTokens: 97 },
      hasUsage: true,
      model: 'claude-opus-5-5',
      stopReason: 'end_turn',
      isComplete: true,
      sawError: null,
      observedOutput: Math.ceil(Buffer.byteLength('Grüße, 世界! 👋🏽') / 4),
      isUnread: false,
      isBetweenEvents: true,
    })
  })
}

t.test('a stream that is cut is not complete, and tells what it has told', async (t) => {
  const reader = whole('sse', sse(start(full), text('a'.repeat(400)), text('b'.repeat(41))).slice(0, -1))

  t.notOk(reader.isComplete)
  t.notOk(reader.isBetweenEvents)
  t.equal(reader.usage.inputTokens, 25)
  t.equal(reader.observedOutput, 100, 'the second text was cut before its blank line')
})

t.test('an error event is seen, whatever its data is', async (t) => {
  const seen = ['{"type":"error","error":{"type":"overloaded_error","message":"no"}}', 'not json', '', '{}'].map(
    (data) => whole('sse', `${sse(start(full))}event: error\ndata: ${data}\n\n`).sawError,
  )

  t.strictSame(seen, ['overloaded_error', 'unknown', 'unknown', 'unknown'])
})

t.test('the output is estimated from texts, thinking and tool input, and from nothing else', async (t) => {
  const deltas: readonly (readonly [string, number])[] = [
    ['{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"12345678"}}', 2],
    ['{"type":"content_block_delta","index":12,"delta":{"type":"thinking_delta","thinking":"12345678"}    }  ', 2],
    ['{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\\"a\\":\\"b"}}', 2],
    ['{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"12345678"}}', 0],
    ['{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"text":"12345678"}}}', 0],
    ['{ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "12345678" } }', 2],
    ['{"index":0,"delta":{"text":"12345678","type":"text_delta"},"type":"content_block_delta"}', 2],
    ['{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}', 0],
    ['{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}', 0],
    ['{"type":"content_block_delta","index":0,"delta":null}', 0],
    ['null', 0],
    ['not json', 0],
  ]

  for (const [data, tokens] of deltas) t.equal(whole('sse', `event: content_block_delta\ndata: ${data}\n\n`).observedOutput, tokens, data)
})

t.test('a stream whose usage cannot be read says so', async (t) => {
  const long = { ...(start(full) as { type: string }), pad: 'x'.repeat(70_000) }

  t.ok(whole('sse', sse(long, stop)).isUnread)
  t.ok(whole('sse', 'event: message_start\ndata: {"type":"message_sta\n\n').isUnread)
  t.ok(whole('sse', 'event: message_delta\ndata: []\n\n').isUnread)
  t.notOk(whole('sse', sse(text('x'.repeat(70_000)))).isUnread, 'a long text is no usage')
  t.notOk(whole('sse', '').isUnread)
})

const message = {
  id: 'msg_1',
  type: 'message',
  content: [
    { type: 'text', text: '"usage":{"input_tokens":9},"model":"no" \\" 世界' },
    { type: 'tool_use', input: { usage: { input_tokens: 99 }, model: 'no', type: 'error' } },
  ],
  model: 'claude-opus-5-5',
  stop_reason: 'tool_use',
  usage: { ...full, output_tokens: 97 },
}

t.test('a JSON message tells its own usage, not that of its contents, wherever it is cut', async (t) => {
  const seen = [...everyCut(Buffer.from(JSON.stringify(message, null, 1)))].map((pieces) => JSON.stringify(told(read('json', pieces))))

  t.equal(new Set(seen).size, 1)
  t.strictSame(JSON.parse(seen[0] ?? ''), {
    usage: { ...fullRead, outputTokens: 97 },
    hasUsage: true,
    model: 'claude-opus-5-5',
    stopReason: 'tool_use',
    isComplete: true,
    sawError: null,
    observedOutput: 0,
    isUnread: false,
    isBetweenEvents: false,
  })
})

t.test('a JSON error tells its type, and a cut one is not complete', async (t) => {
  const error = JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'no' }, request_id: 'req_1' })

  t.equal(whole('json', error).sawError, 'rate_limit_error')
  t.ok(whole('json', error).isComplete)
  t.notOk(whole('json', error.slice(0, -1)).isComplete)
  t.equal(whole('json', '{"input_tokens":7}').sawError, null)
  t.notOk(whole('json', '{"input_tokens":7}').hasUsage)
  t.notOk(whole('json', '<html>').isComplete)
})

t.test('a message whose usage is missing or too long is unread', async (t) => {
  t.ok(whole('json', JSON.stringify({ ...message, usage: 'x'.repeat(70_000) })).isUnread)
  t.ok(whole('json', '{"type":"message"}').isUnread)
})

const codings: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZip ', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['zstd', zstdCompressSync],
  ['identity', (bytes) => bytes],
]

for (const [coding, encode] of codings) {
  t.test(`a stream coded as ${coding} (${encode.name}) is read beside its way, in pieces of any size`, async (t) => {
    const coded = encode(Buffer.from(stream))
    for (const size of [1, 7, coded.length]) {
      const reader = usageReader('sse')
      const decoder = sideDecoder(coding, reader)

      for (let at = 0; at < coded.length; at += size) {
        const piece = Buffer.from(coded.subarray(at, at + size))
        decoder.read(piece)
        if (coding !== 'identity') piece.fill(0)
      }
      await decoder.end()

      t.equal(reader.usage.outputTokens, 97)
      t.ok(reader.isComplete)
      t.notOk(decoder.isUnread)
    }
  })
}

t.test('of a coded stream that is cut, what came is read', async (t) => {
  for (const [coding, encode] of codings.slice(0, 1)) {
    const reader = usageReader('sse')
    const decoder = sideDecoder(coding, reader)
    const coded = encode(
      Buffer.from(stream.repeat(1) + Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * 7919) % 251)).toString('latin1')),
    )

    decoder.read(coded.subarray(0, coded.length - 20))
    await decoder.end()

    t.equal(reader.usage.inputTokens, 25)
    t.notOk(decoder.isUnread)
  }
})

t.test('a small body that is huge when decoded is given up, and holds nobody up', async (t) => {
  const bomb = gzipSync(Buffer.concat([Buffer.from(sse(start(full))), Buffer.alloc(20_000_000)]))
  let decoded = 0
  let ends = 0
  const decoder = sideDecoder(
    'gzip',
    { read: (bytes) => void (decoded += bytes.length), end: () => void ends++ },
    { maxDecoded: 1_000_000 },
  )

  decoder.read(bomb)
  await decoder.end()
  decoder.read(bomb)
  decoder.close()

  t.ok(decoder.isUnread)
  t.ok(decoded <= 1_000_000)
  t.equal(ends, 1)
})

t.test('what comes faster than it can be decoded is given up, not kept', async (t) => {
  const coded = gzipSync(Buffer.alloc(10_000, 'x'), { level: 0 })
  const decoder = sideDecoder('gzip', usageReader('sse'), { maxQueued: 1_000 })

  for (let at = 0; at < coded.length; at += 100) decoder.read(coded.subarray(at, at + 100))
  await decoder.end()

  t.ok(decoder.isUnread)
})

t.test('unknown codings and broken data are unread, and end', async (t) => {
  for (const [coding, bytes] of [
    ['compress', 'x'],
    ['gzip, br', 'x'],
    ['constructor', 'x'],
    ['gzip', 'no gzip at all'],
    ['br', 'no brotli at all, whatever it is'],
    ['zstd', 'no zstd'],
  ] as const) {
    const decoder = sideDecoder(coding, usageReader('json'))

    decoder.read(Buffer.from(bytes))
    await decoder.end()

    t.ok(decoder.isUnread, coding)
  }
})

t.test('a decoder that is closed ends at once, whoever waits for it', async (t) => {
  let ends = 0
  const decoder = sideDecoder('gzip', { read: () => undefined, end: () => void ends++ })
  decoder.read(gzipSync(Buffer.alloc(1_000_000)))
  const end = decoder.end()

  decoder.close()
  await end

  t.equal(ends, 1)
  t.ok(decoder.isUnread, 'it has not read all')
  await t.resolves(sideDecoder('br', usageReader('sse')).end(), 'one that has read nothing ends too')
})
