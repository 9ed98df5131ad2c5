import { once } from 'node:events'
import { connect, createSecureServer, createServer, constants } from 'node:http2'
import type { ClientHttp2Session, Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import {
  TestService,
  served,
  sizeOf,
  zeros,
  type Filled,
  type InputRequest,
  type OutputRequest,
  type SimpleRequest,
} from './interop-service.ts'
import type { Tls } from './interop-world.ts'

// grpc-js compresses all messages of a call or none: these peers, of node:http2, choose message by message.

/** A message, and whether it travels compressed. */
export interface Sent<Message> {
  readonly message: Message
  readonly isCompressed: boolean
}

/** Puts a message into its frame. */
function frameOf({ message, isCompressed }: Sent<Buffer>): Buffer {
  const body = isCompressed ? gzipSync(message) : message
  const prefix = Buffer.alloc(5)
  prefix[0] = isCompressed ? 1 : 0
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

/** The messages in a body. */
function messagesIn(body: Buffer): Sent<Buffer>[] {
  const messages: Sent<Buffer>[] = []
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1)
    const isCompressed = body[at] === 1
    const message = body.subarray(at + 5, end)
    messages.push({ message: isCompressed ? gunzipSync(message) : message, isCompressed })
    at = end
  }
  return messages
}

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** The methods whose messages may be compressed. */
type Method = 'UnaryCall' | 'StreamingInputCall' | 'StreamingOutputCall'

/** A server that checks how its requests came, and compresses what it is asked to. */
export class CompressingServer {
  port = 0
  private readonly sessions = new Set<ServerHttp2Session>()
  private server: Http2Server | null = null

  async start(tls: Tls): Promise<this> {
    const server = tls === null ? createServer() : createSecureServer(tls)
    this.server = server
    server.on('session', (session: ServerHttp2Session) => this.sessions.add(session.on('close', () => this.sessions.delete(session))))
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void answer(stream, headers))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
    return this
  }

  stop(): void {
    for (const session of this.sessions) session.destroy()
    this.server?.close()
  }
}

async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  stream.on('error', () => {})
  const name = (headers[':path'] ?? '').split('/').at(-1) as Method
  const { requestDeserialize: read, responseSerialize: write } = served[name]!
  const heard = messagesIn(await bodyOf(stream)).map(({ message, isCompressed }) => ({ message: read(message), isCompressed }))
  const isAsSaid = heard.every(({ message, isCompressed }) => isFit(message as SimpleRequest | InputRequest, isCompressed))
  const replies = isAsSaid
    ? repliesTo(
        name,
        heard.map(({ message }) => message),
      )
    : []
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': 'gzip' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': isAsSaid ? '0' : '3' }))
  for (const { message, isCompressed } of replies) stream.write(frameOf({ message: write(message), isCompressed }))
  stream.end()
}

/** Whether a message came as it says that it does. */
function isFit({ expect_compressed: expected }: SimpleRequest | InputRequest, isCompressed: boolean): boolean {
  return expected === null || expected === undefined || expected.value === isCompressed
}

function repliesTo(name: Method, messages: readonly unknown[]): readonly Sent<object>[] {
  switch (name) {
    case 'UnaryCall': {
      const { response_size: size = 0, response_compressed: compressed } = messages[0] as SimpleRequest
      return [{ message: { payload: zeros(size) }, isCompressed: compressed?.value === true }]
    }
    case 'StreamingInputCall': {
      const sum = messages.reduce<number>((sum, message) => sum + sizeOf((message as InputRequest).payload), 0)
      return [{ message: { aggregated_payload_size: sum }, isCompressed: false }]
    }
    case 'StreamingOutputCall': {
      const { response_parameters: asked = [] } = messages[0] as OutputRequest
      return asked.map(({ size, compressed }) => ({ message: { payload: zeros(size) }, isCompressed: compressed?.value === true }))
    }
  }
}

/** How a call ended, and the messages that came: their bytes, or their sum, and whether they were compressed. */
export interface Compressed {
  readonly code: number
  readonly received: readonly { readonly size: number; readonly isCompressed: boolean }[]
}

/** A caller that says of each message whether it is compressed. */
export class CompressingCaller {
  private readonly session: ClientHttp2Session

  constructor(port: number, tls: Tls) {
    this.session =
      tls === null ? connect(`http://127.0.0.1:${port}`) : connect(`https://127.0.0.1:${port}`, { ca: tls.cert, servername: 'relay.test' })
  }

  async call(name: Method, requests: readonly Sent<SimpleRequest | InputRequest | OutputRequest>[]): Promise<Compressed> {
    const { path, requestSerialize: write, responseDeserialize: read } = TestService.service[name]!
    const stream = this.session.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      ...{ 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'identity,gzip' },
    })
    for (const { message, isCompressed } of requests) stream.write(frameOf({ message: write(message), isCompressed }))
    stream.end()
    let code = -1
    const told = (headers: IncomingHttpHeaders): void => {
      if (headers['grpc-status'] !== undefined) code = Number(headers['grpc-status'])
    }
    stream.on('response', told)
    stream.on('trailers', told)
    const messages = messagesIn(await bodyOf(stream))
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`the stream was reset with ${stream.rstCode}`)
    const received = messages.map(({ message, isCompressed }) => {
      const reply = read(message) as Filled & { readonly aggregated_payload_size?: number }
      return { size: reply.aggregated_payload_size ?? sizeOf(reply.payload), isCompressed }
    })
    return { code, received }
  }

  close(): void {
    this.session.destroy()
  }
}
