import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { bodyReader, fieldsOf, framingOf, type BodyReader } from './framing.ts'

/** A reply as it came over the wire. */
export interface RawReply {
  readonly status: number
  readonly head: string
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
  /** `whole`: its framing says that all has come; `cut`: a FIN without that; `reset`: the connection was reset. */
  readonly end: 'whole' | 'cut' | 'reset' | 'closed'
}

/** One call on a connection of its own, written and read as plain bytes. */
export interface RawCall {
  readonly socket: Socket
  /** The reply's status and head. */
  readonly head: Promise<{ readonly status: number; readonly fields: ReadonlyMap<string, string> }>
  readonly reply: Promise<RawReply>
  /** Waits until so many bytes of the body have come. */
  readonly bytes: (count: number) => Promise<void>
  /** What has come of the body so far. */
  readonly soFar: () => Buffer
}

/** Opens a connection, writes a request, and reads its reply. Where the reply ends with the connection, `closed` is its good end. */
export function rawCall(port: number, request: string | Buffer): RawCall {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.write(request)
  const heard = Promise.withResolvers<{ status: number; fields: ReadonlyMap<string, string> }>()
  const ended = Promise.withResolvers<RawReply>()
  heard.promise.catch(() => undefined)
  const pieces: Buffer[] = []
  const waiting = new Set<() => void>()
  let length = 0
  let head = ''
  let early: Buffer = Buffer.alloc(0)
  let reader: BodyReader | null = null
  let isUntilClose = false
  const finish = (end: RawReply['end']): void => {
    if (head === '') {
      const error = new Error(`the connection ended (${end}) without a reply; it said ${JSON.stringify(early.toString('latin1'))}`)
      heard.reject(error)
      return ended.reject(error)
    }
    ended.resolve({ status: statusOf(head), head, fields: fieldsOf(head), body: Buffer.concat(pieces), end })
  }
  const body = (bytes: Buffer): void => {
    if (bytes.length > 0) reader?.read(bytes)
    for (const check of waiting) check()
    if (reader?.isWhole() === true) finish('whole')
  }
  socket.on('data', (bytes: Buffer) => {
    if (reader !== null) return body(bytes)
    early = Buffer.concat([early, bytes])
    const end = early.indexOf('\r\n\r\n')
    if (end < 0) return
    head = early.toString('latin1', 0, end)
    const fields = fieldsOf(head)
    const framing = framingOf(fields, { is: 'until-close' })
    isUntilClose = framing.is === 'until-close'
    reader = bodyReader(framing, (piece) => {
      length += piece.length
      pieces.push(Buffer.from(piece))
    })
    heard.resolve({ status: statusOf(head), fields })
    body(early.subarray(end + 4))
  })
  socket.on('end', () => {
    finish(isUntilClose ? 'closed' : 'cut')
    socket.end()
  })
  socket.on('error', () => finish('reset'))
  socket.on('close', () => finish('reset'))
  const call = {
    socket,
    head: heard.promise,
    reply: ended.promise,
    soFar: () => Buffer.concat(pieces),
    bytes: async (count: number) =>
      new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (length >= count) resolve()
        }
        waiting.add(check)
        check()
        ended.promise.then(() => reject(new Error(`the reply ended after ${length} bytes`)), reject)
      }),
  }
  ended.promise.catch(() => undefined)
  return call
}

/** A POST of JSON as bytes; further header lines may be given. */
export function post(path: string, body: string | Buffer, lines: readonly string[] = []): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: relay.test',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...lines,
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)])
}

/** A GET as bytes. */
export function get(path: string, lines: readonly string[] = []): Buffer {
  return Buffer.from(`${[`GET ${path} HTTP/1.1`, 'host: relay.test', ...lines].join('\r\n')}\r\n\r\n`)
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function statusOf(head: string): number {
  return Number(head.slice(9, 12))
}
