import { roomFor } from './room.ts'

/**
 * Reads server-sent events from bytes that may be cut anywhere, as the WHATWG spec has them: lines end with LF, CRLF or CR, a blank
 * line ends an event, a byte order mark may come first. Only events of the wanted kinds are handed on, as a range of bytes: no string
 * is made here, and an event that lies inside one chunk is not copied. What is cut by a chunk's end is kept until its rest comes, up
 * to a bound; a longer event is skipped, wherever its cuts are. (Not taken: `split('\n')`, as the SDKs do: three strings an event.)
 */
export interface SseOptions {
  /** The kinds to hand on. */
  readonly kinds: SseKinds
  /** Hand on all others too: their kind is the number of those named here. */
  readonly wantsAll?: boolean
  /** Bytes of one event's data that are read at most; a longer event is skipped. */
  readonly maxData?: number
  /** A whole event: the place of its kind among the wanted ones, and where its data lies. The bytes are the caller's for the call only. */
  readonly onEvent: (kind: number, bytes: Buffer, start: number, end: number) => void
  /** An event of a wanted kind was longer than the bound. */
  readonly onSkipped?: (kind: number) => void
}

/** Kinds of events, ready to be compared with bytes. */
export type SseKinds = readonly Uint8Array[]

const [lf, cr] = [0x0a, 0x0d]
const [colon, space] = [0x3a, 0x20]
const [letterD, letterE] = [0x64, 0x65]
const eventName = Buffer.from('event')
const dataName = Buffer.from('data')
const byteOrderMark = Buffer.from('\ufeff')
const empty = Buffer.alloc(0)
const newline = Buffer.from('\n')
const unnamed = -2
const unwanted = -1
/** What a kept line holds besides its value: a byte order mark, the field's name, a colon and a space. */
const lineSlack = byteOrderMark.length + eventName.length + 2

/** Prepares the names of kinds once, for every scanner that wants them. */
export function sseKinds(names: readonly string[]): SseKinds {
  return names.map((name) => Buffer.from(name))
}

/** One stream of events. */
export class SseScanner {
  readonly #kinds: SseKinds
  readonly #unnamed: number
  readonly #unwanted: number
  readonly #maxData: number
  readonly #maxLine: number
  readonly #onEvent: SseOptions['onEvent']
  readonly #onSkipped: SseOptions['onSkipped']
  // The event so far. Its data lies in the chunk being read (dataFrom >= 0), or in `kept`.
  #kind: number
  #isInEvent = false
  #hasData = false
  #isLost = false
  #dataFrom = -1
  #dataTo = -1
  #kept: Buffer | null = null
  #keptLength = 0
  // The line that the last chunk's end has cut, or null where only its first byte matters.
  #isInLine = false
  #lineFirst = 0
  #line: Buffer | null = null
  #lineLength = 0
  #isFirstLine = true
  #isAfterCr = false

  constructor({ kinds, wantsAll = false, maxData = 65_536, onEvent, onSkipped }: SseOptions) {
    this.#kinds = kinds
    this.#unnamed = wantsAll ? kinds.length : unnamed
    this.#unwanted = wantsAll ? kinds.length : unwanted
    this.#kind = this.#unnamed
    this.#maxData = maxData
    this.#maxLine = lineSlack + Math.max(maxData, ...kinds.map((kind) => kind.length))
    this.#onEvent = onEvent
    this.#onSkipped = onSkipped
  }

  /** Whether another event may be written here without breaking one: nothing of an event is out that has not ended. */
  get isBetweenEvents(): boolean {
    return !this.#isInEvent && !this.#isInLine
  }

