import { COLON, CR, SPACE, TAB } from '../bytes.ts'
import { putInteger } from './integer.ts'
import { Repeats, longestLine } from './repeats.ts'
import { staticLines } from './static-lines.ts'
import { Manner, lower, mannerOf, names, staticField, staticName, writtenName } from './static-names.ts'
import { StaticName } from './static-table.ts'
import { DynamicTable } from './table.ts'

/** Bytes that a block takes at most, by the bytes of its names and values and the number of its fields. */
export function blockRoom(bytes: number, fields: number): number {
  return bytes + 12 * fields + 16
}

/** What our table holds at most, however much the peer would let it. */
const mostTable = 4096

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
  private readonly repeats = new Repeats(this.table)
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
    const text = names[name]!
    const entry = staticField(name, bytes, from, to)
    if (entry !== 0) this.out[this.at++] = 0x80 | entry
    else if (!this.repeated(text, 0, text.length, bytes, from, to)) this.write(name, text, 0, text.length, bytes, from, to)
  }

  /** A field by its bytes; the name is lower-cased. A secret is a literal that nobody may index; credentials are secret unasked. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  field(bytes: Buffer, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, isSecret = false): void {
    if (isSecret) {
      const name = staticName(bytes, nameStart, nameEnd)
      this.literal(neverIndexed, name, bytes, nameStart, nameEnd, bytes, valueStart, valueEnd)
    } else if (!this.repeated(bytes, nameStart, nameEnd, bytes, valueStart, valueEnd)) {
      const name = staticName(bytes, nameStart, nameEnd)
      this.write(name, bytes, nameStart, nameEnd, bytes, valueStart, valueEnd)
    }
  }

  /** All fields of lines `name: value` CRLF between two offsets: trailers, or lines that edits add. */
  lines(bytes: Buffer, from: number, to: number): void {
    let start = from
    while (start < to) {
      // Loops: a line is short, and a search costs a call out of JavaScript.
      let colon = start
      while (colon < to && bytes[colon] !== COLON) colon++
      let valueStart = colon + 1
      while (isBlank(bytes[valueStart])) valueStart++
      let lineEnd = valueStart
      while (lineEnd < to && bytes[lineEnd] !== CR) lineEnd++
      let valueEnd = lineEnd
      while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--
      this.field(bytes, start, colon, valueStart, valueEnd)
      start = lineEnd + 2
    }
  }

  /** Writes a line that the table has, before anything else is found out about it: most lines of a session are there. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  private repeated(name: Uint8Array, nameStart: number, nameEnd: number, bytes: Buffer, from: number, to: number): boolean {
    const index = this.repeats.find(name, nameStart, nameEnd, bytes, from, to)
    if (index === 0) return false
    this.at = putInteger(this.out, this.at, 0x80, 7, staticLines.length - 1 + index)
    return true
  }

  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  private write(index: number, name: Uint8Array, nameStart: number, nameEnd: number, bytes: Buffer, from: number, to: number): void {
    const manner = mannerOf(index)
    const entry = manner === Manner.secret ? 0 : staticField(index, bytes, from, to)
    if (entry !== 0) {
      this.out[this.at++] = 0x80 | entry
      return
    }
    let form = manner === Manner.secret ? neverIndexed : withoutIndexing
    if (manner === Manner.mayRepeat && nameEnd - nameStart + to - from <= longestLine)
      if (this.repeats.enter(name, nameStart, nameEnd, bytes, from, to)) form = withIndexing
    this.literal(form, index, name, nameStart, nameEnd, bytes, from, to)
  }

  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  private literal(
    form: number,
    index: number,
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    const { out } = this
    const written = writtenName(index)
    this.at = putInteger(out, this.at, form, form === withIndexing ? 6 : 4, written)
    if (written === 0) {
      this.at = putInteger(out, this.at, 0, 7, nameEnd - nameStart)
      for (let i = nameStart; i < nameEnd; i++) out[this.at++] = lower[name[i]!]!
    }
    const at = putInteger(out, this.at, 0, 7, to - from)
    if (to - from > copyFrom) bytes.copy(out, at, from, to)
    else for (let i = from, o = at; i < to; i++, o++) out[o] = bytes[i]!
    this.at = at + to - from
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
