import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Watched } from './helpers.ts'

/** A frame as it stood on the wire. */
export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

export const Type = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6, goaway: 7, window: 8, more: 9 } as const
export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const
export const Code = { none: 0, protocol: 1, internal: 2, flow: 3, refused: 7, cancel: 8, calm: 11, security: 12 } as const
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

/** One session of a server that a test plays by hand, frame by frame. */
export class FramePeer extends Watched {
  readonly socket: Socket
  readonly frames: Frame[] = []
  /** The connection has ended or broken. */
  isClosed = false
  /** Acknowledges SETTINGS and PING, and gives room for what it gets, by itself. */
  isPolite = true
  private rest: Buffer = Buffer.alloc(0)
  private hasPreface = false

  constructor(socket: Socket) {
    super()
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.read(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.changed()
    })
  }

  /** Sends frames, in one write. */
  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** Waits for the k-th frame (from 0) of a kind, or throws where the connection ends before it. */
  async frame(type: number, k = 0): Promise<Frame> {
    const found = (): Frame[] => this.frames.filter((one) => one.type === type)
    await this.until(() => found().length > k || this.isClosed)
    const frame = found()[k]
    if (frame === undefined) throw new Error(`the connection ended before frame ${k} of type ${type}`)
    return frame
  }

  /** Frames of a kind so far. */
  of(type: number): readonly Frame[] {
    return this.frames.filter((one) => one.type === type)
  }

  private read(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk])
    if (!this.hasPreface) {
      if (this.rest.length < preface.length) return
      if (this.rest.toString('latin1', 0, preface.length) !== preface) return void this.socket.destroy()
      this.hasPreface = true
      this.rest = this.rest.subarray(preface.length)
    }
    while (this.rest.length >= 9 && this.rest.length >= 9 + this.rest.readUIntBE(0, 3)) {
      const end = 9 + this.rest.readUIntBE(0, 3)
      const frame = {
        type: this.rest[3]!,
        flags: this.rest[4]!,
        id: this.rest.readUInt32BE(5),
        payload: Buffer.from(this.rest.subarray(9, end)),
      }
      this.rest = this.rest.subarray(end)
      this.frames.push(frame)
      if (this.isPolite) this.answer(frame)
    }
    this.changed()
  }

  private answer({ type, flags, id, payload }: Frame): void {
    if (type === Type.settings && (flags & Flag.ack) === 0) this.send(frameOf(Type.settings, Flag.ack, 0))
    if (type === Type.ping && (flags & Flag.ack) === 0) this.send(frameOf(Type.ping, Flag.ack, 0, payload))
    if (type !== Type.data || payload.length === 0) return
    this.send(windowUpdate(0, payload.length))
    if ((flags & Flag.endStream) === 0) this.send(windowUpdate(id, payload.length))
  }
}

/** An origin whose sessions a test plays. */
export interface FrameOrigin extends Watched {
  readonly port: number
  readonly sessions: readonly FramePeer[]
  /** Waits for the session with this number, from 0, and for its preface. */
  opened(k?: number): Promise<FramePeer>
}

interface Scope {
  teardown(end: () => Promise<void>): void
}

/** Starts one that greets with these settings; null: it says nothing by itself. */
export async function frameOrigin(t: Scope, settings: Readonly<Record<number, number>> | null = {}): Promise<FrameOrigin> {
  const watched = new Watched()
  const sessions: FramePeer[] = []
  const server = createServer((socket) => {
    const peer = new FramePeer(socket)
    if (settings !== null) peer.send(settingsFrame(settings))
    sessions.push(peer)
    watched.changed()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const { socket } of sessions) socket.destroy()
    await closed
  })
  return Object.assign(watched, {
    port: (server.address() as AddressInfo).port,
    sessions,
    async opened(k = 0) {
      await watched.until(() => sessions.length > k)
      const session = sessions[k]!
      if (settings !== null) await session.frame(Type.settings)
      return session
    },
  })
}

/** A frame's bytes. */
export function frameOf(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, payload])
}

/** HEADERS with these fields, in one frame; the stream ends where told. */
export function headers(id: number, fields: readonly (readonly [string, string])[], isEnd = false): Buffer {
  return frameOf(Type.headers, Flag.endHeaders | (isEnd ? Flag.endStream : 0), id, block(fields))
}

/** A header block of literals that stand in no table. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** `:status` and fields. */
export function reply(id: number, status: string, fields: readonly (readonly [string, string])[] = [], isEnd = false): Buffer {
  return headers(id, [[':status', status], ...fields], isEnd)
}

export function data(id: number, payload: string | Buffer, isEnd = false): Buffer {
  return frameOf(Type.data, isEnd ? Flag.endStream : 0, id, Buffer.from(payload as string))
}

export function reset(id: number, code: number): Buffer {
  return frameOf(Type.reset, 0, id, number(code))
}

export function goaway(last: number, code: number, debug = ''): Buffer {
  return frameOf(Type.goaway, 0, 0, Buffer.concat([number(last), number(code), Buffer.from(debug)]))
}

export function windowUpdate(id: number, by: number): Buffer {
  return frameOf(Type.window, 0, id, number(by))
}

/** SETTINGS by their numbers: 1 table, 2 push, 3 streams, 4 window, 5 frame, 6 list. */
export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const pairs = Object.entries(settings).map(([key, value]) => {
    const pair = Buffer.alloc(6)
    pair.writeUInt16BE(Number(key), 0)
    pair.writeUInt32BE(value, 2)
    return pair
  })
  return frameOf(Type.settings, 0, 0, Buffer.concat(pairs))
}

/** Lets both ends of a connection in this process read what has been written. */
export async function settle(turns = 4): Promise<void> {
  for (let k = 0; k < turns; k++) await turn()
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A string of a header block without Huffman coding. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const rest: number[] = []
  let left = bytes.length - 127
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) + 128)
  return Buffer.concat([Buffer.from([127, ...rest, left]), bytes])
}
