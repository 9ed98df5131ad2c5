import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { once } from 'node:events'
import t from 'tap'
import { ErrorCode, FrameType, reset } from '../helpers/h2-frames.ts'
import { nodeOrigin } from './h2-bench.ts'
import { data, frameOrigin, goaway, reply } from './h2-peer.ts'
import { bench, field, get, type Bench } from './helpers.ts'

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** An HTTP/2 caller of relay. */
function callerOf(t: Scope, { world }: Bench): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${world.port}`)
  session.on('error', () => {})
  t.teardown(async () => session.destroy())
  return session
}

interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly informed: readonly unknown[]
  readonly text: string
  readonly trailers: IncomingHttpHeaders
}

/** All that comes on a stream. */
async function answerOn(stream: ClientHttp2Stream): Promise<Answer> {
  const informed: unknown[] = []
  let headers: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders = {}
  let text = ''
  stream.on('headers', (head) => informed.push(head[':status']))
  stream.on('response', (head) => (headers = head))
  stream.on('trailers', (lines) => (trailers = lines))
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(stream, 'end')
  return { headers, informed, text, trailers }
}

function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): ClientHttp2Stream {
  const stream = session.request(headers, { endStream: body === undefined })
  stream.on('error', () => {})
  if (body !== undefined) stream.end(body)
  return stream
}

t.test('HTTP/2 passes through: heads, bodies, trailers and informational heads, both ways', async (t) => {
  const seen: IncomingHttpHeaders[] = []
  const origin = await nodeOrigin(t, (stream, headers) => {
    seen.push(headers)
    stream.additionalHeaders({ ':status': 103, link: '</a>' })
    stream.on('trailers', (trailers) => seen.push(trailers))
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-reply': '1' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '3', 'grpc-message': 'no' }))
    stream.pipe(stream)
  })
  const made = await bench(t, { port: origin.port, pool: { http: 2 } })
  const session = callerOf(t, made)

  const stream = session.request(
    { ':method': 'POST', ':path': '/a.B/C', 'content-type': 'application/grpc', te: 'trailers', 'x-own': 'v', cookie: ['a=1', 'b=2'] },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }))
  stream.write('one ')
  stream.end('two')
  const answer = await answerOn(stream)

  t.match(seen, [{ ':method': 'POST', ':path': '/a.B/C', te: 'trailers', 'x-own': 'v', cookie: 'a=1; b=2' }, { 'x-sum': '9' }])
  t.match(answer, {
    headers: { ':status': 200, 'content-type': 'application/grpc', 'x-reply': '1' },
    informed: [103],
    text: 'one two',
    trailers: { 'grpc-status': '3', 'grpc-message': 'no' },
  })
  await made.watched.until(() => made.isQuiet() && made.ended.length === 1)
  t.match(made.ended, [{ end: 'done', status: 200 }])
})

t.test('a reply that is all head stays one', async (t) => {
  const origin = await nodeOrigin(t, (stream) => stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true }))
  const made = await bench(t, { port: origin.port, pool: { http: 2 } })

  const { headers, text, trailers } = await answerOn(send(callerOf(t, made), { ':method': 'POST', ':path': '/a.B/C' }, ''))

  t.match(headers, { ':status': 200, 'grpc-status': '12' })
  t.same([text, { ...trailers }], ['', {}])
})

t.test('an HTTP/1.1 caller of an HTTP/2 origin: a length, chunks, trailers, HEAD, 1xx, one connection for all', async (t) => {
  const origin = await nodeOrigin(t, (stream, headers) => {
    const path = headers[':path']
    if (path === '/early') stream.additionalHeaders({ ':status': 103, link: '</a>' })
    if (headers[':method'] === 'HEAD') return stream.respond({ ':status': 200, 'content-length': '5' }, { endStream: true })
    stream.respond({ ':status': 200, ...(path === '/length' ? { 'content-length': '4' } : {}) }, { waitForTrailers: path === '/trailers' })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
    stream.end('body')
  })
  const { call } = await bench(t, { port: origin.port, pool: { http: 2 } })
  const caller = await call(...['/length', '/chunks', '/trailers', '/early'].map((path) => get.replace('/', path)))
  await caller.send('HEAD / HTTP/1.1\r\nHost: relay\r\n\r\n')

  const answers = await caller.answers(5, ['GET', 'GET', 'GET', 'GET', 'HEAD'])

  t.same(
    answers.map((one) => [one.line[1], one.body, field(one, 'content-length') ?? field(one, 'transfer-encoding') ?? null]),
    [
      ['200', 'body', '4'],
      ['200', 'body', 'chunked'],
      ['200', 'body', 'chunked'],
      ['103', '', null],
      ['200', 'body', 'chunked'],
      ['200', '', '5'],
    ],
  )
  t.match(caller.received, /\r\n0\r\nx-sum: 1\r\n\r\n/)
})

t.test('a caller that resets its stream resets that of the origin, at once and no other', async (t) => {
  const origin = await frameOrigin(t)
  const made = await bench(t, { port: origin.port, pool: { http: 2 } })
  const session = callerOf(t, made)
  const stays = send(session, { ':path': '/stays' })
  const leaves = send(session, { ':path': '/leaves' })
  const peer = await origin.opened()
  await peer.frame(FrameType.headers, 1)

  leaves.close(ErrorCode.cancel)
  const { stream: id, payload } = await peer.frame(FrameType.reset)
  peer.send(reply(1, '200'), data(1, 'ok', true))
  const { text } = await answerOn(stays)

  t.same([id, payload.readUInt32BE(), text], [3, ErrorCode.cancel, 'ok'])
  await made.watched.until(() => made.ended.length === 2)
  t.same(made.ended.map(({ end }) => end).sort(), ['cancelled', 'done'])
})

t.test('a reply that breaks off is RST_STREAM to an HTTP/2 caller, and a cut chunked body to another', async (t) => {
  const origin = await frameOrigin(t)
  const made = await bench(t, { port: origin.port, pool: { http: 2 } })
  const stream = send(callerOf(t, made), { ':path': '/' })
  const closed = new Promise((resolve) => stream.on('close', resolve))
  const peer = await origin.opened()
  await peer.frame(FrameType.headers)
  const caller = await made.call(get)
  await peer.frame(FrameType.headers, 1)

  peer.send(...[1, 3].flatMap((id) => [reply(id, '200'), data(id, 'part')]))
  stream.resume()
  await Promise.all([once(stream, 'response'), caller.until(() => caller.received.includes('part'))])
  peer.send(reset(1, ErrorCode.internal), reset(3, ErrorCode.internal))
  await Promise.all([closed, caller.ended()])

  t.equal(stream.rstCode, ErrorCode.internal)
  t.ok(caller.replies().rest.includes('part'), 'no last chunk')
  t.same(
    made.ended.map(({ end, failure }) => [end, failure]),
    [
      ['upstream_failed', 'upstream_failed'],
      ['upstream_failed', 'upstream_failed'],
    ],
  )
})

t.test('an origin that goes away between calls costs an HTTP/2 caller nothing', async (t) => {
  const origin = await frameOrigin(t)
  const made = await bench(t, { port: origin.port, pool: { http: 2 } })
  const session = callerOf(t, made)
  const stream = send(session, { ':path': '/', ':method': 'POST' }, 'body')
  const old = await origin.opened()
  await old.frame(FrameType.data)

  old.send(goaway(0, ErrorCode.none))
  const next = await origin.opened(1)
  await next.frame(FrameType.data)
  next.send(reply(1, '200'), data(1, 'ok', true))
  const { text } = await answerOn(stream)

  t.equal(text, 'ok')
  t.equal(next.of(FrameType.data)[0]!.payload.toString(), 'body')
  t.equal(made.told.retried, 1)
})
