import { isDeepStrictEqual } from 'node:util'
import type { EngineWorld } from '../helpers/engine-world.ts'
import type { RawClient } from '../helpers/raw.ts'
import type { OriginConnection } from '../helpers/recording-origin.ts'
import { readReply, type Message } from '../helpers/strict-reader.ts'
import type { ReplyCase, SeenReply } from './reply-case.ts'

/** Lets the origin answer one call in pieces; what is wrong with what the caller got, or null. */
export async function judgeReply(world: EngineWorld, one: ReplyCase, pieces: readonly string[]): Promise<string | null> {
  const { origin } = world
  origin.forget()
  const asked = Promise.withResolvers<OriginConnection>()
  origin.answer = (_call, connection) => asked.resolve(connection)
  const client = await world.connect()
  await client.send(one.ask)
  const used = await asked.promise
  await answer(used, one, pieces)
  await world.settled(client)
  await client.leave()
  const got = judgeCaller(client, one)
  if (got !== null) return `${got}; the caller got ${JSON.stringify(client.received.slice(0, 600))}`
  if (world.bugs.length > 0) return `relay failed: ${String(world.bugs[0])}`
  return judgeConnection(used, one)
}

async function answer(connection: OriginConnection, { origin }: ReplyCase, pieces: readonly string[]): Promise<void> {
  await connection.send(...pieces)
  if (origin === 'closes') connection.socket.end()
  if (origin === 'resets') connection.socket.resetAndDestroy()
}

function judgeCaller(client: RawClient, { ask, expect }: ReplyCase): string | null {
  const method = ask.slice(0, ask.indexOf(' '))
  const informs = expect.is === 'passed' ? expect.informs.join('') : ''
  const last = lastReply(client, method)
  if (expect.is === 'cut') return last === null || status(last) === 502 ? null : 'what was cut looks whole'
  if (last === null) return 'there is no whole reply'
  if (expect.is === 'refused' || (expect.is === 'surplus' && status(last) === 502))
    return status(last) === 502 ? null : 'it was not refused'
  if (!client.received.startsWith(informs)) return 'the informational heads differ'
  const reading = readReply(client.received, informs.length, method, true)
  if (reading.is !== 'whole' || reading.end !== client.received.length) return 'it is not exactly one reply'
  return differs(reading.message, expect.reply, ask)
}

/** The final reply, or null where there is no whole one. */
function lastReply(client: RawClient, method: string): Message | null {
  const { all, rest } = client.replies([method])
  const last = all.at(-1)
  return last === undefined || status(last) < 200 || rest !== '' ? null : last
}

function status(reply: Message): number {
  return Number(reply.line[1])
}

function differs(got: Message, reply: SeenReply, ask: string): string | null {
  const isOld = ask.includes('HTTP/1.0')
  const isKept = isOld && ask.includes('keep-alive') && reply.framing !== 'until-close'
  const connection = isKept ? ['connection: keep-alive'] : isOld ? ['connection: close'] : []
  const wanted = [...reply.lines, ...connection, ...framing(reply)]
  const head = [got.line.join(' '), ...got.lines]
  if (!isDeepStrictEqual(head, wanted)) return `the head should be ${JSON.stringify(wanted)}`
  if (got.body !== reply.body) return `the body should be ${JSON.stringify(reply.body)}`
  if (got.hasExtensions) return 'a chunk extension was forwarded'
  return isDeepStrictEqual(got.trailers, reply.trailers) ? null : `the trailers should be ${JSON.stringify(reply.trailers)}`
}

function framing({ framing, body, silentLength }: SeenReply): readonly string[] {
  if (framing === 'chunked') return ['transfer-encoding: chunked']
  if (framing === 'length') return [`content-length: ${body.length}`]
  return silentLength === null ? [] : [`content-length: ${silentLength}`]
}

async function judgeConnection(connection: OriginConnection, { expect }: ReplyCase): Promise<string | null> {
  if (expect.is !== 'passed' || !expect.isReused) await connection.closed()
  else if (connection.isOver) return "the origin's connection was given up"
  return null
}
