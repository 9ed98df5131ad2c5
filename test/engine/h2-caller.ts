import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'

/** What came back on one stream of Node's own client. */
export interface Answer {
  readonly status: number
  readonly fields: IncomingHttpHeaders
  readonly text: string
  readonly trailers: IncomingHttpHeaders | null
  /** The code that the stream was closed with. */
  readonly code: number
}

/** A caller with Node's own client, as most of those there are. */
export class Http2Caller {
  readonly session: ClientHttp2Session
  /** GOAWAY frames that came: the last stream, and the code. */
  readonly goaways: { readonly last: number; readonly code: number }[] = []

  constructor(t: { teardown(end: () => Promise<void>): void }, port: number) {
    this.session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 256 })
    this.session.on('error', () => {})
    this.session.on('goaway', (code, last) => this.goaways.push({ last: Number(last), code }))
    t.teardown(async () => this.session.destroy())
  }

  /** Opens a stream and leaves it to the test. */
  open(fields: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request(fields, { endStream })
    stream.on('error', () => {})
    return stream
  }

  /** One call, whole. */
  async ask(fields: OutgoingHttpHeaders, body: string | Buffer | null = null): Promise<Answer> {
    const stream = this.open(fields, body === null)
    if (body !== null) stream.end(body)
    return answerOf(stream)
  }
}

/** Reads a stream to its end, however that comes. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let fields: IncomingHttpHeaders = {}
  let trailers: IncomingHttpHeaders | null = null
  const chunks: Buffer[] = []
  stream.on('response', (head) => (fields = head))
  stream.on('trailers', (lines) => (trailers = lines))
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  // Not `once`: that fails where the stream is reset.
  if (!stream.destroyed) await new Promise((resolve) => stream.on('close', resolve))
  const text = Buffer.concat(chunks).toString('latin1')
  return { status: Number(fields[':status'] ?? 0), fields, text, trailers, code: stream.rstCode ?? 0 }
}
