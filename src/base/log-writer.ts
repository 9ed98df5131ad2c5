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
}

/** The writer of a thread: one a thread is enough. */
export function lineWriter({ fd, capacity = 1024 * 1024 }: LineWriterOptions): LineWriter {
  const sink = openSink(fd)
  const queue: Piece[] = []
  const idle: (() => void)[] = []
  let waiting = 0
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  let retryMs = firstRetryMs
  let state: 'open' | 'writing' | 'stalled' | 'closed' = 'open'

  function write(line: string): void {
    const bytes = Buffer.byteLength(line)
    if (bytes > longestLine || waiting + bytes > capacity || state === 'closed') {
      dropped += 1
      return
    }
    waiting += bytes
    const last = queue.at(-1)
    if (last !== undefined && last.bytes + bytes <= sink.pieceLimit && !(queue.length === 1 && state === 'writing')) {
      last.text += line
      last.bytes += bytes
      last.lines += 1
      return
    }
    queue.push({ text: line, bytes, lines: 1 })
    if (queue.length > 1) pump(1)
    else timer ??= setTimeout(onTimer, gatherMs)
  }

  function onTimer(): void {
    timer = undefined
    if (state === 'stalled') state = 'open'
    pump(0)
  }

  /** Writes until `keep` pieces are left (the last may still grow), or until the reader stalls. */
  function pump(keep: number): void {
    while (state === 'open' && queue.length > keep) {
      const piece = queue[0]
      if (piece === undefined) return
      if (sink.direct) writeNow(piece)
      else writeLater(piece, Buffer.from(piece.text))
    }
    if (state === 'open' && queue.length > 0) timer ??= setTimeout(onTimer, gatherMs)
    if (queue.length === 0) for (const resume of idle.splice(0)) resume()
  }

  function writeNow(piece: Piece): void {
    try {
      writeSync(sink.fd, piece.text)
      settle(0)
    } catch (error) {
      failed(error)
    }
  }

  function writeLater(piece: Piece, bytes: Buffer): void {
    state = 'writing'
    writeAsync(sink.fd, bytes, (error, written) => {
      // Closed meanwhile, or taken over by flushSync.
      if (queue[0] !== piece) return
      state = 'open'
      if (error !== null) failed(error)
      else if (written < bytes.length) return writeLater(piece, bytes.subarray(written))
      else settle(0)
      pump(1)
    })
  }

  function settle(lost: number): void {
    waiting -= queue.shift()?.bytes ?? 0
    dropped += lost
    retryMs = firstRetryMs
  }

  function failed(error: unknown): void {
    if (!isBusy(error)) return settle(queue[0]?.lines ?? 0)
    state = 'stalled'
    clearTimeout(timer)
    // A reader that stalls does not keep the process alive.
    timer = setTimeout(onTimer, retryMs).unref()
    retryMs = Math.min(retryMs * 2, lastRetryMs)
  }

  async function flush(): Promise<void> {
    pump(0)
    if (queue.length === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const limit = setTimeout(resolve, flushLimitMs)
    idle.push(resolve)
    await promise
    clearTimeout(limit)
  }

  function flushSync(): void {
    // The pool still holds a piece: if its reader can stall, one more write could wait for ever.
    if (state === 'closed' || (state === 'writing' && sink.mayStall)) return
    const inFlight = state === 'writing' ? queue.shift() : undefined
    waiting -= inFlight?.bytes ?? 0
    state = 'open'
    while (state === 'open' && queue[0] !== undefined) writeNow(queue[0])
  }

  async function close(): Promise<void> {
    if (state === 'closed') return
    await flush()
    clearTimeout(timer)
    for (const piece of queue.splice(0)) dropped += piece.lines
    state = 'closed'
    if (sink.fd !== fd) closeSync(sink.fd)
  }

  return { write, dropped: () => dropped, flush, flushSync, close }
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
