import { CR, LF, isValue } from './bytes.ts'
import { refusal, type Refusal } from './head.ts'

/** What a reply's first line says: status, minor version, and the offset of the first field line. */
export class StatusLine {
  status = 0
  minor = 1
  next = 0

  /** Reads `HTTP/1.x SP 3DIGIT [SP reason] CRLF` (RFC 9112 §4) at an offset; the line is known to be whole. */
  parse(bytes: Buffer, at: number): Refusal | null {
    // "HTTP/1." byte by byte: no string is made.
    if (bytes[at] !== 72 || bytes[at + 1] !== 84 || bytes[at + 2] !== 84 || bytes[at + 3] !== 80 || bytes[at + 4] !== 47) return malformed
    const minor = bytes[at + 7]! - 48
    if (bytes[at + 5] !== 49 || bytes[at + 6] !== 46 || minor < 0 || minor > 1 || bytes[at + 8] !== 32) return version
    const hundreds = bytes[at + 9]! - 48
    const tens = bytes[at + 10]! - 48
    const ones = bytes[at + 11]! - 48
    if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return malformed
    let end = at + 12
    if (bytes[end] === 32) while (isValue[bytes[end]!] === 1) end++
    if (bytes[end] !== 13 || bytes[end + 1] !== 10) return malformed
    this.status = hundreds * 100 + tens * 10 + ones
    this.minor = minor
    this.next = end + 2
    return null
  }
}

/** What can be said against a reply's head before it is whole, so that nobody waits for the rest of nonsense. */
export function checkPartialReply(bytes: Buffer, from: number): Refusal | null {
  for (let i = 0; i < prefix.length && from + i < bytes.length; i++) if (bytes[from + i] !== prefix[i]) return malformed
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) if (bytes[at - 1] !== CR) return bareLf
  return null
}

const prefix = Buffer.from('HTTP/1.')
const bareLf = refusal('upstream_failed', 'bare LF in the head')
const malformed = refusal('upstream_failed', 'malformed status line')
const version = refusal('upstream_failed', 'a version other than HTTP/1.0 and HTTP/1.1 in the status line')
