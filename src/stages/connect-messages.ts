import { RelayError } from '../base/errors.ts'
import type { Converter, Out, Room } from '../engine/convert.ts'
import { Code } from '../protocol/grpc/code.ts'
import { Deframer, Flag, frameError, framed } from '../protocol/grpc/frames.ts'
import { inflateMessage } from '../protocol/grpc/inflate.ts'

/** How the messages of a stream are read. */
export interface MessagesOptions {
  /** Bytes of a message at most, decoded. */
  readonly most: number
  readonly from: 'caller' | 'upstream'
  /** What those are compressed with that say that they are. */
  readonly encoding: string
  /** What becomes of each. */
  readonly map: (message: Buffer) => Buffer
}

/** Puts another message in the place of each one of a stream of frames. */
export class MappedMessages implements Converter {
  /** Only whole ones go out. */
  readonly isBetween = true
  private readonly deframer: Deframer
  private out: Out | null = null

  constructor(options: MessagesOptions) {
    const { most, from, map } = options
    const onMessage = (message: Buffer, flags: number): void => {
      const plain = (flags & Flag.compressed) === 0 ? message : inflated(message, options)
      this.out?.push(framed(map(plain)), true)
    }
    this.deframer = new Deframer({ most, from, onMessage })
  }

  /** Throws what is wrong with the frames, or with a message. */
  read(bytes: Buffer, out: Room): void {
    this.out = out
    const refused = this.deframer.read(bytes, out)
    if (refused !== null) throw frameError(refused)
  }

  end(trailers: Buffer): Buffer {
    const refused = this.deframer.end()
    if (refused !== null) throw frameError(refused)
    return trailers
  }
}

/** A compressed message without its compression: one that says that it is, of a sender that compresses nothing, is broken. */
export function inflated(message: Buffer, { encoding, most, from }: Omit<MessagesOptions, 'map'>): Buffer {
  const read = encoding === 'identity' ? { is: 'broken' as const } : inflateMessage(message, encoding, most)
  const isCallers = from === 'caller'
  switch (read.is) {
    case 'inflated':
      return read.bytes
    case 'unknown':
      throw new RelayError(isCallers ? 'unsupported_type' : 'upstream_failed', `messages compressed with ${encoding} cannot be read`, {
        grpc: isCallers ? Code.unimplemented : Code.internal,
      })
    case 'broken':
      throw new RelayError(isCallers ? 'bad_request' : 'upstream_failed', `a message is not the ${encoding} that it should be`, {
        grpc: Code.internal,
      })
    case 'too_large':
      throw new RelayError(isCallers ? 'too_large' : 'upstream_failed', `a message has more than ${most} bytes when it is decoded`, {
        grpc: Code.resourceExhausted,
      })
  }
}
