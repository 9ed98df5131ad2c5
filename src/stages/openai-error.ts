import { failures, type RelayError } from '../base/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call, type Stage } from '../engine/call.ts'
import { errorBytes, errorOfRelay } from '../openai/errors.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { isOpenAiCall } from './openai-endpoint.ts'

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
  for (const line of error.lines) edits.line(line)
  return reply
}

const json = fieldLine(fieldName('content-type'), 'application/json')
const requestId = fieldName('request-id')
const xRequestId = fieldName('x-request-id')
const retryAfter = fieldName('retry-after')
const shouldRetry = fieldName('x-should-retry')
