import type { Socket } from 'node:net'
import { ErrorCode, Setting, defaultWindow, frameHeadSize, maxFrameSize, preface } from '../../protocol/h2/frames.ts'
import { HpackEncoder, blockRoom } from '../../protocol/hpack/encoder.ts'
import type { Sweep, Timed } from '../sweep.ts'
import { Flood } from './flood.ts'
import { Inflow } from './inflow.ts'
import { Output, type OutputOwner } from './output.ts'
import { PeerSettings } from './peer-settings.ts'
import { Sender } from './sender.ts'
import type { StreamHost } from './stream-out.ts'
import { StreamTable } from './stream-table.ts'
import type { Stream } from './stream.ts'
import { atTurnEnd, type Turned } from './turn.ts'
import { Waits } from './waits.ts'

/** What a session is held to, and holds its peer to. Sizes in bytes, times in ms. */
export interface SessionOptions {
  readonly isClient: boolean
  readonly sweep: Sweep
  /** Of a field section: MAX_HEADER_LIST_SIZE, and fields. */
  readonly listSize: number
  readonly fields: number
  /** Streams that the peer may have open at once; a client's peer opens none. */
  readonly streams: number
  /** For the answer to our SETTINGS, and for the rest of a header block that has begun. */
  readonly answerMs: number
  /** For a peer that takes nothing while bytes wait for it. */
  readonly writeMs: number
  /** Bytes of all streams together that were received and not taken; 2 MiB where it is left out. */
  readonly window?: number
}

/**
 * One HTTP/2 connection, as both ends have it: its streams, its windows, and what it says to its peer. `Session` reads the
 * frames of the peer into it, a subclass for each role gives them their meaning.
 *
 * Whatever breaks the rules of the connection ends in `fail`: GOAWAY, all streams lost, and the socket closed.
 */
export abstract class SessionBase<S extends Stream> implements StreamHost, OutputOwner, Timed, Turned {
  abstract readonly socket: Socket
  deadline = Infinity
  place = -1
  readonly output = new Output(this)
  readonly sender = new Sender(defaultWindow)
  readonly peer: PeerSettings
  readonly waits = new Waits()
  /** Over: nothing is sent or believed any more. */
  isOver = false
  /** The last stream that it will serve, as a final GOAWAY said; Infinity before one. */
  servedUpTo = Infinity
  protected readonly options: SessionOptions
  protected readonly streams = new StreamTable<S>()
  readonly flood: Flood
  /** Highest number of a stream that was opened, by the client. */
  protected lastId = -1
  /** Streams that relay has reset lately: frames for them may still come. */
  private readonly wereReset = new Set<number>()
  private readonly encoder = new HpackEncoder()
  private readonly inflow: Inflow
  private blockStart = 0
  private wantsTurn = false

  constructor(options: SessionOptions) {
    this.options = options
    this.peer = new PeerSettings(options.isClient)
    this.flood = new Flood(options.sweep.now)
    const window = options.window ?? sessionWindow
    this.inflow = new Inflow(window, window)
  }

  /** The peer's SETTINGS have changed. */
  protected abstract onSettings(): void
  /** The peer says GOAWAY: streams above `last` were not taken, and no more are. */
  protected abstract onGoaway(last: number, code: number): void
  /** A stream is over, whichever way; it is no longer in the table. */
  protected abstract onStreamClosed(stream: S): void
  /** The session has failed: its streams have been told, GOAWAY is on its way (`flush` sends it), and the socket is to be closed. */
  protected abstract onFailed(code: number, why: string): void
  /** Work of the role at the end of a turn, before frames leave. */
  protected abstract onTurn(): void
  /** `waits.role` is over. */
  protected abstract onExpired(): void
  abstract waitForDrain(): void

  /** Says what relay says first. Once, when the socket is connected. */
  protected begin(): void {
    const { options, output, waits } = this
    options.sweep.add(this)
    waits.ack = options.sweep.now + options.answerMs
    output.reserve(preface.length)
    if (options.isClient) output.at += preface.copy(output.bytes, output.at)
    const listSize = [Setting.maxHeaderListSize, options.listSize] as const
    if (options.isClient) output.settings([[Setting.enablePush, 0], listSize])
    else output.settings([[Setting.maxConcurrentStreams, options.streams], listSize, [Setting.enableConnectProtocol, 1]])
    output.windowUpdate(0, (options.window ?? sessionWindow) - defaultWindow)
    this.rewait()
  }

