import { JsonFields, jsonNames } from '../protocol/json-fields.ts'
import { sseKinds, SseScanner } from '../protocol/sse.ts'
import { observedBytes } from './observed.ts'
import { UsageFields, isRecord, record, word } from './usage-fields.ts'
import type { Usage } from './usage-fields.ts'

/** Reads what a reply used from its bytes as they pass; it changes nothing and holds nothing back. */
export interface UsageReader {
  read(bytes: Buffer): void
  /** No more bytes will come. */
  end(): void
  readonly usage: Usage
  /** Whether the API has told any usage; without it `usage` is all zeros. */
  readonly hasUsage: boolean
  readonly model: string | null
  readonly stopReason: string | null
  /** `message_stop` has been seen, or the JSON text was whole. A stream that ends without it has failed. */
  readonly isComplete: boolean
  /** The `error.type` of an error body or error event, or null. */
  readonly sawError: string | null
  /** Output tokens as estimated from the text that has passed: its bytes / 4. For streams that end before the API has told. */
  readonly observedOutput: number
  /** Something that tells usage could not be read: it was too long, or not JSON. */
  readonly isUnread: boolean
  /** Whether an event may be written here without breaking one; true of JSON only before its first byte. */
  readonly isBetweenEvents: boolean
}

const kinds = sseKinds(['content_block_delta', 'message_start', 'message_delta', 'message_stop', 'error'])
const messageFields = jsonNames('type', 'model', 'stop_reason', 'usage', 'error')
const closeBrace = 0x7d
const space = 0x20
/** Bytes of a JSON text that is parsed as a whole at most. */
const longestWhole = 16_384
const blockDelta = 0
const messageStart = 1
const messageDelta = 2
const messageStop = 3
const bytesPerToken = 4
const unknownError = 'unknown'

/** Makes the reader for a reply's kind: a stream of events, or one JSON text. */
export function usageReader(kind: 'sse' | 'json'): UsageReader {
  return kind === 'sse' ? new SseReader() : new JsonReader()
}

class SseReader implements UsageReader {
  model: string | null = null
  stopReason: string | null = null
  sawError: string | null = null
  isComplete = false
  isUnread = false
  readonly #fields = new UsageFields()
  #observed = 0
  readonly #scanner = new SseScanner({
    kinds,
    onEvent: (kind, bytes, start, end) => this.#take(kind, bytes, start, end),
    onSkipped: (kind) => this.#skip(kind),
  })

  get usage(): Usage {
    return this.#fields.usage
  }

  get hasUsage(): boolean {
    return this.#fields.isKnown
  }

  get observedOutput(): number {
    return Math.ceil(this.#observed / bytesPerToken)
  }

  get isBetweenEvents(): boolean {
    return this.#scanner.isBetweenEvents
  }

  read(bytes: Buffer): void {
    this.#scanner.read(bytes)
  }

  /** An event that the end has cut is no event (clients do not see it either), so nothing is left to do. */
  end(): void {}

  #take(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === blockDelta) this.#observed += observedBytes(bytes, start, end)
    // Clients pass over an event without data; only of an error the name is enough.
    else if (kind === messageStop) this.isComplete ||= end > start
    else if (kind === messageStart) this.#takeStart(parsed(bytes, start, end))
    else if (kind === messageDelta) this.#takeDelta(parsed(bytes, start, end))
    else this.sawError = errorType(parsed(bytes, start, end))
  }

  #skip(kind: number): void {
    if (kind === messageStop) this.isComplete = true
    else if (kind === messageStart || kind === messageDelta) this.isUnread = true
    else if (kind !== blockDelta) this.sawError = unknownError
  }

  #takeStart(event: unknown): void {
    const { message } = record(event)
    if (!isRecord(message)) this.isUnread = true
    this.model = word(record(message)['model']) ?? this.model
    this.#fields.set(record(message)['usage'])
  }

  #takeDelta(event: unknown): void {
    if (!isRecord(event)) this.isUnread = true
    this.stopReason = word(record(record(event)['delta'])['stop_reason']) ?? this.stopReason
    this.#fields.set(record(event)['usage'])
  }
}

/**
 * One JSON text. A short one that comes in one piece is parsed as a whole, natively; any other is read field by field as it passes,
 * so that a large one costs no more memory.
 */
class JsonReader implements UsageReader {
  readonly observedOutput = 0
  readonly #fields = new UsageFields()
  isBetweenEvents = true
  #whole: Readonly<Record<string, unknown>> | null = null
  #parts: JsonFields | null = null
  #isBroken = false

  get usage(): Usage {
    return this.#fields.usage
  }

  get hasUsage(): boolean {
    return this.#fields.isKnown
  }

  get model(): string | null {
    return word(this.#value('model')) ?? null
  }

  get stopReason(): string | null {
    return word(this.#value('stop_reason')) ?? null
  }

  get isComplete(): boolean {
    return !this.#isBroken && (this.#whole !== null || this.#parts?.isComplete === true)
  }

  get sawError(): string | null {
    return this.#value('type') === 'error' ? errorType({ error: this.#value('error') }) : null
  }

  get isUnread(): boolean {
    return this.#value('type') === 'message' && this.isComplete && !this.hasUsage
  }

  read(bytes: Buffer): void {
    if (bytes.length === 0) return
    if (this.isBetweenEvents && bytes.length <= longestWhole && bytes[bytes.length - 1] === closeBrace) this.#readWhole(bytes)
    // White space may follow a whole text; anything else and it was none.
    else if (this.#whole !== null) this.#isBroken ||= bytes.some((byte) => byte > space)
    this.isBetweenEvents = false
    if (this.#whole === null) (this.#parts ??= new JsonFields({ names: messageFields })).read(bytes)
  }

  end(): void {
    this.#fields.set(this.#value('usage'))
  }

  #readWhole(bytes: Buffer): void {
    const value = parsed(bytes, 0, bytes.length)
    if (isRecord(value)) this.#whole = value
  }

  #value(name: string): unknown {
    return this.#whole === null ? this.#parts?.value(name) : this.#whole[name]
  }
}

function errorType(event: unknown): string {
  return word(record(record(event)['error'])['type']) ?? unknownError
}

function parsed(bytes: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(bytes.toString('utf8', start, end))
  } catch {
    return undefined
  }
}
