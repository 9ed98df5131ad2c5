import type { Failure } from '../base/errors.ts'
import { COLON, CR, LF, SPACE, TAB, UNDERSCORE, equalsFolded, equalsWord, isToken, isValue, latin1 } from './bytes.ts'
import { Name, isProtected, nameAt } from './names.ts'

/** Why a message is not taken: the failure decides the status, the message says what was wrong with it. */
export interface Refusal {
  readonly failure: Failure
  readonly message: string
}

/** Makes a refusal; those of the hot path are made once, at load. */
export function refusal(failure: Failure, message: string): Refusal {
  return { failure, message }
}

/** Integers a field takes in a head's index: start of line, end of name, start and end of value, end of line, number of the name. */
const stride = 6
/** Behind the places of known names, one integer each, stand the fields. */
const base = 32

/**
 * The fields of a message head: the bytes they came in, and an index of offsets. No string is made until somebody asks.
 * One head is filled again and again by its connection; `fields` grows once and stays.
 */
export class Head {
  bytes: Buffer = nothing
  /** Offset of the first field line, and of the empty line that ends the head. */
  start = 0
  end = 0
  count = 0
  /** A bit a known name: there, and there more than once. */
  seen = 0
  doubled = 0
  /** `Connection` said `close`, or `keep-alive`. */
  saysClose = false
  saysKeepAlive = false
  /** One of its fields came as one that nobody may put into a table of HPACK (RFC 7541 §6.2.3): so it goes on, and with it the others. */
  isGuarded = false
  /** First the place of each known name's first field, then six integers a field: one array, since every open stream holds two heads. */
  private index = new Int32Array(base + stride * 16)

  /** Reads the field lines between two offsets; the bytes before `end` end with CRLF, and an empty line follows. */
  parse(bytes: Buffer, start: number, end: number, maxFields: number): Refusal | null {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.count = 0
    this.seen = 0
    this.doubled = 0
    this.saysClose = false
    this.saysKeepAlive = false
    this.isGuarded = false
    let at = start
    while (at < end) {
      if (this.count === maxFields) return tooManyFields
      at = this.field(bytes, at)
      if (at < 0) return fieldRefusals[-at]!
    }
    return this.has(Name.connection) ? this.readConnection() : null
  }