  /** Sets the sweep's deadline by what is waited for. */
  rewait(): void {
    this.deadline = this.waits.next
  }

  expire(now: number): void {
    const { waits } = this
    const what = waits.due(now)
    if (what === 'ack') this.fail(ErrorCode.settingsTimeout, 'SETTINGS were not acknowledged')
    else if (what === 'block') this.fail(ErrorCode.enhanceYourCalm, 'the rest of a header block did not come')
    else if (what === 'write') this.fail(ErrorCode.cancel, 'the peer takes nothing')
    else if (what === 'role') this.onExpired()
    this.rewait()
  }

  wantTurn(): void {
    if (this.wantsTurn) return
    this.wantsTurn = true
    atTurnEnd(this)
  }

  turn(): void {
    this.wantsTurn = false
    this.onTurn()
    this.sender.pump(this.output)
    this.output.flush()
    // Nothing that flow control holds is in there: these are answers to a peer that asks, and does not read.
    if (this.output.waiting > mostWaiting) this.fail(ErrorCode.enhanceYourCalm, 'the peer does not read')
  }

  /** The socket asked for a pause. */
  protected blocked(): void {
    this.waits.write = this.options.sweep.now + this.options.writeMs
    this.rewait()
  }

  /** The socket has drained. */
  protected unblocked(): void {
    this.output.unblock()
    this.waits.write = Infinity
    this.rewait()
    this.wantTurn()
  }

  /** Begins a header block with this much room (`blockRoom`): its fields are written by the encoder, then `endBlock`. */
  beginBlock(room: number): HpackEncoder {
    const { output, encoder } = this
    output.reserve(room + frameHeadSize * (2 + Math.ceil(room / maxFrameSize)))
    this.blockStart = output.at + frameHeadSize
    encoder.begin(output.bytes, this.blockStart)
    return encoder
  }

  endBlock(stream: number, isEnd: boolean): void {
    const { encoder } = this
    this.output.headers(stream, this.blockStart, encoder.at, isEnd)
    // What it wrote to is shared, and large.
    encoder.out = none
  }

  putTrailers(stream: number, lines: Buffer): void {
    // No line is shorter than four bytes.
    this.beginBlock(blockRoom(lines.length, lines.length >> 2)).lines(lines, 0, lines.length)
    this.endBlock(stream, true)
  }

  putReset(stream: number, code: number): void {
    const { wereReset } = this
    this.output.reset(stream, code)
    wereReset.add(stream)
    if (wereReset.size > mostRemembered) for (const first of wereReset) return void wereReset.delete(first)
  }

  credit(bytes: number): void {
    const increment = this.inflow.credit(bytes, false)
    if (increment > 0 && !this.isOver) this.output.windowUpdate(0, increment)
  }

  streamClosed(stream: { readonly id: number }): void {
    const known = this.streams.get(stream.id)
    if (known === undefined) return
    this.streams.delete(stream.id)
    this.onStreamClosed(known)
  }

  /** The peer broke a rule of the connection, or stopped: nothing goes on here. */
  fail(code: number, why: string): void {
    if (this.isOver) return
    this.output.goaway(this.options.isClient ? 0 : Math.max(0, this.lastId), code, why)
    this.lose(why)
    this.onFailed(code, why)
  }

  /** It is over, however that came: the streams that are left are lost. */
  protected lose(why: string): void {
    if (this.isOver) return
    this.isOver = true
    for (const stream of this.streams.values()) stream.lost(why)
  }

  /** The peer keeps so much of a table for what relay says. */
  protected limitTable(size: number): void {
    this.encoder.limitTable(size)
  }

  /** Counts a reset that the peer made or caused. */
  protected countReset(): void {
    if (!this.options.isClient && !this.flood.reset(this.options.sweep.now)) this.fail(ErrorCode.enhanceYourCalm, 'too many resets')
  }

  /** Counts a frame that moves nothing. */
  protected countFrame(): void {
    if (!this.flood.frame(this.options.sweep.now)) this.fail(ErrorCode.enhanceYourCalm, 'too many frames that move nothing')
  }

  protected received(bytes: number): boolean {
    return this.inflow.receive(bytes)
  }

  /** Client: the number of its next stream. */
  protected nextId(): number {
    return (this.lastId += 2)
  }

  protected wasReset(stream: number): boolean {
    return this.wereReset.has(stream)
  }
}

const none = Buffer.alloc(0)
const sessionWindow = 2_097_152
const mostWaiting = 1_048_576
const mostRemembered = 256
