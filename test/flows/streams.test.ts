import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { relayProcess } from '../helpers/relay-process.ts'
import { post, rawCall, sha256, type RawCall } from './caller.ts'
import { callerLines, someStream, streamRequest } from './events.ts'
import { chunk, lastChunk, origin, streamHead, type Origin, type OriginCall } from './origin.ts'

/** One relay before one origin that speaks in bytes; each test says how it answers. */
let serve: (call: OriginCall) => Promise<void> | void = () => undefined
const upstream: Origin = await origin(t, (call) => void serve(call))
const relay = await relayProcess(t, {
  upstreams: { claude: { url: upstream.url, kind: 'claude', timeouts: { idle: '700ms', firstByte: '700ms' } } },
  routes: { '/': 'claude', v1: { to: 'claude' }, pinged: { to: 'claude', rewrite: '/', ping: '1s', timeouts: { idle: '10s' } } },
})

const failures = () => relay.metric('relay_call_ends_total', 'end="upstream_failed"')

function ask(path = '/v1/messages', version = 'HTTP/1.1'): RawCall {
  const request = post(path, streamRequest, callerLines).toString('latin1').replace('HTTP/1.1', version)
  return rawCall(relay.port, Buffer.from(request, 'latin1'))
}

/** Writes pieces so that none is joined with the next: each is a write, and a turn of the loop, of its own. */
async function writeApart(call: OriginCall, pieces: Iterable<Buffer>): Promise<void> {
  call.socket.write(streamHead)
  for (const piece of pieces) {
    if (piece.length > 0) call.socket.write(chunk(piece))
    await turn()
  }
  call.socket.write(lastChunk)
}

/** Head, body and last chunk in one write: relay reads them all at once. */
function writeAtOnce({ socket }: OriginCall, pieces: readonly Buffer[]): void {
  socket.write(Buffer.concat([Buffer.from(streamHead), ...pieces.map(chunk), Buffer.from(lastChunk)]))
}

const odd = Buffer.concat([
  Buffer.from(': a comment\r\n\r\n'),
  ...someStream().slice(0, 3),
  Buffer.from('event: from_tomorrow\r\ndata: {"type":"from_tomorrow"}   \r\nid: 7\r\n\r\n'),
  Buffer.from(':\n'),
  ...someStream().slice(3),
])

t.test('a stream passes byte for byte, wherever its bytes are cut', async (t) => {
  const cuts = Array.from({ length: odd.length + 1 }, (_, at) => at)
  serve = (call) => {
    const at = Number(call.fields.get('x-cut'))
    return writeApart(call, [odd.subarray(0, at), odd.subarray(at)])
  }

  for (const some of batches(cuts, 50)) {
    const replies = await Promise.all(
      some.map(
        (at) => rawCall(relay.port, post('/v1/messages', streamRequest, [...callerLines, `x-cut: ${at}`, 'connection: close'])).reply,
      ),
    )

    const wrong = replies.filter(({ status, end, body }) => status !== 200 || end !== 'whole' || !body.equals(odd))
    t.equal(wrong.length, 0, `cut at ${some[0]} to ${some.at(-1)}`)
  }
})

t.test('a stream in writes of one byte, text of many bytes a letter in it, passes byte for byte', async (t) => {
  const bytes = Buffer.concat(someStream())
  serve = (call) =>
    writeApart(
      call,
      [...bytes].map((byte) => Buffer.from([byte])),
    )

  const { body, end, fields } = await ask().reply

  t.equal(sha256(body), sha256(bytes))
  t.equal(end, 'whole')
  t.equal(fields.get('content-type'), 'text/event-stream; charset=utf-8')
  t.equal(fields.get('request-id'), 'req_origin')
})

t.test('an event reaches the caller while the next is not there yet', async (t) => {
  const events = someStream()
  const go: (() => void)[] = []
  serve = async ({ socket }) => {
    socket.write(streamHead)
    for (const event of events) {
      socket.write(chunk(event))
      await new Promise<void>((resolve) => go.push(resolve))
    }
    socket.write(lastChunk)
  }

  const call = ask()
  let length = 0
  for (const event of events) {
    length += event.length
    await call.bytes(length)
    t.equal(call.soFar().length, length)
    go.shift()?.()
  }

  t.equal((await call.reply).end, 'whole')
})

t.test('a caller of HTTP/1.0 gets the stream without chunks, up to the end of the connection', async (t) => {
  serve = (call) => writeApart(call, someStream())

  const { body, end, fields } = await ask('/v1/messages', 'HTTP/1.0').reply

  t.equal(end, 'closed')
  t.notOk(fields.has('transfer-encoding'))
  t.strictSame(body, Buffer.concat(someStream()))
})

