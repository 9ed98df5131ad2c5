import type { BodyEnd } from '../base/ends.ts'
import type { RelayError } from '../base/errors.ts'
import { Body, type Sink, type Source } from './body.ts'
import type { Call } from './call.ts'
import { tellFinish, type CallerSocket, type SocketOwner } from './caller-socket.ts'

/** The call that a tunnel belongs to: what it writes is counted there, and its end is the call's. */
export interface TunnelledCall extends Sink {
  readonly call: Call
}

/** The caller's connection that a tunnel takes over, and gives back when both directions are over. */
export interface CallerLine extends SocketOwner {
  readonly socket: CallerSocket
}

/**
 * The caller's side of a tunnel: the source of what the caller sends from now on, which becomes the call's body, and the sink of what
 * the upstream does. A FIN of either ends its own direction alone.
 */
export class CallerTunnel implements SocketOwner, Source, Sink {
  private readonly exchange: TunnelledCall
  private readonly line: CallerLine
  private readonly uplink: Sink
  private readonly up = new Body(-1, this)
  private isReceived = false

  constructor(exchange: TunnelledCall, line: CallerLine, uplink: Sink) {
    this.exchange = exchange
    this.line = line
    this.uplink = uplink
    exchange.call.body = this.up
    line.socket.owner = this
    line.socket.allowHalfOpen = true
  }

  /** Begins with what the caller has sent ahead; nothing of it has gone anywhere before. */
  begin(ahead: Buffer | null): this {
    if (ahead !== null) this.up.push(ahead, true)
    this.up.pipe(this.uplink)
    return this
  }

  data(chunk: Buffer): void {
    if (!this.up.push(chunk, true)) this.pause()
  }

  /** The caller sends no more. */
  leave(): void {
    this.up.finish(none)
  }

  drained(): void {
    this.line.drained()
  }

  /** The end of what the upstream sends is on its way: nobody waits for the caller to read any more. */
  finished(): void {
    this.line.drained()
  }

  closed(): void {
    this.line.closed()
  }

  pause(): void {
    this.line.socket.pause()
  }

  resume(): void {
    this.line.socket.resume()
  }

  ended(end: BodyEnd): void {
    if (end !== 'done') {
      this.uplink.fail(end, this.up.error, null)
      this.broke(end, this.up.error)
    } else if (this.isReceived) this.done()
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    return this.exchange.push(bytes, isOwned)
  }

  finish(): void {
    this.isReceived = true
    if (this.up.end === 'done') return this.done()
    const { socket } = this.line
    if (socket.writableLength > 0) tellFinish(socket)
    socket.end()
  }

  fail(end: BodyEnd, error: RelayError | null): void {
    this.up.cancel(end, error)
    this.broke(end, error)
  }

  private done(): void {
    this.line.socket.owner = this.line
    this.exchange.finish(none)
  }

  private broke(end: BodyEnd, error: RelayError | null): void {
    this.line.socket.owner = this.line
    this.exchange.fail(end, error, null)
  }
}

const none = Buffer.alloc(0)
