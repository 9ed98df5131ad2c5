import { COLON, CR, LF, SPACE } from '../bytes.ts'
import { FieldFlag, type FieldLines } from './field-lines.ts'
import { nameFlags, valueFlags } from './field-flags.ts'
import { decodedRoom, huffmanDecode } from './huffman.ts'
import { staticLines, staticNameLengths } from './static-lines.ts'
import { DynamicTable } from './table.ts'

/** What a decoder holds its peer to. */
export interface HpackDecoderOptions {
  /** What our SETTINGS_HEADER_TABLE_SIZE says. */
  readonly tableSize?: number
  /** What our SETTINGS_MAX_HEADER_LIST_SIZE says: bytes of names and values, and 32 a field. */
  readonly listSize: number
  /** Fields of one section. */
  readonly fields: number
}

/** Bytes that an integer may take behind its first: no length or index of a block is near 2^28. */
const mostContinuations = 4

/**
 * Header blocks of one direction of one session, in their order, as lines (RFC 7541). A list that is larger than agreed is decoded to
 * its end all the same, since the table has to stay the peer's own, but its fields are no longer kept.
 */
export class HpackDecoder {
  private readonly table: DynamicTable
  private readonly tableSize: number
  private readonly listSize: number
  private readonly fields: number
  // Of the block at hand.
  private block: Uint8Array = nothing
  private at = 0
  private end = 0
  private size = 0
  private problem: string | null = null

  constructor({ tableSize = 4096, listSize, fields }: HpackDecoderOptions) {
    this.table = new DynamicTable(tableSize)
    this.tableSize = tableSize
    this.listSize = listSize
    this.fields = fields
  }

  /** Decodes a whole block into lines, which are cleared first: null, or what is a COMPRESSION_ERROR and ends the session. */
  decode(block: Uint8Array, from: number, to: number, lines: FieldLines): string | null {
    lines.clear()
    this.block = block
    this.at = from
    this.end = to
    this.size = 0
    this.problem = null
    while (this.at < to && this.problem === null) this.representation(lines, block[this.at]!)
    this.block = nothing
    return this.problem
  }

  private representation(lines: FieldLines, first: number): void {
    if (first >= 0x80) this.indexed(lines, this.integer(0x7f))
    else if (first >= 0x40) this.literal(lines, this.integer(0x3f), 0, true)
    else if (first >= 0x20) this.resize(lines, this.integer(0x1f))
    else this.literal(lines, this.integer(0x0f), first >= 0x10 ? FieldFlag.neverIndexed : 0, false)
  }

  private indexed(lines: FieldLines, index: number): void {
    if (this.problem !== null) return
    const { table } = this
    if (index > 0 && index < staticLines.length) this.keep(lines, staticLines[index]!, staticNameLengths[index]!, staticFlags[index]!)
    else {
      const i = index - staticLines.length + 1
      if (i < 1 || i > table.count) this.fail('index of no table entry')
      else this.keep(lines, table.line(i), table.nameLength(i), table.mark(i))
    }
  }

  private keep(lines: FieldLines, line: Uint8Array, nameLength: number, flags: number): void {
    if (!this.admits(lines, line.length)) return
    lines.reserve(lines.length, line.length)
    lines.bytes.set(line, lines.length)
    lines.add(nameLength, line.length - nameLength - 4, flags)
  }

  // The line is written behind the last one whether it will be kept or not: the table may need it.
  private literal(lines: FieldLines, index: number, given: number, isIndexed: boolean): void {
    const start = lines.length
    const nameEnd = index === 0 ? this.string(lines, start) : this.nameOf(lines, index)
    if (this.problem !== null) return
    lines.bytes[nameEnd] = COLON
    lines.bytes[nameEnd + 1] = SPACE
    const valueEnd = this.string(lines, nameEnd + 2)
    if (this.problem !== null) return
    const { bytes } = lines
    bytes[valueEnd] = CR
    bytes[valueEnd + 1] = LF
    const flags = given | nameFlags(bytes, start, nameEnd) | valueFlags(bytes, nameEnd + 2, valueEnd)
    const length = valueEnd + 2 - start
    if (isIndexed) this.table.add(bytes, start, start + length, nameEnd - start, flags)
    if (this.admits(lines, length)) lines.add(nameEnd - start, valueEnd - nameEnd - 2, flags)
  }

  /** Copies the name of an entry to the place of the next line; the offset behind it. */
  private nameOf(lines: FieldLines, index: number): number {
    const i = index - staticLines.length + 1
    if (i > this.table.count) return this.fail('index of no table entry')
    const line = i < 1 ? staticLines[index]! : this.table.line(i)
    const length = i < 1 ? staticNameLengths[index]! : this.table.nameLength(i)
    lines.reserve(lines.length, length + 2)
    const { bytes, length: at } = lines
    for (let k = 0; k < length; k++) bytes[at + k] = line[k]!
    return at + length
  }

  /** Reads a string literal to a place behind the last line, with room for two bytes more; the offset behind it. */
  private string(lines: FieldLines, at: number): number {
    if (this.problem !== null) return -1
    if (this.at === this.end) return this.fail('block ends within a field')
    const isCoded = this.block[this.at]! >= 0x80
    const length = this.integer(0x7f)
    if (this.problem !== null) return -1
    const from = this.at
    const to = from + length
    if (to > this.end) return this.fail('string literal longer than its block')
    this.at = to
    lines.reserve(at, (isCoded ? decodedRoom(length) : length) + 2)
    const { bytes } = lines
    if (isCoded) {
      const end = huffmanDecode(this.block, from, to, bytes, at)
      return end < 0 ? this.fail('malformed Huffman string') : end
    }
    if (length > copyFrom) bytes.set(this.block.subarray(from, to), at)
    else for (let k = 0; k < length; k++) bytes[at + k] = this.block[from + k]!
    return at + length
  }

  /** Whether the list has room for one more line; its two separators do not count, its 32 bytes do. */
  private admits(lines: FieldLines, lineLength: number): boolean {
    this.size += lineLength + 28
    if (this.size > this.listSize || lines.count === this.fields) lines.isTooLarge = true
    return !lines.isTooLarge
  }

  private resize(lines: FieldLines, size: number): void {
    if (this.problem !== null) return
    if (lines.count > 0 || this.size > 0) this.fail('table size update behind a field')
    else if (size > this.tableSize) this.fail('table size update above what was agreed')
    else this.table.resize(size)
  }

  /** The integer at hand, whose first byte gives it the bits of `mask`. */
  private integer(mask: number): number {
    const { block, end } = this
    let value = block[this.at++]! & mask
    if (value < mask) return value
    for (let shift = 0; shift <= 7 * (mostContinuations - 1); shift += 7) {
      if (this.at === end) return this.fail('block ends within an integer')
      const byte = block[this.at++]!
      value += (byte & 127) << shift
      if (byte < 128) return value
    }
    return this.fail('integer too large')
  }

  private fail(problem: string): -1 {
    this.problem ??= problem
    return -1
  }
}

/** From this length on the native copy is quicker than a loop. */
const copyFrom = 40
const nothing = new Uint8Array(0)
const staticFlags = Uint8Array.from(staticLines, (line, index) => nameFlags(line, 0, staticNameLengths[index]!))
