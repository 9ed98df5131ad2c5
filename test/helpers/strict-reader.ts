/**
 * An independent reader of HTTP/1.1 messages, for tests: plain strings and regular expressions, written from RFC 9110 and 9112 alone
 * and sharing nothing with what it judges. It takes exactly what the grammar has and repairs nothing. Texts are latin-1, one character
 * a byte.
 */
export interface Message {
  /** The first line, in its three parts. */
  readonly line: readonly [string, string, string]
  /** Field lines as they stand, without CRLF. */
  readonly lines: readonly string[]
  /** Names in lower case, values without the white space around them. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
  /** Trailer lines as they stand, without CRLF. */
  readonly trailers: readonly string[]
  readonly framing: 'none' | 'length' | 'chunked' | 'until-close'
  /** Whether a chunk carried an extension. */
  readonly hasExtensions: boolean
  /** All of it, as it stood. */
  readonly raw: string
}

/** What stands at an offset: a message and where it ends, the beginning of one, or something that is none. */
export type Reading =
  | { readonly is: 'whole'; readonly message: Message; readonly end: number }
  | { readonly is: 'incomplete' }
  | { readonly is: 'malformed'; readonly why: string }

/** Reads one request. */
export function readCall(text: string, from = 0): Reading {
  const head = readHead(text, from)
  if ('is' in head) return head
  const line = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) (HTTP\/1\.[01])$/.exec(head.first)
  if (line === null) return malformed('request line')
  const framing = framingOf(head.fields, line[3] === 'HTTP/1.0')
  if (isComplaint(framing)) return malformed(framing.why)
  return readBody(text, { from, head, line: [line[1]!, line[2]!, line[3]!], framing: framing ?? 0 })
}

