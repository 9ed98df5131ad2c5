import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import type { Sink } from './body.ts'
import { stopped, type Call, type Reply } from './call.ts'
import { dial } from './dial.ts'
import type { PoolHost, PoolOptions } from './pool-options.ts'
import { ReplyReader, type ReplyLine } from './reply-reader.ts'
import { lastChunkWith, maxJoined, writeChunk, writeRequest } from './request-writer.ts'
import type { Timed } from './sweep.ts'
import { brokeOff, malformedReply, noReply } from './upstream-errors.ts'
import { UpstreamTunnel } from './upstream-tunnel.ts'

/** Whose connection it is. */
export interface ConnectionOwner {
  readonly options: PoolOptions
  readonly host: PoolHost
  /** The `Host` line of every request. */
  readonly hostLine: Buffer
  /** It is up. */
  connected(connection: UpstreamConnection): void
  /** Its reply is over and it can take another call. */
  release(connection: UpstreamConnection): void
  /** It is gone; `failure` where it never came up. */
  gone(connection: UpstreamConnection, failure: Error | null): void
}

type State = 'connecting' | 'idle' | 'waiting' | 'replying' | 'tunnel' | 'closed'

/**
 * One connection to an origin: it takes a call, writes it, and reads its reply. It is the sink of the request's body and, through its
 * reader, the source of the reply's. Reads come into one buffer that all connections of the worker share.
 */
export class UpstreamConnection implements Sink, Timed, ReplyLine {
  readonly address: string
  deadline = Infinity
  place = -1
  private readonly pool: ConnectionOwner
  private readonly reader = new ReplyReader(this)
  private socket: Socket | null = null
  private state: State = 'connecting'
  private call: Call | null = null
  private resolve: ((reply: Reply) => void) | null = null
  private reject: ((error: Error) => void) | null = null
  private isRequestDone = false
  private wantsDrain = false
  private failure: Error | null = null
  private tunnelled: UpstreamTunnel | null = null

  constructor(pool: ConnectionOwner, address: string) {
    this.pool = pool
    this.address = address
  }

  get isUsable(): boolean {
    return this.state === 'idle' && this.isUp
  }

  /** Neither side has closed it, as far as is known here. */
  private get isUp(): boolean {
    const { socket } = this
    return socket !== null && !socket.destroyed && socket.writable && !socket.readableEnded
  }

  open(): void {
    const { options, host } = this.pool
    const onread = { buffer: host.readBuffer, callback: (count: number, buffer: Uint8Array) => this.read(count, buffer as Buffer) }
    const socket = dial(options, this.address, onread)
    this.socket = socket
    host.sweep.add(this)
    this.deadline = host.sweep.now + options.connectMs
    socket.on(options.tls === null ? 'connect' : 'secureConnect', () => this.connected())
    socket.on('drain', () => this.drained())
    socket.on('end', () => this.ended())
    socket.on('error', (error) => (this.failure ??= error))
    socket.on('close', () => this.closed())
  }

  /** Writes a call; its reply settles the promise these two belong to. */
  send(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    this.call = call
    this.resolve = resolve
    this.reject = reject
    this.state = 'waiting'
    this.isRequestDone = false
    this.reader.begin()
    call.work = this
    call.attempts++
    this.deadline = this.pool.host.sweep.now + call.firstByteMs
    const body = call.outgoing
    const first = body.take()
    const isJoined = first === null || first.length <= maxJoined
    const { slab } = this.pool.host
    let hasRoom = slab.send(this.socket!, writeRequest(call, this.pool.hostLine, isJoined ? first : null, slab))
    if (!isJoined) hasRoom = this.push(first, true)
    if (!hasRoom) this.wantsDrain = true
    body.pipe(this)
    if (!hasRoom) body.pause()
    else if (!this.isRequestDone) this.deadline = Infinity
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    const { call } = this
    // The reply was over before the request: the rest of it has nowhere to go, and its caller is told by the connection's end.
    if (call === null) return true
    const { slab, sweep } = this.pool.host
    const isChunked = call.outgoing.length < 0
    const hasRoom = isChunked ? slab.send(this.socket!, writeChunk(bytes, slab)) : this.socket!.write(isOwned ? bytes : Buffer.from(bytes))
    if (!hasRoom) this.wantsDrain = true
    // An upstream that does not read is waited for as one that does not answer; a caller has its own time for its next bytes.
    if (this.state === 'waiting') this.deadline = hasRoom ? Infinity : sweep.now + call.firstByteMs
    return hasRoom
  }

  finish(trailers: Buffer): void {
    this.isRequestDone = true
    if (this.state === 'waiting') this.deadline = this.pool.host.sweep.now + this.call!.firstByteMs
    if (this.call !== null && this.call.outgoing.length < 0) this.socket!.write(lastChunkWith(this.call.edits.filter(trailers)))
  }

