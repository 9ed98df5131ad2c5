import { roomFor } from '../room.ts'

/** What is known of a field, a bit each; the decoder looks at every byte of a name and a value once, when it enters the table or the list. */
export const FieldFlag = {
  /** The sender said that nobody may ever index it (RFC 7541 §6.2.3): it goes on as such. */
  neverIndexed: 1,
  /** The name has an upper-case letter. */
  upperCase: 2,
  /** The name is empty or has a byte that no name has; one colon in front is a pseudo-header field's, and right here. */
  badName: 4,
  /** The value has CR, LF, NUL or another control byte, or a space or tab at an end. */
  badValue: 8,
  /** The name begins with a colon. */
  pseudo: 16,
} as const

/** Fields with one of these bits make a message malformed (RFC 9113 §8.2.1). */
export const malformedField = FieldFlag.upperCase | FieldFlag.badName | FieldFlag.badValue

/** Integers a field takes in the index: start and end of the name, start and end of the value, flags. */
const stride = 5

/**
 * A decoded field section: consecutive lines `name: value` CRLF in one buffer, and their offsets. It is filled again and again; the
 * next `clear` makes its bytes void. A line begins at its name and ends two bytes behind its value.
 */
export class FieldLines {
  bytes: Buffer = Buffer.allocUnsafeSlow(2048)
  /** Bytes that the lines take. */
  length = 0
  count = 0
  /** Flags of all fields together. */
  flags = 0
  /** The list was larger than agreed, or had more fields: what stands here is its beginning. */
  isTooLarge = false
  private index = new Int32Array(stride * 32)

  clear(): void {
    this.length = this.count = this.flags = 0
    this.isTooLarge = false
    if (this.bytes.length > keepAtMost) this.bytes = Buffer.allocUnsafeSlow(2048)
  }

  nameStart(k: number): number {
    return this.index[k * stride]!
  }

  nameEnd(k: number): number {
    return this.index[k * stride + 1]!
  }

  valueStart(k: number): number {
    return this.index[k * stride + 2]!
  }

  valueEnd(k: number): number {
    return this.index[k * stride + 3]!
  }

  flagsOf(k: number): number {
    return this.index[k * stride + 4]!
  }

  /** Makes room for so many bytes behind `at`; what stands before it stays. */
  reserve(at: number, needed: number): void {
    if (at + needed > this.bytes.length) this.bytes = roomFor(this.bytes, at, at + needed)
  }

  /** Counts in the line that was written behind the last one: the lengths of its name and value. */
  add(nameLength: number, valueLength: number, flags: number): void {
    const o = this.count * stride
    if (o === this.index.length) this.grow()
    const { index, length } = this
    const valueStart = length + nameLength + 2
    index[o] = length
    index[o + 1] = length + nameLength
    index[o + 2] = valueStart
    index[o + 3] = valueStart + valueLength
    index[o + 4] = flags
    this.length = valueStart + valueLength + 2
    this.flags |= flags
    this.count++
  }

  private grow(): void {
    const wider = new Int32Array(2 * this.index.length)
    wider.set(this.index)
    this.index = wider
  }
}

const keepAtMost = 65_536
