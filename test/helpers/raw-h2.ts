import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { HpackDecoder } from '../../src/protocol/hpack/decoder.ts'
import { FieldLines } from '../../src/protocol/hpack/field-lines.ts'
import { FrameReader, FrameType, ack, block, endHeaders, fragmentOf, preface, settings, settingsAck, type Frame } from './h2-frames.ts'

/** A caller of HTTP/2 that says exactly the frames it is told, and keeps those that come. */
export class RawH2 {
  readonly socket: Socket
  readonly frames: Frame[] = []
  /** The peer has closed its side, or the connection broke. */
  isEnded = false
  private readonly reader = new FrameReader()
  private waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.frames.push(...this.reader.read(Buffer.from(chunk)))
      this.stir()
    })
    socket.on('error', () => {})
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.isEnded = true
        this.stir()
      })
  }

  /** Sends frames in one write; resolves a turn after the kernel has them, or the connection is gone. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    if (this.socket.destroyed) return
    await new Promise<void>((resolve) => this.socket.write(Buffer.concat(frames), () => resolve()))
    // Both ends live in one process: without a turn of the loop the other one would never read.
    await turn()
  }

  /** Waits until `isSo`, which is looked at whenever something comes, or until nothing more can come. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.isEnded) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Waits until the peer has closed. */
  async ended(): Promise<void> {
    await this.until(() => false)
  }

  /** The frames of a type so far, of one stream or of all. */
  all(type: number, stream?: number): readonly Frame[] {
    return this.frames.filter((one) => one.type === type && (stream === undefined || one.stream === stream))
  }

  /** Waits for what ends a stream: its last frame, or null where the connection ends first. */
  async over(stream: number): Promise<Frame | null> {
    const last = (): Frame | undefined => this.frames.find((one) => one.stream === stream && isLast(one))
    await this.until(() => last() !== undefined)
    return last() ?? null
  }

  /** The code of the last GOAWAY, or null. */
  get goaway(): number | null {
    return this.all(FrameType.goaway).at(-1)?.payload.readUInt32BE(4) ?? null
  }

  /** The code with which a stream was reset, or null. */
  resetOf(stream: number): number | null {
    return this.all(FrameType.reset, stream)[0]?.payload.readUInt32BE(0) ?? null
  }

  /** Field sections by stream, in their order: all that came is decoded from the first frame on. */
  sections(): ReadonlyMap<number, readonly (readonly [name: string, value: string])[][]> {
    const hpack = new HpackDecoder({ listSize: 1 << 20, fields: 1000 })
    const lines = new FieldLines()
    const found = new Map<number, (readonly [string, string])[][]>()
    let fragments: Buffer[] = []
    for (const frame of this.frames) {
      if (frame.type !== FrameType.headers && frame.type !== FrameType.continuation) continue
      fragments.push(fragmentOf(frame))
      if ((frame.flags & endHeaders) === 0) continue
      const whole = Buffer.concat(fragments)
      fragments = []
      const problem = hpack.decode(whole, 0, whole.length, lines)
      if (problem !== null) throw new Error(problem)
      const fields = Array.from({ length: lines.count }, (_, k) => [text(lines, 0, k), text(lines, 1, k)] as const)
      found.set(frame.stream, [...(found.get(frame.stream) ?? []), fields])
    }
    return found
  }

  /** The status of a stream's reply so far, or null. */
  status(stream: number): number | null {
    const status = this.sections().get(stream)?.at(0)?.[0]
    return status === undefined ? null : Number(status[1])
  }

  /** The body of a stream's reply so far, latin-1. */
  body(stream: number): string {
    return Buffer.concat(this.all(FrameType.data, stream).map(({ payload }) => payload)).toString('latin1')
  }

  destroy(): void {
    this.socket.destroy()
  }

  private stir(): void {
    const { waiting } = this
    this.waiting = []
    for (const wake of waiting) wake()
  }
}

function text(lines: FieldLines, part: 0 | 1, k: number): string {
  return part === 0
    ? lines.bytes.toString('latin1', lines.nameStart(k), lines.nameEnd(k))
    : lines.bytes.toString('latin1', lines.valueStart(k), lines.valueEnd(k))
}

function isLast({ type, flags }: Frame): boolean {
  return type === FrameType.reset || ((type === FrameType.headers || type === FrameType.data) && (flags & 1) !== 0)
}

/** Connects, greets with these settings, and waits for the peer's own greeting. */
export async function rawH2(port: number, ...pairs: readonly (readonly [id: number, value: number])[]): Promise<RawH2> {
  const client = await rawH2Silent(port)
  await client.send(preface, settings(...pairs))
  await client.until(() => client.all(FrameType.settings).some(({ flags }) => (flags & ack) === 0))
  await client.send(settingsAck)
  return client
}

/** Connects, and says nothing. */
export async function rawH2Silent(port: number): Promise<RawH2> {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  return new RawH2(socket)
}

/** The block of a request, with its pseudo-header fields. */
export function request(method: string, path: string, ...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return block([':method', method], [':scheme', 'http'], [':path', path], [':authority', 'relay.test'], ...fields)
}
