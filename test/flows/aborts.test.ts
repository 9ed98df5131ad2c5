import t from 'tap'
import type { Anthropic } from '@anthropic-ai/sdk'
import { ask, sdks } from '../claude/helpers.ts'
import { relayProcess } from '../helpers/relay-process.ts'
import { get, post, rawCall } from './caller.ts'
import { callerLines, someStream, streamRequest } from './events.ts'
import { answer, chunk, origin, streamHead, type OriginCall } from './origin.ts'
import { until } from './until.ts'

/**
 * The origin says only so much of a stream and then keeps silent (ten minutes would have to pass before relay gave it up), so what ends
 * its connection is that the caller left. One deadline for all: the time from leaving to the origin's end of the connection.
 */
const events = someStream()
const upstream = await origin(t, (call) => say(call, Number(call.fields.get('x-say') ?? 0)))
const relay = await relayProcess(t, { upstreams: { claude: { url: upstream.url, kind: 'claude' } }, routes: { '/': 'claude' } })

/** Generous for a machine that does other work: relay itself takes about a millisecond, and promises 100. */
const deadlineMs = 1_000

function say({ socket }: OriginCall, count: number): void {
  if (count === 0) return
  socket.write(Buffer.concat([Buffer.from(streamHead), ...events.slice(0, count).map(chunk)]))
}

for (const [name, sdk] of sdks) {
  t.test(`${name} aborts at every event of a stream: the upstream is cancelled at once, and the call counts as cancelled`, async (t) => {
    const client = new sdk({ apiKey: 'sk-caller', baseURL: relay.url, maxRetries: 0 })
    const before = await relay.metric('relay_call_ends_total', 'end="cancelled"')
    const took: number[] = []

    for (let count = 1; count <= events.length; count++) {
      const coming = upstream.next()
      const streaming = client.messages.stream(ask('hi'), { headers: { 'x-say': String(count) } })
      const ended = t.rejects(streaming.finalMessage(), { message: 'Request was aborted.' })
      await heard(streaming, count)
      const call = await coming
      const left = performance.now()
      streaming.abort()
      const closed = await call.closed
      took.push(closed - left)
      await ended
    }

    took.sort((a, b) => a - b)
    t.ok((took.at(-1) ?? Infinity) < deadlineMs, `the slowest took ${took.at(-1)} ms`)
    t.ok((took[took.length >> 1] ?? Infinity) < 100, `half of them took at most ${took[took.length >> 1]} ms`)
    await relay.logged((line) => line['msg'] === 'call' && line['end'] === 'cancelled')
    t.equal((await relay.metric('relay_call_ends_total', 'end="cancelled"')) - before, events.length)
  })

  t.test(`${name} aborts while nothing has come back yet: the upstream is cancelled all the same`, async (t) => {
    const client = new sdk({ apiKey: 'sk-caller', baseURL: relay.url, maxRetries: 0 })
    const controller = new AbortController()
    const coming = upstream.next()
    const ended = t.rejects(client.messages.create(ask('hi'), { signal: controller.signal }), { message: 'Request was aborted.' })
    const call = await coming
    const left = performance.now()

    controller.abort()

    await ended
    t.ok((await call.closed) - left < deadlineMs)
  })
}

const ways = {
  'a FIN': (socket: Leaver) => socket.end(),
  'a reset': (socket: Leaver) => socket.resetAndDestroy(),
  'a FIN behind pipelined calls': (socket: Leaver) => socket.end(Buffer.concat([get('/v1/models'), get('/v1/models')])),
} as const
type Leaver = ReturnType<typeof rawCall>['socket']

for (const [how, leave] of Object.entries(ways))
  for (const count of [0, 3]) {
    t.test(`a caller that leaves by ${how}, ${count === 0 ? 'before the reply' : 'in mid-stream'}, cancels its upstream`, async (t) => {
      const coming = upstream.next()
      const { socket, bytes } = rawCall(relay.port, post('/v1/messages', streamRequest, [...callerLines, `x-say: ${count}`]))
      const call = await coming
      if (count > 0) await bytes(events[0]!.length)
      const known = upstream.calls.length
      const left = performance.now()

      leave(socket)

      t.ok((await call.closed) - left < deadlineMs)
      t.equal(upstream.calls.length, known, 'none of the calls behind it was sent')
    })
  }

t.test('a caller that leaves while its body is under way cancels its upstream, which never sees a whole call', async (t) => {
  const { port, calls, open } = await origin(t)
  const other = await relayProcess(t, { routes: { '/': `http://127.0.0.1:${port}` } })
  const { socket } = rawCall(other.port, 'POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nthe first bytes')
  await until(() => open() === 1)

  socket.resetAndDestroy()

  await until(() => open() === 0)
  t.equal(calls.length, 0)
})

t.test('an upstream connection on which a call was cancelled is not used again; one on which it was answered is', async (t) => {
  const ports = new Set<number | undefined>()
  const seen = await origin(t, ({ socket }) => {
    ports.add(socket.remotePort)
    socket.write(answer(200, '{}'))
  })
  const other = await relayProcess(t, { workers: 1, routes: { '/': seen.url } })

  for (let at = 0; at < 5; at++) await rawCall(other.port, get('/x')).reply

  t.equal(ports.size, 1)
})

async function heard(streaming: ReturnType<Anthropic['messages']['stream']>, count: number): Promise<void> {
  // Pings are not told by the SDKs: the last event that is told before one stands for it.
  const told = events.slice(0, count).filter((event) => !event.includes('event: ping')).length
  let got = 0
  await new Promise<void>((resolve) => {
    streaming.on('streamEvent', () => {
      if (++got === told) resolve()
    })
  })
}
