import { closeSync, constants, fstatSync, openSync, write as writeAsync, writeSync } from 'node:fs'

/**
 * Lines of several threads on one file descriptor. A pipe takes a write of at most PIPE_BUF bytes whole or not at all, so what
 * goes out is whole lines in pieces of at most that size, and no thread can tear another's line. A pipe is opened once more,
 * not blocking: when its reader stalls, lines wait in a bounded queue, then they are dropped and counted, and nothing of relay
 * waits. (SonicBoom, pino's own, writes through libuv's pool: a stalled reader would hold one of its four threads for each
 * thread that logs, and each write costs several times a direct one.) Anything but a pipe is written through the pool.
 */
export interface LineWriter {
  /** Takes a line with its line feed, at most `longestLine` bytes. */
  write(line: string): void
  /** Lines that never went out, since the start. */
  dropped(): number
  /** Ends when everything is written, or after a second when the reader stalls. */
  flush(): Promise<void>
  /** For the very end of a process: writes what its reader takes at once. */
  flushSync(): void
  close(): Promise<void>
}

export interface LineWriterOptions {
  readonly fd: number
  /** Bytes that may wait; beyond, lines are dropped. */
  readonly capacity?: number
}

/** What Linux promises to take whole. */
export const longestLine = 4096

const gatherMs = 10
const firstRetryMs = 1
const lastRetryMs = 50
const flushLimitMs = 1000

interface Piece {
  text: string
  bytes: number
  lines: number
  /** What is left of it after a write that took only a part. */
  rest?: Buffer
}

/** The writer of a thread: one a thread is enough. */
export function lineWriter({ fd, capacity = 1024 * 1024 }: LineWriterOptions): LineWriter {
  return new QueuedWriter(fd, capacity)
}

class QueuedWriter implements LineWriter {
  readonly #fd: number
  readonly #capacity: number
  readonly #sink: Sink
  readonly #queue: Piece[] = []
  readonly #idle = new Set<() => void>()
  #state: 'open' | 'writing' | 'stalled' | 'closed' = 'open'
  #waiting = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #retryMs = firstRetryMs

  constructor(fd: number, capacity: number) {
    this.#fd = fd
    this.#capacity = capacity
    this.#sink = openSink(fd)
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (bytes > longestLine || this.#waiting + bytes > this.#capacity || this.#state === 'closed') {
      this.#dropped += 1
      return
    }
    this.#waiting += bytes
    const last = this.#queue.at(-1)
    if (last !== undefined && this.#takesMore(last, bytes)) {
      last.text += line
      last.bytes += bytes
      last.lines += 1
      return
    }
    this.#queue.push({ text: line, bytes, lines: 1 })
    if (this.#queue.length > 1) this.#pump(1)
    else this.#timer ??= setTimeout(this.#onTimer, gatherMs)
  }

  dropped(): number {
    return this.#dropped
  }

  async flush(): Promise<void> {
    this.#pump(0)
    if (this.#queue.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const limit = setTimeout(resolve, flushLimitMs)
    this.#idle.add(resolve)
    await promise
    this.#idle.delete(resolve)
    clearTimeout(limit)
  }

  flushSync(): void {
    // The pool still holds a piece: if its reader can stall, one more write could wait for ever.
    if (this.#state === 'closed' || (this.#state === 'writing' && this.#sink.mayStall)) return
    if (this.#state === 'writing') this.#settle(0)
    this.#state = 'open'
    while (this.#isOpen() && this.#queue[0] !== undefined) this.#writeNow(this.#queue[0])
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.flush()
    clearTimeout(this.#timer)
    for (const piece of this.#queue.splice(0)) this.#dropped += piece.lines
    this.#state = 'closed'
    if (this.#sink.fd !== this.#fd) closeSync(this.#sink.fd)
  }

  #takesMore(last: Piece, bytes: number): boolean {
    const isBeingWritten = this.#state === 'writing' && this.#queue.length === 1
    return !isBeingWritten && last.rest === undefined && last.bytes + bytes <= this.#sink.pieceLimit
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined
    if (this.#state === 'stalled') this.#state = 'open'
    this.#pump(0)
  }

  /** Writes until `keep` pieces are left (the last may still grow), or until the reader stalls. */
  #pump(keep: number): void {
    while (this.#isOpen() && this.#queue.length > keep) {
      const piece = this.#queue[0]
      if (piece === undefined) return
      if (this.#sink.direct) this.#writeNow(piece)
      else this.#writeLater(piece, piece.rest ?? Buffer.from(piece.text))
    }
    if (this.#isOpen() && this.#queue.length > 0) this.#timer ??= setTimeout(this.#onTimer, gatherMs)
    if (this.#queue.length === 0) for (const resolve of this.#idle) resolve()
  }

  #isOpen(): boolean {
    return this.#state === 'open'
  }

  #writeNow(piece: Piece): void {
    try {
      writeSync(this.#sink.fd, piece.rest ?? Buffer.from(piece.text))
      this.#settle(0)
    } catch (error) {
      this.#failed(error)
    }
  }

  #writeLater(piece: Piece, bytes: Buffer): void {
    this.#state = 'writing'
    writeAsync(this.#sink.fd, bytes, (error, written) => {
      // Closed meanwhile, or taken over by flushSync.
      if (this.#queue[0] !== piece) return
      this.#state = 'open'
      if (error !== null) this.#failed(error)
      else if (written < bytes.length) piece.rest = bytes.subarray(written)
      else this.#settle(0)
      this.#pump(piece.rest === undefined ? 1 : 0)
    })
  }

  #settle(lost: number): void {
    this.#waiting -= this.#queue.shift()?.bytes ?? 0
    this.#dropped += lost
    this.#retryMs = firstRetryMs
  }

  #failed(error: unknown): void {
    if (!isBusy(error)) return this.#settle(this.#queue[0]?.lines ?? 0)
    this.#state = 'stalled'
    clearTimeout(this.#timer)
    // A reader that stalls does not keep the process alive.
    this.#timer = setTimeout(this.#onTimer, this.#retryMs).unref()
    this.#retryMs = Math.min(this.#retryMs * 2, lastRetryMs)
  }
}

interface Sink {
  readonly fd: number
  /** Writes return at once: they are made on the spot. */
  readonly direct: boolean
  readonly mayStall: boolean
  /** Bytes of one write that stay together. */
  readonly pieceLimit: number
}

function openSink(fd: number): Sink {
  const stat = fstatSync(fd)
  // A file is written under its lock, and a Unix socket takes up to 48 KB as one packet.
  if (!stat.isFIFO()) return { fd, direct: false, mayStall: stat.isSocket(), pieceLimit: 32 * 1024 }
  try {
    const pipe = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
    return { fd: pipe, direct: true, mayStall: false, pieceLimit: longestLine }
  } catch {
    // Not Linux, or a pipe that belongs to another user.
    return { fd, direct: false, mayStall: true, pieceLimit: longestLine }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')
}
