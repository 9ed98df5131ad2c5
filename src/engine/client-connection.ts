import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { preface } from '../protocol/h2/frames.ts'
import { refusal, type Refusal } from '../protocol/head.ts'
import type { RequestHead } from '../protocol/request.ts'
import type { Body, Sink } from './body.ts'
import { Call, type Caller } from './call.ts'
import { lingerMs, maxLingered, type CallerConnection, type ServerSide } from './caller-connection.ts'
import type { ExchangeBase } from './exchange-base.ts'
import { Exchange, type ExchangeLine } from './exchange.ts'
import { closeLine, writeReply } from './reply-writer.ts'
import type { RequestLine } from './request-line.ts'
import { RequestReader } from './request-reader.ts'
import { CallerTunnel } from './caller-tunnel.ts'
import { resetSocket } from './reset.ts'
import { callerOf, own, tellDrain, tellFinish, type CallerSocket, type SocketOwner } from './caller-socket.ts'
import type { ServerHost, ServerLimits } from './server-host.ts'
import type { Timed } from './sweep.ts'

/**
 * One caller's connection: it reads calls one after the other and carries an exchange for each. Whoever leaves (FIN or reset) cancels
 * the call that is under way. Without a call it holds as little as it can: its socket's listeners are shared functions.
 */
export class ClientConnection implements Timed, RequestLine, ExchangeLine, SocketOwner, CallerConnection {
  readonly socket: CallerSocket
  deadline: number
  place = -1
  private readonly server: ServerSide
  private readonly reader: RequestReader
  private caller: Caller | null = null
  private exchange: Exchange | null = null
  private isDraining = false
  /** Bytes thrown away since the last answer went out; -1 before. They are read until the peer closes, so that no reset eats the answer. */
  private lingered = -1
  /** Bytes of the preface of HTTP/2 that it began with; -1: they were not, or are not looked for. */
  private prefaceAt = 0

  constructor(socket: Socket, server: ServerSide, mayBeHttp2: boolean) {
    this.socket = own(socket, this)
    this.server = server
    this.reader = new RequestReader(this)
    if (!mayBeHttp2) this.prefaceAt = -1
    server.host.sweep.add(this)
    this.deadline = server.host.sweep.now + server.limits.headMs
  }

  get host(): ServerHost {
    return this.server.host
  }

  get limits(): ServerLimits {
    return this.server.limits
  }

  get isClosing(): boolean {
    return this.server.isClosing
  }

  data(chunk: Buffer): void {
    if (this.lingered < 0) return this.prefaceAt < 0 ? this.reader.data(chunk) : this.readFirst(chunk)
    this.lingered += chunk.length
    if (this.lingered > maxLingered) this.destroy()
  }

  takeHead(): RequestHead {
    return this.server.takeHead()
  }

  returnHead(head: RequestHead): void {
    this.server.returnHead(head)
  }

  waitFor(what: 'head' | 'idle' | 'body'): void {
    const { headMs, idleMs, bodyMs } = this.server.limits
    if (this.isDraining) return
    if (what === 'idle' && this.server.isEmptying) return this.linger()
    this.deadline = this.server.host.sweep.now + (what === 'head' ? headMs : what === 'idle' ? idleMs : bodyMs)
  }

  waitForNothing(): void {
    if (!this.isDraining) this.deadline = Infinity
  }

  pauseSocket(): void {
    this.socket.pause()
  }

  resumeSocket(): void {
    this.socket.resume()
  }

  /** Reader: a call's head is whole. */
  begin(head: RequestHead, body: Body): void {
    const { server } = this
    const call = new Call(server.nextId(), performance.now(), head, body, (this.caller ??= callerOf(this.socket, server.host)))
    this.exchange = new Exchange(call, this)
    this.exchange.run()
  }

  /** Reader: the message cannot be taken; the connection ends behind the answer. */
  refuse(refused: Refusal): void {
    const { host } = this.server
    host.refused(refused.failure)
    const error = new RelayError(refused.failure, refused.message)
    // A body that turns out malformed ends a call that is under way: whoever works on it learns it from the body's end.
    if (this.exchange !== null) return this.exchange.call.body.fail('failed', error)
    const reply = host.errorReply(error, null)
    const options = { framing: 'length', connection: closeLine, first: reply.body.take(), isWhole: true } as const
    host.slab.send(this.socket, writeReply(reply, options, host.slab))
    this.linger()
  }

