import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { serve } from './serve.ts'
import { answerBody } from './request.ts'
import { eventText, nowUs, streamField } from './sse-events.ts'

// Sends streams of events at a steady rate, the first event at once.

interface Stream {
  readonly id: number
  readonly count: number
  readonly response: ServerResponse
  k: number
  isOver: boolean
}

/** All streams of one period: one slot for each ms of it, looked at when its ms has come. */
class Wheel {
  private slots: Stream[][]
  private reached = Math.floor(performance.now())

  constructor(periodMs: number) {
    this.slots = Array.from({ length: periodMs }, () => [])
  }

  add(stream: Stream): void {
    this.slots[this.reached % this.slots.length]!.push(stream)
  }

  turn(now: number): void {
    while (this.reached < now) {
      const slot = this.slots[++this.reached % this.slots.length]!
      for (const stream of slot) send(stream)
      if (slot.some(({ isOver }) => isOver)) this.slots[this.reached % this.slots.length] = slot.filter(({ isOver }) => !isOver)
    }
  }
}

const wheels = new Map<number, Wheel>()
setInterval(() => {
  const now = Math.floor(performance.now())
  for (const wheel of wheels.values()) wheel.turn(now)
}, 1)

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    const wanted = request.headers[streamField]
    if (typeof wanted === 'string') begin(wanted, response)
    else response.setHeader('content-type', 'application/json').end(answerBody)
  })
})
server.keepAliveTimeout = 600_000

function begin(wanted: string, response: ServerResponse): void {
  const [id = 0, count = 0, periodMs = 1] = wanted.split(',').map(Number)
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'request-id': `req_perf${id}`,
  })
  response.flushHeaders()
  const stream: Stream = { id, count, response, k: 0, isOver: false }
  response.on('close', () => (stream.isOver = true))
  send(stream)
  const wheel = wheels.get(periodMs) ?? new Wheel(periodMs)
  wheels.set(periodMs, wheel)
  wheel.add(stream)
}

/** One event, one chunk, one write: Node would write the chunk's frame apart. */
function send(stream: Stream): void {
  if (stream.isOver) return
  const text = eventText(stream.id, stream.k++, stream.count, nowUs())
  stream.response.socket?.write(`${text.length.toString(16)}\r\n${text}\r\n`, 'latin1')
  if (stream.k < stream.count) return
  stream.isOver = true
  stream.response.end()
}

serve({
  listen: async () => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  },
})
