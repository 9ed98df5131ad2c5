import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { nodeOrigin, sessionBench } from './h2-bench.ts'

t.test('a call comes to an HTTP/2 origin as it was made, and its reply comes back', async (t) => {
  const seen: object[] = []
  const origin = await nodeOrigin(t, (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      seen.push({ ...headers, body: Buffer.concat(chunks).toString() })
      stream.respond({ ':status': 201, 'x-reply': 'yes', 'content-type': 'text/plain' })
      stream.end('made')
    })
  })
  const { ask } = sessionBench(t, { port: origin.port })

  const asked = await ask(
    'POST /v1/things?a=b HTTP/1.1\nHost: relay\nX-Custom: One\nAuthorization: Bearer secret\nConnection: x-gone\nX-Gone: 1\nTE: gzip',
    'hello',
  ).whole()

  t.match(seen, [
    {
      ':method': 'POST',
      ':scheme': 'http',
      ':authority': `127.0.0.1:${origin.port}`,
      ':path': '/v1/things?a=b',
      'x-custom': 'One',
      authorization: 'Bearer secret',
      'content-length': '5',
      body: 'hello',
    },
  ])
  for (const name of ['host', 'connection', 'x-gone', 'te', 'transfer-encoding']) t.notOk(name in seen[0]!, `${name} stays behind`)
  t.equal(asked.status, 201)
  t.equal(asked.field('x-reply'), 'yes')
  t.equal(asked.text, 'made')
  t.equal(asked.trailers, '')
})

t.test('calls at once share a session, and calls one after the other too', async (t) => {
  const origin = await nodeOrigin(t, (stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(headers[':path'])
  })
  const { ask, told } = sessionBench(t, { port: origin.port })

  const first = await Promise.all([1, 2, 3, 4, 5].map((k) => ask(`GET /${k} HTTP/1.1\nHost: relay`).whole()))
  const second = await Promise.all([6, 7].map((k) => ask(`GET /${k} HTTP/1.1\nHost: relay`).whole()))

  t.same(
    [...first, ...second].map((one) => one.text),
    ['/1', '/2', '/3', '/4', '/5', '/6', '/7'],
  )
  t.equal(origin.sessions.length, 1)
  t.match(told, { open: 1, opened: 1, waiting: 0 })
})

t.test('what stages changed goes out: method, path, fields', async (t) => {
  const seen: object[] = []
  const origin = await nodeOrigin(t, (stream, headers) => {
    seen.push({ ...headers })
    stream.respond({ ':status': 204 }, { endStream: true })
  })
  const { ask } = sessionBench(t, { port: origin.port })

  await ask('GET /old/rest?q=1 HTTP/1.1\nHost: relay\nX-Old: 1', '', ({ call }) => {
    call.method = 'PATCH'
    call.targetPrefix = Buffer.from('/new')
    call.targetFrom = call.head.pathStart + '/old'.length
    call.edits.line(Buffer.from('X-New: 2\r\nX-More: 3\r\n'))
  }).whole()
  await ask('GET /old HTTP/1.1\nHost: relay', '', ({ call }) => {
    call.targetFrom = call.head.pathEnd
  }).whole()
  await ask('OPTIONS * HTTP/1.1\nHost: relay').whole()

  t.match(seen, [
    { ':method': 'PATCH', ':path': '/new/rest?q=1', 'x-old': '1', 'x-new': '2', 'x-more': '3', 'content-length': '0' },
    { ':method': 'GET', ':path': '/' },
    { ':method': 'OPTIONS', ':path': '*' },
  ])
  t.notOk('content-length' in seen[1]!)
})

t.test('trailers pass both ways, and gRPC calls say that they take them', async (t) => {
  const seen: object[] = []
  const origin = await nodeOrigin(t, (stream, headers) => {
    stream.on('trailers', (trailers) => seen.push({ ...trailers }))
    stream.resume()
    stream.on('end', () => {
      seen.push({ ...headers })
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-sum': 'abc' }))
      stream.end('message')
    })
  })
  const { ask } = sessionBench(t, { port: origin.port })

  const asked = ask('POST /a.B/C HTTP/1.1\nHost: relay\nContent-Type: application/grpc+proto', null)
  asked.upload.push(Buffer.from('request'), true)
  asked.upload.finish(Buffer.from('X-Client-Sum: 7\r\n'))
  await asked.whole()
  const other = await ask('POST /a.B/C HTTP/1.1\nHost: relay\nTE: trailers', 'x').whole()
  const translated = await ask('POST /a.B/C HTTP/1.1\nHost: relay\nContent-Type: application/json', 'x', ({ call }) => {
    call.edits.drop(1 << 16)
    call.edits.line(Buffer.from('content-type: application/grpc\r\n'))
  }).whole()

  t.match(seen[0], { 'x-client-sum': '7' })
  t.match(seen[1], { te: 'trailers', 'content-type': 'application/grpc+proto' })
  t.match(seen.slice(2), [{ te: 'trailers' }, { te: 'trailers', 'content-type': 'application/grpc' }])
  t.equal(asked.text, 'message')
  for (const one of [asked, other, translated]) t.equal(one.trailers, 'grpc-status: 0\r\nx-sum: abc\r\n')
})

