import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { RelayError, type Failure } from '../../src/base/errors.ts'
import { Body } from '../../src/engine/body.ts'
import { Reply, type Call } from '../../src/engine/call.ts'
import { peekBudget, peekedBytes, peekMemory } from '../../src/stages/peek-budget.ts'
import { wholeBody, wholeReply, type WholeOptions } from '../../src/stages/whole-body.ts'
import { callOf, FakeSource, headOf, outgoing } from '../engine/shapes.ts'

const none = Buffer.alloc(0)
const text = '{"model":"claude-opus-5-5","messages":[]}'.repeat(50)

function post(body: Body, fields = ''): Call {
  return callOf(`POST /x HTTP/1.1\nhost: r${fields === '' ? '' : `\n${fields}`}`, { body })
}

async function failureOf(call: Call, options: WholeOptions): Promise<Failure | null> {
  return failureIn(wholeBody(call, options))
}

async function failureIn(reading: Promise<unknown>): Promise<Failure | null> {
  try {
    await reading
    return null
  } catch (error) {
    if (error instanceof RelayError) return error.failure
    throw error
  }
}

t.test('a body that another stage has put in its place is read as it is, whatever the head says of the first one', async (t) => {
  const call = post(Body.of(gzipSync(text)), 'content-encoding: gzip')
  call.outgoing = Body.of(Buffer.from('decoded'))

  t.equal((await wholeBody(call, { most: 100 })).bytes.toString(), 'decoded')
})

t.test('a body is whole, however it comes, with its trailers', async (t) => {
  const body = new Body(-1, null)
  const reading = wholeBody(post(body), { most: 100 })
  body.push(Buffer.from('one '), false)
  body.push(Buffer.from('two'), true)
  body.finish(Buffer.from('x-sum: 1\r\n'))

  const { bytes, trailers } = await reading

  t.equal(bytes.toString(), 'one two')
  t.equal(trailers.toString(), 'x-sum: 1\r\n')
  t.equal((await wholeBody(post(Body.of(Buffer.from('here'))), { most: 4 })).bytes.toString(), 'here')
  t.equal((await wholeBody(post(Body.of(none)), { most: 4 })).bytes.length, 0)
})

for (const [coding, coded] of [
  ['gzip', gzipSync(text)],
  ['X-GZIP', gzipSync(text)],
  ['deflate', deflateSync(text)],
  ['deflate', deflateRawSync(text)],
  ['br', brotliCompressSync(text)],
  ['zstd', zstdCompressSync(text)],
  ['identity', Buffer.from(text)],
] as const) {
  t.test(`a coded body (${coding}) is decoded, within its bound; cut short it is refused`, async (t) => {
    const { bytes } = await wholeBody(post(Body.of(coded), `content-encoding: ${coding}`), { most: 10_000 })
    t.equal(bytes.toString(), text)
    if (coding === 'identity') return

    t.equal(
      await failureOf(post(Body.of(coded), `content-encoding: ${coding}`), { most: 10_000, mostDecoded: text.length - 1 }),
      'too_large',
    )
    t.equal(await failureOf(post(Body.of(coded.subarray(0, -1)), `content-encoding: ${coding}`), { most: 10_000 }), 'bad_request')
  })
}

t.test('codings that nobody knows, several at once, and nothing where something coded should be, are refused', async (t) => {
  for (const fields of [
    'content-encoding: compress',
    'content-encoding: gzip, br',
    'content-encoding: gzip\ncontent-encoding: br',
    'content-encoding: constructor',
  ])
    t.equal(await failureOf(post(Body.of(Buffer.from('x')), fields), { most: 100 }), 'unsupported_type', fields)
  t.equal(await failureOf(post(Body.of(none), 'content-encoding: gzip'), { most: 100 }), 'bad_request')
})

t.test('more bytes than the bound are refused by their declared length, or as they come', async (t) => {
  const source = new FakeSource()
  t.equal(await failureOf(post(new Body(101, source)), { most: 100 }), 'too_large')
  t.ok(source.told.includes('ended failed'))

  const body = new Body(-1, null)
  const failed = failureOf(post(body), { most: 100 })
  body.push(Buffer.alloc(60), true)
  body.push(Buffer.alloc(60), true)
  t.equal(await failed, 'too_large')
})

t.test('who waits for 100 Continue is told to go on, and nobody upstream is asked to say it', async (t) => {
  const body = new Body(4, null)
  const call = post(body, 'expect: 100-continue')
  const told: number[] = []
  call.informed = { inform: (status) => void told.push(status) }

  const reading = wholeBody(call, { most: 100 })
  body.push(Buffer.from('four'), true)
  body.finish(none)
  await reading

  t.same(told, [100])
  t.same(outgoing(call), [])
})

t.test('a caller that leaves, or sends what breaks off, ends the reading', async (t) => {
  const left = post(new Body(10, null))
  const leaving = failureOf(left, { most: 100 })
  left.cancel('cancelled')
  t.equal(await leaving, 'cancelled')

  const body = new Body(10, null)
  const broken = failureOf(post(body), { most: 100 })
  body.fail('timed_out', new RelayError('slow_caller', 'too slow'))
  t.equal(await broken, 'slow_caller')

  const coded = post(Body.of(gzipSync(text)), 'content-encoding: gzip')
  const decoding = failureOf(coded, { most: 10_000 })
  coded.settle('cancelled')
  t.equal(await decoding, 'cancelled')
})

t.test('bodies hold their bytes of a budget until they are released, or the call has ended', async (t) => {
  const memory = peekMemory(1, 100)
  const budget = peekBudget(memory, 0)
  const first = await wholeBody(post(Body.of(Buffer.alloc(60))), { most: 100, budget })
  t.equal(peekedBytes(memory), 60)
  t.equal(await failureOf(post(Body.of(Buffer.alloc(60))), { most: 100, budget }), 'overloaded')

  first.release()
  first.release()
  t.equal(peekedBytes(memory), 0)

  const body = new Body(-1, null)
  const call = post(body)
  const failed = failureOf(call, { most: 1000, budget })
  body.push(Buffer.alloc(60), true)
  t.equal(peekedBytes(memory), 60)
  body.push(Buffer.alloc(60), true)
  t.equal(await failed, 'overloaded')
  call.settle('failed')
  t.equal(peekedBytes(memory), 0)
})

t.test('a reply is whole and decoded, and fails as the upstream where it is none', async (t) => {
  const call = post(Body.of(none))
  const coded = new Reply(200, headOf('content-encoding: gzip'), Body.of(gzipSync(text)))
  t.equal((await wholeReply(call, coded, { most: 10_000 })).bytes.toString(), text)
  t.equal((await wholeReply(call, new Reply(200, null, Body.of(Buffer.from('x'))), { most: 1 })).bytes.toString(), 'x')

  const broken = new Reply(200, headOf('content-encoding: gzip'), Body.of(Buffer.from('plain')))
  t.equal(await failureIn(wholeReply(call, broken, { most: 100 })), 'upstream_failed')
  t.equal(await failureIn(wholeReply(call, new Reply(200, null, Body.of(Buffer.alloc(5))), { most: 4 })), 'upstream_failed')
})

t.test('whoever leaves while its reply is read stops the upstream', async (t) => {
  const call = post(Body.of(none))
  const source = new FakeSource()
  const reading = wholeReply(call, new Reply(200, null, new Body(10, source)), { most: 100 })

  call.cancel('cancelled')

  t.equal(await failureIn(reading), 'cancelled')
  t.ok(source.told.includes('ended cancelled'))
})
