import type { Socket } from 'node:net'
import { FrameType, Flag, frameHeadSize, maxFrameSize } from '../../protocol/h2/frames.ts'
import {
  controlRoom,
  putFrameHead,
  putGoaway,
  putPing,
  putPingAck,
  putReset,
  putSettings,
  putSettingsAck,
  putWindowUpdate,
} from '../../protocol/h2/frame-writer.ts'

/** What the output needs of the session that writes to it. */
export interface OutputOwner {
  readonly socket: Socket
  /** There are frames to be flushed at the end of this turn. */
  wantTurn(): void
  /** The socket takes no more; `unblock` is called when it has drained. */
  waitForDrain(): void
}

/**
 * The frames that a session is about to write: they are put together in memory that all sessions of the thread share, and leave in one
 * write a turn. While the socket is blocked they wait here, and only those that no flow control holds are put here then.
 */
export class Output {
  bytes: Buffer = none
  /** Where the next frame begins. */
  at = 0
  /** Changes whenever what was written before can no longer be found where it was. */
  epoch = 0
  /** The socket has asked for a pause. */
  isBlocked = false
  private from = 0
  private arena: Arena | null = null
  private readonly owner: OutputOwner

  constructor(owner: OutputOwner) {
    this.owner = owner
  }

  /** Bytes that have not been handed to the socket. */
  get waiting(): number {
    return this.at - this.from
  }

  /** Makes sure that `room` bytes are free at `at`. */
  reserve(room: number): void {
    if (this.at + room <= this.bytes.length) {
      if (this.at === this.from) this.owner.wantTurn()
      return
    }
    this.flush()
    if (this.waiting > 0) this.grow(room)
    else this.use(takeArena(room))
    this.owner.wantTurn()
  }

  /** One DATA frame of a stream, not longer than a frame may be; the offset of its head. */
  // oxlint-disable-next-line max-params -- on the path of every chunk
  data(stream: number, bytes: Buffer, from: number, length: number, isEnd: boolean): number {
    this.reserve(frameHeadSize + length)
    const head = this.at
    const at = putFrameHead(this.bytes, head, length, FrameType.data, isEnd ? Flag.endStream : 0, stream)
    bytes.copy(this.bytes, at, from, from + length)
    this.at = at + length
    return head
  }

  /** Marks a DATA frame that has not left as the last of its stream. */
  markEnd(head: number): void {
    this.bytes[head + 4]! |= Flag.endStream
  }

  /** The header block that was written from `start` on, behind room for a frame's head: made into HEADERS, and CONTINUATION where it is long. */
  headers(stream: number, start: number, end: number, isEnd: boolean): void {
    const flags = isEnd ? Flag.endStream : 0
    const length = end - start
    const head = start - frameHeadSize
    if (length <= maxFrameSize) {
      putFrameHead(this.bytes, head, length, FrameType.headers, flags | Flag.endHeaders, stream)
      this.at = end
      return
    }
    const more = Math.ceil(length / maxFrameSize) - 1
    // From the last piece to the first, each makes room for the heads in front of it.
    for (let k = more; k > 0; k--) {
      const from = start + k * maxFrameSize
      const size = Math.min(maxFrameSize, end - from)
      const to = from + k * frameHeadSize
      this.bytes.copyWithin(to, from, from + size)
      putFrameHead(this.bytes, to - frameHeadSize, size, FrameType.continuation, k === more ? Flag.endHeaders : 0, stream)
    }
    putFrameHead(this.bytes, head, maxFrameSize, FrameType.headers, flags, stream)
    this.at = end + more * frameHeadSize
  }

  settings(settings: readonly (readonly [name: number, value: number])[]): void {
    this.reserve(controlRoom)
    this.at = putSettings(this.bytes, this.at, settings)
  }

  settingsAck(): void {
    this.reserve(controlRoom)
    this.at = putSettingsAck(this.bytes, this.at)
  }

  /** Answers a PING whose eight bytes stand there. */
  pingAck(bytes: Buffer, from: number): void {
    this.reserve(controlRoom)
    this.at = putPingAck(this.bytes, this.at, bytes, from)
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.reserve(controlRoom)
    this.at = putPing(this.bytes, this.at)
  }

  /** Of a stream, or (0) of the session. */
  windowUpdate(stream: number, increment: number): void {
    this.reserve(controlRoom)
    this.at = putWindowUpdate(this.bytes, this.at, stream, increment)
  }

  reset(stream: number, code: number): void {
    this.reserve(controlRoom)
    this.at = putReset(this.bytes, this.at, stream, code)
  }

  /** No stream above `last` is served; why is for people. */
  goaway(last: number, code: number, why: string): void {
    this.reserve(controlRoom + why.length)
    this.at = putGoaway(this.bytes, this.at, last, code, why)
  }

  /** Hands what there is to the socket, in one write. */
  flush(): void {
    const { arena, at, from } = this
    if (at === from || this.isBlocked) return
    const { socket } = this.owner
    const hasRoom = socket.write(this.bytes.subarray(from, at))
    // Where the kernel took all of it, the same bytes serve the next frames.
    if (socket.writableLength > 0) arena!.from = at
    this.drop()
    if (hasRoom) return
    this.isBlocked = true
    this.owner.waitForDrain()
  }

  /** The socket has drained. */
  unblock(): void {
    this.isBlocked = false
  }

  /** Nothing will be written any more. */
  drop(): void {
    if (this.arena !== null) returnArena(this.arena)
    this.arena = null
    this.bytes = none
    this.at = this.from = 0
    this.epoch++
  }

  /** Frames wait for the socket: they move to larger room. */
  private grow(room: number): void {
    const { bytes, from, waiting } = this
    const arena = { bytes: Buffer.allocUnsafeSlow(Math.max(2 * waiting, waiting + room)), from: 0 }
    bytes.copy(arena.bytes, 0, from, from + waiting)
    this.drop()
    this.use(arena)
    this.at = waiting
  }

  private use(arena: Arena): void {
    this.arena = arena
    this.bytes = arena.bytes
    this.at = this.from = arena.from
  }
}

/** Memory for frames: what stands before `from` may still be on its way to a socket. */
interface Arena {
  readonly bytes: Buffer
  from: number
}

function takeArena(room: number): Arena {
  const arena = spare.pop()
  if (arena !== undefined && arena.from + room <= arena.bytes.length) return arena
  return { bytes: Buffer.allocUnsafeSlow(Math.max(arenaSize, room)), from: 0 }
}

function returnArena(arena: Arena): void {
  if (spare.length < mostSpare && arena.bytes.length === arenaSize && arenaSize - arena.from >= leastUseful) spare.push(arena)
}

const none = Buffer.alloc(0)
const arenaSize = 131_072
/** An arena with less room than for a few frames is left to those that hold its bytes. */
const leastUseful = 32_768
const mostSpare = 16
const spare: Arena[] = []