  pause(): void {
    this.reader.pause()
  }

  resume(): void {
    this.reader.resume()
  }

  /** The request's body has its end. */
  ended(): void {
    this.reader.bodyEnded()
  }

  waitForDrain(): void {
    if (this.isDraining) return
    this.isDraining = true
    this.deadline = this.server.host.sweep.now + this.server.limits.writeMs
    tellDrain(this.socket)
  }

  drained(): void {
    this.isDraining = false
    if (this.lingered >= 0) return
    if (this.exchange === null) return this.reader.next()
    if (this.reader.isInBody) this.waitFor('body')
    else this.waitForNothing()
    this.exchange.reply?.body.resume()
  }

  finished(): void {
    this.deadline = this.server.host.sweep.now + lingerMs
  }

  exchanged(goesOn: boolean): void {
    this.returnHead(this.exchange!.call.head)
    this.exchange = null
    if (!goesOn) return this.linger()
    // The next call begins when the peer has taken the answers before it: else it could have any number of them kept here.
    if (this.socket.writableNeedDrain) this.waitForDrain()
    if (!this.isDraining) this.reader.next()
  }

  brokeOff(byReset: boolean): void {
    this.exchange = null
    if (!byReset) return this.linger()
    resetSocket(this.socket)
  }

  tunnel(exchange: Exchange, uplink: Sink): Sink {
    this.waitForNothing()
    return new CallerTunnel(exchange, this, uplink).begin(this.reader.handOver())
  }

  readOn(exchange: ExchangeBase): boolean {
    return this.server.readOn(exchange)
  }

  readOut(exchange: ExchangeBase): void {
    this.server.readOut(exchange)
  }

  closing(): void {
    // HTTP/1 has no word for it before the next answer.
  }

  closeIfIdle(): void {
    if (this.exchange === null && this.lingered < 0) this.linger()
  }

  collect(exchanges: ExchangeBase[]): void {
    if (this.exchange !== null) exchanges.push(this.exchange)
  }

  destroy(): void {
    this.socket.destroy()
  }

  expire(): void {
    const { exchange } = this
    if (this.prefaceAt > 0) return this.readAsHttp1()
    if (this.isDraining) {
      exchange?.leave('timed_out')
      this.destroy()
    } else if (exchange !== null) exchange.call.body.fail('timed_out', new RelayError('slow_caller', 'the request body stopped coming'))
    else if (this.lingered >= 0) this.destroy()
    else if (this.reader.isInHead) this.refuse(slowHead)
    else this.linger()
  }

  /** The peer closed, or its connection broke: nobody waits for an answer any more. */
  leave(end: BodyEnd): void {
    this.exchange?.leave(end)
    this.exchange = null
    this.destroy()
  }

  closed(): void {
    this.leave('cancelled')
    this.server.host.sweep.remove(this)
    this.server.gone(this)
  }

  private linger(): void {
    const { socket } = this
    this.lingered = 0
    this.reader.release()
    socket.resume()
    this.deadline = this.server.host.sweep.now + lingerMs
    if (socket.writableLength > 0) {
      // The peer has as long for the end of its answer as for any other part of it.
      this.deadline += this.server.limits.writeMs
      tellFinish(socket)
    }
    socket.end()
  }

  /** The first bytes say which protocol it is: as long as they may be a preface, they are nothing else. */
  private readFirst(chunk: Buffer): void {
    const seen = this.prefaceAt
    const length = Math.min(preface.length - seen, chunk.length)
    if (preface.compare(chunk, 0, length, seen, seen + length) !== 0) {
      this.readAsHttp1()
      return this.data(chunk)
    }
    if ((this.prefaceAt += length) < preface.length) return
    this.server.host.sweep.remove(this)
    this.server.speaksHttp2(this, this.socket, chunk.subarray(length))
  }

  private readAsHttp1(): void {
    const seen = this.prefaceAt
    this.prefaceAt = -1
    if (seen > 0) this.reader.data(preface.subarray(0, seen))
  }
}

const slowHead = refusal('slow_caller', 'the request head took too long')
