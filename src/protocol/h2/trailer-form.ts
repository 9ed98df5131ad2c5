import { Head } from '../head.ts'
import { FieldFlag, malformedField, type FieldLines } from '../hpack/field-lines.ts'
import { notInTrailers } from '../names.ts'

/** The trailers of a request as lines of their own, or why they are malformed. */
export function requestTrailers(lines: FieldLines): Buffer | string {
  if (lines.isTooLarge) return 'trailers that are too large'
  if ((lines.flags & malformedField) !== 0) return 'a field name or value that may not be'
  if ((lines.flags & FieldFlag.pseudo) !== 0) return 'a pseudo-header field in trailers'
  const own = Buffer.from(lines.bytes.subarray(0, lines.length))
  const refused = head.parse(own, 0, own.length, lines.count)
  if (refused !== null) return refused.message
  return (head.seen & notInTrailers) === 0 ? own : 'a field in trailers that may not stand there'
}

const head = new Head()
