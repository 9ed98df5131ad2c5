import type { Socket } from 'node:net'

/**
 * Memory that messages are put together in, shared by all connections of a worker: a head is written straight into it and handed to
 * a socket as one view. Where the kernel took all of it at once (nearly always), the same bytes are used again for the next message;
 * else the slab moves on behind them, and when it is full a new one takes its place. So a message costs no allocation of its own.
 */
export class Slab {
  bytes: Buffer = Buffer.allocUnsafeSlow(size)
  /** Where the next message begins. */
  at = 0

  /** Makes sure that `room` bytes are free behind `at`. */
  reserve(room: number): void {
    if (this.at + room <= this.bytes.length) return
    this.bytes = Buffer.allocUnsafeSlow(Math.max(size, room))
    this.at = 0
  }

  /** Hands the bytes from `at` to `end` to a socket, in one write; false where the socket wants a pause. */
  send(socket: Socket, end: number): boolean {
    const hasRoom = socket.write(this.bytes.subarray(this.at, end))
    if (socket.writableLength > 0) this.at = end
    return hasRoom
  }
}

const size = 131072
