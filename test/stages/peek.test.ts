import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { RelayError } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call } from '../../src/engine/call.ts'
import type { PeekOptions } from '../../src/stages/peek-rules.ts'
import { peek } from '../../src/stages/peek.ts'
import { peekBudget, peekedBytes, peekMemory } from '../../src/stages/peek-budget.ts'
import { callOf, FakeSink, FakeSource, outgoing } from '../engine/shapes.ts'
import { outcomeOf, tenantOf, type Outcome } from './helpers.ts'

interface Scene {
  readonly call: Call
  readonly body: Body
  readonly source: FakeSource
  readonly sink: FakeSink
  /** Bytes of the budget that are taken. */
  readonly taken: () => number
  /** Whether the call has gone on. */
  readonly isOn: () => boolean
  readonly outcome: Promise<Outcome>
}

interface SceneOptions extends Partial<PeekOptions> {
  readonly length?: number
  readonly fields?: string
  /** What comes with the head. */
  readonly first?: string | Buffer
  readonly isWhole?: boolean
  readonly bound?: number
  readonly line?: string
}

const none = Buffer.alloc(0)

function scene(options: SceneOptions = {}): Scene {
  const { length = -1, fields = '', first, isWhole = false, bound = 2 ** 21, line = 'POST /v1/messages?beta=true', ...rules } = options
  const source = new FakeSource()
  const sink = new FakeSink()
  const body = new Body(length, source)
  if (first !== undefined) body.push(Buffer.from(first), true)
  if (isWhole) body.finish(none)
  const call = callOf(`${line} HTTP/1.1\nhost: a\n${fields}`, { body })
  const memory = peekMemory(1, bound)
  const stage = peek({ budget: peekBudget(memory, 0), reads: 'messages', ...rules })
  let isOn = false
  const outcome = outcomeOf(stage, call, async () => {
    isOn = true
    call.outgoing.pipe(sink)
    return new Reply(200, null, Body.of(none))
  })
  return { call, body, source, sink, taken: () => peekedBytes(memory), isOn: () => isOn, outcome }
}

const text = '{"model":"claude-opus-5-5","messages":[{"role":"user","content":"hi {\\"model\\":1}"}],"stream":true,"max_tokens":1024}'
const asked = { model: 'claude-opus-5-5', maxTokens: 1024 }

t.test('a body that came whole with its head is read in place, without a promise, and goes on as it is', async (t) => {
  const { call, sink, isOn, taken } = scene({ first: text, length: text.length, isWhole: true })

  t.ok(isOn())
  t.same(call.asked, { ...asked, bytes: text.length, body: Buffer.from(text) })
  t.equal(sink.text, text)
  t.equal(taken(), 0)
})

t.test('a body that comes in two pieces, cut anywhere, is read, waited for no longer than needed, and goes on byte for byte', async (t) => {
  for (let at = 0; at < text.length; at++) {
    const { body, call, sink, outcome, isOn, taken } = scene({ first: text.slice(0, at), length: text.length })
    t.notOk(isOn())

    body.push(Buffer.from(text.slice(at)), true)
    body.finish(none)

    t.equal((await outcome).status, 200)
    t.match(call.asked, { ...asked, bytes: text.length })
    t.equal(sink.text, text)
    t.equal(taken(), 0)
  }
})

t.test('a body that comes byte by byte is read, and goes on in order', async (t) => {
  const { body, call, sink, outcome } = scene()

  for (const byte of Buffer.from(text)) body.push(Buffer.from([byte]), false)
  body.finish(none)
  await outcome

  t.match(call.asked, { ...asked, bytes: text.length, body: Buffer.from(text) })
  t.equal(sink.text, text)
  t.same(sink.told.at(-1), 'finish')
})

