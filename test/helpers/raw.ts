import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { readReply, type Message } from './strict-reader.ts'

/** A caller that says exactly the bytes it is told, cut where it is told, and reads replies with the tests' own reader. */
export class RawClient {
  readonly socket: Socket
  /** All bytes that came, latin-1. */
  received = ''
  sent = 0
  /** The peer has closed its side, or the connection broke. */
  isEnded = false
  isReset = false
  private wake: (() => void) | null = null

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.heard(chunk.toString('latin1')))
    socket.on('end', () => this.gone())
    socket.on('error', (error: NodeJS.ErrnoException) => (this.isReset ||= error.code === 'ECONNRESET'))
    socket.on('close', () => this.gone())
  }

  /** Sends pieces, each in a read of its own on the other side (both ends live in one process, so a turn of the loop suffices). */
  async send(...pieces: readonly (string | Buffer)[]): Promise<void> {
    for (const piece of pieces) {
      if (this.socket.destroyed || piece.length === 0) continue
      const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece
      this.sent += bytes.length
      await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()))
      await turn()
    }
  }

  /** Waits until `isSo`, which is looked at whenever something comes, or until nothing more can come. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.isEnded) await new Promise<void>((resolve) => (this.wake = resolve))
  }

  /** Waits until the peer has closed. */
  async ended(): Promise<void> {
    await this.until(() => false)
  }

  /** Leaves: with a FIN; resolves when both sides are closed. */
  async leave(): Promise<void> {
    this.socket.end()
    // Not `once`: that fails where the peer resets.
    if (!this.socket.closed) await new Promise((resolve) => this.socket.on('close', resolve))
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** The replies so far, to requests with these methods (GET behind the last), informational ones included; `rest` is what is no whole reply. */
  replies(methods: readonly string[] = []): { readonly all: readonly Message[]; readonly rest: string; readonly isMalformed: boolean } {
    const all: Message[] = []
    let end = 0
    for (let k = 0; ;) {
      const reading = readReply(this.received, end, methods[k] ?? 'GET', this.isEnded && !this.isReset)
      const isMalformed = reading.is === 'malformed'
      if (end === this.received.length || reading.is !== 'whole') return { all, rest: this.received.slice(end), isMalformed }
      all.push(reading.message)
      end = reading.end
      if (Number(reading.message.line[1]) >= 200) k++
    }
  }

  /** Waits for so many final replies, or the end; then all that came. */
  async answers(count: number, methods: readonly string[] = []): Promise<readonly Message[]> {
    await this.until(() => finals(this.replies(methods).all) >= count)
    return this.replies(methods).all
  }

  private heard(text: string): void {
    this.received += text
    this.stir()
  }

  private gone(): void {
    this.isEnded = true
    this.stir()
  }

  private stir(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }
}

/** Connects to a port of this machine. */
export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  return new RawClient(socket)
}

/** A text cut at these offsets. */
export function cutAt(text: string, offsets: readonly number[]): readonly string[] {
  return [0, ...offsets].map((from, k) => text.slice(from, offsets[k]))
}

/** A text as single bytes. */
export function byteByByte(text: string): readonly string[] {
  return Array.from(text)
}

function finals(replies: readonly Message[]): number {
  return replies.filter(({ line }) => Number(line[1]) >= 200).length
}
