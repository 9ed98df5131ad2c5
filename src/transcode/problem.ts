import { RelayError } from '../base/errors.ts'

/** What a caller said wrong, as a failure: 400 and INVALID_ARGUMENT. */
export function bad(message: string, cause?: unknown): RelayError {
  return new RelayError('bad_request', message.length > longest ? `${message.slice(0, longest)}…` : message, { cause })
}

/** A value as a message shows it. */
export function shown(value: string): string {
  return JSON.stringify(value.length > longestValue ? `${value.slice(0, longestValue)}…` : value)
}

/** What an error of a library says. */
export function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The head of a message that quotes what came. */
const longest = 500
const longestValue = 60
