import { RelayError } from '../base/errors.ts'
import { roomFor } from '../protocol/room.ts'
import { bad } from './problem.ts'

/** How a body holds its JSON values. */
export interface JsonValuesOptions {
  /** Bytes of one value. */
  readonly most: number
  /** Each line is one value (NDJSON): a broken one is found at the end of its line. Otherwise: the elements of one array, or values one after another. */
  readonly lines: boolean
}

/** Cuts a body, as it comes, into the texts of its JSON values. That a text is JSON is for its reader to see. */
export class JsonValues {
  private readonly options: JsonValuesOptions
  /** A value as far as it has come. */
  private held: Buffer = none
  private heldBytes = 0
  private place: Place = 'start'
  private isArray = false
  private hasBegun = false
  private depth = 0
  private inString = false
  private isEscaped = false

  constructor(options: JsonValuesOptions) {
    this.options = options
  }

  /** How many of the bytes it has read: all, unless there was enough for now (`isFull`) behind one of the values. */
  push(bytes: Uint8Array, emit: (value: Uint8Array) => void, isFull: () => boolean = never): number {
    if (this.options.lines) return this.pushLines(bytes, emit, isFull)
    let from = 0
    for (let at = 0; at < bytes.length;) {
      const byte = bytes[at] ?? 0
      if (this.place === 'value') {
        const to = this.valueEnd(bytes, at)
        if (to < 0) {
          this.hold(bytes.subarray(from))
          break
        }
        if (to === from && this.heldBytes === 0) throw bad(`a JSON value begins with ${JSON.stringify(String.fromCharCode(byte))}`)
        this.place = this.isArray ? 'behind' : 'start'
        this.give(bytes.subarray(from, to), emit)
        at = to
        if (isFull()) return at
      } else if (!isSpace(byte) && this.beginsValue(byte)) {
        this.place = 'value'
        from = at
      } else at++
    }
    return bytes.length
  }

  /** The body is whole: what is held is the last value, and an array has to be closed. */
  end(emit: (value: Uint8Array) => void): void {
    if (this.isArray && this.place !== 'closed') throw bad('the JSON array of messages breaks off')
    if (this.heldBytes > 0) this.give(new Uint8Array(0), emit)
  }

  private pushLines(bytes: Uint8Array, emit: (value: Uint8Array) => void, isFull: () => boolean): number {
    let from = 0
    for (let to = bytes.indexOf(lf); to >= 0; to = bytes.indexOf(lf, from)) {
      const line = bytes.subarray(from, to)
      if (this.heldBytes > 0 || !isBlank(line)) this.give(line, emit)
      from = to + 1
      if (isFull()) return from
    }
    const rest = bytes.subarray(from)
    if (this.heldBytes > 0 || !isBlank(rest)) this.hold(rest)
    return bytes.length
  }

  /** Whether a byte between values begins one; otherwise it is one of the array's own. */
  private beginsValue(byte: number): boolean {
    if (this.place === 'closed') throw bad('there are bytes behind the JSON array of messages')
    if (this.place === 'start' && byte === openBracket && !this.hasBegun) {
      this.isArray = true
      this.place = 'first'
      return false
    }
    if (!this.isArray) return (this.hasBegun = true)
    if (byte === closeBracket && (this.place === 'first' || this.place === 'behind')) {
      this.place = 'closed'
      return false
    }
    if (this.place !== 'behind') return true
    if (byte !== comma) throw bad('the JSON array of messages has no comma between two elements')
    this.place = 'next'
    return false
  }

  /** Where the value ends that stands at `at`; -1: not in these bytes. */
  private valueEnd(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (this.inString) {
        if (this.isEscaped) this.isEscaped = false
        else if (byte === backslash) this.isEscaped = true
        else if (byte === quote) {
          this.inString = false
          if (this.depth === 0) return at + 1
        }
      } else if (byte === quote) this.inString = true
      else if (byte === openBrace || byte === openBracket) this.depth++
      else if (byte === closeBrace || byte === closeBracket) {
        if (this.depth === 0) return at
        if (--this.depth === 0) return at + 1
      } else if (this.depth === 0 && (byte === comma || isSpace(byte))) return at
    }
    return -1
  }

  private hold(bytes: Uint8Array): void {
    const length = this.heldBytes + bytes.length
    this.check(length)
    this.held = roomFor(this.held, this.heldBytes, length)
    this.held.set(bytes, this.heldBytes)
    this.heldBytes = length
  }

  private give(bytes: Uint8Array, emit: (value: Uint8Array) => void): void {
    if (this.heldBytes === 0) {
      this.check(bytes.length)
      return emit(bytes)
    }
    this.hold(bytes)
    const whole = this.held.subarray(0, this.heldBytes)
    this.held = none
    this.heldBytes = 0
    emit(whole)
  }

  private check(length: number): void {
    if (length > this.options.most) throw new RelayError('too_large', `a message of the stream is longer than ${this.options.most} bytes`)
  }
}

/** Where in the body it stands: before, in or behind a value, or (in an array) where the first or the next value has to begin. */
type Place = 'start' | 'first' | 'next' | 'value' | 'behind' | 'closed'

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === lf || byte === 0x0d || byte === 0x09
}

function never(): boolean {
  return false
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(isSpace)
}

const none = Buffer.alloc(0)
const lf = 0x0a
const quote = 0x22
const comma = 0x2c
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
