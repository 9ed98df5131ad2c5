import { RelayError } from '../base/errors.ts'
import type { Refusal } from '../protocol/head.ts'

/** What came is no reply. */
export function malformedReply(name: string, refused: Refusal): RelayError {
  return new RelayError('upstream_failed', `${name} answered with a malformed message: ${refused.message}`)
}

/** The connection is gone, and nothing of a reply has come: to send the call again may help. */
export function noReply(name: string, failure: Error | null): RelayError {
  return new RelayError('upstream_failed', `${name} closed the connection without a reply`, { ...because(failure), shouldRetry: true })
}

/** The connection is gone in the middle of what it carried. */
export function brokeOff(name: string, what: 'its reply' | 'the tunnel', failure: Error | null): RelayError {
  return new RelayError('upstream_failed', `${name} broke off ${what}`, because(failure))
}

function because(failure: Error | null): { readonly cause?: Error } {
  return failure === null ? {} : { cause: failure }
}
