import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { bodyReader, fieldsOf, framingOf } from './framing.ts'

/** A call as an origin sees it: the bytes of its head, the whole body, and the connection, to be answered on as the test likes. */
export interface OriginCall {
  readonly line: string
  readonly head: string
  readonly fields: ReadonlyMap<string, string>
  readonly body: Buffer
  readonly socket: Socket
  /** When relay let go of the connection (ms, monotonic). */
  readonly closed: Promise<number>
}

/** An upstream that speaks in bytes. */
export interface Origin {
  readonly port: number
  readonly url: string
  readonly calls: readonly OriginCall[]
  /** Connections that are open. */
  readonly open: () => number
  /** The next call that comes. */
  readonly next: () => Promise<OriginCall>
}

export interface OriginOptions {
  /** Asked once a head is there: true to answer at once, with the rest of the request still on its way. */
  readonly early?: boolean
  /** Told of each connection, which is not read until somebody resumes it. */
  readonly paused?: (socket: Socket) => void
}

interface Scope {
  teardown(work: () => unknown): unknown
}

/** Starts an origin that hands every call to `serve`; it ends with the test. */
export async function origin(t: Scope, serve: (call: OriginCall) => void = () => undefined, options: OriginOptions = {}): Promise<Origin> {
  const sockets = new Set<Socket>()
  const calls: OriginCall[] = []
  const waiting: ((call: OriginCall) => void)[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    if (options.paused !== undefined) options.paused(socket.pause())
    socket.on('error', () => undefined)
    const closed = new Promise<number>((resolve) => socket.on('close', () => resolve(performance.now())))
    socket.on('close', () => sockets.delete(socket))
    read(socket, options, (call) => {
      const known = { ...call, socket, closed }
      calls.push(known)
      waiting.shift()?.(known)
      serve(known)
    })
  })
  const port = await listening(server)
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    calls,
    open: () => sockets.size,
    next: async () => new Promise((resolve) => waiting.push(resolve)),
  }
}

type Read = Omit<OriginCall, 'socket' | 'closed'>

function read(socket: Socket, { early = false }: OriginOptions, whole: (call: Read) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  let take: ((bytes: Buffer) => Buffer | null) | null = null
  const call = (): boolean => {
    const end = pending.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = pending.toString('latin1', 0, end)
    const fields = fieldsOf(head)
    const pieces: Buffer[] = []
    const reader = bodyReader(framingOf(fields, { is: 'length', length: 0 }), (piece) => void pieces.push(Buffer.from(piece)))
    const told = () => whole({ line: head.slice(0, head.indexOf('\r\n')), head, fields, body: Buffer.concat(pieces) })
    if (early) told()
    take = (bytes) => {
      const rest = reader.read(bytes)
      if (rest !== null && !early) told()
      return rest
    }
    pending = pending.subarray(end + 4)
    return true
  }
  socket.on('data', (bytes: Buffer) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
    while (take !== null || call()) {
      const rest: Buffer | null = take === null ? pending : take(pending)
      pending = rest ?? Buffer.alloc(0)
      if (rest === null) return
      take = null
      if (pending.length === 0) return
    }
  })
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The head of a chunked event stream. */
export const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_origin\r\ntransfer-encoding: chunked\r\n\r\n'

/** Bytes as one chunk of a chunked body. */
export function chunk(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}

export const lastChunk = '0\r\n\r\n'

/** A whole answer with a length. */
export function answer(status: number, body: string | Buffer, lines: readonly string[] = []): Buffer {
  const head = [`HTTP/1.1 ${status} Status`, 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`, ...lines]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)])
}