/** Reads one reply to a request with this method; `isClosed`: no more bytes will come. Informational heads count as messages. */
export function readReply(text: string, from: number, method: string, isClosed: boolean): Reading {
  const head = readHead(text, from)
  if ('is' in head) return head
  // The space behind the status is not to be left out, but many servers do, and nothing can be read into it.
  const line = /^(HTTP\/1\.[01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(head.first)
  if (line === null) return malformed('status line')
  const status = Number(line[2])
  const declared = framingOf(head.fields, line[1] === 'HTTP/1.0')
  if (isComplaint(declared)) return malformed(declared.why)
  const parts: Parts = { from, head, line: [line[1]!, line[2]!, line[3] ?? ''], framing: declared ?? 'until-close' }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return readBody(text, { ...parts, framing: 0 })
  if (parts.framing === 'until-close') return isClosed ? untilClose(text, parts) : { is: 'incomplete' }
  return readBody(text, parts)
}

/** The values of a field, by its lower-case name. */
export function valuesOf(message: Message, name: string): readonly string[] {
  return message.fields.filter(([one]) => one === name).map(([, value]) => value)
}

interface HeadParts {
  readonly first: string
  readonly lines: readonly string[]
  readonly fields: readonly (readonly [string, string])[]
  readonly end: number
}

interface Parts {
  readonly from: number
  readonly head: HeadParts
  readonly line: readonly [string, string, string]
  readonly framing: number | 'chunked' | 'until-close'
}

const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/

function readHead(text: string, from: number): HeadParts | Reading {
  const blank = text.indexOf('\r\n\r\n', from)
  if (blank < 0) return { is: 'incomplete' }
  const [first = '', ...lines] = text.slice(from, blank).split('\r\n')
  const fields = fieldsOf(lines)
  return fields === null ? malformed('field line') : { first, lines, fields, end: blank + 4 }
}

function fieldsOf(lines: readonly string[]): readonly (readonly [string, string])[] | null {
  const fields: (readonly [string, string])[] = []
  for (const line of lines) {
    const match = fieldLine.exec(line)
    if (match === null) return null
    fields.push([match[1]!.toLowerCase(), match[2]!])
  }
  return fields
}

interface Complaint {
  readonly why: string
}

function isComplaint(framing: number | 'chunked' | Complaint | null): framing is Complaint {
  return typeof framing === 'object' && framing !== null
}

/** Bytes, `chunked`, null where nothing is said; a complaint where it is said badly. */
function framingOf(fields: HeadParts['fields'], isOld: boolean): number | 'chunked' | Complaint | null {
  const lengths = fields.filter(([name]) => name === 'content-length').map(([, value]) => value)
  const codings = fields.filter(([name]) => name === 'transfer-encoding').map(([, value]) => value)
  if (codings.length > 0 && (lengths.length > 0 || isOld)) return { why: 'two framings, or a coding in HTTP/1.0' }
  if (codings.length > 0) return codings.length === 1 && codings[0]!.toLowerCase() === 'chunked' ? 'chunked' : { why: 'coding' }
  if (lengths.length === 0) return null
  return lengths.length === 1 && /^[0-9]{1,15}$/.test(lengths[0]!) ? Number(lengths[0]) : { why: 'content length' }
}

function readBody(text: string, parts: Parts): Reading {
  const { head, framing } = parts
  if (framing === 'chunked') return readChunks(text, parts)
  const length = framing as number
  const end = head.end + length
  if (end > text.length) return { is: 'incomplete' }
  const isSaid = head.fields.some(([name]) => name === 'content-length')
  return whole(text, parts, { body: text.slice(head.end, end), end, framing: isSaid ? 'length' : 'none' })
}

function untilClose(text: string, parts: Parts): Reading {
  return whole(text, parts, { body: text.slice(parts.head.end), end: text.length, framing: 'until-close' })
}

function readChunks(text: string, parts: Parts): Reading {
  const sizeLine =
    /([0-9A-Fa-f]{1,13})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:\\[\t\x20-\x7e\x80-\xff]|[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff])*"))?)+)?\r\n/y
  let body = ''
  let hasExtensions = false
  let at = parts.head.end
  for (;;) {
    sizeLine.lastIndex = at
    const match = sizeLine.exec(text)
    if (match === null) return text.includes('\r\n', at) ? malformed('chunk size') : { is: 'incomplete' }
    hasExtensions ||= match[2] !== undefined
    const from = at + match[0].length
    const size = Number.parseInt(match[1]!, 16)
    if (size === 0) return readTrailers(text, from, { parts, body, hasExtensions })
    if (from + size + 2 > text.length) return { is: 'incomplete' }
    if (text.slice(from + size, from + size + 2) !== '\r\n') return malformed('chunk end')
    body += text.slice(from, from + size)
    at = from + size + 2
  }
}

interface Chunked {
  readonly parts: Parts
  readonly body: string
  readonly hasExtensions: boolean
}

function readTrailers(text: string, from: number, { parts, body, hasExtensions }: Chunked): Reading {
  if (text.startsWith('\r\n', from)) return whole(text, parts, { body, end: from + 2, framing: 'chunked', hasExtensions })
  const blank = text.indexOf('\r\n\r\n', from)
  if (blank < 0) return { is: 'incomplete' }
  const trailers = text.slice(from, blank).split('\r\n')
  if (fieldsOf(trailers) === null) return malformed('trailer line')
  return whole(text, parts, { body, end: blank + 4, framing: 'chunked', hasExtensions, trailers })
}

interface Rest {
  readonly body: string
  readonly end: number
  readonly framing: Message['framing']
  readonly hasExtensions?: boolean
  readonly trailers?: readonly string[]
}

function whole(text: string, { from, head, line }: Parts, { body, end, framing, hasExtensions = false, trailers = [] }: Rest): Reading {
  return {
    is: 'whole',
    end,
    message: { line, lines: head.lines, fields: head.fields, body, trailers, framing, hasExtensions, raw: text.slice(from, end) },
  }
}

function malformed(why: string): Reading {
  return { is: 'malformed', why }
}
