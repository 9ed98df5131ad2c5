import { frameHeadSize, maxFrameSize } from './frames.ts'

/**
 * Finds the frames in the bytes of a connection, cut anywhere. A frame that is whole in a chunk is shown where it stands; one that is
 * cut is put together in a buffer of its own, which is not larger than that frame.
 */
export class FrameReader {
  type = 0
  flags = 0
  stream = 0
  /** Where the payload stands: it is void when the chunk is, unless it is owned. */
  bytes: Buffer = none
  from = 0
  to = 0
  /** The payload stays as it is. */
  isOwned = false
  /** The frame at hand says that it is longer than any may be: there is nothing to be read behind it. */
  isTooLong = false
  private chunk: Buffer = none
  private isChunkOwned = false
  private at = 0
  /** The frame that is cut: its head, then room for all of it. */
  private partial: Buffer | null = null
  private partialLength = 0

  /** More bytes, which stay as they are after `next` has said no only if owned. */
  feed(chunk: Buffer, isOwned: boolean): void {
    this.chunk = chunk
    this.isChunkOwned = isOwned
    this.at = 0
  }

  /** Moves to the next frame; false: more bytes are needed, or it is too long. */
  next(): boolean {
    if (this.isTooLong) return false
    if (this.partial !== null) return this.complete(this.partial)
    const { chunk, at } = this
    const rest = chunk.length - at
    if (rest < frameHeadSize) return this.keep(frameHeadSize)
    const length = this.readHead(chunk, at)
    if (this.isTooLong) return false
    if (rest < frameHeadSize + length) return this.keep(frameHeadSize + length)
    this.bytes = chunk
    this.from = at + frameHeadSize
    this.to = this.at = this.from + length
    this.isOwned = this.isChunkOwned
    return true
  }

  /** Lets go of what it holds. */
  release(): void {
    this.bytes = this.chunk = none
    this.partial = null
    this.at = 0
  }

  private readHead(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    this.type = bytes[at + 3]!
    this.flags = bytes[at + 4]!
    this.stream = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!
    this.isTooLong = length > maxFrameSize
    return length
  }

  /** Keeps what is left of the chunk for a frame of this size (its head's where that is cut itself). */
  private keep(size: number): false {
    const { chunk, at } = this
    this.bytes = none
    this.at = chunk.length
    this.chunk = none
    if (chunk.length === at) return false
    this.partial = Buffer.allocUnsafe(size)
    this.partialLength = chunk.copy(this.partial, 0, at)
    return false
  }

  private complete(partial: Buffer): boolean {
    if (!this.fill(partial)) return false
    const size = frameHeadSize + this.readHead(partial, 0)
    if (this.isTooLong) return false
    let whole = partial
    if (partial.length < size) {
      whole = Buffer.allocUnsafe(size)
      partial.copy(whole)
      this.partial = whole
      if (!this.fill(whole)) return false
    }
    this.partial = null
    this.bytes = whole
    this.from = frameHeadSize
    this.to = size
    this.isOwned = true
    return true
  }

  /** Takes bytes of the chunk until the room is full; false: there are too few. */
  private fill(partial: Buffer): boolean {
    const { chunk, at, partialLength } = this
    const count = Math.min(partial.length - partialLength, chunk.length - at)
    if (count > 0) chunk.copy(partial, partialLength, at, at + count)
    this.at += count
    this.partialLength += count
    if (this.partialLength === partial.length) return true
    this.chunk = none
    this.at = 0
    return false
  }
}

const none = Buffer.alloc(0)