t.test('what says all in its beginning goes on at once, and its rest passes with back-pressure', async (t) => {
  const first = '{"model":"m","max_tokens":7,"messages":['
  const { body, call, source, sink, isOn, taken } = scene({ first, length: 1e6 })
  t.ok(isOn())
  t.match(call.asked, { model: 'm', maxTokens: 7, bytes: 1e6, body: null })
  source.told.length = 0

  sink.isFull = true
  const hasRoom = body.push(Buffer.from('"x",'), true)

  t.equal(hasRoom, false)
  t.equal(sink.text, `${first}"x",`)
  t.equal(taken(), 0)
})

t.test('no more than the bound is held, and what has not been found by then is not known', async (t) => {
  const { body, call, source, outcome, taken, sink } = scene({ first: '{"model":"m","x":"', length: 1e6, most: 200_000, bound: 210_000 })
  const piece = Buffer.alloc(50_000, 'a')

  t.ok(body.push(piece, true))
  t.ok(body.push(piece, true))
  t.equal(taken(), 100_018)
  body.push(piece, true)
  t.notOk(body.push(piece, true), 'its source is to wait')
  await outcome

  t.match(call.asked, { model: 'm', maxTokens: null, bytes: 1e6, body: null })
  t.equal(sink.text.length, 200_018)
  t.equal(source.told.at(-1), 'resume')
  body.push(Buffer.from('a'), true)
  t.equal(taken(), 0, 'what has gone is free')
})

t.test('where the process holds too much already the call is refused, and nothing stays taken', async (t) => {
  const { body, outcome, taken, source } = scene({ first: '{"model":"m"', bound: 20 })

  body.push(Buffer.from(',"messages":['), true)
  const { error } = await outcome

  t.match(error, { failure: 'overloaded', retryAfterMs: 1000 })
  t.equal(taken(), 0)
  t.equal(source.told.at(-1), 'ended failed')
})

t.test('a chunked body is read to its end or the bound: its size is not known before', async (t) => {
  const { body, call, isOn, outcome } = scene({ first: '{"model":"m","max_tokens":7,' })
  t.notOk(isOn())

  body.push(Buffer.from('"x":1}'), true)
  body.finish(none)
  await outcome

  t.match(call.asked, { model: 'm', maxTokens: 7, bytes: 34 })
})

t.test('where all of it is wanted a body with a length is read to its end too', async (t) => {
  const { body, call, isOn, outcome } = scene({ first: '{"model":"m","max_tokens":7,', length: 34, wantsWhole: true })
  t.notOk(isOn())

  body.push(Buffer.from('"x":1}'), true)
  body.finish(none)
  await outcome

  t.equal(call.asked?.body?.toString(), '{"model":"m","max_tokens":7,"x":1}')
})

for (const [name, other] of Object.entries({
  'as it is': '"model":"n"',
  escaped: '"\\u006d\\u006Fdel":"n"',
  'in another case': '"MODEL":"n"',
  'of max_tokens': '"max_tokens":1',
  'of stream': '"stream":false',
})) {
  const doubled = `${text.slice(0, -1)},${other}}`

  t.test(`a doubled key ${name} is refused, wherever the body is cut`, async (t) => {
    t.match((await scene({ first: doubled, length: doubled.length, isWhole: true }).outcome).error, {
      failure: 'bad_request',
      message: /more than once$/,
    })
    for (let at = 1; at < doubled.length; at += 3) {
      const { body, outcome, sink } = scene({ first: doubled.slice(0, at), length: doubled.length })
      body.push(Buffer.from(doubled.slice(at)), true)
      body.finish(none)
      const { error, status } = await outcome
      t.equal(status === 200 ? body.error?.failure : error?.failure, 'bad_request')
      t.ok(sink.text.length < doubled.length)
    }
  })
}

t.test('a double that comes behind what was waited for fails the body, of which the upstream never has all', async (t) => {
  const { body, sink, isOn, source } = scene({ first: '{"model":"m","max_tokens":7,"messages":"', length: 1e6 })
  t.ok(isOn())
  body.push(Buffer.alloc(100_000, 'a'), true)

  body.push(Buffer.from('","model":"n"}'), true)
  body.finish(none)

  t.match(body, { end: 'failed', error: { failure: 'bad_request' } })
  t.equal(sink.told.at(-1), 'fail failed')
  t.notMatch(sink.text, '"n"')
  t.equal(source.told.at(-1), 'ended failed')
})