  /** Takes the next bytes of the stream; how many of them: all, unless there was enough for now (`isFull`) behind one of the events. */
  read(bytes: Buffer, isFull: (() => boolean) | null = null): number {
    const length = bytes.length
    if (length === 0) return 0
    let at = this.#isAfterCr && bytes[0] === lf ? 1 : 0
    this.#isAfterCr = false
    while (at < length) {
      const end = lineEnd(bytes, at)
      if (end === length) {
        this.#keepLine(bytes, at, end)
        break
      }
      const wasInEvent = this.#isInEvent
      if (this.#isInLine) this.#takeCutLine(bytes, at, end)
      else this.#takeLine(bytes, at, end)
      at = end + 1
      if (bytes[end] === cr) {
        if (at === length) this.#isAfterCr = true
        else if (bytes[at] === lf) at++
      }
      if (isFull !== null && wasInEvent && !this.#isInEvent && isFull()) return at
    }
    this.#keepData(bytes)
    return length
  }

  #takeLine(bytes: Buffer, lineStart: number, end: number): void {
    let start = lineStart
    if (this.#isFirstLine) {
      this.#isFirstLine = false
      if (startsWith(bytes, start, end, byteOrderMark)) start += byteOrderMark.length
    }
    if (start === end) return this.#endEvent(bytes)
    const first = bytes[start]
    if (first === colon) return
    this.#isInEvent = true
    if (first === letterE) {
      const value = valueStart(bytes, start, end, eventName)
      if (value >= 0) this.#kind = this.#kindOf(bytes, value, end)
    } else if (first === letterD) {
      const value = valueStart(bytes, start, end, dataName)
      if (value >= 0) this.#takeData(bytes, value, end)
    }
  }

  #takeData(bytes: Buffer, start: number, end: number): void {
    if (this.#kind === unwanted || end - start > this.#maxData) this.#isLost = true
    if (this.#isLost) return
    if (!this.#hasData) {
      this.#hasData = true
      this.#dataFrom = start
      this.#dataTo = end
      return
    }
    this.#keepData(bytes)
    this.#append(newline, 0, 1)
    this.#append(bytes, start, end)
  }

  #endEvent(bytes: Buffer): void {
    if (this.#kind >= 0) {
      if (this.#isLost) this.#onSkipped?.(this.#kind)
      else if (this.#dataFrom >= 0) this.#onEvent(this.#kind, bytes, this.#dataFrom, this.#dataTo)
      else this.#onEvent(this.#kind, this.#kept ?? empty, 0, this.#keptLength)
    }
    this.#kind = this.#unnamed
    this.#isInEvent = false
    this.#hasData = false
    this.#isLost = false
    this.#dataFrom = -1
    this.#kept = null
    this.#keptLength = 0
  }

  /** Keeps the part of a line that a chunk's end has cut, where it will have to be read. */
  #keepLine(bytes: Buffer, start: number, end: number): void {
    if (!this.#isInLine) {
      const first = bytes[start] ?? 0
      this.#isInLine = true
      this.#lineFirst = first
      const isRead = this.#isFirstLine || first === letterE || (first === letterD && this.#kind !== unwanted)
      this.#line = isRead ? empty : null
      this.#lineLength = 0
    }
    if (this.#line === null) return
    const length = this.#lineLength + end - start
    if (length > this.#maxLine) {
      this.#line = null
      if (this.#lineFirst !== colon) this.#isLost = true
      // It may have been the event's name: no wanted one is that long.
      if (this.#lineFirst === letterE) this.#kind = this.#unwanted
      return
    }
    this.#line = roomFor(this.#line, this.#lineLength, length)
    bytes.copy(this.#line, this.#lineLength, start, end)
    this.#lineLength = length
  }

  #takeCutLine(bytes: Buffer, start: number, end: number): void {
    this.#keepLine(bytes, start, end)
    const line = this.#line
    this.#isInLine = false
    this.#line = null
    if (line !== null) {
      this.#takeLine(line, 0, this.#lineLength)
      this.#keepData(line)
      return
    }
    this.#isFirstLine = false
    if (this.#lineFirst === colon) return
    this.#isInEvent = true
    if (this.#lineFirst === letterD) this.#isLost = true
  }

  /** Moves data out of a chunk that is about to go. */
  #keepData(bytes: Buffer): void {
    if (this.#dataFrom < 0) return
    const start = this.#dataFrom
    this.#dataFrom = -1
    if (this.#kind !== unwanted) this.#append(bytes, start, this.#dataTo)
    else this.#isLost = true
  }

  #append(bytes: Buffer, start: number, end: number): void {
    const length = this.#keptLength + end - start
    if (this.#isLost || length > this.#maxData) {
      this.#isLost = true
      this.#kept = null
      return
    }
    this.#kept = roomFor(this.#kept ?? empty, this.#keptLength, length)
    bytes.copy(this.#kept, this.#keptLength, start, end)
    this.#keptLength = length
  }

  #kindOf(bytes: Buffer, start: number, end: number): number {
    const kinds = this.#kinds
    for (let kind = 0; kind < kinds.length; kind++) {
      const name = kinds[kind]!
      if (name.length === end - start && startsWith(bytes, start, end, name)) return kind
    }
    return this.#unwanted
  }
}

function lineEnd(bytes: Buffer, start: number): number {
  let at = start
  while (at < bytes.length && bytes[at] !== lf && bytes[at] !== cr) at++
  return at
}

/** Where a field's value begins if the line is that field, else -1. A line without a colon is a field without a value. */
function valueStart(bytes: Buffer, start: number, end: number, name: Uint8Array): number {
  if (!startsWith(bytes, start, end, name)) return -1
  const after = start + name.length
  if (after === end) return end
  if (bytes[after] !== colon) return -1
  return bytes[after + 1] === space && after + 1 < end ? after + 2 : after + 1
}

function startsWith(bytes: Buffer, start: number, end: number, name: Uint8Array): boolean {
  if (end - start < name.length) return false
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name[at]) return false
  return true
}
