import { failures, type RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call, type Stage } from '../engine/call.ts'
import { errorBytes, errorOfRelay } from '../openai/errors.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { Head } from '../protocol/head.ts'
import { isOpenAiCall } from './openai-endpoint.ts'
import { rateLines } from './openai-rates.ts'

/** Has OpenAI's callers told of refusals and failures in the shape that their clients read; it stands before all that may refuse a call. */
export function openAiFailures(): Stage {
  return (call, next) => {
    if (isOpenAiCall(call)) call.tellFailure = openAiErrorReply
    return next(call)
  }
}

/** A refusal or failure of relay's own, in the shape that OpenAI's clients read. */
export function openAiErrorReply(error: RelayError, call: Call): Reply {
  const reply = new Reply(failures[error.failure].http, null, Body.of(errorBytes(errorOfRelay(error))))
  const { edits } = reply
  edits.line(json)
  edits.line(fieldLine(requestId, call.id))
  edits.line(fieldLine(xRequestId, call.id))
  if (error.retryAfterMs !== undefined) edits.line(fieldLine(retryAfter, String(Math.ceil(error.retryAfterMs / 1000))))
  if (error.shouldRetry !== undefined) edits.line(fieldLine(shouldRetry, String(error.shouldRetry)))
  for (const line of [...error.lines, ...ratesIn(error.lines)]) edits.line(line)
  return reply
}

/** A refusal says how the caller's limits stand, as Claude does: here as OpenAI does too. */
function ratesIn(lines: readonly Buffer[]): readonly Buffer[] {
  if (lines.length === 0) return lines
  const bytes = Buffer.concat(lines)
  const told = new Head()
  return told.parse(bytes, 0, bytes.length, Infinity) === null ? rateLines(told, Date.now()) : []
}

const json = fieldLine(fieldName('content-type'), 'application/json')
const requestId = fieldName('request-id')
const xRequestId = fieldName('x-request-id')
const retryAfter = fieldName('retry-after')
const shouldRetry = fieldName('x-should-retry')
