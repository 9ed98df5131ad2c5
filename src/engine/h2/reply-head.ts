import { UNTIL_CLOSE, replyFraming } from '../../protocol/framing.ts'
import { Head, refusal, type Refusal } from '../../protocol/head.ts'
import { FieldFlag, malformedField, type FieldLines } from '../../protocol/hpack/field-lines.ts'
import { holdsGuarded } from '../../protocol/hpack/guarded.ts'
import { Name, notInTrailers } from '../../protocol/names.ts'
import { Edits } from '../../protocol/edits.ts'

/** The status that a field section begins with, or why it cannot be a reply's head (RFC 9113 §8.1.1, §8.3.2). */
export function statusOf(lines: FieldLines): number | Refusal {
  if (lines.isTooLarge) return tooLarge
  if ((lines.flags & malformedField) !== 0) return badField
  if (lines.count === 0 || (lines.flagsOf(0) & FieldFlag.pseudo) === 0) return noStatus
  for (let k = 1; k < lines.count; k++) if ((lines.flagsOf(k) & FieldFlag.pseudo) !== 0) return badPseudo
  const { bytes } = lines
  const at = lines.valueStart(0)
  if (lines.valueEnd(0) - at !== 3 || !isStatusName(lines)) return badStatus
  const hundreds = bytes[at]! - 48
  const tens = bytes[at + 1]! - 48
  const ones = bytes[at + 2]! - 48
  if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return badStatus
  const status = hundreds * 100 + tens * 10 + ones
  // A tunnel is another thing in HTTP/2 (RFC 9113 §8.6).
  return status === 101 ? switching : status
}

/** Reads the fields behind the status into a head, which gets bytes of its own; null, or why they are none. */
export function readHead(lines: FieldLines, head: Head): Refusal | null {
  const from = lines.valueEnd(0) + 2
  const own = Buffer.allocUnsafe(lines.length - from)
  lines.bytes.copy(own, 0, from, lines.length)
  const refused = head.parse(own, 0, own.length, maxFields)
  if (refused !== null) return refused
  head.isGuarded = holdsGuarded(lines)
  return (head.seen & connectionSpecific) === 0 ? null : hopField
}

/** The length of a reply's body: -1 where it is not known; or why nobody can say. */
export function bodyLength(head: Head, status: number, isHead: boolean): number | Refusal {
  const framing = replyFraming(head, 1, status, isHead)
  return framing === UNTIL_CLOSE ? -1 : framing
}

/** The trailers of a reply as lines of their own, without those that may not stand there; or why they are none. */
export function readTrailers(lines: FieldLines): Buffer | Refusal {
  if (lines.isTooLarge) return tooLarge
  if ((lines.flags & malformedField) !== 0) return badField
  if ((lines.flags & FieldFlag.pseudo) !== 0) return badPseudo
  const own = Buffer.from(lines.bytes.subarray(0, lines.length))
  const refused = trailerHead.parse(own, 0, own.length, maxFields)
  if (refused !== null) return refused
  if ((trailerHead.seen & connectionSpecific) !== 0) return hopField
  return (trailerHead.seen & notInTrailers) === 0 ? own : kept.filter(own)
}

function isStatusName(lines: FieldLines): boolean {
  const { bytes } = lines
  const from = lines.nameStart(0)
  if (lines.nameEnd(0) - from !== name.length) return false
  for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name[i]) return false
  return true
}

/** Fields of a reply at most; bytes at most of a field section, counted as HPACK does. */
export const maxFields = 512
export const maxList = 131_072

/** What can be wrong with a reply beyond its heads. */
export const wrong = {
  early: refusal('upstream_failed', 'a body before its head'),
  endless: refusal('upstream_failed', 'a second head'),
  endedEarly: refusal('upstream_failed', 'an informational head that ends the stream'),
  tooManyInforms: refusal('upstream_failed', 'more than 64 informational heads'),
  tooLong: refusal('upstream_failed', 'more bytes than its Content-Length says'),
  tooShort: refusal('upstream_failed', 'fewer bytes than its Content-Length says'),
}

const name = Buffer.from(':status')
const trailerHead = new Head()
const kept = new Edits()
kept.drop(notInTrailers)
/** Fields that no message of HTTP/2 may have (RFC 9113 §8.2.2). */
const connectionSpecific =
  (1 << Name.connection) | (1 << Name.keepAlive) | (1 << Name.proxyConnection) | (1 << Name.transferEncoding) | (1 << Name.upgrade)
const tooLarge = refusal('upstream_failed', 'a head of more than 128 KiB or 512 fields')
const badField = refusal('upstream_failed', 'a field name or value that HTTP/2 does not allow')
const noStatus = refusal('upstream_failed', 'no :status at its beginning')
const badStatus = refusal('upstream_failed', 'malformed :status')
const badPseudo = refusal('upstream_failed', 'a pseudo-header field where none may be')
const switching = refusal('upstream_failed', 'a 101, which HTTP/2 does not have')
const hopField = refusal('upstream_failed', 'a field that belongs to one connection of HTTP/1.1')
