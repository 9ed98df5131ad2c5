import type { BodyEnd } from '../base/ends.ts'
import type { Failure } from '../base/errors.ts'
import type { Used } from '../base/tokens.ts'

/** A call at its end, as far as it decides what the call is counted for. */
export interface Ended {
  /** Whether it was let through; what was not is never counted. */
  readonly isOut: boolean
  readonly end: BodyEnd
  /** What failed in or behind relay; null where the reply was the upstream's own. */
  readonly failure: Failure | null
  readonly status: number
  /** Times that it was written to an upstream. */
  readonly attempts: number
  /** What the reply told of its usage. */
  readonly used: Used | null
  /** What was reserved for it; null: a call that uses no tokens. */
  readonly expected: Used | null
  /** Bytes of the reply that the caller got. */
  readonly bytesOut: number
}

/** What a call is counted for. */
export interface Settlement {
  /** Whether it counts as a request. */
  readonly isCounted: boolean
  /** null: no tokens. */
  readonly used: Used | null
  /** Where its figures come from; `none`: nothing was used, or nothing is known to have been. */
  readonly source: 'exact' | 'estimated' | 'none'
}

/**
 * What a call is counted for, from the way it ended: what the reply told, wherever it told anything. Without that: nothing at all where the
 * upstream or relay failed (429 included), the request alone where the call itself was wrong, was sent elsewhere or uses no tokens, its reservation where
 * a whole reply told nothing, and where its caller left, the input that had gone out with the output that came back.
 */
export function settlementOf(call: Ended): Settlement {
  const { used, expected, failure, status } = call
  if (!call.isOut) return refund
  if (failure === null && status >= 400) return isCallersFault(status) ? requestOnly : refund
  if (used === null && failure === null && status >= 300) return requestOnly
  if (used !== null) return { isCounted: true, used, source: used.estimated ? 'estimated' : 'exact' }
  if (failure !== null && failure !== 'cancelled') return callersFailures.has(failure) ? requestOnly : refund
  if (call.end === 'done') return expected === null ? requestOnly : estimate(expected)
  // The caller left, or stopped reading: what was sent upstream was read there.
  if (call.end !== 'cancelled' && call.end !== 'timed_out') return refund
  if (call.attempts === 0) return refund
  if (expected === null) return requestOnly
  return estimate({ ...expected, output: Math.min(expected.output, Math.ceil(call.bytesOut / bytesPerToken)) })
}

/** 429 says that the upstream did not take the call, 408 that it did not get it. */
function isCallersFault(status: number): boolean {
  return status < 500 && status !== 429 && status !== 408
}

function estimate(used: Used): Settlement {
  return { isCounted: true, used: { ...used, estimated: true }, source: 'estimated' }
}

const refund: Settlement = { isCounted: false, used: null, source: 'none' }
const requestOnly: Settlement = { isCounted: true, used: null, source: 'none' }
/** Failures of a call that had been let through, which are its sender's own. */
const callersFailures: ReadonlySet<Failure> = new Set<Failure>(['bad_request', 'too_large', 'slow_caller', 'expectation_failed'])
const bytesPerToken = 4
