import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { bench, field, handOrigin, ok } from './helpers.ts'

const tooLarge = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large'

for (const framing of ['Content-Length: 1000000', 'Transfer-Encoding: chunked']) {
  t.test(`an answer during the upload reaches the caller, who is told to stop (${framing})`, async (t) => {
    const origin = await handOrigin(t)
    const { call, ended, watched, told } = await bench(t, { port: origin.port })
    const caller = await call(`POST / HTTP/1.1\r\nHost: relay\r\n${framing}\r\n\r\n400\r\n${'x'.repeat(1024)}\r\n`)
    const connection = await origin.called()

    await connection.send(tooLarge)
    await caller.send('400\r\n', 'x'.repeat(1024), '\r\n')
    const [answer] = await caller.answers(1)
    await Promise.all([connection.ended(), caller.ended()])
    await watched.until(() => told.open === 0)

    t.equal(answer?.line[1], '413')
    t.equal(answer?.body, 'too large')
    t.equal(field(answer, 'connection'), 'close')
    t.notOk(caller.isReset)
    t.match(ended, [{ end: 'done', status: 413 }])
  })
}

t.test('a refusal that is a 200, as those of gRPC-Web are, tells its caller to stop all the same', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port, stages: [bodyLimit(() => 1000)] })

  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Type: application/grpc-web\r\nContent-Length: 1001\r\n\r\n')
  await caller.ended()
  const [answer] = await caller.answers(1)

  t.equal(answer?.line[1], '200')
  t.match(answer?.body, 'grpc-status: 8\r\n')
  t.equal(field(answer, 'connection'), 'close')
})

t.test('a declared length over the limit is refused before a byte is uploaded or sent on', async (t) => {
  const origin = await handOrigin(t)
  const { call, ended } = await bench(t, { port: origin.port, stages: [bodyLimit(() => 1000)] })

  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n')
  await caller.ended()
  const [answer, ...more] = await caller.answers(1)

  t.equal(answer?.line[1], '413', 'and no 100 before it')
  t.same(more, [])
  t.equal(field(answer, 'connection'), 'close')
  t.equal(origin.connections.length, 0)
  t.same(ended, [{ end: 'failed', status: 413, failure: 'too_large' }])
})

t.test('a body that turns out too large ends in 413 and never looks whole to the upstream', async (t) => {
  const origin = await handOrigin(t)
  const { call } = await bench(t, { port: origin.port, stages: [bodyLimit(() => 1000)] })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n', 'x'.repeat(1000), '\r\n')
  const connection = await origin.called()
  await connection.until(() => connection.received.includes('x'.repeat(1000)))

  await caller.send('1\r\nx\r\n')
  const [answer] = await caller.answers(1)
  await connection.ended()

  t.equal(answer?.line[1], '413')
  t.notOk(connection.received.endsWith('0\r\n\r\n'))
})

for (const isWhole of [false, true]) {
  t.test(`a small body in one read is held to the limit too (${isWhole ? 'whole' : 'begun'})`, async (t) => {
    const { call, ended } = await bench(t, { port: 9, stages: [bodyLimit(() => 3)] })

    const caller = await call(
      `POST / HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n${isWhole ? '0\r\n\r\n' : ''}`,
    )
    const [answer] = await caller.answers(1)

    t.equal(answer?.line[1], '413')
    t.match(ended, [{ failure: 'too_large' }])
  })
}

t.test('a caller that reads nothing before it has written all still gets the answer', async (t) => {
  const length = 16_000_000
  const { world } = await bench(t, { port: 9, stages: [bodyLimit(() => 1000)] })
  const caller = connect({ host: '127.0.0.1', port: world.port })
  t.teardown(() => void caller.destroy())
  const errors: string[] = []
  caller.on('error', (error) => errors.push(error.message))
  await once(caller, 'connect')
  caller.pause()
  const closed = once(caller, 'close')

  caller.write(`POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: ${length}\r\n\r\n`)
  await new Promise((resolve) => caller.write(Buffer.alloc(length), resolve))
  let text = ''
  caller.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  caller.resume()
  await closed

  t.match(text, /^HTTP\/1\.1 413 /)
  t.same(errors, [])
})

t.test('100-continue passes from end to end, and the connections live on', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
  const connection = await origin.called()
  t.match(connection.received, /expect: 100-continue\r\n/i)

  await connection.send('HTTP/1.1 100 Continue\r\n\r\n')
  await caller.until(() => caller.received.includes('100 Continue\r\n\r\n'))
  await caller.send('hello')
  await connection.until(() => connection.received.endsWith('hello'))
  await connection.send(ok)
  await watched.until(() => told.idle === 1)
  await caller.send('GET / HTTP/1.1\r\nHost: relay\r\n\r\n')
  await connection.until(() => connection.received.split('HTTP/1.1').length === 3)
  await connection.send(ok)

  t.same(
    (await caller.answers(2)).map((one) => one.line[1]),
    ['100', '200', '200'],
  )
})

t.test('an upstream that refuses an expected body before it comes is heard, and the body is not waited for', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')

  await (await origin.called()).send(tooLarge)
  const [answer] = await caller.answers(1)
  await caller.ended()
  await watched.until(() => told.open === 0)

  t.equal(answer?.line[1], '413')
})

t.test('a reply that is whole before its request ends its connections, so that the rest is nobody else’s', async (t) => {
  const origin = await handOrigin(t)
  const { call, told, watched } = await bench(t, { port: origin.port })
  const caller = await call('POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 500\r\n\r\nGET /smuggled HTTP/1.1\r\n')

  await (await origin.called()).send(ok)
  await caller.send('Host: relay\r\n\r\n')
  await caller.ended()
  await watched.until(() => told.open === 0)

  t.equal((await caller.answers(1)).length, 1)
  t.equal(origin.connections.length, 1)
})
