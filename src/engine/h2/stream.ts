import { ErrorCode, defaultWindow } from '../../protocol/h2/frames.ts'
import { roomFor } from '../../protocol/room.ts'
import type { FieldLines } from '../../protocol/hpack/field-lines.ts'
import { Inflow } from './inflow.ts'
import { StreamOut } from './stream-out.ts'

/**
 * One stream, as both ends have it. What comes in is credited to the peer as it is taken: whoever takes no more has at most a window
 * to keep. What goes out leaves at once as far as windows and socket let it; the rest waits here, and `write` says so.
 *
 * A subclass gives it its meaning by the `on…` methods. Once it is closed only the one that says why is still called.
 */
export abstract class Stream extends StreamOut {
  private readonly inflow = new Inflow(streamWindow, mostStreamWindow)
  /** Bytes received that are not taken yet. */
  private held = 0
  private isDeaf = false
  /** Small pieces that came while nobody took any: together they are one. */
  private gathered: Buffer = none
  private gatheredLength = 0

  /** More fields, behind those that opened it: the head of a reply, or trailers. They are lent. */
  abstract onHeaders(lines: FieldLines, isEnd: boolean): void
  /** Bytes, which stay as they are only if owned; false: they are kept for later, and no more may come until `taken` is called. */
  abstract onData(bytes: Buffer, isOwned: boolean): boolean
  /** The peer has ended its side by a DATA frame. */
  abstract onEnd(): void
  /** The peer has reset it. */
  abstract onReset(code: number): void
  /** It breaks the rules: relay has reset it. */
  abstract onError(code: number, why: string): void
  /** The session is over, and with it the stream. */
  abstract onLost(why: string): void

  /** What `onData` kept has been taken. */
  taken(): void {
    const { held } = this
    const length = this.gatheredLength
    this.held = 0
    const isAllTaken = this.give()
    if (!isAllTaken && !this.isDeaf) this.held += length
    if (held > this.held) this.credit(held - this.held, false)
  }

  /** Nobody wants what still comes: it is thrown away, and the peer gets no room for more than its window. */
  deafen(): void {
    this.isDeaf = true
    this.taken()
  }

  /** Session: the payload of a DATA frame that is within the connection's window, padding and all. */
  receive(bytes: Buffer, padding: number, isOwned: boolean, isEnd: boolean): void {
    if (!this.inflow.receive(bytes.length + padding)) {
      this.session.credit(bytes.length + padding)
      return this.refuse(ErrorCode.flowControl, 'more DATA than the window')
    }
    if (isEnd) this.isRemoteDone = true
    if (padding > 0) this.credit(padding, false)
    if (bytes.length > 0) {
      if (this.take(bytes, isOwned)) this.credit(bytes.length, true)
      else this.held += bytes.length
    }
    if (!isEnd || this.isClosed) return
    this.give()
    if (this.isClosed) return
    this.onEnd()
    this.closeIfDone()
  }

  /** Session: it was opened, or went on, with these fields. */
  headers(lines: FieldLines, isEnd: boolean): void {
    if (isEnd) this.isRemoteDone = true
    this.give()
    if (this.isClosed) return
    this.onHeaders(lines, isEnd)
    if (isEnd) this.closeIfDone()
  }

  /** Session: the peer broke a rule that concerns this stream alone. */
  refuse(code: number, why: string): void {
    if (this.isClosed) return
    this.reset(code)
    this.onError(code, why)
  }

  /** Session: the peer has reset it. */
  wasReset(code: number): void {
    this.give()
    this.close()
    this.onReset(code)
  }

  /** Session: it is over. */
  lost(why: string): void {
    if (this.isClosed) return
    this.give()
    this.close()
    this.onLost(why)
  }

  /** False: the bytes wait. */
  private take(bytes: Buffer, isOwned: boolean): boolean {
    if (this.isDeaf) return true
    // A byte that waits by itself would cost a hundred.
    if (this.held > 0 && bytes.length < smallPiece) {
      if (this.gatheredLength + bytes.length > mostGathered) this.give()
      this.gathered = roomFor(this.gathered, this.gatheredLength, this.gatheredLength + bytes.length)
      bytes.copy(this.gathered, this.gatheredLength)
      this.gatheredLength += bytes.length
      return this.isDeaf
    }
    this.give()
    return this.isDeaf || this.onData(bytes, isOwned) || this.isDeaf
  }

  /** Passes on what was gathered; false: it waits behind what was there before. */
  private give(): boolean {
    if (this.gatheredLength === 0) return true
    const bytes = this.gathered.subarray(0, this.gatheredLength)
    this.gathered = none
    this.gatheredLength = 0
    return this.isDeaf || this.onData(bytes, true)
  }

  private credit(bytes: number, grows: boolean): void {
    this.session.credit(bytes)
    if (this.isRemoteDone || this.isClosed || this.isDeaf) return
    const increment = this.inflow.credit(bytes, grows)
    if (increment > 0) this.session.output.windowUpdate(this.id, increment)
  }

  protected override close(): void {
    super.close()
    this.deafen()
  }
}

const none = Buffer.alloc(0)
/** Pieces shorter than this are put together, up to so many bytes. */
const smallPiece = 1024
const mostGathered = 16_384
/** What a peer may send of one stream: at first, and once its bytes have been taken as they came. */
const streamWindow = defaultWindow
export const mostStreamWindow = 262_144