t.test('a reply that is all head is whole and empty', async (t) => {
  const origin = await nodeOrigin(t, (stream, headers) => {
    const status = Number(headers[':path']!.slice(1))
    stream.respond({ ':status': status, 'grpc-status': '5', ...(status === 304 ? { 'content-length': '42' } : {}) }, { endStream: true })
  })
  const { ask } = sessionBench(t, { port: origin.port })

  const replies = await Promise.all([200, 204, 304, 404].map((status) => ask(`GET /${status} HTTP/1.1\nHost: relay`).whole()))

  for (const one of replies) {
    t.equal(one.received, 0)
    t.equal(one.end, 'done')
    t.equal(one.field('grpc-status'), '5')
  }
  t.same(
    replies.map((one) => [one.status, one.reply!.silentLength]),
    [
      [200, -1],
      [204, -1],
      [304, 42],
      [404, -1],
    ],
  )
})

t.test('a reply to HEAD has no body, and tells how long it would be', async (t) => {
  const origin = await nodeOrigin(t, (stream) => {
    stream.respond({ ':status': 200, 'content-length': '1234' }, { endStream: true })
  })
  const { ask } = sessionBench(t, { port: origin.port })

  const asked = await ask('HEAD / HTTP/1.1\nHost: relay').whole()

  t.equal(asked.reply!.silentLength, 1234)
  t.equal(asked.reply!.body.length, 0)
  t.equal(asked.end, 'done')
})

t.test('informational heads pass before the reply', async (t) => {
  const origin = await nodeOrigin(t, (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' })
    stream.additionalHeaders({ ':status': 102 })
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const { ask } = sessionBench(t, { port: origin.port })

  const asked = await ask().whole()

  t.same(asked.informed, ['103 link: </a.css>; rel=preload', '102'])
  t.equal(asked.text, 'ok')
})

t.test('bodies of many windows arrive whole, both ways at once', async (t) => {
  const origin = await nodeOrigin(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const { ask } = sessionBench(t, { port: origin.port })
  const sent = randomBytes(5_000_000)

  const asked = ask('POST /echo HTTP/1.1\nHost: relay', null)
  const hash = createHash('sha256')
  asked.push = (bytes) => {
    asked.received += bytes.length
    hash.update(bytes)
    return true
  }
  let at = 0
  // As a socket does: pieces as long as they are wanted, and on when they are wanted again.
  const feed = (): void => {
    while (at < sent.length) {
      const piece = sent.subarray(at, (at += 50_000))
      if (!asked.upload.push(piece, true)) return
    }
    if (!asked.upload.isComplete) asked.upload.finish(Buffer.alloc(0))
  }
  asked.source.resume = feed
  feed()
  await asked.whole()

  t.equal(asked.received, sent.length)
  t.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'))
})

t.test('thousands of fields with values that repeat and change come as they are', async (t) => {
  const origin = await nodeOrigin(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'x-echo': headers['x-one'], 'x-same': 'always', 'set-cookie': ['a=1', 'b=2'] })
    stream.end()
  })
  const { ask } = sessionBench(t, { port: origin.port })

  for (let round = 0; round < 20; round++) {
    const calls = Array.from({ length: 50 }, (_, k) =>
      ask(`GET / HTTP/1.1\nHost: relay\nX-One: ${round}-${k}-${'v'.repeat(k * 7)}`).whole(),
    )
    const all = await Promise.all(calls)
    if (!all.every((one, k) => one.field('x-echo') === `${round}-${k}-${'v'.repeat(k * 7)}` && one.field('x-same') === 'always'))
      t.fail(`round ${round} brought other fields`)
    if (all[0]!.field('set-cookie') !== 'a=1 | b=2') t.fail('cookies were joined')
  }
  t.equal(origin.sessions.length, 1)
})
