import { failures } from '../base/errors.ts'
import type { Failure } from '../base/errors.ts'

/** The body of an error of relay's own, in the Claude API's shape (JSON). */
export function errorBody(failure: Failure, message: string, requestId: string): Buffer {
  return Buffer.from(errorJson(failures[failure].claude, message, requestId))
}

/** An error told inside a stream whose head is out; it may only be written between two events. */
export function errorEvent(type: string, message: string, requestId: string): Buffer {
  return Buffer.from(`event: error\ndata: ${errorJson(type, message, requestId)}\n\n`)
}

/** A sign of life for a silent stream; it may only be written between two events. */
export const pingEvent: Buffer = Buffer.from('event: ping\ndata: {"type":"ping"}\n\n')

function errorJson(type: string, message: string, requestId: string): string {
  return JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId })
}
