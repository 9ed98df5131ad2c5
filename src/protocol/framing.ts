import { decimal, equalsFolded, latin1 } from './bytes.ts'
import { refusal, type Head, type Refusal } from './head.ts'
import { Name } from './names.ts'

/** How long a body is: its bytes where that is known, or one of the two below (RFC 9112 §6.3). */
export const CHUNKED = -1
/** Only in replies: all bytes until the connection closes. */
export const UNTIL_CLOSE = -2

const chunked = Buffer.from('chunked')
const refusals = {
  both: refusal('bad_request', 'both Content-Length and Transfer-Encoding'),
  doubledLength: refusal('bad_request', 'more than one Content-Length'),
  badLength: refusal('bad_request', 'malformed Content-Length'),
  doubledCoding: refusal('bad_request', 'more than one Transfer-Encoding'),
  codingInOld: refusal('bad_request', 'Transfer-Encoding in HTTP/1.0'),
  notFinal: refusal('bad_request', 'chunked is not the last and only transfer coding'),
  unknownCoding: refusal('not_supported', 'a transfer coding other than chunked'),
}

/** The length of a request's body, or why it is refused. The minor version is 0 or 1. */
export function requestFraming(head: Head, minor: number): number | Refusal {
  if (head.has(Name.transferEncoding)) {
    if (head.has(Name.contentLength)) return refusals.both
    if (minor === 0) return refusals.codingInOld
    return coding(head)
  }
  return head.has(Name.contentLength) ? length(head) : 0
}

/**
 * The length of a reply's body, or why the upstream's message cannot be trusted. `HEAD`, 1xx, 204 and 304 have none whatever
 * their fields say (RFC 9110 §6.4.1), but even there both framings at once are refused.
 */
export function replyFraming(head: Head, minor: number, status: number, isHead: boolean): number | Refusal {
  const hasCoding = head.has(Name.transferEncoding)
  if (hasCoding && head.has(Name.contentLength)) return refusals.both
  if (hasCoding && minor === 0) return refusals.codingInOld
  const declared = hasCoding ? coding(head) : head.has(Name.contentLength) ? length(head) : UNTIL_CLOSE
  if (typeof declared !== 'number') return declared
  if (isHead || status < 200 || status === 204 || status === 304) return 0
  return declared
}

/** A reply to HEAD, and a 304, may carry the length that the body would have: it is passed on. -1: it carries none. */
export function silentLength(head: Head, minor: number, status: number, isHead: boolean): number {
  if (!isHead && status !== 304) return -1
  const declared = replyFraming(head, minor, 200, false)
  return typeof declared === 'number' && declared >= 0 ? declared : -1
}

function coding(head: Head): number | Refusal {
  if (head.isDoubled(Name.transferEncoding)) return refusals.doubledCoding
  const start = head.valueStart(Name.transferEncoding)
  const end = head.valueEnd(Name.transferEncoding)
  if (equalsFolded(head.bytes, start, end, chunked)) return CHUNKED
  const codings = latin1(head.bytes, start, end)
    .toLowerCase()
    .split(',')
    .map((one) => one.trim())
  const isLastAndOnlyOnce = codings.indexOf('chunked') === codings.length - 1
  return isLastAndOnlyOnce && codings.length > 1 && !codings.includes('') ? refusals.unknownCoding : refusals.notFinal
}

function length(head: Head): number | Refusal {
  if (head.isDoubled(Name.contentLength)) return refusals.doubledLength
  const value = decimal(head.bytes, head.valueStart(Name.contentLength), head.valueEnd(Name.contentLength))
  return value < 0 ? refusals.badLength : value
}
