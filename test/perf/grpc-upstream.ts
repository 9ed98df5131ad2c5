import { createServer, type Socket } from 'node:net'
import { echoFrame, echoReply } from './echo.ts'

/**
 * A gRPC server that costs next to nothing, so that it is not what is measured: HTTP/2 by prior knowledge, its frames put together by
 * hand, one fixed answer to every call. Heads are not decoded (the answer does not depend on them); windows, SETTINGS and PING are honoured.
 */
function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  return Buffer.concat([head, payload])
}

function literal(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
}

function grant(bytes: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(bytes)
  return frame(8, 0, payload)
}

const message = echoFrame(echoReply)
// `:status: 200` from the static table; literals are not indexed.
const head = frame(1, 4, Buffer.concat([Buffer.from([0x88, 0x0f, 0x10]), literal('application/grpc')]))
const data = frame(0, 0, message)
const trailers = frame(1, 5, Buffer.concat([Buffer.from([0]), literal('grpc-status'), literal('0')]))
const answer = Buffer.concat([head, data, trailers])
const idPlaces = [5, head.length + 5, head.length + data.length + 5]
// 4096 streams at once, windows of 1 MiB.
const settings = frame(4, 0, Buffer.from([0, 3, 0, 0, 0x10, 0, 0, 4, 0, 0x10, 0, 0]))
const preface = 24
const credit = 1 << 20

class Session {
  private rest: Buffer | null = null
  private isGreeted = false
  private window = 65_535
  private received = 0
  private readonly waiting: number[] = []
  private out: Buffer[] = []
  private readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
  }

  data(chunk: Buffer): void {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk])
    let at = this.isGreeted ? 0 : this.greet(bytes)
    while (this.isGreeted && bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3)
      if (bytes.length - at < 9 + length) break
      this.frame(bytes, at, length)
      at += 9 + length
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : null
    if (this.received > credit) {
      this.out.push(grant(this.received))
      this.received = 0
    }
    if (this.out.length > 0) this.socket.write(Buffer.concat(this.out))
    this.out = []
  }

  private greet(bytes: Buffer): number {
    if (bytes.length < preface) return 0
    this.isGreeted = true
    this.out.push(settings, grant(1 << 28))
    return preface
  }

  private frame(bytes: Buffer, at: number, length: number): void {
    const type = bytes[at + 3]
    const flags = bytes[at + 4]!
    const id = bytes.readUInt32BE(at + 5) & 0x7fffffff
    const payload = at + 9
    if (type === 0) this.received += length
    if ((type === 0 || type === 1) && (flags & 1) !== 0) this.reply(id)
    else if (type === 4 && (flags & 1) === 0) this.out.push(frame(4, 1, Buffer.alloc(0)))
    else if (type === 6 && (flags & 1) === 0) this.out.push(frame(6, 1, Buffer.from(bytes.subarray(payload, payload + length))))
    else if (type === 8 && id === 0) this.widen(bytes.readUInt32BE(payload) & 0x7fffffff)
  }

  private widen(bytes: number): void {
    this.window += bytes
    while (this.waiting.length > 0 && this.window >= message.length) this.reply(this.waiting.shift()!)
  }

  private reply(id: number): void {
    if (this.window < message.length) {
      this.waiting.push(id)
      return
    }
    this.window -= message.length
    const copy = Buffer.from(answer)
    for (const place of idPlaces) copy.writeUInt32BE(id, place)
    this.out.push(copy)
  }
}

createServer({ noDelay: true }, (socket) => {
  const session = new Session(socket)
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => session.data(chunk))
}).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 })
