import { block, data, endHeaders, endStream, headers } from '../helpers/h2-frames.ts'

export type Field = readonly [name: string, value: string]

/** A request of HTTP/2 as frames of stream 1, and what must come of it. */
export interface H2Case {
  readonly name: string
  readonly frames: readonly Buffer[]
  /** What an origin of HTTP/1.1 must see: nothing, no whole call, or exactly one. */
  readonly expect: 'nothing' | 'no call' | H2Call
}

/** A call as an origin of HTTP/1.1 must see it; Host and the framing are added by who compares. */
export interface H2Call {
  readonly line: string
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

const pseudo: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'h'],
]

/** The pseudo-header fields of `GET /a`, some of them changed, or left out where undefined. */
export function pseudoWith(changes: Readonly<Record<string, string | undefined>> = {}): readonly Field[] {
  return pseudo.flatMap(([name, value]) => {
    const changed = name in changes ? changes[name] : value
    return changed === undefined ? [] : [[name, changed] as const]
  })
}

export const getFields: readonly Field[] = pseudoWith()
export const postFields: readonly Field[] = pseudoWith({ ':method': 'POST' })

/** A head that must not get through. */
export function malformed(name: string, fields: readonly Field[]): H2Case {
  return { name, frames: [headers(1, block(...fields))], expect: 'nothing' }
}

/** `GET /a` with more fields, which must not get through. */
export function malformedField(name: string, ...fields: readonly Field[]): H2Case {
  return malformed(name, [...getFields, ...fields])
}

/** `POST /a` with fields, a body in pieces and trailers, of which no whole call may get through. */
export function malformedBody(name: string, fields: readonly Field[], pieces: readonly string[], trailers?: readonly Field[]): H2Case {
  return { name, frames: framesOf([...postFields, ...fields], pieces, trailers), expect: 'no call' }
}

/** A request that gets through, and how. */
export function good(name: string, fields: readonly Field[], call: Partial<H2Call>, pieces: readonly string[] = []): H2Case {
  return {
    name,
    frames: framesOf(fields, pieces),
    expect: { line: 'GET /a HTTP/1.1', fields: [], trailers: [], body: pieces.join(''), ...call },
  }
}

/** Frames of stream 1; the last ends it. */
export function framesOf(fields: readonly Field[], pieces: readonly string[], trailers?: readonly Field[]): Buffer[] {
  const isShort = pieces.length === 0 && trailers === undefined
  const head = headers(1, block(...fields), endHeaders | (isShort ? endStream : 0))
  const body = pieces.map((piece, k) => data(1, piece, k === pieces.length - 1 && trailers === undefined ? endStream : 0))
  return [head, ...body, ...(trailers === undefined ? [] : [headers(1, block(...trailers))])]
}
