import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { RelayError } from '../../base/errors.ts'
import { ErrorCode, maxWindow } from '../../protocol/h2/frames.ts'
import { dial } from '../dial.ts'
import type { PoolHost, PoolOptions } from '../pool-options.ts'
import { maxFields, maxList } from './reply-head.ts'
import { Session } from './session.ts'
import { mostStreamWindow } from './stream.ts'
import type { UpstreamStream } from './upstream-stream.ts'

/** An origin, and what sessions share. */
export interface LineOwner {
  readonly options: PoolOptions
  readonly host: PoolHost
}

type State = 'connecting' | 'greeting' | 'open' | 'leaving' | 'closing' | 'closed'

/**
 * The connection under an upstream's session: its dial, its greeting, its signs of life and its end. It is up when the origin has said
 * its SETTINGS: who speaks another version is found out before a call goes there. Reads come into one buffer that all upstream
 * connections of the worker share.
 */
export abstract class UpstreamLine extends Session<UpstreamStream> {
  readonly address: string
  readonly socket: Socket
  protected state: State = 'connecting'
  protected failure: Error | null = null
  private readonly origin: PoolOptions
  private heardAt: number
  /** A PING has gone out, and nothing has come since. */
  private isProbing = false

  constructor({ options, host }: LineOwner, address: string) {
    // As much as all of its streams may hold: one whose caller is slow must not stop the others.
    const window = Math.min(options.streams * mostStreamWindow, maxWindow)
    super({ isClient: true, sweep: host.sweep, listSize: maxList, fields: maxFields, streams: 0, answerMs, writeMs, window })
    this.origin = options
    this.address = address
    this.heardAt = this.now
    const onread = { buffer: host.readBuffer, callback: (count: number, buffer: Uint8Array) => this.heard(count, buffer as Buffer) }
    this.socket = dial(options, address, onread)
  }

  /** Begins; what becomes of it is told by the `on…` methods. */
  open(): void {
    const { socket, origin } = this
    this.options.sweep.add(this)
    this.waitFor(origin.connectMs)
    socket.on(origin.tls === null ? 'connect' : 'secureConnect', () => this.dialled())
    socket.on('drain', () => this.unblocked())
    socket.on('end', () => this.close())
    socket.on(
      'error',
      (error: NodeJS.ErrnoException) => (this.failure ??= error.code === noProtocol ? this.otherVersion('no h2 in its TLS', error) : error),
    )
    socket.on('close', () => this.closedSocket())
  }

  /** The origin has said its SETTINGS. */
  protected abstract onUp(): void
  /** It takes no more calls. */
  protected abstract onLeaving(): void
  /** The origin has been heard again. */
  protected abstract onAnswered(): void
  /** It is gone; the failure where it never came up. */
  protected abstract onGone(failure: Error | null): void

  get name(): string {
    return this.origin.name
  }

  get now(): number {
    return this.options.sweep.now
  }

  /** Neither side has closed it, as far as is known here. */
  protected get isUp(): boolean {
    const { socket } = this
    return !socket.destroyed && socket.writable && !socket.readableEnded
  }

  /** ms since anything came. */
  protected get silentFor(): number {
    return this.now - this.heardAt
  }

  waitForDrain(): void {
    this.blocked()
  }

  override fail(code: number, why: string): void {
    if (this.isOver) return
    this.failure ??= this.state === 'greeting' ? this.otherVersion(why) : this.broken(why)
    super.fail(code, why)
  }

  protected onSettings(): void {
    if (this.state === 'greeting') {
      this.state = 'open'
      this.waitForNext()
      this.onUp()
    } else this.onAnswered()
  }

  protected onFailed(): void {
    this.hangUp()
  }

  protected onExpired(): void {
    const { connectMs } = this.origin
    if (this.state === 'connecting' || this.state === 'greeting') {
      this.failure ??= new RelayError('timed_out', `no connection to ${this.name} within ${connectMs} ms`)
      this.socket.destroy()
    } else if (this.state === 'closing') this.socket.destroy()
    else if (this.isProbing) this.fail(ErrorCode.cancel, `no answer to a PING within ${probeMs} ms`)
    else if (this.streams.size === 0) this.close()
    else if (this.silentFor >= silentMs) this.probe()
    else this.waitFor(silentMs - this.silentFor)
  }

  /** Waits for a call, or for a sign of life of an origin that has some. */
  protected waitForNext(): void {
    if (!this.isProbing) this.waitFor(this.streams.size === 0 ? this.origin.idleMs : silentMs)
  }

  /** Asks for a sign of life. */
  protected probe(): void {
    if (this.isProbing) return
    this.isProbing = true
    this.output.ping()
    this.waitFor(probeMs)
  }

  /** It takes no more calls; those that it carries go on. */
  protected leave(): void {
    if (this.state !== 'open') return
    this.state = 'leaving'
    this.onLeaving()
  }

  /** Ends it, and the calls that it still carries. */
  protected close(): void {
    if (this.isOver) return
    if (this.state === 'open' || this.state === 'leaving') this.output.goaway(0, ErrorCode.none, '')
    this.leave()
    this.lose('closed')
    this.hangUp()
  }

  private dialled(): void {
    const { alpnProtocol } = this.socket as Partial<TLSSocket>
    if (alpnProtocol !== undefined && alpnProtocol !== 'h2') {
      this.failure = this.otherVersion('no h2 in its TLS')
      this.socket.destroy()
      return
    }
    this.state = 'greeting'
    this.options.sweep.remove(this)
    this.begin()
  }

  private heard(count: number, buffer: Buffer): boolean {
    this.heardAt = this.now
    if (this.isProbing) {
      this.isProbing = false
      this.waitForNext()
      this.onAnswered()
    }
    this.read(buffer.subarray(0, count), false)
    return true
  }

  /** Closes the socket behind what has been written. */
  private hangUp(): void {
    if (this.state === 'connecting' || this.state === 'greeting') return void this.socket.destroy()
    this.leave()
    this.state = 'closing'
    this.output.flush()
    this.waitFor(closeMs)
    this.socket.destroySoon()
  }

  private closedSocket(): void {
    const neverCame = this.state === 'connecting' || this.state === 'greeting'
    this.leave()
    this.state = 'closed'
    this.options.sweep.remove(this)
    this.lose('closed')
    this.output.drop()
    this.onGone(neverCame ? (this.failure ?? new Error('connection closed')) : null)
  }

  private waitFor(ms: number): void {
    this.waits.role = this.now + ms
    this.rewait()
  }

  private otherVersion(why: string, cause?: Error): RelayError {
    const message = `${this.name} does not speak HTTP/2 (${why}): say http: 1 for it, if it speaks HTTP/1.1`
    return new RelayError('upstream_failed', message, cause === undefined ? {} : { cause })
  }

  private broken(why: string): RelayError {
    return new RelayError('upstream_failed', `the session with ${this.name} failed: ${why}`)
  }
}

/** Waits, in ms: for answers to SETTINGS and PING, for a socket that takes nothing, and for the end of one that is closed. */
const answerMs = 20_000
const probeMs = 15_000
const writeMs = 60_000
const closeMs = 2000
/** Silence behind which an origin that has calls is asked for a sign of life. gRPC servers take more than one PING in five minutes ill. */
const silentMs = 305_000
const noProtocol = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'
