import { COLON, CR, LF, SPACE } from '../bytes.ts'
import { isAt, lower, names, writtenName } from './static-names.ts'
import type { DynamicTable } from './table.ts'

/** Lines that are remembered as having come once, and places of entries by hash: powers of two. */
const slots = 128

/**
 * Finds what of an encoder's lines repeats. Both tables are by hash without chains: of two lines that meet in a slot the later is known,
 * and the earlier is written in full and entered once more, which costs bytes, never rightness.
 */
export class Repeats {
  /** Hashes of lines that came once; behind them the serials of entries. Made with the first line, for the sessions that say nothing. */
  private known = none

  /** The index of this line's entry; -1 where it came before and has just been entered, which the peer has to be told; else 0. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  find(table: DynamicTable, name: number, bytes: Uint8Array, nameStart: number, nameEnd: number, from: number, to: number): number {
    if (table.limit === 0) return 0
    if (this.known === none) this.known = new Int32Array(2 * slots)
    const { known } = this
    const hash = hashOf(name, bytes, nameStart, nameEnd, from, to)
    const slot = (hash ^ (hash >>> 15)) & (slots - 1)
    const index = ((table.serial - known[slots + slot]!) | 0) + 1
    const fixed = writtenName(name)
    const nameLength = fixed === 0 ? nameEnd - nameStart : names[fixed]!.length
    if (index > 0 && index <= table.count && table.mark(index) === hash && table.nameLength(index) === nameLength) {
      const line = table.line(index)
      const isName = fixed === 0 ? isNameAt(line, bytes, nameStart, nameEnd) : isAt(line, 0, names[fixed]!, 0, nameLength)
      if (isName && line.length === nameLength + to - from + 4 && isAt(line, nameLength + 2, bytes, from, to)) return index
    }
    if (known[slot] !== hash) {
      known[slot] = hash
      return 0
    }
    const end = writeLine(fixed, bytes, nameStart, nameEnd, from, to)
    if (!table.fits(end)) return 0
    table.add(scratch, 0, end, nameLength, hash)
    known[slots + slot] = table.serial
    return -1
  }
}

const none = new Int32Array(0)
/** Of the longest line that is looked up. */
const scratch = new Uint8Array(1024)

/** Lengths, the name's ends, and the first and last bytes of the value: enough to tell lines apart in nearly all cases. */
// oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
function hashOf(name: number, bytes: Uint8Array, nameStart: number, nameEnd: number, from: number, to: number): number {
  let hash = ((to - from) << 8) ^ name
  if (name === 0) hash = mixed(hash, bytes, nameStart, nameEnd)
  return mixed(hash, bytes, from, to)
}

function mixed(start: number, bytes: Uint8Array, from: number, to: number): number {
  let hash = Math.imul(start ^ (to - from), 0x01000193)
  const head = Math.min(to, from + 4)
  for (let i = from; i < head; i++) hash = Math.imul(hash ^ lower[bytes[i]!]!, 0x01000193)
  for (let i = Math.max(head, to - 8); i < to; i++) hash = Math.imul(hash ^ lower[bytes[i]!]!, 0x01000193)
  return hash
}

function isNameAt(line: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from, k = 0; i < to; i++, k++) if (line[k] !== lower[bytes[i]!]) return false
  return true
}

/** Makes the line that the table is to hold; its end. */
// oxlint-disable-next-line max-params -- two pairs of offsets
function writeLine(fixed: number, bytes: Uint8Array, nameStart: number, nameEnd: number, from: number, to: number): number {
  let o = 0
  if (fixed === 0) for (let i = nameStart; i < nameEnd; i++) scratch[o++] = lower[bytes[i]!]!
  else for (const byte of names[fixed]!) scratch[o++] = byte
  scratch[o++] = COLON
  scratch[o++] = SPACE
  for (let i = from; i < to; i++) scratch[o++] = bytes[i]!
  scratch[o++] = CR
  scratch[o++] = LF
  return o
}
