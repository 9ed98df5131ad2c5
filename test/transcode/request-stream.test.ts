import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import t from 'tap'
import { asked, shopOf, shown } from './shop.ts'

interface Case {
  readonly rule: JsonObject
  readonly in?: string
  readonly call: string
  readonly type?: string
  readonly chunks: readonly string[]
  readonly gives: readonly JsonValue[]
}

const whole = { post: '/v1/{name}', body: '*' }
const field = { post: '/v1/{name}', body: 'owner' }
const raw = { post: '/v1/{id}', body: 'file' }

const cases: readonly Case[] = [
  { rule: whole, call: 'POST /v1/x', chunks: ['{"size":1}\n{"si', 'ze":2}\n'], gives: [{ name: 'x', size: 1 }, { size: 2 }] },
  { rule: whole, call: 'POST /v1/x', chunks: ['[{"size":1},', '{"size":2}]'], gives: [{ name: 'x', size: 1 }, { size: 2 }] },
  {
    rule: whole,
    call: 'POST /v1/x',
    type: 'application/x-ndjson; charset=utf-8',
    chunks: ['{"size":1}\r\n\n', '{"size":2}'],
    gives: [{ name: 'x', size: 1 }, { size: 2 }],
  },
  { rule: whole, call: 'POST /v1/x', chunks: [], gives: [{ name: 'x' }] },
  { rule: whole, call: 'POST /v1/x', chunks: ['[]'], gives: [{ name: 'x' }] },
  { rule: whole, call: 'POST /v1/x', chunks: ['{"name":"x"}{"name":"y"}'], gives: [{ name: 'x' }, { name: 'y' }] },
  { rule: { post: '/v1', body: '*' }, call: 'POST /v1', chunks: [], gives: [] },
  { rule: { post: '/v1', body: '*' }, call: 'POST /v1', chunks: ['{}{}'], gives: [{}, {}] },
  {
    rule: field,
    call: 'POST /v1/x?size=3',
    chunks: ['{"id":"a"}\n{"id":"b"}'],
    gives: [{ name: 'x', size: 3, owner: { id: 'a' } }, { owner: { id: 'b' } }],
  },
  { rule: { post: '/v1', body: 'name' }, call: 'POST /v1', chunks: ['"a" "b"'], gives: [{ name: 'a' }, { name: 'b' }] },
  { rule: { get: '/v1/{name}' }, call: 'GET /v1/x?size=3', chunks: [], gives: [{ name: 'x', size: 3 }] },
  { rule: { get: '/v1' }, call: 'GET /v1', chunks: [], gives: [{}] },
  {
    ...{ rule: raw, in: 'Upload', call: 'POST /v1/x?note=n', type: 'a/b', chunks: ['\0\u0001', 'ab'] },
    gives: [{ id: 'x', note: 'n', file: { contentType: 'a/b', data: 'AAE=' } }, { file: { data: 'YWI=' } }],
  },
  { rule: raw, in: 'Upload', call: 'POST /v1/x', type: 'a/b', chunks: [], gives: [{ id: 'x', file: { contentType: 'a/b' } }] },
]

t.test('messages come out of a body as it comes; path and query are in the first', async (t) => {
  for (const each of cases) t.strictSame(messagesOf(each), each.gives, `${each.call} ${each.chunks.join('|')}`)
})

const bad: readonly (Omit<Case, 'gives'> & { readonly fails: RegExp; readonly behind?: number })[] = [
  { rule: whole, call: 'POST /v1/x', chunks: ['{"size":1}', '{"size":"a"}'], fails: /size/, behind: 1 },
  { rule: whole, call: 'POST /v1/x', chunks: ['{"name":"y"}'], fails: /field "name" is said twice/ },
  { rule: whole, call: 'POST /v1/x', chunks: ['[{}'], fails: /breaks off/, behind: 1 },
  { rule: whole, call: 'POST /v1/x', chunks: ['{"size":'], fails: /JSON/ },
  { rule: whole, call: 'POST /v1/x', type: 'application/x-ndjson', chunks: ['{"size":\n1}\n'], fails: /JSON/ },
  { rule: whole, call: 'POST /v1/x?size=1', chunks: [], fails: /takes its fields from the body/ },
  { rule: { get: '/v1/{size}' }, call: 'GET /v1/x', chunks: [], fails: /field "size": expected int32/ },
  { rule: { get: '/v1/{name}' }, call: 'GET /v1/x', chunks: ['{}'], fails: /takes no body/ },
]

t.test('what does not fit ends the stream where it stands; messages before it have gone out', async (t) => {
  for (const each of bad) {
    const emitted: unknown[] = []
    t.throws(() => messagesOf(each, emitted), { failure: 'bad_request', message: each.fails }, `${each.call} ${each.chunks.join('|')}`)
    t.equal(emitted.length, each.behind ?? 0)
  }
})

t.test('a path or query that does not fit is told before a byte of the body', async (t) => {
  const { match } = asked(
    shopOf({ Call: { in: 'Thing', out: 'Owner', streams: 'in', rule: { post: '/v1/{size}', body: '*' } } }),
    'POST /v1/x',
  )

  t.throws(() => match.requests('', 'application/json'), { failure: 'bad_request', message: /field "size"/ })
})

t.test('raw bytes beyond the size of a message go out in several', async (t) => {
  const of = shopOf({ Call: { in: 'Upload', out: 'Owner', streams: 'in', rule: raw } }, { mostMessage: 100 })
  const { match } = asked(of, 'POST /v1/x')
  const sizes: number[] = []

  const stream = match.requests('', 'a/b')
  stream.push(Buffer.alloc(120), (message) => sizes.push(message.length))

  t.equal(sizes.length, 3)
  t.ok(Math.max(...sizes) <= 100)
})

t.test('whoever has enough for now is given no more values, and the rest is for later', async (t) => {
  const { match } = asked(shopOf({ Call: { in: 'Thing', out: 'Owner', streams: 'in', rule: whole } }), 'POST /v1/x')
  const bodies = {
    'application/json': '[{"size":1},{"size":2},{"size":3}]',
    'application/x-ndjson': '{"size":1}\n{"size":2}\n{"size":3}\n',
  }

  for (const [type, body] of Object.entries(bodies)) {
    const sizes: number[] = []
    const stream = match.requests('', type)
    let rest = Buffer.from(body)
    for (let turns = 1; rest.length > 0; turns++) {
      const taken = stream.push(
        rest,
        (message) => sizes.push(message.length),
        () => true,
      )
      rest = rest.subarray(taken)
      t.ok(sizes.length <= turns, type)
    }
    stream.end(() => undefined)
    t.equal(sizes.length, 3, type)
  }
})

function messagesOf(
  { rule, in: input = 'Thing', call, type = 'application/json', chunks }: Omit<Case, 'gives'>,
  emitted: unknown[] = [],
): readonly unknown[] {
  const { match, query } = asked(shopOf({ Call: { in: input, out: 'Owner', streams: 'in', rule } }), call)
  const emit = (message: Uint8Array): number => emitted.push(shown(match.method.input, message))
  const stream = match.requests(query, type)
  for (const chunk of chunks) stream.push(Buffer.from(chunk), emit)
  stream.end(emit)
  return emitted
}
