/** A raw reply message and what the caller must get of it, however its bytes are cut. */
export interface ReplyCase {
  readonly name: string
  /** What the caller asks; `GET /a` over HTTP/1.1 if nothing is said. */
  readonly ask: string
  /** Latin-1, one character a byte. */
  readonly raw: string
  /** What the origin does when all is sent. */
  readonly origin: 'keeps' | 'closes' | 'resets'
  readonly expect: ReplyExpectation
}

export type ReplyExpectation =
  /** Exactly this, and the origin's connection may serve again or not. */
  | { readonly is: 'passed'; readonly reply: SeenReply; readonly informs: readonly string[]; readonly isReused: boolean }
  /** 502, and the origin's connection is destroyed. */
  | { readonly is: 'refused' }
  /** The head was good: 502 or a reply that shows that it is cut; never a whole one. The origin's connection is destroyed. */
  | { readonly is: 'cut' }
  /** More than it said: 502, or exactly what it said; the origin's connection is destroyed. */
  | { readonly is: 'surplus'; readonly reply: SeenReply }

/** A reply as the caller must see it. The framing line is added by who compares. */
export interface SeenReply {
  /** Status line, then the fields that pass, byte for byte. */
  readonly lines: readonly string[]
  readonly body: string
  readonly framing: 'length' | 'chunked' | 'none' | 'until-close'
  readonly trailers: readonly string[]
  /** The length that a reply without a body speaks of. */
  readonly silentLength: number | null
}

interface GotOptions {
  readonly body?: string
  readonly framing?: SeenReply['framing']
  readonly trailers?: readonly string[]
  readonly silentLength?: number
}

/** What the caller gets. */
export function got(lines: readonly string[], options: GotOptions = {}): SeenReply {
  const { body = '', framing = 'length', trailers = [], silentLength = null } = options
  return { lines, body, framing, trailers, silentLength }
}

interface CaseOptions {
  readonly ask?: string
  readonly origin?: ReplyCase['origin']
  readonly informs?: readonly string[]
  readonly isReused?: boolean
}

/** A reply that passes. Its connection serves again, unless it is said otherwise or the origin closes. */
export function passes(name: string, raw: string, reply: SeenReply, options: CaseOptions = {}): ReplyCase {
  const { ask = getA, origin = 'keeps', informs = [], isReused = origin === 'keeps' } = options
  return { name, ask, raw, origin, expect: { is: 'passed', reply, informs, isReused } }
}

/** A reply that is no reply. */
export function badReply(name: string, raw: string, { ask = getA, origin = 'keeps' }: CaseOptions = {}): ReplyCase {
  return { name, ask, raw, origin, expect: { is: 'refused' } }
}

/** A reply that breaks off, or goes wrong behind its head. */
export function cutReply(name: string, raw: string, { ask = getA, origin = 'keeps' }: CaseOptions = {}): ReplyCase {
  return { name, ask, raw, origin, expect: { is: 'cut' } }
}

/** A reply with bytes behind its end. */
export function surplus(name: string, raw: string, reply: SeenReply, { ask = getA }: CaseOptions = {}): ReplyCase {
  return { name, ask, raw, origin: 'keeps', expect: { is: 'surplus', reply } }
}

/** Lines as a head, with its empty line. */
export function replyHead(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** `200 OK` with these fields, and whatever stands behind the head. */
export function ok(fields: readonly string[], behind = ''): string {
  return replyHead('HTTP/1.1 200 OK', ...fields) + behind
}

/** Requests to ask with. */
export const getA = 'GET /a HTTP/1.1\r\nHost: h\r\n\r\n'
export const headA = 'HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n'
export const oldA = 'GET /a HTTP/1.0\r\n\r\n'
export const oldKeptA = 'GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
