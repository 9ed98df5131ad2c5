import { RelayError } from '../base/errors.ts'
import type { Used } from '../base/tokens.ts'
import { sideDecoder } from '../claude/decode.ts'
import { isMessages } from '../claude/endpoints.ts'
import { errorEvent } from '../claude/errors.ts'
import { usageReader, type UsageReader } from '../claude/usage.ts'
import type { Call, Reply, Stage } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Name } from '../protocol/names.ts'
import { outgoingPath } from './aim.ts'
import { isEventStream, isJson } from './event-stream.ts'

/** Whether replies are asked for uncoded, so that they can be read as they pass. */
export interface MeterOptions {
  readonly asksIdentity: boolean
}

/**
 * Reads what Messages calls use from their replies, on the side: the bytes pass unchanged, and the reading is settled once, at the
 * body's end. It also knows when a stream is whole: one that ends without `message_stop` has failed, and is broken off in the
 * stream's own words where that can be done between two events.
 */
export function meter({ asksIdentity }: MeterOptions): Stage {
  return async (call, next) => {
    if (!isMessages(outgoingPath(call))) return next(call)
    if (asksIdentity) {
      call.edits.setLine(acceptEncoding, identity)
    }
    const reply = await next(call)
    watch(call, reply)
    return reply
  }
}

function watch(call: Call, reply: Reply): void {
  const isStream = isEventStream(reply)
  if (!isStream && !isJson(reply)) return
  const reader = usageReader(isStream ? 'sse' : 'json')
  const coding = reply.head!.text(Name.contentEncoding)
  const isPlain = coding === null || coding.toLowerCase() === 'identity'
  if (isPlain) reply.body.tap(reader)
  else watchCoded(call, reply, coding, reader)
  if (isStream && isPlain && reply.status === 200) watchEnd(call, reply, reader)
  if (isPlain)
    reply.body.onEnd(() => {
      reader.end()
      call.tokens = tokensOf(reader)
    })
}

function watchCoded(call: Call, reply: Reply, coding: string, reader: UsageReader): void {
  const decoder = sideDecoder(coding, reader)
  // Asked now: when the decoder is done, the head may be another reply's.
  const isStream = isEventStream(reply) && reply.status === 200
  reply.body.tap(decoder)
  const read = Promise.withResolvers<void>()
  call.tokensRead = read.promise
  const settle = async (): Promise<void> => {
    await decoder.end()
    if (isStream && reply.body.end === 'done' && !reader.isComplete && !decoder.isUnread) call.error ??= cutShort()
    call.tokens = tokensOf(reader)
    read.resolve()
  }
  // Told of the body's end, it waits for the decoder on its own; whoever records the call waits for `tokensRead`.
  reply.body.onEnd(() => void settle())
}

function cutShort(): RelayError {
  return new RelayError('upstream_failed', 'the stream ended without message_stop')
}

function watchEnd(call: Call, reply: Reply, reader: UsageReader): void {
  const { body } = reply
  const id = call.id
  body.verify(() => {
    if (reader.isComplete) return null
    const broken = cutShort()
    if (reader.sawError === null) return broken
    // The API told its error in the stream and then ended it: its own way, which callers know. It counts as failed all the same.
    call.error = broken
    return null
  })
  body.lastWords = (end, error) => {
    if (end === 'cancelled' || !reader.isBetweenEvents || reader.isComplete) return null
    const type = end === 'drained' ? 'overloaded_error' : 'api_error'
    return errorEvent(type, error?.message ?? 'the stream broke off', id)
  }
}

function tokensOf(reader: UsageReader): Used | null {
  if (!reader.hasUsage) return null
  const { usage } = reader
  // With the reason for its end a message's figures are final, whatever becomes of its last bytes.
  const isEstimated = !reader.isComplete && reader.stopReason === null
  return {
    input: usage.inputTokens,
    output: isEstimated ? Math.max(usage.outputTokens, reader.observedOutput) : usage.outputTokens,
    cacheWrite5m: usage.cacheWrite5mTokens,
    cacheWrite1h: usage.cacheWrite1hTokens,
    cacheRead: usage.cacheReadTokens,
    estimated: isEstimated,
    model: reader.model,
    webSearches: usage.webSearches,
    speed: usage.speed === 'fast' ? 'fast' : 'standard',
    geo: usage.inferenceGeo,
    isBatch: usage.serviceTier === 'batch',
  }
}

const acceptEncoding = fieldName('accept-encoding')
const identity = fieldLine(acceptEncoding, 'identity')
