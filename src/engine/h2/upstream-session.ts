import { RelayError } from '../../base/errors.ts'
import { ErrorCode, maxStreamId } from '../../protocol/h2/frames.ts'
import type { Call, Reply } from '../call.ts'
import { brokeOff, noReply } from '../upstream-errors.ts'
import { encodeConnect } from './connect-fields.ts'
import { encodeRequest, requestRoom, type Origin } from './request-fields.ts'
import type { StreamOwner } from './stream-owner.ts'
import { debugText, goawayError, noTunnels } from './session-errors.ts'
import { TunnelStream } from './tunnel-stream.ts'
import { UpstreamLine, type LineOwner } from './upstream-line.ts'
import { UpstreamStream } from './upstream-stream.ts'

/** Whose session it is. */
export interface SessionOwner extends LineOwner {
  readonly origin: Origin
  /** It is up. */
  connected(session: UpstreamSession): void
  /** It may have room for calls that wait. */
  roomy(session: UpstreamSession): void
  /** It began or ceased to carry calls. */
  tell(): void
  /** It takes no more calls; those that it carries go on. */
  leaving(session: UpstreamSession): void
  /** It is gone; `failure` where it never came up. */
  gone(session: UpstreamSession, failure: Error | null): void
  /** Nothing of this call was taken. */
  again(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void
}

/** The calls of one session to an origin: how many it takes, and what becomes of them when the origin wants no more. */
export class UpstreamSession extends UpstreamLine implements StreamOwner {
  private readonly pool: SessionOwner
  private goaway: { readonly last: number; readonly code: number; readonly debug: string } | null = null
  /** The origin has refused a stream: it gets no other before one has ended, or its SETTINGS have changed. */
  private isFull = false
  /** A call has waited for nothing: until the origin is heard, no other goes there. */
  private isDoubted = false
  /** Something has changed that calls may wait for. */
  private hasNews = false

  constructor(pool: SessionOwner, address: string) {
    super(pool, address)
    this.pool = pool
  }

  /** Calls that it carries at most. */
  get most(): number {
    return Math.min(this.pool.options.streams, this.peer.maxConcurrentStreams)
  }

  get hasRoom(): boolean {
    return this.state === 'open' && this.streams.size < this.most && !this.isFull && !this.isDoubted && this.isUp
  }

  /** It is up and carries nothing. */
  get isFree(): boolean {
    return this.state === 'open' && this.streams.size === 0
  }

  /** Sends a call; its reply settles the promise these two belong to. */
  send(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    const { upgrade } = call
    // Nothing may be said of a stream that has not begun.
    if (upgrade !== null && !this.peer.allowsConnect) return reject(noTunnels(this.name))
    const id = this.nextId()
    const Kind = upgrade === null ? UpstreamStream : TunnelStream
    const stream = new Kind(id, this.peer.initialWindow, this, call, resolve, reject)
    this.streams.add(stream)
    this.options.sweep.add(stream)
    if (this.streams.size === 1) this.busy()
    if (id > maxStreamId - 2) this.leave()
    stream.start()
  }

  closeIfFree(): void {
    if (this.isFree) this.close()
  }

  putHead(id: number, call: Call, isWhole: boolean): void {
    const { origin } = this.pool
    const encoder = this.beginBlock(requestRoom(call, origin))
    if (call.upgrade === null) encodeRequest(call, origin, encoder)
    else encodeConnect(call, origin, encoder)
    this.endBlock(id, isWhole)
  }

  again(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    this.pool.again(call, resolve, reject)
  }

  refusedOne(): void {
    // One that takes nothing when it has nothing will not take anything later.
    if (this.streams.size === 0) this.leave()
    this.isFull = true
  }

  suspect(): void {
    if (this.silentFor < suspiciousMs || this.state !== 'open') return
    this.isDoubted = true
    this.probe()
  }

  lostError(id: number, hasReply: boolean): RelayError {
    const { goaway, failure, name } = this
    if (goaway !== null) return goawayError(name, goaway.code, { debug: goaway.debug, isTaken: id <= goaway.last })
    if (failure instanceof RelayError) return failure
    return hasReply ? brokeOff(name, 'its reply', failure) : noReply(name, failure)
  }

  protected onUp(): void {
    this.pool.connected(this)
  }

  protected onAnswered(): void {
    this.isFull = this.isDoubted = false
    this.news()
  }

  protected onLeaving(): void {
    this.pool.leaving(this)
    this.news()
  }

  protected onGone(failure: Error | null): void {
    this.pool.gone(this, failure)
  }

  protected onGoaway(last: number, code: number): void {
    if (code !== ErrorCode.none) {
      const { bytes, from, to } = this.reader
      this.goaway = { last, code, debug: debugText(bytes, from + 8, to) }
      return this.close()
    }
    this.leave()
    for (const stream of this.streams.values()) if (stream.id > last) stream.notTaken()
  }

  protected onStreamClosed(stream: UpstreamStream): void {
    this.options.sweep.remove(stream)
    this.isFull = false
    this.news()
  }

  protected onTurn(): void {
    if (!this.hasNews || this.isOver) return
    this.hasNews = false
    this.pool.roomy(this)
    if (this.streams.size > 0) return
    if (this.state === 'leaving') return this.close()
    this.waitForNext()
    this.pool.tell()
  }

  /** Its first call. */
  private busy(): void {
    this.waitForNext()
    this.pool.tell()
    // What stands between may have forgotten a connection that was silent for so long.
    if (this.silentFor > forgottenMs) this.probe()
  }

  private news(): void {
    this.hasNews = true
    this.wantTurn()
  }
}

const forgottenMs = 30_000
const suspiciousMs = 5000
