import { ErrorCode, Flag, FrameType, preface } from '../../protocol/h2/frames.ts'
import { HpackDecoder } from '../../protocol/hpack/decoder.ts'
import { FieldLines } from '../../protocol/hpack/field-lines.ts'
import { FieldBlock } from './field-block.ts'
import type { SessionOptions } from './session-base.ts'
import { SessionControl } from './session-control.ts'
import type { Stream } from './stream.ts'

/**
 * A session that reads: each frame of the peer is checked against the rules of RFC 9113 §4 to §6 and does what it says. A rule of one
 * stream that is broken ends that stream, any other one the session (§5.4).
 */
export abstract class Session<S extends Stream> extends SessionControl<S> {
  private readonly decoder: HpackDecoder
  private readonly block: FieldBlock
  /** Bytes of the preface that have come; a client's peer sends none. */
  private prefaceAt: number

  constructor(options: SessionOptions) {
    super(options)
    this.decoder = new HpackDecoder({ listSize: options.listSize, fields: options.fields })
    // What is too large as a list is still read, so that its stream can be answered; beyond that nobody could say where it ends.
    this.block = new FieldBlock(4 * options.listSize)
    this.prefaceAt = options.isClient ? preface.length : 0
  }

  /** The peer opens a stream with these fields, which are lent. */
  protected onHead(_id: number, _lines: FieldLines, _isEnd: boolean): void {
    this.fail(ErrorCode.protocol, 'a stream that the peer may not open')
  }

  /** Bytes of the peer, which stay as they are after the call only if owned. */
  read(chunk: Buffer, isOwned: boolean): void {
    const from = this.prefaceAt < preface.length ? this.readPreface(chunk) : 0
    const { reader } = this
    reader.feed(from === 0 ? chunk : chunk.subarray(from), isOwned)
    while (!this.isOver && reader.next()) this.frame()
    if (this.isOver) return reader.release()
    if (reader.isTooLong) this.fail(ErrorCode.frameSize, 'a frame longer than 16384 bytes')
  }

  private readPreface(chunk: Buffer): number {
    const length = Math.min(preface.length - this.prefaceAt, chunk.length)
    if (preface.compare(chunk, 0, length, this.prefaceAt, this.prefaceAt + length) !== 0)
      this.fail(ErrorCode.protocol, 'not the preface of HTTP/2')
    this.prefaceAt += length
    return length
  }

  private frame(): void {
    const { type, stream } = this.reader
    if (this.block.stream !== 0 && (type !== FrameType.continuation || stream !== this.block.stream))
      return this.fail(ErrorCode.protocol, 'a frame within a header block')
    if (!this.isGreeted && type !== FrameType.settings) return this.fail(ErrorCode.protocol, 'the first frame is not SETTINGS')
    switch (type) {
      case FrameType.data:
        return this.readData()
      case FrameType.headers:
        return this.readHeaders()
      case FrameType.continuation:
        return this.readContinuation()
      case FrameType.windowUpdate:
        return this.readWindowUpdate()
      case FrameType.reset:
        return this.readReset()
      case FrameType.settings:
        return this.readSettings()
      case FrameType.ping:
        return this.readPing()
      case FrameType.goaway:
        return this.readGoaway()
      case FrameType.priority:
        return this.readPriority()
      case FrameType.pushPromise:
        return this.fail(ErrorCode.protocol, 'PUSH_PROMISE')
      default:
        return this.countFrame()
    }
  }

  private readData(): void {
    const { reader } = this
    const { stream: id, flags, from, to } = reader
    const isEnd = (flags & Flag.endStream) !== 0
    if (this.isIdle(id)) return this.fail(ErrorCode.protocol, 'DATA of a stream that is not open')
    if (!this.received(to - from)) return this.fail(ErrorCode.flowControl, 'more DATA than the window')
    const padding = this.paddingOf()
    if (padding < 0) return
    if (to - from > padding) this.flood.received()
    else if (!isEnd) this.countFrame()
    if (this.isOver) return
    const stream = this.streams.get(id)
    if (stream === undefined) this.strayData(id, to - from)
    else if (stream.isRemoteDone) {
      this.credit(to - from)
      this.streamError(stream, ErrorCode.streamClosed, 'DATA behind its end')
    } else
      stream.receive(
        padding === 0 ? reader.bytes.subarray(from, to) : reader.bytes.subarray(from + 1, to + 1 - padding),
        padding,
        reader.isOwned,
        isEnd,
      )
  }

