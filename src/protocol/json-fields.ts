import { roomFor } from './room.ts'

/**
 * Reads chosen fields of a JSON object's top level from bytes that may be cut anywhere, without keeping the rest: a message of 100 MB
 * costs as much memory as its `usage`. It follows strings, escapes and depth only; that the text is JSON in every other way is not its
 * business (a captured value is parsed by whoever asks for it).
 */
export interface JsonFieldsOptions {
  /** The fields to capture, from `jsonNames`; of a doubled one the last counts, as with `JSON.parse`. */
  readonly names: JsonNames
  /** Bytes of one value that are kept at most; a longer one is not captured. */
  readonly maxValue?: number
}

/** Names as text and as bytes: made once, not once a reader. */
export type JsonNames = readonly (readonly [string, Buffer])[]

/** Names to capture. */
export function jsonNames(...names: readonly string[]): JsonNames {
  return names.map((name) => [name, Buffer.from(name)] as const)
}

type Place = 'before' | 'key' | 'colon' | 'value' | 'after' | 'broken'

const empty = Buffer.alloc(0)
const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const openBracket = 0x5b
const closeBrace = 0x7d
const closeBracket = 0x5d
const comma = 0x2c
const colon = 0x3a
/** Bytes of a key that are kept to compare; a longer one is none of those wanted. A letter takes at most six (`\uXXXX`). */
const maxKey = 256
/** Most strings end within so many bytes: a native search costs more than it saves there. */
const nearBytes = 24

/** One JSON text, from its first byte to its last. */
export class JsonFields {
  readonly #names: JsonNames
  readonly #maxValue: number
  readonly #values = new Map<string, Buffer>()
  #place: Place = 'before'
  /** Open brackets: 1 at the top level. */
  #depth = 0
  #isInString = false
  #isEscaped = false
  #key = ''
  // What is being captured: what earlier chunks held of it, and where the rest begins in this one (-1: nothing is captured).
  #kept: Buffer = empty
  #keptLength = 0
  #from = -1
  #max = 0

  constructor({ names, maxValue = 65_536 }: JsonFieldsOptions) {
    this.#names = names
    this.#maxValue = maxValue
  }

  /** Whether a whole object has been read, and nothing but white space behind it. */
  get isComplete(): boolean {
    return this.#place === 'after'
  }

  /** A captured value, parsed; undefined if it did not come, was too long, or is not JSON. */
  value(name: string): unknown {
    const bytes = this.#values.get(name)
    return bytes === undefined ? undefined : parsed(bytes)
  }

  /** Takes the next bytes of the text. */
  read(bytes: Buffer): void {
    if (this.#place === 'broken') return
    if (this.#from >= 0) this.#from = 0
    let at = 0
    while (at < bytes.length) at = this.#isInString ? this.#readString(bytes, at) : this.#readByte(bytes, at)
    this.#keep(bytes, bytes.length)
  }

  /** Runs to the end of a string (or of the chunk), and gives the place behind it. */
  #readString(bytes: Buffer, start: number): number {
    let at = start
    if (this.#isEscaped) {
      this.#isEscaped = false
      at++
    }
    const near = Math.min(bytes.length, at + nearBytes)
    while (at < near) {
      const byte = bytes[at]
      if (byte === quote) return this.#endString(bytes, at + 1)
      if (byte === backslash) at++
      at++
    }
    return at < bytes.length ? this.#readLongString(bytes, at) : this.#cutString(at > bytes.length, bytes)
  }

  /** A long string is searched for its quote natively; the backslashes before a quote say whether it is one. */
  #readLongString(bytes: Buffer, start: number): number {
    for (let at = start; ;) {
      const found = bytes.indexOf(quote, at)
      const end = found < 0 ? bytes.length : found
      let first = end
      while (first > at && bytes[first - 1] === backslash) first--
      const isEscaped = (end - first) % 2 === 1
      if (found < 0) return this.#cutString(isEscaped, bytes)
      if (!isEscaped) return this.#endString(bytes, found + 1)
      at = found + 1
    }
  }

