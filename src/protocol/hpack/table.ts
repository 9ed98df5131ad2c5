/** What an entry adds to its name and value in the table's size (RFC 7541 §4.1), less the four bytes that a line adds to them. */
const overhead = 32 - 4

/**
 * The dynamic table of one direction (RFC 7541 §2.3.2): a ring of lines `name: value` CRLF, newest first. A line is one array of its
 * own, since a whole array is set into a buffer in half the time that a piece of one is copied.
 */
export class DynamicTable {
  /** Entries there are, and entries there ever were: the newest has this serial. */
  count = 0
  serial = 0
  private size = 0
  private most: number
  private lines: (Uint8Array | undefined)[] = []
  /** Two integers an entry: the length of its name, and what its user wants to remember of it. */
  private facts = none

  constructor(most: number) {
    this.most = most
  }

  /** Bytes of names and values, and 32 an entry. */
  get bytes(): number {
    return this.size
  }

  get limit(): number {
    return this.most
  }

  /** Sets what it may hold; what no longer fits is dropped. */
  resize(most: number): void {
    this.most = most
    this.dropTo(most)
  }

  /** The line at an index from 1 (the newest) to `count`. */
  line(index: number): Uint8Array {
    return this.lines[(this.serial - index) & (this.lines.length - 1)]!
  }

  nameLength(index: number): number {
    return this.facts[2 * ((this.serial - index) & (this.lines.length - 1))]!
  }

  mark(index: number): number {
    return this.facts[2 * ((this.serial - index) & (this.lines.length - 1)) + 1]!
  }

  /** Whether an entry of this line's length can be in it at all. */
  fits(lineLength: number): boolean {
    return lineLength + overhead <= this.most
  }

  /** Adds the line between two offsets. One that is too large empties the table and is no error (§4.4). */
  // oxlint-disable-next-line max-params -- an entry's line, name and mark, on the path of the fields that are indexed
  add(bytes: Uint8Array, from: number, to: number, nameLength: number, mark: number): void {
    const size = to - from + overhead
    this.dropTo(this.most - size)
    if (size > this.most) return
    if (this.count === this.lines.length) this.grow()
    const slot = this.serial & (this.lines.length - 1)
    // Not `slice`: a Buffer's own is a view.
    const line = new Uint8Array(to - from)
    for (let i = from, k = 0; i < to; i++, k++) line[k] = bytes[i]!
    this.lines[slot] = line
    this.facts[2 * slot] = nameLength
    this.facts[2 * slot + 1] = mark
    this.serial++
    this.count++
    this.size += size
  }

  private dropTo(most: number): void {
    while (this.count > 0 && this.size > most) {
      const slot = (this.serial - this.count) & (this.lines.length - 1)
      this.size -= this.lines[slot]!.length + overhead
      this.lines[slot] = undefined
      this.count--
    }
  }

  private grow(): void {
    const length = Math.max(8, 2 * this.lines.length)
    const lines = Array.from<Uint8Array | undefined>({ length })
    const facts = new Int32Array(2 * length)
    for (let index = 1; index <= this.count; index++) {
      const slot = (this.serial - index) & (length - 1)
      lines[slot] = this.line(index)
      facts[2 * slot] = this.nameLength(index)
      facts[2 * slot + 1] = this.mark(index)
    }
    this.lines = lines
    this.facts = facts
  }
}

const none = new Int32Array(0)