  /** Reads one field line; the offset behind it, or the negative of a refusal's number. */
  private field(bytes: Buffer, lineStart: number): number {
    let at = lineStart
    while (isToken[bytes[at]!] === 1) at++
    const nameEnd = at
    if (bytes[at] !== COLON || at === lineStart) return badName(bytes, lineStart, at)
    at++
    while (bytes[at] === SPACE || bytes[at] === TAB) at++
    const valueStart = at
    while (isValue[bytes[at]!] === 1) at++
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return bytes[at] === LF || bytes[at] === CR ? -4 : -3
    let valueEnd = at
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === TAB)) valueEnd--
    const id = nameAt(bytes, lineStart, nameEnd)
    this.add(lineStart, nameEnd, valueStart, valueEnd, at + 2, id)
    return at + 2
  }

  // oxlint-disable-next-line max-params -- the six integers of an index entry, on the path of every field
  private add(lineStart: number, nameEnd: number, valueStart: number, valueEnd: number, lineEnd: number, name: number): void {
    let id = name
    if (id !== 0) {
      if (hasUnderscore(this.bytes, lineStart, nameEnd)) id = Name.dropped
      const bit = 1 << id
      if ((this.seen & bit) !== 0) this.doubled |= bit
      else this.index[id] = base + this.count * stride
      this.seen |= bit
    }
    const o = base + this.count * stride
    if (o === this.index.length) this.grow()
    const index = this.index
    index[o] = lineStart
    index[o + 1] = nameEnd
    index[o + 2] = valueStart
    index[o + 3] = valueEnd
    index[o + 4] = lineEnd
    index[o + 5] = id
    this.count++
  }

  private grow(): void {
    const wider = new Int32Array(base + 2 * (this.index.length - base))
    wider.set(this.index)
    this.index = wider
  }

  /** Lets go of the bytes: nothing is found in this head until it is parsed again. */
  forget(): void {
    this.bytes = nothing
    this.start = this.end = this.count = this.seen = this.doubled = 0
  }

  has(id: number): boolean {
    return (this.seen & (1 << id)) !== 0
  }

  isDoubled(id: number): boolean {
    return (this.doubled & (1 << id)) !== 0
  }

  /** Offset of the first value of a known name; only where `has` says so. */
  valueStart(id: number): number {
    return this.index[this.index[id]! + 2]!
  }

  valueEnd(id: number): number {
    return this.index[this.index[id]! + 3]!
  }

  /** The first value of a known name as text, or null. */
  text(id: number): string | null {
    return this.has(id) ? latin1(this.bytes, this.valueStart(id), this.valueEnd(id)) : null
  }

  /** Whether the first value of a known name is this word (lower case), however cased. */
  is(id: number, word: Uint8Array): boolean {
    return this.has(id) && equalsWord(this.bytes, this.valueStart(id), this.valueEnd(id), word)
  }

  /** The number of the name of field `k`, 0 where it is none of ours. */
  idOf(k: number): number {
    return this.index[base + k * stride + 5]!
  }

  lineStart(k: number): number {
    return this.index[base + k * stride]!
  }

  nameEnd(k: number): number {
    return this.index[base + k * stride + 1]!
  }

  valueStartOf(k: number): number {
    return this.index[base + k * stride + 2]!
  }

  valueEndOf(k: number): number {
    return this.index[base + k * stride + 3]!
  }

  lineEnd(k: number): number {
    return this.index[base + k * stride + 4]!
  }

  name(k: number): string {
    return latin1(this.bytes, this.lineStart(k), this.nameEnd(k)).toLowerCase()
  }

  value(k: number): string {
    return latin1(this.bytes, this.index[base + k * stride + 2]!, this.index[base + k * stride + 3]!)
  }

  /** All values of a field by its lower-case name: off the hot path. */
  values(name: string): string[] {
    const found: string[] = []
    for (let k = 0; k < this.count; k++) if (this.name(k) === name) found.push(this.value(k))
    return found
  }

  /** Marks fields as never forwarded; the head's framing has been read by then. */
  private drop(name: Uint8Array): void {
    for (let k = 0; k < this.count; k++) {
      const o = base + k * stride
      if (equalsFolded(this.bytes, this.index[o]!, this.index[o + 1]!, name)) this.index[o + 5] = Name.dropped
    }
  }

  private readConnection(): Refusal | null {
    if (!this.isDoubled(Name.connection)) {
      if (this.is(Name.connection, keepAlive)) {
        this.saysKeepAlive = true
        return null
      }
      if (this.is(Name.connection, close)) {
        this.saysClose = true
        return null
      }
    }
    for (let k = 0; k < this.count; k++) {
      if (this.idOf(k) !== Name.connection) continue
      for (const option of this.value(k).split(',')) {
        const refused = this.connectionOption(option.trim().toLowerCase())
        if (refused !== null) return refused
      }
    }
    return null
  }

  private connectionOption(option: string): Refusal | null {
    if (option === '') return null
    if (option === 'close') this.saysClose = true
    else if (option === 'keep-alive') this.saysKeepAlive = true
    else {
      const name = Buffer.from(option.replaceAll('_', '-'), 'latin1')
      if (!name.every((byte) => isToken[byte] === 1)) return badConnection
      const id = nameAt(name, 0, name.length)
      if (id !== 0 && (isProtected & (1 << id)) !== 0)
        return refusal('bad_request', `Connection names ${option}, which must not be lost on the way`)
      if (id === 0 || id === Name.expect || id >= Name.contentType) this.drop(name)
    }
    return null
  }
}

const nothing = Buffer.alloc(0)
const close = Buffer.from('close')
const keepAlive = Buffer.from('keep-alive')
const tooManyFields = refusal('head_too_large', 'too many header fields')
const badConnection = refusal('bad_request', 'malformed Connection field')
const fieldRefusals = [
  badConnection,
  refusal('bad_request', 'malformed header field name'),
  refusal('bad_request', 'folded header line'),
  refusal('bad_request', 'control byte in a header field value'),
  refusal('bad_request', 'bare CR or LF in a header line'),
  refusal('bad_request', 'space before the colon of a header field'),
]

function badName(bytes: Buffer, lineStart: number, at: number): number {
  const byte = bytes[at]
  if (at === lineStart && (byte === SPACE || byte === TAB)) return -2
  if (byte === LF || byte === CR) return at === lineStart ? -4 : -1
  return at > lineStart && (byte === SPACE || byte === TAB) ? -5 : -1
}

function hasUnderscore(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === UNDERSCORE) return true
  return false
}
