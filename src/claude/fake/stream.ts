import type { Answer } from './answer.ts'
import type { Exchange } from './exchange.ts'
import { errorShape, isGone, pause } from './exchange.ts'
import { eventBytes, messageEvents } from './shapes.ts'
import type { FakeEvent } from './shapes.ts'
import type { Triggers } from './triggers.ts'
import { writer } from './writer.ts'
import type { Writer } from './writer.ts'

/** How many events come before the error that was asked for. */
const eventsBeforeError = 4

/** Answers with a stream of events, as it was asked for: at a pace, and with the end that the triggers name. */
export async function streamAnswer(exchange: Exchange, answer: Answer, triggers: Triggers): Promise<void> {
  const out = writer(exchange, triggers)
  const coded = out.coding === null ? {} : { 'content-encoding': out.coding }
  const type = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }
  exchange.response.writeHead(200, { ...exchange.headers, ...type, ...coded })
  exchange.response.flushHeaders()
  let sent = 0
  for (const event of messageEvents(answer, triggers)) {
    if (sent > 0) await pause(exchange, triggers.paceMs)
    if (isGone(exchange) || (await endsAt(exchange, { out, event, sent, triggers }))) return
    await out.write(eventBytes(event))
    sent++
  }
  await out.end()
}

interface Moment {
  readonly out: Writer
  /** The event that would come next. */
  readonly event: FakeEvent
  readonly sent: number
  readonly triggers: Triggers
}

/** Ends the stream here if it was asked for, and tells whether it did. */
async function endsAt(exchange: Exchange, { out, event, sent, triggers }: Moment): Promise<boolean> {
  const { streamEnd, streamError } = triggers
  if (streamError !== null && sent === eventsBeforeError) {
    await out.write(eventBytes(errorShape(exchange, streamError, 'an error in the stream, as asked for')))
    await out.end()
    return true
  }
  if (streamEnd === null) return false
  if (streamEnd.is === 'early' && (sent === streamEnd.events || event.type === 'message_stop')) {
    await out.end()
    return true
  }
  if (streamEnd.is === 'inside' && sent + 1 === streamEnd.events) {
    const bytes = eventBytes(event)
    await out.write(bytes.subarray(0, bytes.length >> 1))
    return cut(exchange, 'break')
  }
  const isCut = (streamEnd.is === 'break' || streamEnd.is === 'reset') && sent === streamEnd.events
  return isCut && (await cut(exchange, streamEnd.is))
}

/** Closes the connection in mid-answer, after what has been written is out. */
async function cut(exchange: Exchange, how: string): Promise<true> {
  const { socket } = exchange.response
  // node:http gathers the writes of one turn and hands them over at its end.
  await new Promise((resolve) => setImmediate(resolve))
  if (how === 'reset') socket?.resetAndDestroy()
  else socket?.destroySoon()
  return true
}
