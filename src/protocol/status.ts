import { STATUS_CODES } from 'node:http'

/** `HTTP/1.1 200 OK` with its CRLF, by status: made once, written as bytes. */
const lines: Buffer[] = []

/** The status line of a reply, as bytes. Reason phrases are relay's own: a client must not read them (RFC 9112 §4). */
export function statusLine(status: number): Buffer {
  return (lines[status] ??= Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? extraReasons[status] ?? 'Unknown'}\r\n`, 'latin1'))
}

const extraReasons: Record<number, string> = { 499: 'Client Closed Request', 529: 'Overloaded' }