  /** The request's body broke off: what the upstream has of it must not look whole. */
  fail(end: BodyEnd, error: RelayError | null): void {
    this.giveUp(end, error ?? stopped(end))
  }

  /** The caller left, or the call is cut. */
  cancel(end: BodyEnd): void {
    this.giveUp(end, stopped(end))
  }

  close(): void {
    this.socket?.destroy()
  }

  expire(): void {
    const { options } = this.pool
    if (this.state === 'connecting') {
      this.failure ??= new RelayError('timed_out', `no connection to ${options.name} within ${options.connectMs} ms`)
    } else if (this.state === 'waiting') {
      this.giveUp('timed_out', new RelayError('timed_out', `${options.name} sent no reply within ${this.call!.firstByteMs} ms`))
    } else if (this.state === 'replying') {
      this.reader.body!.fail('timed_out', new RelayError('timed_out', `${options.name} sent nothing for ${this.call!.idleMs} ms`))
    } else if (this.tunnelled !== null) return this.tunnelled.expire()
    this.close()
  }

  pauseReading(): void {
    this.deadline = Infinity
    this.socket!.pause()
  }

  resumeReading(): void {
    if (this.state !== 'replying') return
    this.deadline = this.pool.host.sweep.now + this.call!.idleMs
    this.socket!.resume()
  }

  /** The reply's body has its end: the connection is free, or it goes. */
  replyEnded(end: BodyEnd): void {
    const { call } = this
    if (call === null) return
    if (call.work === this) call.work = null
    this.call = null
    if (end !== 'done' || !this.reader.isReusable || !this.isRequestDone || !this.isUp) return this.close()
    this.state = 'idle'
    this.deadline = this.pool.host.sweep.now + Math.min(this.pool.options.idleMs, this.reader.keptMs)
    if (this.socket!.isPaused()) this.socket!.resume()
    this.pool.release(this)
  }

  /** Reader: the upstream goes on in another protocol. From here on the connection is the tunnel's, whose end is its own. */
  tunnel(call: Call): UpstreamTunnel {
    const { options, host } = this.pool
    this.state = 'tunnel'
    this.call = null
    return (this.tunnelled = new UpstreamTunnel({ timed: this, socket: this.socket!, sweep: host.sweep, name: options.name }, call))
  }

  private connected(): void {
    this.state = 'idle'
    this.deadline = this.pool.host.sweep.now + this.pool.options.idleMs
    this.pool.connected(this)
  }

  private drained(): void {
    if (!this.wantsDrain) return
    this.wantsDrain = false
    if (this.state === 'waiting' && !this.isRequestDone) this.deadline = Infinity
    this.call?.outgoing.resume()
  }

  private read(count: number, buffer: Buffer): boolean {
    const chunk = buffer.subarray(0, count)
    if (this.state === 'waiting') this.readHead(chunk)
    else if (this.state === 'replying') this.readBody(chunk)
    else if (this.tunnelled !== null) this.tunnelled.read(chunk)
    // Bytes that nobody asked for: whatever they are, the next reply could not be told from them.
    else this.close()
    return true
  }

  private readHead(chunk: Buffer): void {
    const call = this.call!
    const reply = this.reader.readHead(chunk, call)
    if (reply === null) return
    if ('failure' in reply) return this.giveUp('upstream_failed', malformedReply(this.pool.options.name, reply))
    const { resolve } = this
    this.resolve = this.reject = null
    if (this.state === 'waiting') this.state = 'replying'
    this.deadline = this.pool.host.sweep.now + call.idleMs
    resolve!(reply)
  }

  private readBody(chunk: Buffer): void {
    this.deadline = this.pool.host.sweep.now + this.call!.idleMs
    const surplus = this.reader.readBody(chunk, 0)
    if (surplus === 0) return
    if (typeof surplus !== 'number') this.reader.body!.fail('upstream_failed', malformedReply(this.pool.options.name, surplus))
    this.close()
  }

  private giveUp(end: BodyEnd, error: RelayError): void {
    const { reject, call } = this
    this.resolve = this.reject = null
    if (call !== null && call.work === this) call.work = null
    const { body } = this.reader
    if (reject !== null) reject(error)
    else if (body !== null) body.fail(end, error)
    this.close()
  }

  private ended(): void {
    if (this.tunnelled !== null) return
    if (this.state === 'replying') this.reader.closed()
    this.close()
  }

  private closed(): void {
    const { state, failure, call } = this
    this.state = 'closed'
    this.pool.host.sweep.remove(this)
    if (state === 'connecting') return this.pool.gone(this, failure ?? new Error('connection closed'))
    this.pool.gone(this, null)
    if (call === null) return
    const { name } = this.pool.options
    if (this.reject !== null) this.giveUp('upstream_failed', noReply(name, failure))
    else this.reader.body?.fail('upstream_failed', brokeOff(name, 'its reply', failure))
  }
}
