/** A raw request message and what must come of it, however its bytes are cut. */
export interface RequestCase {
  readonly name: string
  /** Latin-1, one character a byte. */
  readonly raw: string
  readonly expect: RequestExpectation
}

export type RequestExpectation =
  /** The connection ends with this status, and the origin sees nothing at all. */
  | { readonly is: 'refused'; readonly status: number }
  /** As above, but the head was good: the origin may have seen the beginning of a call, never a whole one. */
  | { readonly is: 'refused in body'; readonly status: number }
  /** Exactly these calls, in this order; then nothing, or a refusal. */
  | { readonly is: 'passed'; readonly calls: readonly SeenCall[]; readonly thenRefused: number | null }
  /** Not a whole message: relay waits, and the origin sees no whole call. */
  | { readonly is: 'unanswered' }

/** A call as the origin must see it. `Host`, the rule's field and the framing are added by who compares. */
export interface SeenCall {
  readonly line: string
  /** Field lines that pass, byte for byte and in this order. */
  readonly fields: readonly string[]
  readonly body: string
  readonly framing: 'length' | 'chunked' | 'none'
  readonly trailers: readonly string[]
}

interface SeenOptions {
  readonly body?: string
  readonly framing?: SeenCall['framing']
  readonly trailers?: readonly string[]
}

/** What the origin sees: the request line, then the fields that pass. */
export function seen(lines: readonly [string, ...string[]], { body = '', framing, trailers = [] }: SeenOptions = {}): SeenCall {
  const [line, ...fields] = lines
  const wantsLength = body !== '' || /^(POST|PUT|PATCH) /.test(line)
  return { line, fields, body, framing: framing ?? (wantsLength ? 'length' : 'none'), trailers }
}

/** A message that is refused by its head. */
export function refused(name: string, status: number, raw: string): RequestCase {
  return { name, raw, expect: { is: 'refused', status } }
}

/** A message whose body turns out malformed. */
export function refusedInBody(name: string, status: number, raw: string): RequestCase {
  return { name, raw, expect: { is: 'refused in body', status } }
}

/** A message that is exactly one call. */
export function passed(name: string, raw: string, call: SeenCall): RequestCase {
  return { name, raw, expect: { is: 'passed', calls: [call], thenRefused: null } }
}

/** Several messages on one connection. */
export function several(name: string, raw: string, calls: readonly SeenCall[], thenRefused: number | null = null): RequestCase {
  return { name, raw, expect: { is: 'passed', calls, thenRefused } }
}

/** The beginning of a message. */
export function unanswered(name: string, raw: string): RequestCase {
  return { name, raw, expect: { is: 'unanswered' } }
}

/** Lines as a head, with its empty line. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** `GET /a` with Host and these fields. */
export function get(...fields: readonly string[]): string {
  return head('GET /a HTTP/1.1', 'Host: h', ...fields)
}

/** `POST /a` with Host, these fields, and whatever stands behind the head. */
export function post(fields: readonly string[], behind = ''): string {
  return head('POST /a HTTP/1.1', 'Host: h', ...fields) + behind
}

/** `POST /a` in chunks: what stands behind the head is given raw. */
export function chunks(behind: string, ...fields: readonly string[]): string {
  return post(['Transfer-Encoding: chunked', ...fields], behind)
}

/** A byte as people write it. */
export function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`
}