t.test('what is no JSON object, or names no model that can be read, asks for nothing', async (t) => {
  for (const odd of [
    '',
    ' ',
    '[]',
    'model=x',
    '{"model":"m"',
    '{"model":7,"max_tokens":"7"}',
    '{"model":null,"max_tokens":-1}',
    '{"model":"\\ud8","max_tokens":1.5}',
    '{}x',
    '{"Model":"m"}',
  ]) {
    const whole = scene({ first: odd, isWhole: true })
    const slow = scene()
    slow.body.push(Buffer.from(odd), true)
    slow.body.finish(none)
    await Promise.all([whole.outcome, slow.outcome])

    t.match(whole.call.asked, { model: null, maxTokens: null }, odd)
    t.match(slow.call.asked, { model: null, maxTokens: null }, odd)
    t.equal(slow.sink.text, odd)
  }
})

t.test('a model with escapes or other letters is read as JSON means it; 1e3 tokens are 1000', async (t) => {
  const { call } = scene({ first: '{"model":"cl\\u0061ude-é","max_tokens":1e3}', isWhole: true })

  t.match(call.asked, { model: 'claude-é', maxTokens: 1000 })
})

t.test('only what names a model is read: a POST to messages, count_tokens or completions, or any where that is asked for', async (t) => {
  for (const [line, isRead] of [
    ['POST /v1/messages/count_tokens', true],
    ['POST /v1/chat/completions', true],
    ['POST /v1/messages/batches', false],
    ['PUT /v1/messages', false],
    ['GET /v1/models', false],
  ] as const)
    t.equal(scene({ first: text, isWhole: true, line }).call.asked !== null, isRead, line)
  t.match(scene({ first: text, isWhole: true, line: 'POST /any', reads: 'posts' }).call.asked, asked)
})

t.test('a caller that leaves, a drain and a body that breaks off end the wait at once, and free what was held', async (t) => {
  const ways: Readonly<Record<string, (call: Call) => void>> = {
    cancelled: (call) => call.cancel('cancelled'),
    unavailable: (call) => call.cancel('drained'),
    slow_caller: (call) => call.body.fail('timed_out', new RelayError('slow_caller', 'the request body stopped coming')),
  }
  for (const [failure, way] of Object.entries(ways)) {
    const { call, outcome, taken, isOn } = scene({ first: '{"model":"m"', length: 100 })
    t.equal(taken(), 12)

    way(call)

    t.match((await outcome).error, { failure })
    t.equal(taken(), 0)
    t.notOk(isOn())
    t.equal(call.work, null)
  }
})

t.test('a caller that waits to be told so is told to send its body, and the upstream does not tell it again', async (t) => {
  const fields = 'expect: 100-continue'
  const told: number[] = []
  const source = new Body(text.length, new FakeSource())
  const call = callOf(`POST /v1/messages HTTP/1.1\nhost: a\n${fields}`, { body: source })
  call.informed = { inform: (status) => told.push(status) }
  const stage = peek({ budget: peekBudget(peekMemory(1, 1000), 0), reads: 'messages' })
  const outcome = outcomeOf(stage, call)
  t.same(told, [100])
  t.same(outgoing(call), [])

  source.push(Buffer.from(text), true)
  source.finish(none)

  t.equal((await outcome).status, 200)
  t.same(told, [100])
  t.same(outgoing(scene({ fields, length: text.length, first: text, isWhole: true }).call), [fields])
})

const codings = {
  gzip: gzipSync,
  'X-Gzip': gzipSync,
  deflate: deflateSync,
  Deflate: deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
}

