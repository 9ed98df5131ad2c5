import { maxFrameSize, maxWindow } from '../../protocol/h2/frames.ts'
import type { Output } from './output.ts'
import type { Sender, Sending } from './sender.ts'

/** What a stream needs of the session that carries it. */
export interface StreamHost {
  readonly output: Output
  readonly sender: Sender
  readonly flood: { sent(): void }
  /** Bytes that were received have been taken, or will be by nobody: the peer may send as many again. */
  credit(bytes: number): void
  putTrailers(stream: number, lines: Buffer): void
  putReset(stream: number, code: number): void
  /** It is over, whichever way. */
  streamClosed(stream: { readonly id: number }): void
}

/** The part of a stream that sends: bytes leave at once as far as windows and socket let them, and wait here otherwise. */
export abstract class StreamOut implements Sending {
  readonly id: number
  isWaiting = false
  /** The peer has ended its side, relay its own; both, or reset. */
  isRemoteDone = false
  isLocalDone = false
  isClosed = false
  protected readonly session: StreamHost
  private window: number
  private queue: Buffer[] = noBytes
  private queueAt = 0
  private wantsDrain = false
  private ending: Ending | null = null
  /** Where its last DATA frame stands in the output, in this epoch of it. */
  private lastData = 0
  private lastEpoch = -1

  /** `window` is what the peer takes of a new stream. */
  constructor(id: number, session: StreamHost, window: number) {
    this.id = id
    this.session = session
    this.window = window
  }

  /** `write` has said no, and all of it has gone out. */
  abstract onDrained(): void
  /** Some of what waited has gone out. */
  onMoved(): void {}
  /** Relay's side is ended, and all of it has gone out. */
  onFlushed(): void {}

  /** Bytes that were queued and wait for a window or the socket. */
  get isStuck(): boolean {
    return this.queue.length > 0
  }

  get canSend(): boolean {
    return this.queue.length > 0 && this.window > 0 && !this.isClosed
  }

  /** Sends bytes; false: they wait, `onDrained` tells when more may come. */
  write(bytes: Buffer, isOwned: boolean): boolean {
    if (this.isClosed || this.ending !== null || bytes.length === 0) return true
    const sent = this.queue.length === 0 ? this.sendNow(bytes) : 0
    if (sent === bytes.length) return true
    const rest = sent === 0 ? bytes : bytes.subarray(sent)
    if (this.queue === noBytes) this.queue = []
    this.queue.push(isOwned ? rest : Buffer.from(rest))
    this.wantsDrain = true
    this.session.sender.wait(this)
    return false
  }

  /** Ends relay's side behind what has been written, with trailers where there are any (lines with CRLF). */
  end(trailers: Buffer): void {
    this.endWith(trailers.length === 0 ? plainly : { trailers, code: 0 })
  }

  /** Resets the stream behind what has been written. */
  breakOff(code: number): void {
    this.endWith({ trailers: none, code })
  }

  /** Resets the stream at once; what waits is thrown away. */
  reset(code: number): void {
    if (this.isClosed) return
    this.session.putReset(this.id, code)
    this.close()
  }

  sendSome(): void {
    const first = this.queue[0]!
    const length = Math.min(first.length - this.queueAt, maxFrameSize, this.window, this.session.sender.window)
    const isLast = this.queue.length === 1 && this.queueAt + length === first.length
    this.put(first, this.queueAt, length, isLast && this.ending === plainly)
    this.queueAt += length
    if (this.queueAt === first.length) {
      this.queueAt = 0
      this.queue.shift()
    }
    if (isLast) this.emptied()
    else this.onMoved()
  }

  /** Session: the peer takes so much more of it, or less. */
  widen(bytes: number): boolean {
    this.window += bytes
    if (this.window > maxWindow) return false
    this.session.sender.wait(this)
    return true
  }

  private sendNow(bytes: Buffer): number {
    const { sender, output } = this.session
    if (sender.isBusy) return 0
    let at = 0
    while (at < bytes.length && !output.isBlocked) {
      const length = Math.min(bytes.length - at, maxFrameSize, this.window, sender.window)
      if (length <= 0) break
      this.put(bytes, at, length, false)
      at += length
    }
    return at
  }

  private put(bytes: Buffer, from: number, length: number, isEnd: boolean): void {
    const { output, sender, flood } = this.session
    this.window -= length
    sender.window -= length
    flood.sent()
    this.lastData = output.data(this.id, bytes, from, length, isEnd)
    this.lastEpoch = output.epoch
    if (isEnd) this.isLocalDone = true
  }

  private emptied(): void {
    this.queue = noBytes
    const { wantsDrain, ending } = this
    this.wantsDrain = false
    if (ending !== null) this.conclude(ending)
    else if (wantsDrain) this.onDrained()
  }

  private endWith(ending: Ending): void {
    if (this.isClosed || this.ending !== null) return
    this.ending = ending
    if (this.queue.length === 0) this.conclude(ending)
  }

  private conclude({ trailers, code }: Ending): void {
    const { output } = this.session
    if (code !== 0) return this.reset(code)
    if (trailers.length > 0) this.session.putTrailers(this.id, trailers)
    else if (!this.isLocalDone) {
      if (this.lastEpoch === output.epoch) output.markEnd(this.lastData)
      else output.data(this.id, none, 0, 0, true)
    }
    this.endedLocally()
  }

  /** The last frame of relay's side has been put out. */
  protected endedLocally(): void {
    this.isLocalDone = true
    this.onFlushed()
    this.closeIfDone()
  }

  /** Both sides are ended: it is over. */
  protected closeIfDone(): void {
    if (this.isLocalDone && this.isRemoteDone && !this.isClosed) this.close()
  }

  protected close(): void {
    this.isClosed = true
    this.queue = noBytes
    this.session.streamClosed(this)
  }
}

interface Ending {
  readonly trailers: Buffer
  /** Not 0: the stream is reset. */
  readonly code: number
}

const none = Buffer.alloc(0)
const noBytes: Buffer[] = []
const plainly: Ending = { trailers: none, code: 0 }
