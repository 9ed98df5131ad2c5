import { COLON, CR, LF, SPACE, TAB } from '../bytes.ts'
import { putInteger } from './integer.ts'
import { Repeats } from './repeats.ts'
import { staticLines } from './static-lines.ts'
import { Manner, lower, mannerOf, staticField, staticName, writtenName } from './static-names.ts'
import { StaticName } from './static-table.ts'
import { DynamicTable } from './table.ts'

/** Bytes that a block takes at most, by the bytes of its names and values and the number of its fields. */
export function blockRoom(bytes: number, fields: number): number {
  return bytes + 12 * fields + 16
}

/** What our table holds at most, however much the peer would let it. */
const mostTable = 4096
/** A line longer than this is not looked up: it would drive out many that repeat. */
const mostIndexed = 512

const withIndexing = 0x40
const withoutIndexing = 0x00
const neverIndexed = 0x10

/**
 * Header blocks of one direction of one session (RFC 7541), written into a buffer of the caller's that has room (`blockRoom`). A line goes
 * into the table when it comes for the second time, so that what differs in each message does not drive out what repeats. Strings are not
 * Huffman-coded: a code saves a fifth of the few bytes that are not in the table, and costs both ends ten times what copying costs.
 */
export class HpackEncoder {
  /** Where the block is written, and the offset behind what has been. */
  out: Buffer = nothing
  at = 0
  private readonly table = new DynamicTable(mostTable)
  private readonly repeats = new Repeats()
  /** The smallest size that the table had to take since the last block, or -1 where nothing changed. */
  private smallest = -1

  /** What the peer's SETTINGS_HEADER_TABLE_SIZE says, as often as it says so: the next block tells of the change. */
  limitTable(size: number): void {
    const most = Math.min(size, mostTable)
    if (most === this.table.limit) return
    this.smallest = this.smallest < 0 ? most : Math.min(this.smallest, most)
    this.table.resize(most)
  }

  /** Begins a block: what is pending of the table's size is said here. */
  begin(out: Buffer, at: number): void {
    this.out = out
    this.at = at
    if (this.smallest < 0) return
    const { limit } = this.table
    if (this.smallest < limit) this.at = putInteger(out, this.at, 0x20, 5, this.smallest)
    this.at = putInteger(out, this.at, 0x20, 5, limit)
    this.smallest = -1
  }

  /** `:status`, in one byte or five. */
  status(code: number): void {
    const { out } = this
    const index = statusIndices[code]
    if (index !== undefined) {
      out[this.at++] = 0x80 | index
      return
    }
    out[this.at] = withoutIndexing | StaticName.status
    out[this.at + 1] = 3
    out[this.at + 2] = 48 + Math.floor(code / 100)
    out[this.at + 3] = 48 + (Math.floor(code / 10) % 10)
    out[this.at + 4] = 48 + (code % 10)
    this.at += 5
  }

  /** A field whose name is one of the static table's (`StaticName`). */
  named(name: number, bytes: Buffer, from: number, to: number): void {
    this.write(name, bytes, 0, 0, from, to)
  }

  /** A field by its bytes; the name is lower-cased. A secret is a literal that nobody may index; credentials are secret unasked. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  field(bytes: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, isSecret = false): void {
    const name = staticName(bytes, nameStart, nameEnd)
    if (isSecret) this.literal(neverIndexed, name, bytes, nameStart, nameEnd, valueStart, valueEnd)
    else this.write(name, bytes, nameStart, nameEnd, valueStart, valueEnd)
  }

  /** All fields of lines `name: value` CRLF between two offsets: trailers, or lines that edits add. */
  lines(bytes: Buffer, from: number, to: number): void {
    let start = from
    while (start < to) {
      const colon = bytes.indexOf(COLON, start)
      const lineFeed = bytes.indexOf(LF, colon)
      if (colon < 0 || lineFeed < 0 || lineFeed >= to) return
      let valueStart = colon + 1
      let valueEnd = bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
      while (isBlank(bytes[valueStart])) valueStart++
      while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--
      this.field(bytes, start, colon, valueStart, valueEnd)
      start = lineFeed + 1
    }
  }

  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  private write(name: number, bytes: Buffer, nameStart: number, nameEnd: number, from: number, to: number): void {
    const manner = mannerOf(name)
    if (manner === Manner.secret) return this.literal(neverIndexed, name, bytes, nameStart, nameEnd, from, to)
    const entry = staticField(name, bytes, from, to)
    if (entry !== 0) {
      this.out[this.at++] = 0x80 | entry
      return
    }
    if (manner === Manner.literal || nameEnd - nameStart + to - from > mostIndexed)
      return this.literal(withoutIndexing, name, bytes, nameStart, nameEnd, from, to)
    const index = this.repeats.find(this.table, name, bytes, nameStart, nameEnd, from, to)
    if (index > 0) this.at = putInteger(this.out, this.at, 0x80, 7, staticLines.length - 1 + index)
    else this.literal(index < 0 ? withIndexing : withoutIndexing, name, bytes, nameStart, nameEnd, from, to)
  }

  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  private literal(form: number, name: number, bytes: Buffer, nameStart: number, nameEnd: number, from: number, to: number): void {
    const { out } = this
    const index = writtenName(name)
    this.at = putInteger(out, this.at, form, form === withIndexing ? 6 : 4, index)
    if (index === 0) {
      this.at = putInteger(out, this.at, 0, 7, nameEnd - nameStart)
      for (let i = nameStart; i < nameEnd; i++) out[this.at++] = lower[bytes[i]!]!
    }
    this.at = putInteger(out, this.at, 0, 7, to - from)
    if (to - from > copyFrom) this.at += bytes.copy(out, this.at, from, to)
    else for (let i = from; i < to; i++) out[this.at++] = bytes[i]!
  }
}

const nothing: Buffer = Buffer.alloc(0)
/** From this length on the native copy is quicker than a loop. */
const copyFrom = 40
/** An index a status, for those of the static table. */
const statusIndices: Record<number, number> = { 200: 8, 204: 9, 206: 10, 304: 11, 400: 12, 404: 13, 500: 14 }

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
