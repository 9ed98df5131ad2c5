import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import { roomFor } from '../protocol/room.ts'

/**
 * A body on its way: pushed by its source, with back-pressure, watched by taps, and ended exactly once. The same class carries
 * requests and replies, whatever protocol stands at either end; connections are sources and sinks themselves, so that a chunk passes
 * from socket to socket without a closure, a promise or a Node stream.
 */
export class Body {
  /** Declared length in bytes, or -1; its source may learn it before the body goes anywhere. */
  length: number
  /** Whether the source has pushed all of it. */
  isComplete = false
  /** Trailer lines (each with CRLF) that came behind the last byte. */
  trailers: Buffer = none
  end: BodyEnd | null = null
  /** Why it did not end in `done`, where something failed. */
  error: RelayError | null = null
  /** It was given up: its sink is not told, whoever took its bytes for another body is by `onEnd`. */
  isCancelled = false
  /** Bytes that the source has pushed. */
  received = 0
  /** What to say before a reply is broken off, asked once: an error in the stream's own words, or null. */
  lastWords: ((end: BodyEnd, error: RelayError | null) => Buffer | null) | null = null
  /** Asked behind them: trailers (none: an empty Buffer) that tell of the failure and end the body in its own way, or null. */
  lastTrailers: LastTrailers | null = null
  private check: (() => RelayError | null) | null = null
  private limit = Infinity
  private readonly source: Source | null
  private sink: Sink | null = null
  private held: Buffer | null = null
  /** What is held lies at its start, where it has grown; else it is null. */
  private room: Buffer | null = null
  private holdMost = maxHeld
  private taps: Tap[] | null = null
  private listeners: EndListener[] | null = null

  constructor(length: number, source: Source | null) {
    this.length = length
    this.source = source
  }

  /** A body whose bytes are all there. */
  static of(bytes: Buffer): Body {
    const body = new Body(bytes.length, null)
    if (bytes.length > 0) body.push(bytes, true)
    body.finish(none)
    return body
  }

  /** Source: more bytes, which stay as they are after the call only if owned. False: stop until `resume`. A little is held without a sink. */
  push(bytes: Buffer, isOwned: boolean): boolean {
    if (this.end !== null) return true
    this.received += bytes.length
    if (this.received > this.limit) return this.overflow()
    if (this.taps !== null && this.show(this.taps, bytes)) return true
    if (this.sink !== null) return this.sink.push(bytes, isOwned)
    return this.hold(bytes, isOwned)
  }

  /** Source: all of it has been pushed. */
  finish(trailers: Buffer): void {
    if (this.end !== null) return
    const broken = this.check === null ? null : this.check()
    this.isComplete = broken === null
    if (broken !== null) return this.fail('upstream_failed', broken)
    this.trailers = trailers
    if (this.sink !== null) this.deliver(this.sink)
  }

  /** Source: there will be no more, and what came is not all. */
  fail(end: BodyEnd, error: RelayError | null): void {
    if (this.end !== null || this.isComplete) return
    this.error = error
    this.settle(end)
    if (this.sink !== null) this.breakOff(this.sink, end)
  }

  /** Says something of relay's own, which taps do not see; nothing happens before `pipe` or after the end. */
  inject(bytes: Buffer): void {
    if (this.sink !== null && this.end === null) this.sink.push(bytes, true)
  }

  /** Consumer: nobody wants the rest. The source is stopped at once. */
  cancel(end: BodyEnd, error: RelayError | null = null): void {
    if (this.end !== null) return
    this.isCancelled = true
    this.error = error
    this.settle(end)
  }

  /** Consumer: where the bytes go, from the first to the last. Once. */
  pipe(sink: Sink): void {
    this.sink = sink
    const held = this.take()
    const wantsMore = held === null || sink.push(held, true)
    if (this.end !== null) this.breakOff(sink, this.end)
    else if (this.isComplete) this.deliver(sink)
    else if (wantsMore) this.source?.resume()
  }

  /** Consumer: the bytes that came before `pipe`, as they stand there; null where there are none. They are lent. */
  look(): Buffer | null {
    return this.held
  }

  /** Consumer: so many bytes may be held before `pipe`, from now on; what is held stays. */
  holdUpTo(bytes: number): void {
    this.holdMost = bytes
    if (this.held === null || this.held.length < bytes) this.resume()
  }

