import type { Head } from '../protocol/head.ts'

/** How messages stand in a stream's body. Parts that are empty are the same empty Buffer. */
export interface StreamFormat {
  readonly contentType: string
  /** Before the first message, around and between them, behind the last; and a stream without any. */
  readonly begin: Buffer
  readonly before: Buffer
  readonly after: Buffer
  readonly between: Buffer
  readonly end: Buffer
  readonly empty: Buffer
  /** A failure in the stream's own words (`hasBegun`: behind a message); null where it has none. */
  error(status: Buffer, hasBegun: boolean): Buffer | null
}

/** What the caller asked for by `Accept`: events, a line for each message, or one JSON array; raw bytes stand by themselves. */
export function streamFormat(fields: Head, isRaw: boolean): StreamFormat {
  if (isRaw) return raw
  for (const accept of fields.values('accept')) {
    for (const range of accept.toLowerCase().split(',')) {
      const type = range.split(';')[0]!.trim()
      if (type === 'text/event-stream') return events
      if (lineTypes.has(type)) return lines
      if (type === 'application/json') return array
    }
  }
  return array
}

/** The types of a body that has a JSON value in each line. */
export const lineTypes = new Set(['application/x-ndjson', 'application/ndjson', 'application/jsonl', 'application/x-jsonlines'])
const none = Buffer.alloc(0)
const plain = { begin: none, before: none, after: none, between: none, end: none, empty: none }

const events: StreamFormat = {
  ...plain,
  contentType: 'text/event-stream',
  before: Buffer.from('data: '),
  after: Buffer.from('\n\n'),
  error: (status) => Buffer.concat([Buffer.from('event: error\ndata: '), status, Buffer.from('\n\n')]),
}

const lines: StreamFormat = {
  ...plain,
  contentType: 'application/x-ndjson',
  after: Buffer.from('\n'),
  error: (status) => Buffer.concat([Buffer.from('{"error":'), status, Buffer.from('}\n')]),
}

/** An array that breaks off is not JSON: nobody takes it for whole, and its error can stand in it. */
const array: StreamFormat = {
  ...plain,
  contentType: 'application/json',
  begin: Buffer.from('['),
  between: Buffer.from(','),
  end: Buffer.from(']'),
  empty: Buffer.from('[]'),
  error: (status, hasBegun) => Buffer.concat([Buffer.from(hasBegun ? ',{"error":' : '[{"error":'), status, Buffer.from('}')]),
}

/** Bytes of any type: what they are is not known here, so nothing is said among them. */
const raw: StreamFormat = { ...plain, contentType: 'application/octet-stream', error: () => null }
