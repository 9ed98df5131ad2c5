import { isDeepStrictEqual } from 'node:util'
import { headers } from '../../src/stages/headers.ts'
import { bodyLimit } from '../../src/stages/body-limit.ts'
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts'
import type { Message } from '../helpers/strict-reader.ts'
import type { RequestCase, SeenCall } from './case.ts'
import { bounds, requestConnections } from './requests-connection.ts'
import { requestChunks } from './requests-chunks.ts'
import { requestFields } from './requests-fields.ts'
import { requestFramings } from './requests-framing.ts'
import { requestHops } from './requests-hops.ts'
import { requestLines } from './requests-line.ts'

/** Every raw request message of the table. */
export const allRequests: readonly RequestCase[] = [
  ...requestLines,
  ...requestFramings,
  ...requestFields,
  ...requestHops,
  ...requestChunks.filter(({ raw }) => raw.length < 10_000),
]

/** Those for which heads are bounded tightly, and those that are too long to be cut everywhere. */
export const boundedRequests: readonly RequestCase[] = requestConnections
export const longRequests: readonly RequestCase[] = requestChunks.filter(({ raw }) => raw.length >= 10_000)

/** A world with a rule that sets a field, and a body limit of 1 MiB. */
export async function requestWorld(t: Parameters<typeof engineWorld>[0], isBounded = false): Promise<EngineWorld> {
  return engineWorld(t, {
    stages: [bodyLimit(() => 1_048_576), headers([{ op: 'set', name: 'X-Rule', value: [{ text: 'set' }] }], [])],
    limits: isBounded ? bounds : {},
  })
}

/** Sends a message in pieces; what is wrong with what came of it, or null. */
export async function judgeRequest(world: EngineWorld, { expect }: RequestCase, pieces: readonly string[]): Promise<string | null> {
  const { origin } = world
  origin.forget()
  const client = await world.connect()
  await client.send(...pieces)

  const calls = expect.is === 'passed' ? expect.calls : []
  const lastStatus = expect.is === 'passed' ? expect.thenRefused : expect.is === 'unanswered' ? null : expect.status
  const methods = calls.map(({ line }) => line.slice(0, line.indexOf(' ')))
  await world.settled(client)
  await client.leave()

  const { all, rest, isMalformed } = client.replies(methods)
  const statuses = all.map(({ line }) => Number(line[1]))
  const wanted = [...calls.map(() => 200), ...(lastStatus === null ? [] : [lastStatus])]
  if (!isDeepStrictEqual(statuses, wanted)) return `answered with ${statuses.join()}, not ${wanted.join()}`
  if (rest !== '' || isMalformed) return `a reply is malformed: ${JSON.stringify(client.received)}`
  if (lastStatus !== null && !saysClose(all.at(-1)!)) return 'the refusal does not say that the connection closes'
  return judgeOrigin(world, expect.is, calls)
}

function saysClose(reply: Message): boolean {
  return reply.fields.some(([name, value]) => name === 'connection' && value === 'close')
}

function judgeOrigin({ origin, bugs }: EngineWorld, is: RequestCase['expect']['is'], calls: readonly SeenCall[]): string | null {
  if (bugs.length > 0) return `relay failed: ${String(bugs[0])}`
  const broken = origin.connections.find(({ problem }) => problem !== null)
  if (broken !== undefined) return `the origin cannot read what it got: ${broken.problem}`
  if (origin.calls.length !== calls.length) return `the origin saw ${origin.calls.length} calls, not ${calls.length}`
  const left = origin.connections.find(({ rest }) => rest !== '')
  if (left !== undefined && (is === 'passed' || is === 'refused'))
    return `something is left over at the origin: ${JSON.stringify(left.rest)}`
  for (const [k, call] of calls.entries()) {
    const wrong = differs(origin.calls[k]!, call, origin.port)
    if (wrong !== null) return wrong
  }
  return null
}

function differs(got: Message, call: SeenCall, port: number): string | null {
  const framing =
    call.framing === 'chunked' ? ['transfer-encoding: chunked'] : call.framing === 'length' ? [`content-length: ${call.body.length}`] : []
  const wanted = [call.line, `host: 127.0.0.1:${port}`, ...call.fields, 'X-Rule: set', ...framing]
  const head = [got.line.join(' '), ...got.lines]
  if (!isDeepStrictEqual(head, wanted)) return `the origin saw ${JSON.stringify(head)}, not ${JSON.stringify(wanted)}`
  if (got.body !== call.body) return `the origin got the body ${JSON.stringify(got.body)}`
  if (got.hasExtensions) return 'a chunk extension was forwarded'
  return isDeepStrictEqual(got.trailers, call.trailers) ? null : `the origin got the trailers ${JSON.stringify(got.trailers)}`
}
