import { LF, isToken } from './bytes.ts'
import { refusal, type Refusal } from './head.ts'
import { Name } from './names.ts'
import type { RequestHead } from './request.ts'

/** Where a request begins: empty lines before a request are read over (RFC 9112 §2.2), but not without end. */
export function skipEmptyLines(bytes: Buffer): number {
  let from = 0
  while (from < maxEmptyLines * 2 && bytes[from] === 13 && bytes[from + 1] === LF) from += 2
  return from
}

/** What a head means beyond its syntax: an expectation that relay does not serve. An upgrade that a route does not allow is not heard. */
export function checkMeaning(head: RequestHead): Refusal | null {
  const { fields } = head
  if (fields.has(Name.expect) && head.minor === 1 && (fields.isDoubled(Name.expect) || !fields.is(Name.expect, continueWord)))
    return badExpect
  return null
}

/** Which of the two it is: a request line that is too long, or a head. */
export function tooLong(bytes: Buffer, from: number, limit: number): Refusal {
  const line = bytes.indexOf(LF, from)
  if (line < 0 || line - from > limit) return refusal('uri_too_long', `the request line is longer than ${limit} bytes`)
  return refusal('head_too_large', `the request head is longer than ${limit} bytes`)
}

/** What can be said against a head before it is whole, so that nobody waits for the rest of nonsense; bytes before `before` were seen. */
export function checkPartial(bytes: Buffer, from: number, before: number, limit: number): Refusal | null {
  if (from < bytes.length && bytes[from] !== 13 && isToken[bytes[from]!] === 0) return notHttp
  // A head of the largest size may still lack one byte of its empty line, which does not count.
  if (bytes.length - from > limit + 1) return tooLong(bytes, from, limit)
  for (let at = bytes.indexOf(LF, Math.max(from, before)); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== 13) return bareLf
  }
  return null
}

const maxEmptyLines = 4
const continueWord = Buffer.from('100-continue')
const notHttp = refusal('bad_request', 'not an HTTP/1.1 request')
const bareLf = refusal('bad_request', 'bare LF in the request head')
const badExpect = refusal('expectation_failed', 'an expectation other than 100-continue')
