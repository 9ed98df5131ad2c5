import { UNDERSCORE, equalsFolded, isFieldName, isFieldValue, put } from './bytes.ts'
import { Head } from './head.ts'
import { hopByHop, nameAt } from './names.ts'

/** A field name ready for comparison: lower case, `_` as `-`, and its number where relay knows it. */
export interface FieldName {
  readonly text: string
  readonly folded: Buffer
  readonly id: number
}

/** Makes a name for edits; a text that cannot be a field name throws. */
export function fieldName(text: string): FieldName {
  if (!isFieldName(text)) throw new TypeError(`${JSON.stringify(text)} is not a header field name`)
  const folded = Buffer.from(text.toLowerCase().replaceAll('_', '-'), 'latin1')
  return { text, folded, id: nameAt(folded, 0, folded.length) }
}

/** A whole field line as bytes; a value with CR, LF, NUL or another control byte throws, so none can ever get into a head. */
export function fieldLine(name: FieldName, value: string): Buffer {
  if (!isFieldValue(value)) throw new TypeError(`the value for ${name.text} has a byte that a header field cannot carry`)
  return Buffer.from(`${name.text}: ${value}\r\n`, 'latin1')
}

/**
 * Changes to a head, applied in one pass when it is written: which fields to leave out, which lines to add. Nothing is copied or
 * made into strings before that. A name that is set or added also drops its underscored twins.
 */
export class Edits {
  /** A bit a known name that is left out. */
  mask = hopByHop
  private names: FieldName[] = none
  private twins: FieldName[] = none
  private prefixes: Buffer[] = noLines
  private lines: Buffer[] = noLines
  /** Bytes that the added lines take. */
  room = 0

  remove(name: FieldName): void {
    if (name.id !== 0) this.mask |= 1 << name.id
    else if (this.names === none) this.names = [name]
    else this.names.push(name)
  }

  /** Leaves out a field, one that was added before as well. */
  clear(name: FieldName): void {
    this.remove(name)
    if (this.lines !== noLines) this.dropLines(name)
  }

  set(name: FieldName, value: string): void {
    this.setLine(name, fieldLine(name, value))
  }

  /** `set` with a line made before. */
  setLine(name: FieldName, line: Buffer): void {
    this.clear(name)
    this.line(line)
  }

  add(name: FieldName, value: string): void {
    this.dropTwins(name)
    this.line(fieldLine(name, value))
  }

  /** Drops the fields that differ from the name by an underscore, and no others. */
  dropTwins(name: FieldName): void {
    if (name.id !== 0) return
    if (this.twins === none) this.twins = [name]
    else this.twins.push(name)
  }

  /** Leaves out every field whose name begins so (lower case). */
  removePrefix(prefix: Buffer): void {
    if (this.prefixes === noLines) this.prefixes = [prefix]
    else this.prefixes.push(prefix)
  }

  /** Leaves out known names by their bits. */
  drop(mask: number): void {
    this.mask |= mask
  }

  /** Adds lines made by `fieldLine`: one, or several joined. */
  line(bytes: Buffer): void {
    if (this.lines === noLines) this.lines = [bytes]
    else this.lines.push(bytes)
    this.room += bytes.length
  }

  /** The added lines, for who writes them in another form. */
  get added(): readonly Buffer[] {
    return this.lines
  }

  /** Of two that set one name the later wins. */
  private dropLines(name: FieldName): void {
    const kept = this.lines.filter((line) => !equalsFolded(line, 0, line.indexOf(58), name.folded))
    this.lines = kept
    this.room = kept.reduce((sum, line) => sum + line.length, 0)
  }

  /** Whether field `k` of a head is left out. */
  leavesOut(head: Head, k: number): boolean {
    const id = head.idOf(k)
    if (id !== 0) return (this.mask & (1 << id)) !== 0
    for (let i = 0; i < this.prefixes.length; i++) if (startsWith(this.prefixes[i]!, head, k)) return true
    return (
      (this.names !== none && isAmong(this.names, head, k)) ||
      (this.twins !== none && isAmong(this.twins, head, k) && hasUnderscore(head, k))
    )
  }

  /** Writes the head's kept fields, in runs as long as they come, then the added lines; the offset behind them. */
  write(head: Head | null, out: Buffer, at: number): number {
    let o = head === null ? at : this.writeKept(head, out, at)
    const { lines } = this
    for (let k = 0; k < lines.length; k++) o = put(out, o, lines[k]!)
    return o
  }

  /** What these edits leave of a trailer section (lines with CRLF that have been read before): nothing is added to one. */
  filter(trailers: Buffer): Buffer {
    if (trailers.length === 0 || trailerHead.parse(trailers, 0, trailers.length, Infinity) !== null) return trailers
    const kept = Buffer.allocUnsafe(trailers.length)
    return kept.subarray(0, this.writeKept(trailerHead, kept, 0))
  }

  private writeKept(head: Head, out: Buffer, at: number): number {
    const { bytes, count } = head
    let o = at
    let from = head.start
    for (let k = 0; k < count; k++) {
      if (!this.leavesOut(head, k)) continue
      const start = head.lineStart(k)
      if (start > from) o += bytes.copy(out, o, from, start)
      from = head.lineEnd(k)
    }
    return head.end > from ? o + bytes.copy(out, o, from, head.end) : o
  }
}

const trailerHead = new Head()
const none: FieldName[] = []
const noLines: Buffer[] = []

function isAmong(names: readonly FieldName[], head: Head, k: number): boolean {
  const from = head.lineStart(k)
  const to = head.nameEnd(k)
  for (let i = 0; i < names.length; i++) {
    const { folded } = names[i]!
    if (folded.length === to - from && equalsFolded(head.bytes, from, to, folded)) return true
  }
  return false
}

function startsWith(prefix: Buffer, head: Head, k: number): boolean {
  const from = head.lineStart(k)
  return head.nameEnd(k) - from > prefix.length && equalsFolded(head.bytes, from, from + prefix.length, prefix)
}

function hasUnderscore(head: Head, k: number): boolean {
  return head.bytes.subarray(head.lineStart(k), head.nameEnd(k)).includes(UNDERSCORE)
}
