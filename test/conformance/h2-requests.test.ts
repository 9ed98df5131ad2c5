import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import { ErrorCode, headers } from '../helpers/h2-frames.ts'
import { rawH2, request, type RawH2 } from '../helpers/raw-h2.ts'
import type { Message } from '../helpers/strict-reader.ts'
import type { H2Call, H2Case } from './h2-case.ts'
import { goodRequests, malformedRequests } from './h2-requests.ts'

t.test('the table has at least 60 malformed requests, each with a name of its own', async (t) => {
  const names = [...malformedRequests, ...goodRequests].map(({ name }) => name)

  t.ok(malformedRequests.length >= 60, `${malformedRequests.length} requests`)
  t.equal(new Set(names).size, names.length)
})

t.test('a malformed request is reset or refused, nothing of it reaches an origin, and its session goes on', async (t) => {
  const world = await engineWorld(t)

  for (const one of malformedRequests) t.equal(await judged(world, one), null, one.name)
})

t.test('a request at the edge of what is allowed reaches an origin of HTTP/1.1 as what it is', async (t) => {
  const world = await engineWorld(t)

  for (const one of goodRequests) t.equal(await judged(world, one), null, one.name)
})

/** Sends a request, and a good one behind it; what is wrong with what came of them, or null. */
async function judged(world: EngineWorld, { frames, expect }: H2Case): Promise<string | null> {
  const { origin } = world
  origin.forget()
  const client = await rawH2(world.port)
  await client.send(...frames)
  await client.over(1)
  await client.send(headers(3, request('GET', '/next')))
  await client.over(3)
  const wrong = judgeReply(client, expect) ?? judgeOrigin(world, expect)
  client.destroy()
  if (world.bugs.length > 0) throw world.bugs[0]
  return wrong
}

function judgeReply(client: RawH2, expect: H2Case['expect']): string | null {
  const status = client.status(1)
  const code = client.resetOf(1)
  if (client.status(3) !== 200) return `the next call got ${client.status(3)}, GOAWAY ${client.goaway}`
  if (typeof expect === 'object') return status === 200 && code === null ? null : `it got ${status}, reset ${code}`
  const isRefused = status === null ? code === ErrorCode.protocol : status >= 400 && status < 600 && status !== 502
  return isRefused ? null : `it got ${status}, reset ${code}`
}

function judgeOrigin({ origin }: EngineWorld, expect: H2Case['expect']): string | null {
  const broken = origin.connections.find(({ problem }) => problem !== null)
  if (broken !== undefined) return `the origin cannot read what it got: ${broken.problem}`
  const wanted = typeof expect === 'object' ? 2 : 1
  if (origin.calls.length !== wanted) return `the origin saw ${origin.calls.map(({ line }) => line.join(' ')).join()}`
  if (origin.calls.at(-1)!.line[1] !== '/next') return 'the next call is not the last'
  const left = origin.connections.filter(({ rest }) => rest !== '').map(({ rest }) => rest)
  if (left.length > 0 && expect !== 'no call') return `something is left over at the origin: ${JSON.stringify(left)}`
  return typeof expect === 'object' ? differs(origin.calls[0]!, expect) : null
}

function differs(got: Message, call: H2Call): string | null {
  const fields = got.lines.filter((line) => !/^(?:host|content-length|transfer-encoding):/i.test(line))
  const seen = { line: got.line.join(' '), fields, body: got.body, trailers: [...got.trailers] }
  return isDeepStrictEqual(seen, call) ? null : `the origin saw ${JSON.stringify(seen)}`
}
