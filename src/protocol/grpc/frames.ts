import { RelayError, type Failure } from '../../base/errors.ts'
import { roomFor } from '../room.ts'
import { Code } from './code.ts'

/** Flags of a frame: the message is compressed; Connect's last frame; gRPC-Web's trailers. */
export const Flag = { compressed: 1, endStream: 2, trailers: 0x80 } as const

/** Bytes before each message: flags, and the message's length in big endian. */
export const prefixLength = 5

/** The prefix of a message of so many bytes. */
export function framePrefix(length: number, flags = 0): Buffer {
  const prefix = Buffer.allocUnsafe(prefixLength)
  prefix[0] = flags
  prefix.writeUInt32BE(length, 1)
  return prefix
}

/** A message in its frame. */
export function framed(message: Buffer, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(prefixLength + message.length)
  frame[0] = flags
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, prefixLength)
  return frame
}

/** Why frames are not taken: what HTTP callers are told of it, and gRPC's own status. */
export interface FrameRefusal {
  readonly failure: Failure
  readonly message: string
  readonly grpc: number
}

/** A refusal as a failure to throw. */
export function frameError({ failure, message, grpc }: FrameRefusal): RelayError {
  return new RelayError(failure, message, { grpc })
}

/** What a deframer is told. */
export interface DeframerOptions {
  /** Bytes that a message may have, as it comes. */
  readonly most: number
  /** Who sends the frames: what is wrong with them is that side's failure. */
  readonly from: 'caller' | 'upstream'
  /** Each message, in order; its bytes are lent. */
  readonly onMessage: (message: Buffer, flags: number) => void
  /** Flags that may be set; `compressed` unless told. */
  readonly flags?: number
}

/** Whoever takes messages may have had enough of them for now. */
export interface MessageRoom {
  readonly isFull: boolean
  /** These bytes are for later. */
  unread(bytes: Buffer): void
}

/** Cuts messages out of frames that come in pieces of any size. */
export class Deframer {
  private readonly options: Required<DeframerOptions>
  /** Bytes of the prefix that have come. */
  private prefixed = 0
  private flags = 0
  private length = 0
  /** The message as far as it has come, where it did not come in one piece. */
  private room: Buffer = nothing
  private filled = 0
  private refused: FrameRefusal | null = null

  constructor(options: DeframerOptions) {
    this.options = { flags: Flag.compressed, ...options }
  }

  /**
   * The next bytes; a refusal ends it, and is given again for whatever comes later. Between two messages it stops where there is no room:
   * a few bytes may stand for megabytes.
   */
  read(bytes: Buffer, room: MessageRoom | null = null): FrameRefusal | null {
    let at = 0
    while (at < bytes.length && this.refused === null) {
      if (this.prefixed < prefixLength) at = this.readPrefix(bytes, at)
      else at = this.readMessage(bytes, at)
      if (room !== null && this.prefixed === 0 && at < bytes.length && room.isFull) {
        room.unread(bytes.subarray(at))
        break
      }
    }
    return this.refused
  }

  /** No more bytes come: a refusal where that is within a frame. */
  end(): FrameRefusal | null {
    return this.refused ?? (this.prefixed === 0 ? null : this.malformed('the body ends within a gRPC message'))
  }

  private readPrefix(bytes: Buffer, from: number): number {
    let at = from
    if (this.prefixed === 0) {
      this.flags = bytes[at++]!
      this.length = 0
      this.prefixed = 1
    }
    while (this.prefixed < prefixLength && at < bytes.length) {
      this.length = this.length * 256 + bytes[at++]!
      this.prefixed++
    }
    if (this.prefixed === prefixLength) this.begin()
    return at
  }

  private begin(): void {
    const { flags, most } = this.options
    if ((this.flags & ~flags) !== 0) this.refused = this.malformed(`a gRPC frame with the flags 0x${this.flags.toString(16)}`)
    else if (this.length > most) this.refused = this.tooLarge()
    else if (this.length === 0) this.deliver(nothing)
  }

  private readMessage(bytes: Buffer, at: number): number {
    const to = Math.min(bytes.length, at + this.length - this.filled)
    if (this.filled === 0 && to - at === this.length) {
      this.deliver(bytes.subarray(at, to))
      return to
    }
    // It grows with what comes: a length is only a promise.
    this.room = roomFor(this.room, this.filled, this.filled + to - at)
    this.filled += bytes.copy(this.room, this.filled, at, to)
    if (this.filled === this.length) this.deliver(this.room.subarray(0, this.length))
    return to
  }

  private deliver(message: Buffer): void {
    const { flags } = this
    this.prefixed = 0
    this.filled = 0
    this.room = nothing
    this.options.onMessage(message, flags)
  }

  private malformed(message: string): FrameRefusal {
    return { failure: this.options.from === 'caller' ? 'bad_request' : 'upstream_failed', message, grpc: Code.internal }
  }

  private tooLarge(): FrameRefusal {
    const failure = this.options.from === 'caller' ? 'too_large' : 'upstream_failed'
    const message = `a gRPC message of ${this.length} bytes, where ${this.options.most} are allowed`
    return { failure, message, grpc: Code.resourceExhausted }
  }
}

const nothing = Buffer.alloc(0)