for (const [coding, encode] of Object.entries(codings)) {
  t.test(`a body coded in ${coding} is decoded for reading, and goes on coded`, async (t) => {
    const coded = encode(Buffer.from(text))
    const fields = `content-encoding: ${coding}`
    const whole = scene({ first: coded, length: coded.length, isWhole: true, fields, wantsWhole: true })
    const cut = scene({ first: coded.subarray(0, 20), fields })
    cut.body.push(coded.subarray(20), true)
    t.notOk(cut.isOn())
    cut.body.finish(none)
    await Promise.all([whole.outcome, cut.outcome])

    t.same(whole.call.asked, { ...asked, bytes: text.length, body: Buffer.from(text) })
    t.same(cut.call.asked, { ...asked, bytes: text.length, body: null })
    t.equal(whole.sink.text, coded.toString('latin1'))
    t.equal(cut.sink.text, coded.toString('latin1'))
    t.equal(whole.taken() + cut.taken(), 0)
  })

  t.test(`a doubled key in a body coded in ${coding} is refused before any of it goes on`, async (t) => {
    const coded = encode(Buffer.from(`{"model":"m","x":"${'a'.repeat(1e6)}","model":"n"}`))
    const { outcome, isOn, taken } = scene({ first: coded, isWhole: true, fields: `content-encoding: ${coding}` })

    t.match((await outcome).error, { failure: 'bad_request', message: 'model stands in the request body more than once' })
    t.notOk(isOn())
    t.equal(taken(), 0)
  })
}

t.test('a small coded body that becomes a huge one is refused', async (t) => {
  const bomb = gzipSync(Buffer.alloc(40 * 2 ** 20, ' '))
  const { outcome, taken, isOn } = scene({ first: bomb, isWhole: true, fields: 'content-encoding: gzip' })

  t.match((await outcome).error, { failure: 'too_large' })
  t.notOk(isOn())
  t.equal(taken(), 0)
})

t.test('a coded body that is longer than what can be held is refused, by its declared length or by its bytes', async (t) => {
  const declared = scene({ length: 1001, most: 1000, fields: 'content-encoding: br' })
  const chunked = scene({ most: 1000, fields: 'content-encoding: br' })
  chunked.body.push(Buffer.alloc(1001), true)

  t.match((await declared.outcome).error, { failure: 'too_large' })
  t.match((await chunked.outcome).error, { failure: 'too_large' })
})

t.test('a coding that is not known, several of them, and broken data ask for nothing, and pass', async (t) => {
  for (const fields of [
    'content-encoding: compress',
    'content-encoding: gzip, br',
    'content-encoding: gzip\ncontent-encoding: gzip',
    'content-encoding: gzip',
  ]) {
    const { call, outcome, sink } = scene({ first: text, isWhole: true, fields })
    await outcome

    t.match(call.asked, { model: null, maxTokens: null, bytes: text.length, body: null }, fields)
    t.equal(sink.text, text)
  }
  t.match(scene({ first: text, isWhole: true, fields: 'content-encoding: Identity' }).call.asked, asked)
})

t.test('a tenant’s uploads that stop in the middle refuse nobody else’s call, and its own go on when they end', async (t) => {
  const budget = peekBudget(peekMemory(1, 4000), 0)
  const stage = peek({ budget, reads: 'messages' })
  const upload = (tenant: string): { readonly call: Call; readonly outcome: Promise<Outcome> } => {
    const body = new Body(2000, new FakeSource())
    body.push(Buffer.alloc(500, ' '), true)
    const call = callOf('POST /v1/messages HTTP/1.1\nhost: a', { body })
    call.tenant = tenantOf({ name: tenant })
    return { call, outcome: outcomeOf(stage, call, async () => new Reply(200, null, Body.of(none))) }
  }

  const stalled = Array.from({ length: 20 }, () => upload('a'))
  const other = upload('b')
  const refused = await Promise.all(stalled.slice(2).map(async ({ outcome }) => outcome))
  other.call.body.push(Buffer.from('{"model":"m","max_tokens":1,'), true)

  t.ok(refused.every(({ error }) => error?.failure === 'overloaded'))
  t.equal((await other.outcome).status, 200)
  for (const { call } of stalled) call.body.cancel('cancelled')
  const again = upload('a')
  again.call.body.push(Buffer.from('{"model":"m","max_tokens":1,'), true)
  t.equal((await again.outcome).status, 200)
})
