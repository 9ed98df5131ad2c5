import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { workerColumn } from '../../src/metrics/column.ts'
import type { FromWorker, ListenerSlot, SocketMessage, ToWorker } from '../../src/control/messages.ts'

/**
 * A worker that keeps the contract and serves fixed answers, so that control can be tested alone. A route in the plan tells it to
 * misbehave: `reject/1` makes worker 1 refuse to compile, `die/1` makes it exit in the middle, `mute/1` makes it say nothing.
 * Paths: `/` says who answers; `/stream` opens a stream that ends only with a drain; `/crash` throws; `/heap` eats memory.
 */
const { index, numbers } = workerData as { readonly index: number; readonly numbers: SharedArrayBuffer }
const column = workerColumn(numbers, index)
const port = parentPort!
const streams = new Set<ServerResponse>()
const opened = new Map<string, Server>()
let closing = false
let version = 0
let prepared: { readonly version: number; readonly listeners: readonly ListenerSlot[] } | null = null
let slots: readonly ListenerSlot[] = []

const server = createServer((request, response) => {
  if (closing) response.setHeader('connection', 'close')
  switch (request.url) {
    case '/stream':
      streams.add(response)
      response.on('close', () => streams.delete(response))
      response.write('open\n')
      return
    case '/crash':
      setImmediate(() => {
        throw new Error('crashed on request')
      })
      return
    case '/heap':
      return eat()
    default:
      response.end(JSON.stringify({ worker: index, version }))
  }
})

server.on('connection', (socket) => {
  column.connectionOpened()
  socket.on('close', () => column.connectionClosed())
})

port.on('message', (message: ToWorker | SocketMessage) => {
  switch (message.is) {
    case 'socket':
      return void server.emit('connection', (message.socket as Socket).resume())
    case 'prepare':
      return prepare(message)
    case 'commit':
      version = message.version
      slots = prepared?.listeners ?? []
      return say({ is: 'committed', version })
    case 'discard':
      prepared = null
      return
    case 'listen':
      return void listen(message.reusePort)
    case 'closing':
      closing = true
      return
    case 'drain':
      return drain(Math.max(message.grace, message.streamGrace))
    case 'cut':
      return cut()
    case 'forget':
      return say({ is: 'forgotten', round: message.round })
    case 'answer':
    case 'unanswered':
    case 'directory':
    case 'ledger':
      // It asks nobody, and writes nothing down.
      return
  }
})
say({ is: 'ready' })

function prepare({ version, plan, listeners }: Extract<ToWorker, { is: 'prepare' }>): void {
  const told = (what: string) => plan.routes.some((route) => route.name === `${what}/${index}`)
  if (told('mute')) return
  if (told('die')) process.exit(7)
  if (told('reject')) return say({ is: 'rejected', version, problems: [{ path: `routes.reject/${index}`, message: 'does not compile' }] })
  prepared = { version, listeners }
  say({ is: 'prepared', version })
}

async function listen(reusePort: boolean): Promise<void> {
  for (const [key, one] of opened) if (!slots.some((slot) => keyOf(slot) === key)) closeOne(key, one)
  for (const slot of slots) {
    const key = keyOf(slot)
    if (opened.has(key)) continue
    const one = createServer((request, response) => server.emit('request', request, response))
    one.on('connection', (socket) => {
      column.connectionOpened()
      socket.on('close', () => column.connectionClosed())
    })
    opened.set(key, one)
    await new Promise<void>((resolve) => one.listen({ host: slot.host, port: slot.port, reusePort }, resolve))
  }
  say({ is: 'listening' })
}

function closeOne(key: string, one: Server): void {
  opened.delete(key)
  one.close()
}

function keyOf(slot: ListenerSlot): string {
  return `${slot.host}:${slot.port}`
}

function drain(graceMs: number): void {
  for (const [key, one] of opened) closeOne(key, one)
  if (streams.size === 0) return drained(0)
  const timer = setTimeout(cut, graceMs)
  for (const stream of streams) {
    stream.on('close', () => {
      if (streams.size > 0) return
      clearTimeout(timer)
      drained(0)
    })
  }
}

function cut(): void {
  const open = streams.size
  for (const stream of streams) stream.removeAllListeners('close').destroy()
  streams.clear()
  drained(open)
}

function drained(open: number): void {
  say({ is: 'drained', cut: { calls: 0, streams: open } })
}

function eat(): never {
  const kept: unknown[] = []
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, at) => ({ at })))
}

function say(message: FromWorker): void {
  port.postMessage(message)
}