  #cutString(isEscaped: boolean, bytes: Buffer): number {
    this.#isEscaped = isEscaped
    return bytes.length
  }

  #endString(bytes: Buffer, end: number): number {
    this.#isInString = false
    if (this.#depth === 1 && this.#place === 'key') {
      this.#key = this.#nameOf(bytes, end)
      this.#place = 'colon'
    }
    return end
  }

  /** The wanted name that ends here, or '': compared as bytes, unless the key was cut or holds an escape. */
  #nameOf(bytes: Buffer, end: number): string {
    const from = this.#from
    if (from >= 0 && this.#keptLength === 0 && !bytes.subarray(from, end).includes(backslash)) {
      this.#from = -1
      for (const [name, raw] of this.#names) if (isAt(raw, bytes, from + 1, end - 1)) return name
      return ''
    }
    const key = this.#capture(bytes, end)
    const name = key === undefined ? undefined : parsed(key)
    return this.#names.find(([wanted]) => wanted === name)?.[0] ?? ''
  }

  #readByte(bytes: Buffer, at: number): number {
    const byte = bytes[at]
    if (byte === quote) this.#beginString(at)
    else if (byte === openBrace || byte === openBracket) this.#open(byte)
    else if (byte === closeBrace || byte === closeBracket) this.#close(bytes, at)
    else if (this.#depth === 1) this.#readTop(bytes, at)
    else if (this.#depth === 0 && byte !== undefined && !isBlank(byte)) this.#place = 'broken'
    return this.#place === 'broken' ? bytes.length : at + 1
  }

  #beginString(at: number): void {
    if (this.#depth === 0) {
      this.#place = 'broken'
      return
    }
    this.#isInString = true
    if (this.#depth === 1 && this.#place === 'key') this.#begin(at, maxKey)
  }

  #open(byte: number): void {
    if (this.#depth === 0) this.#place = this.#place === 'before' && byte === openBrace ? 'key' : 'broken'
    this.#depth++
  }

  #close(bytes: Buffer, at: number): void {
    this.#depth--
    if (this.#depth < 0) this.#place = 'broken'
    if (this.#depth !== 0) return
    this.#endValue(bytes, at)
    this.#place = 'after'
  }

  /** A byte of the top level that is neither a quote nor a bracket: a colon, a comma, or a number's or word's letter. */
  #readTop(bytes: Buffer, at: number): void {
    const byte = bytes[at]
    if (byte === colon && this.#place === 'colon') {
      this.#place = 'value'
      if (this.#key !== '') this.#begin(at + 1, this.#maxValue)
    } else if (byte === comma) {
      this.#endValue(bytes, at)
      this.#place = 'key'
    }
  }

  #endValue(bytes: Buffer, end: number): void {
    if (this.#key === '') return
    const value = this.#capture(bytes, end)
    if (value === undefined) this.#values.delete(this.#key)
    else this.#values.set(this.#key, value)
    this.#key = ''
  }

  #begin(at: number, max: number): void {
    this.#from = at
    this.#max = max
    this.#keptLength = 0
  }

  /** Copies what is captured of this chunk; past the bound nothing is captured any more. */
  #keep(bytes: Buffer, end: number): void {
    if (this.#from < 0) return
    const length = this.#keptLength + end - this.#from
    if (length > this.#max) {
      this.#from = -1
      this.#kept = empty
      return
    }
    this.#kept = roomFor(this.#kept, this.#keptLength, length)
    bytes.copy(this.#kept, this.#keptLength, this.#from, end)
    this.#keptLength = length
  }

  #capture(bytes: Buffer, end: number): Buffer | undefined {
    if (this.#from >= 0 && this.#keptLength === 0 && end - this.#from <= this.#max) {
      const whole = Buffer.from(bytes.subarray(this.#from, end))
      this.#from = -1
      return whole
    }
    this.#keep(bytes, end)
    if (this.#from < 0) return undefined
    this.#from = -1
    return Buffer.from(this.#kept.subarray(0, this.#keptLength))
  }
}

function isAt(word: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (to - from !== word.length) return false
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false
  return true
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
