import { RelayError } from '../base/errors.ts'
import type { Stage } from '../engine/call.ts'

/** Answers every call with 400 and a text: for what a route knows to be none of its own, a version that nobody serves. */
export function refuse(message: string): Stage {
  return () => Promise.reject(new RelayError('bad_request', message))
}
