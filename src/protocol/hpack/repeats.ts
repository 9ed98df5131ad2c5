import { COLON, CR, LF, SPACE } from '../bytes.ts'
import { isAt, lower } from './static-names.ts'
import type { DynamicTable } from './table.ts'

/** Lines that are remembered as having come once, and places of entries by hash: powers of two. */
const slots = 128

/**
 * Finds what of an encoder's lines repeats. Both tables are by hash without chains: of two lines that meet in a slot the later is known,
 * and the earlier is written in full and entered once more, which costs bytes, never rightness.
 */
export class Repeats {
  private readonly table: DynamicTable
  /** Hashes of lines that came once; behind them the serials of entries. Made with the first line, for the sessions that say nothing. */
  private known = none
  /** Of the line that was looked for last. */
  private hash = 0

  constructor(table: DynamicTable) {
    this.table = table
  }

  /** The index in the dynamic table of the line of this name and value, or 0. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  find(name: Uint8Array, nameStart: number, nameEnd: number, bytes: Uint8Array, from: number, to: number): number {
    const { table } = this
    const hash = hashOf(name, nameStart, nameEnd, bytes, from, to)
    this.hash = hash
    if (table.count === 0) return 0
    const index = ((table.serial - this.known[slots + slotOf(hash)]!) | 0) + 1
    if (index <= 0 || index > table.count || table.mark(index) !== hash) return 0
    const line = table.line(index)
    const valueAt = nameEnd - nameStart + 2
    if (table.nameLength(index) !== valueAt - 2 || line.length !== valueAt + to - from + 2) return 0
    for (let i = nameStart, k = 0; i < nameEnd; i++, k++) if (line[k] !== lower[name[i]!]) return 0
    return isAt(line, valueAt, bytes, from, to) ? index : 0
  }

  /** Whether the line that was just looked for came before: then it has been entered, and the peer has to be told. */
  // oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
  enter(name: Uint8Array, nameStart: number, nameEnd: number, bytes: Uint8Array, from: number, to: number): boolean {
    const { table, hash } = this
    if (table.limit === 0) return false
    if (this.known === none) this.known = new Int32Array(2 * slots)
    const { known } = this
    const slot = slotOf(hash)
    if (known[slot] !== hash) {
      known[slot] = hash
      return false
    }
    const end = writeLine(name, nameStart, nameEnd, bytes, from, to)
    if (!table.fits(end)) return false
    table.add(scratch, 0, end, nameEnd - nameStart, hash)
    known[slots + slot] = table.serial
    return true
  }
}

/** Bytes of the longest line that may be entered: one that is longer would drive out many that repeat. */
export const longestLine = 512

const none = new Int32Array(0)
const scratch = new Uint8Array(longestLine + 4)

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (slots - 1)
}

/** Lengths, and some bytes from all over the line: enough to tell lines apart in nearly all cases, at a price that no length raises. */
// oxlint-disable-next-line max-params -- two pairs of offsets, on the path of every field
function hashOf(name: Uint8Array, nameStart: number, nameEnd: number, bytes: Uint8Array, from: number, to: number): number {
  const nameLength = nameEnd - nameStart
  const length = to - from
  let hash = (length << 8) ^ nameLength
  hash = Math.imul(hash ^ (lower[name[nameStart]!]! << 8) ^ lower[name[nameEnd - 1]!]!, prime)
  hash = Math.imul(hash ^ lower[name[nameStart + (nameLength >> 1)]!]!, prime)
  if (length === 0) return hash
  hash = Math.imul(hash ^ (bytes[from]! << 8) ^ bytes[to - 1]!, prime)
  hash = Math.imul(hash ^ (bytes[from + (length >> 1)]! << 8) ^ bytes[from + (length >> 2)]!, prime)
  hash = Math.imul(hash ^ (bytes[to - 1 - (length >> 2)]! << 8) ^ bytes[length > 1 ? to - 2 : from]!, prime)
  return hash
}

const prime = 0x01000193

/** Makes the line that the table is to hold; its end. */
// oxlint-disable-next-line max-params -- two pairs of offsets
function writeLine(name: Uint8Array, nameStart: number, nameEnd: number, bytes: Uint8Array, from: number, to: number): number {
  let o = 0
  for (let i = nameStart; i < nameEnd; i++) scratch[o++] = lower[name[i]!]!
  scratch[o++] = COLON
  scratch[o++] = SPACE
  for (let i = from; i < to; i++) scratch[o++] = bytes[i]!
  scratch[o++] = CR
  scratch[o++] = LF
  return o
}