  /** Consumer: takes the bytes that came before `pipe`, to send them along with a head; null where there are none. */
  take(): Buffer | null {
    const { held } = this
    this.held = this.room = null
    return held
  }

  /** Consumer: the sink has room again. */
  resume(): void {
    if (this.end === null && !this.isComplete) this.source?.resume()
  }

  pause(): void {
    if (this.end === null && !this.isComplete) this.source?.pause()
  }

  /** Watches the bytes, unchanged; those that are held already are shown at once. It may fail or cancel the body: then these go nowhere. */
  tap(tap: Tap): void {
    if (this.held !== null) tap.read(this.held)
    if (this.taps === null) this.taps = [tap]
    else this.taps.push(tap)
  }

  /** Asked once when the source says that all has come, or now if it has said so: an error where it is not whole after all. */
  verify(check: () => RelayError | null): void {
    this.check = check
    if (this.isComplete) this.finish(this.trailers)
  }

  /** Told once how the body ended, also when it has ended already. */
  onEnd(listener: EndListener): void {
    if (this.end !== null) listener(this.end, this)
    else if (this.listeners === null) this.listeners = [listener]
    else this.listeners.push(listener)
  }

  /** More bytes than this end the body with `too_large`; `overflow` is what it fails with. */
  bound(limit: number, overflow: () => RelayError): void {
    this.limit = limit
    this.overflowError = overflow
    if (this.received > limit) this.overflow()
  }

  private overflowError: (() => RelayError) | null = null

  private overflow(): boolean {
    this.isComplete = false
    this.fail('failed', this.overflowError!())
    return false
  }

  private hold(bytes: Buffer, isOwned: boolean): boolean {
    if (this.held === null) this.held = isOwned ? bytes : Buffer.from(bytes)
    else this.held = this.append(this.held, bytes)
    return this.held.length < this.holdMost
  }

  /** Room grows by doubling, so that a body that comes in small pieces does not cost a copy of everything each. */
  private append(held: Buffer, bytes: Buffer): Buffer {
    const room = roomFor(this.room ?? held, held.length, held.length + bytes.length)
    bytes.copy(room, held.length)
    this.room = room
    return room.subarray(0, held.length + bytes.length)
  }

  private show(taps: readonly Tap[], bytes: Buffer): boolean {
    for (let i = 0; i < taps.length; i++) taps[i]!.read(bytes)
    return this.end !== null
  }

  private breakOff(sink: Sink, end: BodyEnd): void {
    const words = this.lastWords?.(end, this.error) ?? null
    if (words !== null) sink.push(words, true)
    sink.fail(end, this.error, this.lastTrailers === null ? null : this.lastTrailers(end, this.error, sink))
  }

  private deliver(sink: Sink): void {
    this.settle('done')
    sink.finish(this.trailers)
  }

  private settle(end: BodyEnd): void {
    this.end = end
    this.source?.ended(end)
    const { listeners } = this
    this.listeners = null
    if (listeners !== null) for (const listener of listeners) listener(end, this)
  }
}

/** Where a body comes from. */
export interface Source {
  pause(): void
  resume(): void
  /** The body has its end: after `done` the source is free for other work, after any other it stops at once. */
  ended(end: BodyEnd): void
}

/** Where a body goes. */
export interface Sink {
  /** False: stop until the body's `resume` is called. The bytes may be kept only if owned. */
  push(bytes: Buffer, isOwned: boolean): boolean
  finish(trailers: Buffer): void
  /**
   * The body broke off: tell it in a way that nobody can take for its end. With trailers, which say so in the body's own protocol, it is
   * ended by these instead where the sink can (chunks, HTTP/2), and `end` is how it ended all the same.
   */
  fail(end: BodyEnd, error: RelayError | null, trailers: Buffer | null): void
}

/** How a body tells that it broke off; bytes before its trailers go to `out`, at once. */
export type LastTrailers = (end: BodyEnd, error: RelayError | null, out: Pick<Sink, 'push'>) => Buffer | null

/** Watches the bytes of a body; it must not keep them. */
export interface Tap {
  read(bytes: Buffer): void
}

/** Told once how a body ended. */
export type EndListener = (end: BodyEnd, body: Body) => void

/** What is held before there is a sink, in bytes: as long as its source is read, its leaving is seen. */
export const maxHeld = 65536
const none = Buffer.alloc(0)
