import { failures, type RelayError } from '../base/errors.ts'
import { errorBody } from '../claude/errors.ts'
import { Body } from '../engine/body.ts'
import { Reply, type Call } from '../engine/call.ts'
import { fieldLine, fieldName } from '../protocol/edits.ts'
import { grpcCaller } from '../protocol/grpc/caller.ts'
import { grpcErrorReply } from './error-reply-grpc.ts'

/**
 * Relay's own refusals and failures, in the protocol of their caller: gRPC in any of its forms, else the shape of the Claude API, whose
 * clients read it, and which to all others is plain JSON.
 */
export function errorReply(error: RelayError, call: Call | null): Reply {
  if (call !== null && call.tellFailure !== null) return call.tellFailure(error, call)
  const id = call?.id ?? ''
  const caller = call === null ? null : grpcCaller(call.head.fields)
  const reply = caller === null ? jsonReply(error, id) : grpcErrorReply(error, caller)
  if (id !== '') reply.edits.line(fieldLine(requestId, id))
  if (error.retryAfterMs !== undefined) reply.edits.line(fieldLine(retryAfter, String(Math.ceil(error.retryAfterMs / 1000))))
  if (error.shouldRetry !== undefined) reply.edits.line(fieldLine(shouldRetry, String(error.shouldRetry)))
  for (const line of error.lines) reply.edits.line(line)
  return reply
}

function jsonReply(error: RelayError, id: string): Reply {
  const reply = new Reply(failures[error.failure].http, null, Body.of(errorBody(error.failure, error.message, id)))
  reply.edits.line(json)
  return reply
}

const json = fieldLine(fieldName('content-type'), 'application/json')
const requestId = fieldName('request-id')
const retryAfter = fieldName('retry-after')
const shouldRetry = fieldName('x-should-retry')
