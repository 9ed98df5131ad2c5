import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { settle } from '../engine/h2-peer.ts'
import { Watched } from '../engine/helpers.ts'
import { RawClient } from '../helpers/raw.ts'
import { readCall } from '../helpers/strict-reader.ts'
import { jsonMessagesIn, restText, type HandCall, type HandUpstream } from './hand-server.ts'

/** A REST backend over HTTP/1.1 that is played by hand, byte by byte: it answers with events, or with one JSON value where that was asked. */
export class HandBackend extends Watched implements HandUpstream<BackendCall> {
  port = 0
  readonly calls: BackendCall[] = []
  private taken = 0
  private readonly sockets = new Set<Socket>()
  private readonly server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket))

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  async next(): Promise<BackendCall> {
    await this.until(() => this.calls.length > this.taken)
    return this.calls[this.taken++]!
  }

  get open(): number {
    return this.calls.filter(({ isOver }) => !isOver).length
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket)
    const line = new RawClient(socket)
    let call: BackendCall | null = null
    let from = 0
    const look = (): void => {
      if (line.isEnded) socket.destroy()
      if (call?.isDone === true && call.isAsked) {
        from = call.end
        call = null
      }
      if (call === null && line.received.includes('\r\n\r\n', from)) this.calls.push((call = new BackendCall(line, from)))
      this.changed()
    }
    for (const event of ['data', 'end', 'close']) socket.on(event, look)
    socket.on('close', () => this.sockets.delete(socket))
  }
}

/** A call on a connection of a backend. */
export class BackendCall implements HandCall {
  isDone = false
  private readonly line: RawClient
  private readonly from: number
  private isBroken = false

  constructor(line: RawClient, from: number) {
    this.line = line
    this.from = from
  }

  get heard(): number {
    return jsonMessagesIn(this.text)
  }

  get isAsked(): boolean {
    return readCall(this.line.received, this.from).is === 'whole'
  }

  /** Where the next call may begin. */
  get end(): number {
    const reading = readCall(this.line.received, this.from)
    return reading.is === 'whole' ? reading.end : this.line.received.length
  }

  get isOver(): boolean {
    return this.isBroken || this.line.socket.destroyed || (this.isDone && this.isAsked)
  }

  private get text(): string {
    return this.line.received.slice(this.from)
  }

  /** Whether it is asked for a stream. */
  private get isStream(): boolean {
    return /\r\naccept: text\/event-stream/i.test(this.text)
  }

  head(): Promise<void> {
    const type = this.isStream ? 'text/event-stream' : 'application/json'
    return this.send(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`)
  }

  say(message: Buffer): Promise<void> {
    return this.piece(restText(message, this.isStream))
  }

  half(message: Buffer): Promise<void> {
    return this.piece(restText(message, this.isStream).slice(0, 9))
  }

  finish(): Promise<void> {
    this.isDone = true
    return this.send('0\r\n\r\n')
  }

  /** A whole answer. */
  answer(status: number, json: string): Promise<void> {
    this.isDone = true
    return this.send(`HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`)
  }

  /** Any text, as a chunk. */
  piece(text: string): Promise<void> {
    return this.send(`${text.length.toString(16)}\r\n${text}\r\n`)
  }

  async send(text: string): Promise<void> {
    this.line.socket.write(text)
    await settle()
  }

  /** The connection is gone, or closed. */
  async leave(byReset: boolean): Promise<void> {
    this.isBroken = true
    if (byReset) this.line.reset()
    else this.line.socket.end()
    await settle()
  }
}
