import { FrameReader } from '../../protocol/h2/frame-reader.ts'
import { ErrorCode, Flag } from '../../protocol/h2/frames.ts'
import { SessionBase } from './session-base.ts'
import type { Stream } from './stream.ts'

/** The part of a session that reads what the peer says besides fields and data: settings, windows, resets, and frames that only ask. */
export abstract class SessionControl<S extends Stream> extends SessionBase<S> {
  protected readonly reader = new FrameReader()
  private hasSettings = false

  /** Whether the peer has said what it must say first. */
  get isGreeted(): boolean {
    return this.hasSettings
  }

  protected readPriority(): void {
    const { reader } = this
    if (reader.stream === 0) return this.fail(ErrorCode.protocol, 'PRIORITY of no stream')
    if (reader.to - reader.from !== 5) return this.strayError(reader.stream, ErrorCode.frameSize, 'PRIORITY of a wrong size')
    if ((reader.bytes.readUInt32BE(reader.from) & 0x7fff_ffff) === reader.stream)
      return this.strayError(reader.stream, ErrorCode.protocol, 'a stream that depends on itself')
    this.countFrame()
  }

  protected readReset(): void {
    const { stream: id, bytes, from, to } = this.reader
    if (to - from !== 4) return this.fail(ErrorCode.frameSize, 'RST_STREAM of a wrong size')
    if (this.isIdle(id)) return this.fail(ErrorCode.protocol, 'RST_STREAM of a stream that is not open')
    const stream = this.streams.get(id)
    // It may have been on its way when the stream ended.
    if (stream === undefined) return this.countFrame()
    const isEarly = this.isEarly(stream)
    stream.wasReset(bytes.readUInt32BE(from))
    if (isEarly) this.countReset()
  }

  protected readSettings(): void {
    const { flags, stream, bytes, from, to } = this.reader
    if (stream !== 0) return this.fail(ErrorCode.protocol, 'SETTINGS of a stream')
    if ((flags & Flag.ack) !== 0) {
      if (to > from) return this.fail(ErrorCode.frameSize, 'SETTINGS that acknowledge and say more')
      this.waits.ack = Infinity
      return this.rewait()
    }
    if ((to - from) % 6 !== 0) return this.fail(ErrorCode.frameSize, 'SETTINGS of a wrong size')
    const code = this.peer.read(bytes, from, to)
    if (code !== 0) return this.fail(code, 'a setting that may not be')
    if (this.hasSettings) this.countFrame()
    this.hasSettings = true
    this.useSettings()
  }

  private useSettings(): void {
    if (this.isOver) return
    const { peer } = this
    if (peer.leastTableSize < peer.headerTableSize) this.limitTable(peer.leastTableSize)
    this.limitTable(peer.headerTableSize)
    for (const stream of this.streams.values())
      if (!stream.widen(peer.windowChange)) return this.fail(ErrorCode.flowControl, 'a window larger than there can be')
    this.output.settingsAck()
    this.onSettings()
    // Streams may have got room.
    this.wantTurn()
  }

  protected readPing(): void {
    const { flags, stream, bytes, from, to } = this.reader
    if (stream !== 0) return this.fail(ErrorCode.protocol, 'PING of a stream')
    if (to - from !== 8) return this.fail(ErrorCode.frameSize, 'PING of a wrong size')
    this.countFrame()
    if (!this.isOver && (flags & Flag.ack) === 0) this.output.pingAck(bytes, from)
  }

  protected readGoaway(): void {
    const { stream, bytes, from, to } = this.reader
    if (stream !== 0) return this.fail(ErrorCode.protocol, 'GOAWAY of a stream')
    if (to - from < 8) return this.fail(ErrorCode.frameSize, 'GOAWAY of a wrong size')
    this.countFrame()
    if (!this.isOver) this.onGoaway(bytes.readUInt32BE(from) & 0x7fff_ffff, bytes.readUInt32BE(from + 4))
  }

  protected readWindowUpdate(): void {
    const { stream: id, bytes, from, to } = this.reader
    if (to - from !== 4) return this.fail(ErrorCode.frameSize, 'WINDOW_UPDATE of a wrong size')
    const increment = bytes.readUInt32BE(from) & 0x7fff_ffff
    this.countFrame()
    if (this.isOver) return
    if (id === 0) {
      if (increment === 0) return this.fail(ErrorCode.protocol, 'WINDOW_UPDATE of nothing')
      if (!this.sender.widen(increment)) return this.fail(ErrorCode.flowControl, 'a window larger than there can be')
      return this.wantTurn()
    }
    if (this.isIdle(id)) return this.fail(ErrorCode.protocol, 'WINDOW_UPDATE of a stream that is not open')
    const stream = this.streams.get(id)
    if (stream === undefined) return
    if (increment === 0) return this.streamError(stream, ErrorCode.protocol, 'WINDOW_UPDATE of nothing')
    if (!stream.widen(increment)) return this.streamError(stream, ErrorCode.flowControl, 'a window larger than there can be')
    if (stream.isWaiting) this.wantTurn()
  }

  /** To reset a stream costs its peer next to nothing: that counts. */
  protected isEarly(_stream: S): boolean {
    return true
  }

  /** A stream that nobody has opened, by its number. */
  protected isIdle(id: number): boolean {
    return id % 2 === 0 || id > this.lastId
  }

  /** The peer broke a rule of one stream: that is reset, and counts. */
  protected streamError(stream: S, code: number, why: string): void {
    stream.refuse(code, why)
    this.countReset()
  }

  /** The same, of a stream that may be over, or not open yet. */
  private strayError(id: number, code: number, why: string): void {
    const stream = this.streams.get(id)
    if (stream !== undefined) return this.streamError(stream, code, why)
    this.fail(code, why)
  }
}
