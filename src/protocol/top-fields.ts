import { latin1 } from './bytes.ts'
import {
  backslash,
  closeBrace,
  colon,
  comma,
  isOpen,
  isOther,
  isQuote,
  isWordByte,
  kinds,
  nextQuote,
  openBrace,
  plainEnd,
  quote,
  skipBlanks,
} from './json-bytes.ts'
import { maxKept, none, otherCase, type TopNames } from './top-names.ts'

/**
 * Finds a few fields at the top level of a JSON object, in bytes that may be cut anywhere, and says whether one of them stands there
 * twice: two parsers may then read two different texts. The top level is held to JSON's grammar; what is nested is followed by strings
 * and brackets only, long strings natively, so that a body of megabytes costs about what copying it costs. (`JsonFields` reads objects.)
 */
export class TopFields {
  /** A field that stands there twice, however its name is written; null: none so far. */
  doubled: string | null = null
  /** A bit a name whose value has been read to its end. */
  found = 0
  private readonly names: TopNames
  private readonly values: (string | null)[] = []
  private place: number = before
  private depth = 0
  private seen = 0
  private field = none
  /** The last byte of the chunk before was a backslash that counts. */
  private isEscaped = false
  /** What earlier chunks held of the key or value that is being read, latin-1; null where it is too long to be any of ours. */
  private kept: string | null = ''

  constructor(names: TopNames) {
    this.names = names
  }

  /** Begins another text. */
  reset(): void {
    this.doubled = null
    this.found = this.depth = this.seen = 0
    this.values.length = 0
    this.place = before
    this.field = none
    this.isEscaped = false
    this.kept = ''
  }

  /** Whether a whole object has been read, and nothing but white space behind it. */
  get isComplete(): boolean {
    return this.place === after
  }

  /** Nothing more is to be learnt: it is no JSON object, or a field is doubled. */
  get isOver(): boolean {
    return this.place === broken
  }

  /** The value of a field as it is written (a text with its quotes), one byte a character; null where it did not come, is nested, or too long. */
  raw(index: number): string | null {
    return this.values[index] ?? null
  }

  read(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      switch (this.place) {
        case inNested:
          at = this.readNested(bytes, at)
          break
        case inKey:
        case inText:
        case inNestedText:
          at = this.readString(bytes, at)
          break
        case inWord:
          at = this.readWord(bytes, at)
          break
        case broken:
          return
        default:
          at = this.readMark(bytes, at)
      }
    }
  }

  /** A byte of the top level that is between two things. */
  private readMark(bytes: Buffer, from: number): number {
    const at = skipBlanks(bytes, from)
    if (at === bytes.length) return at
    const byte = bytes[at]
    const { place } = this
    if (place === beforeValue) return this.beginValue(bytes, at)
    if (byte === quote && (place === beforeKey || place === beforeFirstKey)) return this.beginKey(bytes, at + 1)
    if (byte === colon && place === behindKey) this.place = beforeValue
    else if (byte === comma && place === behindValue) this.place = beforeKey
    else if (byte === closeBrace && (place === behindValue || place === beforeFirstKey)) this.place = after
    else if (byte === openBrace && place === before) this.place = beforeFirstKey
    else this.place = broken
    return at + 1
  }

  /** Most keys and texts are short, plain and whole: they are read here, the others as they come. */
  private beginKey(bytes: Buffer, from: number): number {
    const end = plainEnd(bytes, from)
    if (end < 0) return this.begin(inKey, from)
    this.endKey(this.names.find(bytes, from, end))
    return end + 1
  }

  private beginValue(bytes: Buffer, at: number): number {
    const kind = kinds[bytes[at]!]
    if (kind === isOpen) {
      this.depth = 1
      this.field = none
      this.place = inNested
      return at + 1
    }
    if (kind !== isQuote) return this.begin(inWord, at)
    const end = plainEnd(bytes, at + 1)
    if (end < 0) return this.begin(inText, at + 1)
    this.endValue(this.field === none ? null : latin1(bytes, at, end + 1))
    return end + 1
  }

  private begin(place: number, at: number): number {
    this.place = place
    this.kept = ''
    this.isEscaped = false
    return at
  }

  private readNested(bytes: Buffer, from: number): number {
    const { length } = bytes
    let { depth } = this
    let at = from
    while (at < length) {
      const kind = kinds[bytes[at++]!]
      if (kind === isOther) continue
      if (kind === isQuote) {
        const end = plainEnd(bytes, at)
        if (end >= 0) {
          at = end + 1
          continue
        }
        this.depth = depth
        return this.begin(inNestedText, at)
      }
      depth += kind === isOpen ? 1 : -1
      if (depth > 0) continue
      this.place = behindValue
      break
    }
    this.depth = depth
    return at
  }

  private readString(bytes: Buffer, from: number): number {
    const end = this.endOfString(bytes, from)
    const to = end < 0 ? bytes.length : end
    if (this.place === inKey || (this.place === inText && this.field !== none)) this.keep(bytes, from, to)
    if (end < 0) return to
    const { kept } = this
    if (this.place === inKey) this.endKey(kept === null ? none : this.names.indexOf(kept))
    else if (this.place === inText) this.endValue(kept === null ? null : `"${kept}"`)
    else this.place = inNested
    return end + 1
  }

  /** Where a string's quote stands, or -1; the backslashes before a quote say whether it is one. */
  private endOfString(bytes: Buffer, from: number): number {
    let at = from
    if (this.isEscaped) {
      this.isEscaped = false
      at++
    }
    for (;;) {
      const found = at < bytes.length ? nextQuote(bytes, at) : -1
      const end = found < 0 ? bytes.length : found
      let first = end
      while (first > at && bytes[first - 1] === backslash) first--
      const isEscaped = (end - first) % 2 === 1
      if (found < 0) {
        this.isEscaped = isEscaped
        return -1
      }
      if (!isEscaped) return found
      at = found + 1
    }
  }

  private readWord(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length && isWordByte(bytes[at]!)) at++
    if (at > from) this.keep(bytes, from, this.field === none ? from + 1 : at)
    if (at === bytes.length) return at
    if (this.kept === '') this.place = broken
    else this.endValue(this.kept)
    return at
  }

  private keep(bytes: Buffer, from: number, to: number): void {
    if (this.kept === null) return
    if (this.kept.length + to - from > maxKept) this.kept = null
    else if (to > from) this.kept += latin1(bytes, from, to)
  }

  private endKey(field: number): void {
    this.place = behindKey
    this.field = field
    if (field === none) return
    const name = field & ~otherCase
    if (((this.seen >> name) & 1) === 1) {
      this.doubled = this.names.texts[name]!
      this.place = broken
    }
    this.seen |= 1 << name
    // Some parsers take a name in any case: it counts as a double, and never as the field itself.
    if (field !== name) this.field = none
  }

  private endValue(raw: string | null): void {
    this.place = behindValue
    if (this.field === none) return
    this.values[this.field] = raw
    this.found |= 1 << this.field
    this.field = none
  }
}

const before = 0
const beforeFirstKey = 1
const beforeKey = 2
const inKey = 3
const behindKey = 4
const beforeValue = 5
const inText = 6
const inWord = 7
const inNested = 8
const inNestedText = 9
const behindValue = 10
const after = 11
const broken = 12
