import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import {
  FrameReader,
  FrameType,
  ack,
  block,
  endHeaders,
  endStream,
  frame,
  padded,
  preface,
  settings as settingsOf,
  uint32,
  windowUpdate,
  type Frame,
} from '../helpers/h2-frames.ts'
import { Watched } from './helpers.ts'

export const Flag = { endStream, ack, endHeaders, padded } as const

/** One session of a server that a test plays by hand, frame by frame. */
export class FramePeer extends Watched {
  readonly socket: Socket
  readonly frames: Frame[] = []
  /** The connection has ended or broken. */
  isClosed = false
  /** Acknowledges SETTINGS and PING, and gives room for what it gets, by itself. */
  isPolite = true
  private readonly reader = new FrameReader()
  private greeting: Buffer = Buffer.alloc(0)
  private isGreeted = false

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
    let bytes = chunk
    if (!this.isGreeted) {
      this.greeting = Buffer.concat([this.greeting, chunk])
      if (this.greeting.length < preface.length) return
      if (!this.greeting.subarray(0, preface.length).equals(preface)) return void this.socket.destroy()
      this.isGreeted = true
      bytes = this.greeting.subarray(preface.length)
    }
    for (const one of this.reader.read(bytes)) {
      this.frames.push(one)
      if (this.isPolite) this.answer(one)
    }
    this.changed()
  }

  private answer({ type, flags, stream, payload }: Frame): void {
    if (type === FrameType.settings && (flags & Flag.ack) === 0) this.send(frame(FrameType.settings, Flag.ack, 0))
    if (type === FrameType.ping && (flags & Flag.ack) === 0) this.send(frame(FrameType.ping, Flag.ack, 0, payload))
    if (type !== FrameType.data || payload.length === 0) return
    this.send(windowUpdate(0, payload.length))
    if ((flags & Flag.endStream) === 0) this.send(windowUpdate(stream, payload.length))
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
      if (settings !== null) await session.frame(FrameType.settings)
      return session
    },
  })
}

/** HEADERS with these fields, in one frame; the stream ends where told. */
export function headers(id: number, fields: readonly (readonly [string, string])[], isEnd = false): Buffer {
  return frame(FrameType.headers, Flag.endHeaders | (isEnd ? Flag.endStream : 0), id, block(...fields))
}

/** `:status` and fields. */
export function reply(id: number, status: string, fields: readonly (readonly [string, string])[] = [], isEnd = false): Buffer {
  return headers(id, [[':status', status], ...fields], isEnd)
}

export function data(id: number, payload: string | Buffer, isEnd = false): Buffer {
  return frame(FrameType.data, isEnd ? Flag.endStream : 0, id, Buffer.from(payload as string))
}

export function goaway(last: number, code: number, debug = ''): Buffer {
  return frame(FrameType.goaway, 0, 0, Buffer.concat([uint32(last), uint32(code), Buffer.from(debug)]))
}

/** SETTINGS by their numbers: 1 table, 2 push, 3 streams, 4 window, 5 frame, 6 list. */
export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  return settingsOf(...Object.entries(settings).map(([key, value]) => [Number(key), value] as const))
}

/** Lets both ends of a connection in this process read what has been written. */
export async function settle(turns = 4): Promise<void> {
  for (let k = 0; k < turns; k++) await turn()
}
