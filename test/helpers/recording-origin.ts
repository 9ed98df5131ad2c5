import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { readCall, type Message } from './strict-reader.ts'

/**
 * An origin that keeps every byte it is sent, splits them into calls with the tests' own reader, and answers what a test tells it,
 * byte for byte.
 */
export interface RecordingOrigin {
  readonly port: number
  /** In the order they were opened; those that are closed stay. */
  readonly connections: readonly OriginConnection[]
  /** Told of each whole call; it answers by the connection. */
  answer: Answer
  /** The whole calls of all connections, in the order they were complete. */
  readonly calls: readonly Message[]
  /** Forgets what was recorded. Connections that are open stay, and with them what stands behind their last whole call. */
  forget(): void
  close(): Promise<void>
}

export type Answer = (call: Message, connection: OriginConnection) => void

/** One connection, as the origin saw it. */
export class OriginConnection {
  readonly socket: Socket
  /** What came behind the last whole call, latin-1. */
  rest = ''
  /** What was wrong with what came, where it was no call. */
  problem: string | null = null
  /** The peer closed its side or broke off. */
  isOver = false
  private readonly origin: Origin

  constructor(socket: Socket, origin: Origin) {
    this.socket = socket
    this.origin = origin
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.read(chunk.toString('latin1')))
    socket.on('end', () => (this.isOver = true))
    socket.on('error', () => {})
    socket.on('close', () => (this.isOver = true))
  }

  /** Sends pieces, each in a read of its own on relay's side. */
  async send(...pieces: readonly string[]): Promise<void> {
    for (const piece of pieces) {
      if (this.socket.destroyed || piece === '') continue
      await new Promise<void>((resolve) => this.socket.write(Buffer.from(piece, 'latin1'), () => resolve()))
      await turn()
    }
  }

  /** Resolves when the connection is closed on both sides. */
  async closed(): Promise<void> {
    // Not `once`: that fails where the peer resets.
    if (!this.socket.closed) await new Promise((resolve) => this.socket.on('close', resolve))
  }

  private read(text: string): void {
    this.rest += text
    while (this.problem === null && this.rest !== '') {
      const reading = readCall(this.rest)
      if (reading.is === 'incomplete') return
      if (reading.is === 'malformed') {
        this.problem = reading.why
        this.socket.destroy()
        return
      }
      this.rest = this.rest.slice(reading.end)
      this.origin.recorded(reading.message, this)
    }
  }
}

interface Origin {
  recorded(call: Message, connection: OriginConnection): void
}

/** An answer that any call can have. */
const plainAnswer: Answer = (call, connection) => {
  connection.socket.write(call.line[0] === 'HEAD' ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
}

/** Starts one on a free port. */
export async function recordingOrigin(): Promise<RecordingOrigin> {
  const connections: OriginConnection[] = []
  const calls: Message[] = []
  const record: Origin = {
    recorded: (call, connection) => {
      calls.push(call)
      origin.answer(call, connection)
    },
  }
  const server = createServer({ allowHalfOpen: false }, (socket) => connections.push(new OriginConnection(socket, record)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin: RecordingOrigin = {
    port: (server.address() as AddressInfo).port,
    connections,
    calls,
    answer: plainAnswer,
    forget() {
      calls.length = 0
      connections.splice(0, connections.length, ...connections.filter((one) => !one.isOver))
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const { socket } of connections) socket.destroy()
      await closed
    },
  }
  return origin
}
