import { roomFor } from '../../protocol/room.ts'

/** A header block that comes in pieces (HEADERS and CONTINUATION), joined within bounds. */
export class FieldBlock {
  /** Of the frame that it began with; 0: none has begun. */
  stream = 0
  isEnd = false
  bytes: Buffer = none
  length = 0
  private pieces = 0
  private readonly most: number

  /** `most` is what the pieces may take together, in bytes. */
  constructor(most: number) {
    this.most = most
  }

  /** The first piece of a block; false: it is too long. */
  begin(stream: number, isEnd: boolean, piece: Buffer): boolean {
    this.stream = stream
    this.isEnd = isEnd
    this.length = this.pieces = 0
    return this.append(piece)
  }

  /** Another piece of it; false: it is too long, or in too many pieces. */
  append(piece: Buffer): boolean {
    const length = this.length + piece.length
    if (length > this.most || ++this.pieces > mostPieces) return false
    this.bytes = roomFor(this.bytes, this.length, length)
    piece.copy(this.bytes, this.length)
    this.length = length
    return true
  }

  /** It has been read. */
  over(): void {
    this.stream = this.length = 0
    this.bytes = none
  }
}

const none = Buffer.alloc(0)
/** Far more than a block in frames of any size would need; pieces of no bytes would never end otherwise. */
const mostPieces = 64