  /** Bytes of padding, its length included; less than 0 where the session has failed. */
  private paddingOf(): number {
    const { flags, bytes, from, to } = this.reader
    if ((flags & Flag.padded) === 0) return 0
    const padding = from < to ? bytes[from]! + 1 : Infinity
    if (padding <= to - from) return padding
    this.fail(ErrorCode.protocol, 'more padding than payload')
    return -1
  }

  /** DATA for a stream that is over: of one that relay has reset it was on its way. */
  private strayData(id: number, bytes: number): void {
    this.credit(bytes)
    if (this.wasReset(id) || id > this.servedUpTo) return
    this.putReset(id, ErrorCode.streamClosed)
    this.countReset()
  }

  private readHeaders(): void {
    const { reader } = this
    const { stream: id, flags, from, to } = reader
    if (id === 0) return this.fail(ErrorCode.protocol, 'HEADERS of no stream')
    const padding = this.paddingOf()
    if (padding < 0) return
    let at = (flags & Flag.padded) === 0 ? from : from + 1
    const end = to - Math.max(0, padding - 1)
    if ((flags & Flag.priority) !== 0) at += 5
    if (at > end) return this.fail(ErrorCode.frameSize, 'HEADERS shorter than its fields')
    const isSelfish = (flags & Flag.priority) !== 0 && (reader.bytes.readUInt32BE(at - 5) & 0x7fff_ffff) === id
    if (isSelfish) return this.fail(ErrorCode.protocol, 'a stream that depends on itself')
    const isEnd = (flags & Flag.endStream) !== 0
    if ((flags & Flag.endHeaders) !== 0) return this.decode(id, isEnd, reader.bytes, at, end)
    if (!this.block.begin(id, isEnd, reader.bytes.subarray(at, end))) return this.blockTooLong()
    this.waits.block = this.options.sweep.now + this.options.answerMs
    this.rewait()
  }

  private readContinuation(): void {
    const { block, reader } = this
    if (block.stream === 0) return this.fail(ErrorCode.protocol, 'CONTINUATION of nothing')
    if (!block.append(reader.bytes.subarray(reader.from, reader.to))) return this.blockTooLong()
    if ((reader.flags & Flag.endHeaders) === 0) return
    const { stream, isEnd, bytes, length } = block
    block.over()
    this.waits.block = Infinity
    this.rewait()
    this.decode(stream, isEnd, bytes, 0, length)
  }

  private blockTooLong(): void {
    this.fail(ErrorCode.enhanceYourCalm, 'a header block without end')
  }

  // oxlint-disable-next-line max-params -- a block and where it stands
  private decode(id: number, isEnd: boolean, block: Buffer, from: number, to: number): void {
    const wrong = this.decoder.decode(block, from, to, lines)
    if (wrong !== null) return this.fail(ErrorCode.compression, wrong)
    const stream = this.streams.get(id)
    if (stream === undefined) return this.opened(id, isEnd)
    if (stream.isRemoteDone) return this.streamError(stream, ErrorCode.streamClosed, 'HEADERS behind its end')
    stream.headers(lines, isEnd)
  }

  private opened(id: number, isEnd: boolean): void {
    if (this.isIdle(id)) {
      if (id % 2 === 0) return this.fail(ErrorCode.protocol, 'a stream that the peer may not open')
      this.lastId = id
      if (id <= this.servedUpTo) this.onHead(id, lines, isEnd)
      // A server may be answering what relay has given up: how many such streams there are is relay's own doing.
    } else if (!this.options.isClient && !this.wasReset(id) && id <= this.servedUpTo)
      this.fail(ErrorCode.streamClosed, 'HEADERS of a stream that is over')
  }
}

/** One for all sessions of the thread: what stands here is read before anything else is. */
const lines = new FieldLines()
