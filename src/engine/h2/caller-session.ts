import type { Socket } from 'node:net'
import { ErrorCode, maxStreamId } from '../../protocol/h2/frames.ts'
import { RequestForm } from '../../protocol/h2/request-form.ts'
import type { FieldLines } from '../../protocol/hpack/field-lines.ts'
import type { Caller } from '../call.ts'
import { lingerMs, maxLingered, type CallerConnection, type ServerSide } from '../caller-connection.ts'
import { callerOf, own, tellDrain, tellFinish, type CallerSocket, type SocketOwner } from '../caller-socket.ts'
import type { ExchangeBase } from '../exchange-base.ts'
import { CallerStream, type CallerStreamHost } from './caller-stream.ts'
import { Session } from './session.ts'

/**
 * One caller's HTTP/2 connection. Its calls begin when the turn of the event loop in which they came is over: one that is reset by then
 * has cost nothing. Whoever leaves (FIN or reset of the connection) cancels all of them.
 */
export class CallerSession extends Session<CallerStream> implements CallerStreamHost, SocketOwner, CallerConnection {
  readonly socket: CallerSocket
  readonly server: ServerSide
  readonly caller: Caller
  private starting: CallerStream[] = none
  private isPeerLeaving = false
  /** Bytes thrown away since the session was over; -1 before. */
  private lingered = -1

  constructor(socket: Socket, server: ServerSide) {
    const { head, fields, streams, headMs, writeMs } = server.limits
    // A head of HTTP/1 has one line, and one field, where this one has four.
    super({ isClient: false, sweep: server.host.sweep, listSize: head, fields: fields + 4, streams, answerMs: headMs, writeMs })
    this.socket = own(socket, this)
    this.server = server
    this.caller = callerOf(this.socket, server.host)
    this.begin()
    this.waitFor(headMs)
    if (server.isClosing) this.closing()
    if (server.isEmptying) this.closeIfIdle()
  }

  data(chunk: Buffer): void {
    if (this.lingered < 0) return this.read(chunk, true)
    this.lingered += chunk.length
    if (this.lingered > maxLingered) this.destroy()
  }

  /** The peer closed, or its connection broke: nobody waits for an answer any more. */
  leave(): void {
    this.lose('the caller left')
    this.destroy()
  }

  drained(): void {
    this.unblocked()
  }

  finished(): void {
    this.waitFor(lingerMs)
  }

  closed(): void {
    this.lose('the caller left')
    this.output.drop()
    this.options.sweep.remove(this)
    this.server.gone(this)
  }

  waitForDrain(): void {
    this.blocked()
    tellDrain(this.socket)
  }

  closing(): void {
    if (!this.isOver) this.output.goaway(maxStreamId, ErrorCode.none, '')
  }

  closeIfIdle(): void {
    if (this.isOver || this.servedUpTo !== Infinity) return
    this.servedUpTo = Math.max(0, this.lastId)
    this.output.goaway(this.servedUpTo, ErrorCode.none, '')
    if (this.streams.size === 0) this.hangUp()
  }

  collect(exchanges: ExchangeBase[]): void {
    for (const { current } of this.streams.values()) if (current !== null) exchanges.push(current)
  }

  destroy(): void {
    this.socket.destroy()
  }

  malformed(stream: CallerStream, code: number, why: string): void {
    this.streamError(stream, code, why)
  }

  protected override onHead(id: number, lines: FieldLines, isEnd: boolean): void {
    if (this.streams.size >= this.options.streams) return this.refuseStream(id)
    const refused = form.read(lines)
    const isWrongLength = refused === null && isEnd && form.length > 0
    if (typeof refused === 'string' || isWrongLength) {
      this.server.host.refused('bad_request')
      this.putReset(id, ErrorCode.protocol)
      return this.countReset()
    }
    const { bytes, length, isTunnel, isGuarded } = form
    const stream = new CallerStream(id, this, refused ?? { bytes, length, isTunnel, isGuarded }, isEnd)
    this.streams.add(stream)
    this.waits.role = Infinity
    if (this.starting === none) this.starting = []
    this.starting.push(stream)
    this.wantTurn()
  }

  protected onTurn(): void {
    const { starting } = this
    if (starting === none) return
    this.starting = none
    for (let k = 0; k < starting.length; k++) if (!starting[k]!.isClosed) starting[k]!.start()
  }

  protected onStreamClosed(stream: CallerStream): void {
    this.options.sweep.remove(stream)
    // The reply is the upstream's own.
    if ((stream.current?.reply?.head ?? null) !== null) this.flood.answered()
    if (this.isOver || this.streams.size > 0) return
    if (this.servedUpTo !== Infinity || this.isPeerLeaving) this.hangUp()
    else this.waitFor(this.server.limits.idleMs)
  }

  /**
   * Who gives up calls that have lasted, or that have been answered, has no more of them begun than any other caller with so many streams.
   * Who opens and resets, again and again, has more begun than it could ever wait for.
   */
  protected override isEarly({ current }: CallerStream): boolean {
    return current === null || (current.reply === null && performance.now() - current.call.startedAt < earlyMs)
  }

  protected onSettings(): void {
    if (this.streams.size === 0 && !this.isOver) this.waitFor(this.server.limits.idleMs)
  }

  protected onGoaway(): void {
    this.isPeerLeaving = true
    if (this.streams.size === 0) this.hangUp()
  }

  protected onFailed(): void {
    this.hangUp()
  }

  protected onExpired(): void {
    if (this.lingered >= 0 || !this.isGreeted) this.destroy()
    else this.closeIfIdle()
  }

  /** More streams at once than were allowed. A peer that has not seen how many they are is not to blame. */
  private refuseStream(id: number): void {
    this.putReset(id, ErrorCode.refusedStream)
    if (this.waits.ack === Infinity) this.countReset()
    else this.countFrame()
  }

  /** What is said goes out, and then the connection closes; the peer has a while to do so too. */
  private hangUp(): void {
    if (this.lingered >= 0) return
    const { socket } = this
    this.lose('the session is over')
    this.lingered = 0
    this.output.flush()
    this.output.drop()
    this.waits.ack = this.waits.block = this.waits.write = Infinity
    this.waitFor(lingerMs)
    if (socket.writableLength > 0) {
      this.waitFor(lingerMs + this.server.limits.writeMs)
      tellFinish(socket)
    }
    socket.end()
  }

  private waitFor(ms: number): void {
    this.waits.role = this.options.sweep.now + ms
    this.rewait()
  }
}

/** One for all sessions of the thread: what it makes is taken at once. */
const form = new RequestForm()
const none: CallerStream[] = []
/** For how long a stream that has no reply is young. */
const earlyMs = 1000
