import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { framed } from '../../src/protocol/grpc/frames.ts'
import { HpackDecoder } from '../../src/protocol/hpack/decoder.ts'
import { FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { FramePeer, data, headers, reply, settle, settingsFrame } from '../engine/h2-peer.ts'
import { Watched } from '../engine/helpers.ts'
import { FrameType, endStream, reset } from '../helpers/h2-frames.ts'

/** One call as its upstream has it, played by hand. */
export interface HandCall {
  /** Whole messages that came. */
  readonly heard: number
  /** No more of them come. */
  readonly isAsked: boolean
  /** Nothing is open any more: both sides have ended it, or one has broken it off. */
  readonly isOver: boolean
  head(): Promise<void>
  say(message: Buffer): Promise<void>
  /** The beginning of a message. */
  half(message: Buffer): Promise<void>
  /** All is well. */
  finish(): Promise<void>
}

/** An upstream that is played by hand. */
export interface HandUpstream<Call extends HandCall = HandCall> extends Watched {
  readonly port: number
  /** The next call that comes. */
  next(): Promise<Call>
  /** Calls that are not over. */
  readonly open: number
  stop(): Promise<void>
}

/** A server of HTTP/2 that is played by hand, frame by frame: of gRPC, or (`isRest`) a REST backend. */
export class HandServer extends Watched implements HandUpstream<HandStream> {
  port = 0
  private isRefusing = false
  readonly calls: HandStream[] = []
  /** Takes each call as it comes, in place of whoever waits for the next. */
  taker: ((call: HandStream) => void) | null = null
  private readonly isRest: boolean
  private taken = 0
  private readonly sessions = new Set<HandSession>()
  private readonly server = createServer((socket) => {
    const session = new HandSession(socket)
    this.sessions.add(session)
    session.server = this
    session.send(settingsFrame({}))
  })

  constructor({ isRest = false } = {}) {
    super()
    this.isRest = isRest
  }

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  async next(): Promise<HandStream> {
    await this.until(() => this.calls.length > this.taken)
    return this.calls[this.taken++]!
  }

  /** Those that came are not looked at any more. */
  forget(): void {
    this.calls.length = 0
    this.taken = 0
  }

  /** Refuses the calls that come from now on, or takes them again; those that were refused are nobody's. */
  refuse(isRefusing: boolean): void {
    this.isRefusing = isRefusing
    this.taken = this.calls.length
  }

  get open(): number {
    return this.calls.filter(({ isOver }) => !isOver).length
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const { socket } of this.sessions) socket.destroy()
    await closed
  }

  /** A session has heard something, or is over. */
  heard(session: HandSession): void {
    if (session.isClosed) this.sessions.delete(session)
    this.changed()
  }

  opened(session: HandSession, id: number, fields: ReadonlyMap<string, string>): HandStream {
    const call = this.isRest ? new RestStream(session, id, fields) : new HandStream(session, id, fields)
    this.calls.push(call)
    if (this.isRefusing) void call.reset(7)
    else if (this.taker !== null) {
      this.taken++
      this.taker(call)
    }
    return call
  }
}

class HandSession extends FramePeer {
  server: HandServer | null = null
  private readonly streams = new Map<number, HandStream>()
  private readonly hpack = new HpackDecoder({ listSize: 65_536, fields: 100 })
  private seen = 0

  override changed(): void {
    for (; this.seen < this.frames.length; this.seen++) {
      const { type, stream: id, flags, payload } = this.frames[this.seen]!
      const fields = type === FrameType.headers ? fieldsIn(this.hpack, payload) : null
      if (fields !== null && !this.streams.has(id)) this.streams.set(id, this.server!.opened(this, id, fields))
      this.streams.get(id)?.read(type, flags, payload)
    }
    super.changed()
    this.server?.heard(this)
  }
}

/** A call on a stream of a session. */
export class HandStream implements HandCall {
  readonly id: number
  /** Of its request's head. */
  readonly fields: ReadonlyMap<string, string>
  private readonly session: HandSession
  private bytes: Buffer = Buffer.alloc(0)
  protected hasHead = false
  protected isDone = false
  private wasReset = false
  isAsked = false

  constructor(session: HandSession, id: number, fields: ReadonlyMap<string, string>) {
    this.session = session
    this.id = id
    this.fields = fields
  }

