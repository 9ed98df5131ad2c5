import { connect, type Socket } from 'node:net'
import { serve } from './serve.ts'
import { Column, pause } from './numbers.ts'
import { rawRequest } from './request.ts'
import { eventText, nowUs, stamp, streamField } from './sse-events.ts'

// Opens streams, times every event, and compares every byte with what was sent.

/** What came of the streams since the last `begin`. */
interface Seen {
  events: number
  /** Events that never came, came changed, or came in another place. */
  lost: number
  changed: number
  /** Streams that ended before their last event, or were answered otherwise. */
  broken: number
  why: string
}

const readBuffer = Buffer.allocUnsafeSlow(65536)
const first = new Column()
const latency = new Column()
let seen: Seen = { events: 0, lost: 0, changed: 0, broken: 0, why: '' }
let isCounting = false
let counted = 0
let lastId = 0
const streams = new Set<Stream>()

/** The payload of a chunked body, cut anywhere. */
class Chunks {
  isDone = false
  private size = ''
  /** Bytes of the chunk that are to come, its CRLF among them. */
  private left = 0

  read(text: string): string {
    let payload = ''
    let at = 0
    while (at < text.length && !this.isDone) {
      if (this.left > 2) {
        const piece = text.slice(at, at + this.left - 2)
        payload += piece
        at += piece.length
        this.left -= piece.length
      } else if (this.left > 0) {
        at++
        this.left--
      } else at = this.readSize(text, at)
    }
    return payload
  }

  private readSize(text: string, from: number): number {
    const end = text.indexOf('\n', from)
    this.size += end < 0 ? text.slice(from) : text.slice(from, end)
    if (end < 0) return text.length
    const size = parseInt(this.size, 16)
    this.size = ''
    if (size === 0) this.isDone = true
    else this.left = size + 2
    return end + 1
  }
}

class Stream {
  private readonly id = ++lastId
  private readonly count: number
  private readonly socket: Socket
  private head: string | null = ''
  private chunks: Chunks | null = null
  private rest = ''
  private next = 0
  private askedAt = 0
  private readonly ended = Promise.withResolvers<void>()

  constructor(port: number, count: number, periodMs: number) {
    this.count = count
    const request = rawRequest(port, `${streamField}: ${this.id},${count},${periodMs}\r\n`)
    const read = (length: number): boolean => {
      this.read(readBuffer.toString('latin1', 0, length))
      return true
    }
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: readBuffer, callback: read } })
    this.socket.on('connect', () => {
      this.askedAt = nowUs()
      this.socket.write(request)
    })
    this.socket.on('error', (error) => this.end(error.message))
    this.socket.on('close', () => this.end('closed'))
    streams.add(this)
  }

  get over(): Promise<void> {
    return this.ended.promise
  }

  end(why: string): void {
    if (!streams.delete(this)) return
    if (this.next < this.count) {
      seen.broken++
      seen.lost += this.count - this.next
      seen.why ||= why
    }
    this.socket.destroy()
    this.ended.resolve()
  }

  private read(text: string): void {
    const now = nowUs()
    if (this.head !== null) return this.readHead(text, now)
    const payload = this.chunks === null ? text : this.chunks.read(text)
    let events = this.rest === '' ? payload : this.rest + payload
    for (let end = events.indexOf('\n\n'); end >= 0; end = events.indexOf('\n\n')) {
      this.event(events.slice(0, end + 2), now)
      events = events.slice(end + 2)
    }
    this.rest = events
    if (this.chunks?.isDone === true) this.end('too short')
  }

  private readHead(text: string, _now: number): void {
    const head = `${this.head}${text}`
    const end = head.indexOf('\r\n\r\n')
    this.head = head
    if (end < 0) return
    if (!head.startsWith('HTTP/1.1 200')) return this.end(head.slice(0, 300))
    if (/\r\ntransfer-encoding: *chunked/i.test(head.slice(0, end))) this.chunks = new Chunks()
    this.head = null
    this.read(head.slice(end + 4))
  }

  private event(text: string, now: number): void {
    const [, id, k = 'none', at] = stamp.exec(text) ?? []
    const number = Number(k)
    seen.events++
    if (Number(id) !== this.id || text !== eventText(this.id, number, this.count, Number(at)) || number < this.next) {
      seen.changed++
      return
    }
    seen.lost += number - this.next
    this.next = number + 1
    if (number === 0) first.add(now - this.askedAt)
    if (!isCounting) return
    counted++
    latency.add(now - Number(at))
  }
}

/** Opens streams evenly over a time; resolves when all are open. */
async function open(port: number, count: number, { events, periodMs, overMs }: Shape): Promise<readonly Stream[]> {
  const startedAt = performance.now()
  const opened: Stream[] = []
  while (opened.length < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - startedAt) / overMs) * count))
    while (opened.length < due) opened.push(new Stream(port, events, periodMs))
    if (opened.length < count) await pause(1)
  }
  return opened
}

interface Shape {
  readonly events: number
  readonly periodMs: number
  readonly overMs: number
}

/** Waits for all streams to end; one that hangs is broken. */
async function finish(limitMs: number): Promise<void> {
  const all = Promise.all([...streams].map((stream) => stream.over))
  await Promise.race([all, pause(limitMs)])
  for (const stream of streams) stream.end('hung')
}

serve({
  /** Few streams with many events, then many with few: the paths of an event and of a stream get warm, the memory of open ones stays small. */
  warm: async (port: number) => {
    await open(port, 10, { events: 1000, periodMs: 2, overMs: 100 })
    await finish(15_000)
    await open(port, 400, { events: 5, periodMs: 2, overMs: 2000 })
    await finish(15_000)
    if (seen.broken > 0) throw new Error(`${seen.broken} streams failed while warming up: ${seen.why}`)
    first.clear()
    seen = { events: 0, lost: 0, changed: 0, broken: 0, why: '' }
  },
  open: async (port: number, count: number, shape: Shape) => {
    await open(port, count, shape)
  },
  begin: () => {
    latency.clear()
    counted = 0
    isCounting = true
  },
  /** How many events came since `begin`. */
  counted: () => {
    isCounting = false
    return counted
  },
  finish: async (limitMs: number) => {
    await finish(limitMs)
    const ms = (column: Column, percent: number): number => column.percentile(percent) / 1000
    return { ...seen, first50: ms(first, 50), first99: ms(first, 99), event50: ms(latency, 50), event99: ms(latency, 99) }
  },
})
