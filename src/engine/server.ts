import type { Socket } from 'node:net'
import { preface } from '../protocol/h2/frames.ts'
import { RequestHead } from '../protocol/request.ts'
import type { CallerConnection, ServerSide } from './caller-connection.ts'
import type { CallerSocket } from './caller-socket.ts'
import { ClientConnection } from './client-connection.ts'
import type { ExchangeBase } from './exchange-base.ts'
import { CallerSession } from './h2/caller-session.ts'
import type { ServerHost, ServerLimits } from './server-host.ts'

/** The callers' connections of one worker. */
export class Server implements ServerSide {
  limits: ServerLimits
  readonly host: ServerHost
  /** Every answer says that its connection closes. */
  isClosing = false
  /** No connection waits for another call: one whose answer went out without such a word closes behind it all the same. */
  isEmptying = false
  private readonly connections = new Set<CallerConnection>()
  /** Those whose caller has left, while their replies are read to the end. */
  private readonly left = new Set<ExchangeBase>()
  private readonly heads: RequestHead[] = []
  private readonly idPrefix: string
  private calls = 0
  private emptied: (() => void) | null = null

  constructor(host: ServerHost, limits: ServerLimits, idPrefix: string) {
    this.host = host
    this.limits = limits
    this.idPrefix = idPrefix
  }

  /** Serves a connected socket, clear or TLS: HTTP/2 where ALPN has agreed on it, or a caller in the clear begins with its preface. */
  accept(socket: Socket, speaksHttp2 = true): void {
    this.host.connectionOpened()
    // Of a TLS socket these two are known once its handshake is done.
    const { encrypted, alpnProtocol } = socket as CallerSocket
    if (speaksHttp2 && alpnProtocol === 'h2') this.connections.add(new CallerSession(socket, this))
    else this.connections.add(new ClientConnection(socket, this, speaksHttp2 && encrypted !== true))
  }

  speaksHttp2(connection: CallerConnection, socket: CallerSocket, rest: Buffer): void {
    this.connections.delete(connection)
    const session = new CallerSession(socket, this)
    this.connections.add(session)
    session.data(preface)
    if (rest.length > 0) session.data(rest)
  }

  private get isEmpty(): boolean {
    return this.connections.size === 0 && this.left.size === 0
  }

  private checkEmpty(): void {
    if (this.isEmpty) this.emptied?.()
  }

  get size(): number {
    return this.connections.size
  }

  /** Connection: it is gone. */
  gone(connection: CallerConnection): void {
    this.connections.delete(connection)
    this.host.connectionClosed()
    this.checkEmpty()
  }

  /** Connection: its caller has left, and the reply is to be read to its end. False: so many are that this one is cancelled. */
  readOn(exchange: ExchangeBase): boolean {
    if (this.left.size >= mostLeft) return false
    this.left.add(exchange)
    return true
  }

  /** Connection: a reply that was read on has ended. */
  readOut(exchange: ExchangeBase): void {
    this.left.delete(exchange)
    this.checkEmpty()
  }

  nextId(): string {
    return this.idPrefix + (this.calls++).toString(36)
  }

  /** Heads are lent to calls, so that a connection without one holds none. */
  takeHead(): RequestHead {
    return this.heads.pop() ?? new RequestHead()
  }

  returnHead(head: RequestHead): void {
    if (this.heads.length < maxHeads) this.heads.push(head)
  }

  /** Relay is about to close: every answer says so from now on, and callers whose protocol knows such a word are told at once. */
  close(): void {
    if (this.isClosing) return
    this.isClosing = true
    for (const connection of [...this.connections]) connection.closing()
  }

  /** Closes the connections that carry no call; the others close behind their answer. */
  closeIdle(): void {
    this.close()
    this.isEmptying = true
    for (const connection of [...this.connections]) connection.closeIfIdle()
  }

  /** Ends the calls for which `isCut` says so; how many they were. */
  cut(isCut: (exchange: ExchangeBase) => boolean): number {
    const exchanges: ExchangeBase[] = []
    for (const connection of this.connections) connection.collect(exchanges)
    const cut = [...exchanges, ...this.left].filter(isCut)
    for (const exchange of cut) exchange.cut()
    return cut.length
  }

  /** Destroys what is left. */
  destroy(): void {
    for (const connection of [...this.connections]) connection.destroy()
    for (const exchange of [...this.left]) exchange.cut()
  }

  /** Resolves when no connection is left, and no reply that is read for a caller who has left. */
  async empty(): Promise<void> {
    if (this.isEmpty) return
    await new Promise<void>((resolve) => {
      this.emptied = resolve
    })
  }
}

const maxHeads = 1024
/** Replies that are read for callers who have left: each still holds a connection to its upstream. */
const mostLeft = 256
