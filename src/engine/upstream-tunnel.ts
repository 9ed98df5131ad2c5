import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { Body, type Sink, type Source } from './body.ts'
import { stopped, type Call } from './call.ts'
import { resetSocket } from './reset.ts'
import type { Sweep, Timed } from './sweep.ts'
import { brokeOff } from './upstream-errors.ts'

/** The connection to the upstream that a tunnel takes over. */
export interface TunnelLine {
  readonly socket: Socket
  readonly sweep: Sweep
  /** The upstream's. */
  readonly name: string
  /** Whose clock it is. */
  readonly timed: Timed
}

/**
 * The upstream's side of a tunnel: the source of what the upstream sends, the sink of what the caller does. A FIN of either ends its own
 * direction alone; when both are over the socket closes by itself. Where anything breaks, both directions end. Its clock is the
 * connection's: whatever comes or goes sets it anew.
 */
export class UpstreamTunnel implements Source, Sink {
  /** What the upstream sends. */
  readonly body: Body
  private readonly line: TunnelLine
  private readonly call: Call
  private readonly idleMs: number
  private isPaused = false
  private wantsDrain = false
  /** The caller has sent all of it. */
  private isSent = false
  private isOver = false
  private failure: Error | null = null

  constructor(line: TunnelLine, call: Call) {
    this.line = line
    this.call = call
    this.idleMs = call.idleMs
    this.body = new Body(-1, this)
    call.work = this
    const { socket } = line
    socket.allowHalfOpen = true
    socket.on('drain', () => this.drained())
    socket.on('end', () => this.body.finish(none))
    socket.on('error', (error) => (this.failure ??= error))
    socket.on('close', () => this.closed())
  }

  /** Connection: bytes of the upstream's, lent. */
  read(bytes: Buffer): void {
    this.touch()
    if (!this.body.push(bytes, false)) this.pause()
  }

  /** Connection: its clock has run out. */
  expire(): void {
    if (this.isOver) return void this.line.socket.destroy()
    this.breakOff('timed_out', new RelayError('timed_out', `nothing came through the tunnel to ${this.line.name} for ${this.idleMs} ms`))
  }

  pause(): void {
    this.isPaused = true
    // Whoever does not read has a time of its own.
    this.line.timed.deadline = Infinity
    this.line.socket.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.touch()
    this.line.socket.resume()
  }

  ended(end: BodyEnd): void {
    if (end !== 'done') this.stop(end)
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    this.touch()
    if (this.line.socket.write(isOwned ? bytes : Buffer.from(bytes))) return true
    this.wantsDrain = true
    return false
  }

  finish(): void {
    this.isSent = true
    if (!this.isOver) this.line.socket.end()
  }

  /** What the caller sends broke off. */
  fail(end: BodyEnd, error: RelayError | null): void {
    this.body.cancel(end, error)
    this.stop(end)
  }

  /** The call is not wanted any more, and no reply of it has gone out. */
  cancel(end: BodyEnd): void {
    this.breakOff(end, stopped(end))
  }

  private touch(): void {
    if (!this.isPaused && !this.isOver) this.line.timed.deadline = this.line.sweep.now + this.idleMs
  }

  private drained(): void {
    if (!this.wantsDrain) return
    this.wantsDrain = false
    this.call.body.resume()
  }

  private closed(): void {
    if (this.isSent && this.body.isComplete) this.isOver = true
    this.breakOff('upstream_failed', brokeOff(this.line.name, 'the tunnel', this.failure))
  }

  /** Ends what is not over of both directions. */
  private breakOff(end: BodyEnd, error: RelayError): void {
    if (this.isOver) return
    this.body.fail(end, error)
    this.call.body.cancel(end, error)
    this.stop(end)
  }

  private stop(end: BodyEnd): void {
    if (this.isOver) return
    this.isOver = true
    if (this.call.work === this) this.call.work = null
    const { line } = this
    if (end !== 'drained' && end !== 'timed_out') return resetSocket(line.socket)
    // A cut by relay: what is on its way still arrives, for as long as that may take.
    line.timed.deadline = line.sweep.now + lastBytesMs
    line.socket.destroySoon()
  }
}

const none = Buffer.alloc(0)
const lastBytesMs = 2000