  get heard(): number {
    const { bytes } = this
    let count = 0
    for (let at = 0; at + 5 <= bytes.length; count++) {
      at += 5 + bytes.readUInt32BE(at + 1)
      if (at > bytes.length) break
    }
    return count
  }

  /** Of its request's body, latin-1. */
  get text(): string {
    return this.bytes.toString('latin1')
  }

  get isOver(): boolean {
    return this.wasReset || this.session.isClosed || (this.isDone && this.isAsked)
  }

  read(type: number, flags: number, payload: Buffer): void {
    if (type === FrameType.data) this.bytes = Buffer.concat([this.bytes, payload])
    if (type === FrameType.reset) this.wasReset = true
    if ((type === FrameType.data || type === FrameType.headers) && (flags & endStream) !== 0) this.isAsked = true
  }

  async head(): Promise<void> {
    this.hasHead = true
    await this.send(reply(this.id, '200', [['content-type', 'application/grpc']]))
  }

  say(message: Buffer): Promise<void> {
    return this.send(data(this.id, framed(message)))
  }

  half(message: Buffer): Promise<void> {
    return this.send(data(this.id, framed(message).subarray(0, 6)))
  }

  finish(): Promise<void> {
    return this.trailers(['grpc-status', '0'])
  }

  /** Ends with these fields: behind a head as trailers, else in the one head. */
  trailers(...fields: readonly (readonly [string, string])[]): Promise<void> {
    this.isDone = true
    if (this.hasHead) return this.send(headers(this.id, fields, true))
    return this.send(reply(this.id, '200', [['content-type', 'application/grpc'], ...fields], true))
  }

  /** Ends by a DATA frame: nothing stands behind the messages. */
  endBare(): Promise<void> {
    this.isDone = true
    if (this.hasHead) return this.send(data(this.id, '', true))
    return this.send(reply(this.id, '200', [['content-type', 'application/grpc']], true))
  }

  reset(code: number): Promise<void> {
    this.wasReset = true
    return this.send(reset(this.id, code))
  }

  /** Refuses this call, and all that come from now on; or ceases to. */
  async refuseAll(isRefusing: boolean): Promise<void> {
    this.session.server!.refuse(isRefusing)
    if (isRefusing) await this.reset(7)
  }

  /** Sends any frames; resolves when relay has read them. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    this.session.send(...frames)
    await settle()
  }

  /** The connection, for whoever breaks it. */
  get socket(): FramePeer['socket'] {
    return this.session.socket
  }
}

/** A call of a REST backend: it answers with events, or with one JSON value where that was asked. */
class RestStream extends HandStream {
  override get heard(): number {
    return jsonMessagesIn(this.text)
  }

  override async head(): Promise<void> {
    this.hasHead = true
    await this.send(reply(this.id, '200', [['content-type', this.isStream ? 'text/event-stream' : 'application/json']]))
  }

  override say(message: Buffer): Promise<void> {
    return this.send(data(this.id, restText(message, this.isStream)))
  }

  override half(message: Buffer): Promise<void> {
    return this.send(data(this.id, restText(message, this.isStream).slice(0, 9)))
  }

  override finish(): Promise<void> {
    this.isDone = true
    return this.send(data(this.id, '', true))
  }

  private get isStream(): boolean {
    return this.fields.get('accept')?.startsWith('text/event-stream') ?? false
  }
}

/** The messages in a REST request's body so far. */
export function jsonMessagesIn(text: string): number {
  return text.match(/\{"text":"m\d"/g)?.length ?? 0
}

/** A message as a REST backend says it. */
export function restText(message: Buffer, isStream: boolean): string {
  const json = `{"text":"${message.toString('latin1', 2)}"}`
  return isStream ? `data: ${json}\n\n` : json
}

/** A header block that stands in one frame. */
function fieldsIn(hpack: HpackDecoder, block: Buffer): ReadonlyMap<string, string> {
  const lines = new FieldLines()
  hpack.decode(block, 0, block.length, lines)
  const text = (from: number, to: number): string => lines.bytes.toString('latin1', from, to)
  const fields = Array.from({ length: lines.count }, (_, k) => {
    return [text(lines.nameStart(k), lines.nameEnd(k)), text(lines.valueStart(k), lines.valueEnd(k))] as const
  })
  return new Map(fields)
}