t.test('a stream that breaks between two events ends with an error event, and without the last chunk', async (t) => {
  const four = Buffer.concat(someStream().slice(0, 4))
  for (const how of ['fin', 'reset', 'silence'] as const) {
    serve = breakingOff(four, how)

    const { body, end } = await ask().reply

    t.equal(end, 'cut', how)
    t.strictSame(body.subarray(0, four.length), four, how)
    const error = errorEvent(body.subarray(four.length))
    t.match(error, { type: 'error', error: { type: 'api_error', message: String }, request_id: /^req_/ }, how)
    t.notMatch(JSON.stringify(error), /127\.0\.0\.1|ECONN/, how)
  }
})

t.test('a stream that breaks inside of an event ends without a word of relay, and without the last chunk', async (t) => {
  const bytes = Buffer.concat(someStream().slice(0, 4)).subarray(0, -1)
  for (const how of ['fin', 'reset'] as const) {
    serve = breakingOff(bytes, how)

    const { body, end } = await ask().reply

    t.equal(end, 'cut', how)
    t.strictSame(body, bytes, how)
  }
})

t.test('a broken stream resets the connection of a caller of HTTP/1.0', async (t) => {
  for (const how of ['fin', 'reset'] as const) {
    serve = breakingOff(Buffer.concat(someStream().slice(0, 4)), how)

    const { end } = await ask('/v1/messages', 'HTTP/1.0').reply

    t.equal(end, 'reset', how)
  }
})

for (const [how, write] of [
  ['in pieces', writeApart],
  ['at once', writeAtOnce],
] as const) {
  t.test(
    `a stream that ends properly but without message_stop counts as failed, and is not passed as whole (it comes ${how})`,
    async (t) => {
      const bytes = Buffer.concat(someStream().slice(0, -1))
      serve = (call) => write(call, [bytes])
      const before = await failures()

      const { body, end } = await ask().reply

      t.equal(end, 'cut')
      t.equal(errorEvent(body.subarray(bytes.length)).error.type, 'api_error')
      t.equal((await failures()) - before, 1)
    },
  )

  t.test(
    `an error that the API tells in its stream passes as it is, with a clean end, and counts as failed (it comes ${how})`,
    async (t) => {
      const error = 'event: error\ndata: {"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}\n\n'
      const bytes = Buffer.concat([...someStream().slice(0, 4), Buffer.from(error)])
      serve = (call) => write(call, [bytes])
      const before = await failures()

      const { body, end } = await ask().reply

      t.equal(end, 'whole')
      t.strictSame(body, bytes)
      t.equal((await failures()) - before, 1)
    },
  )
}

t.test('pings are written into silence, between events only', async (t) => {
  const events = someStream()
  const half = events[4]!
  const { promise: silent, resolve: goOn } = Promise.withResolvers<void>()
  const { promise: stillSilent, resolve: finish } = Promise.withResolvers<void>()
  serve = async ({ socket }) => {
    socket.write(streamHead)
    socket.write(chunk(Buffer.concat(events.slice(0, 4))))
    await silent
    socket.write(chunk(half.subarray(0, 20)))
    await stillSilent
    socket.write(chunk(Buffer.concat([half.subarray(20), ...events.slice(5)])))
    socket.write(lastChunk)
  }
  const ping = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n')
  const first = Buffer.concat(events.slice(0, 4))

  const call = ask('/pinged/v1/messages')
  await call.bytes(first.length + 2 * ping.length)
  goOn()
  const quiet = await inEvent(call, first.length + 2 * ping.length + 20)
  finish()

  const { body, end } = await call.reply
  t.equal(quiet, first.length + 2 * ping.length + 20)
  t.equal(end, 'whole')
  t.strictSame(body, Buffer.concat([first, ping, ping, ...events.slice(4)]))
})

/** Waits longer than two pings would take, inside of an event; how many bytes had come by then. */
async function inEvent(call: RawCall, from: number): Promise<number> {
  await call.bytes(from)
  // Time is what is tested here: a ping would come a second after the last byte.
  await new Promise((resolve) => setTimeout(resolve, 1_600))
  return call.soFar().length
}

function breakingOff(bytes: Buffer, how: 'fin' | 'reset' | 'silence') {
  return async ({ socket }: OriginCall): Promise<void> => {
    socket.write(streamHead)
    await new Promise<void>((resolve) => socket.write(chunk(bytes), () => resolve()))
    // The bytes are on their way; a reset in this very turn could overtake them.
    for (let at = 0; at < 20; at++) await turn()
    if (how === 'fin') socket.end()
    else if (how === 'reset') socket.resetAndDestroy()
  }
}

interface ErrorShape {
  readonly error: { readonly type: string }
}

function errorEvent(bytes: Buffer): ErrorShape {
  const match = /^event: error\ndata: (.*)\n\n$/.exec(bytes.toString())
  if (match === null) throw new Error(`no error event: ${JSON.stringify(bytes.toString())}`)
  return JSON.parse(match[1]!) as ErrorShape
}

function* batches<Item>(all: readonly Item[], size: number): Generator<readonly Item[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}
