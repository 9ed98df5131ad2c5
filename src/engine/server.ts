import type { Socket } from 'node:net'
import { RequestHead } from '../protocol/request.ts'
import { ClientConnection } from './client-connection.ts'
import type { Exchange } from './exchange.ts'
import type { ServerHost, ServerLimits, ServerSide } from './server-host.ts'

/** The callers' connections of one worker. */
export class Server implements ServerSide<ClientConnection, Exchange> {
  limits: ServerLimits
  readonly host: ServerHost
  /** Every answer says that its connection closes. */
  isClosing = false
  /** No connection waits for another call: one whose answer went out without such a word closes behind it all the same. */
  isEmptying = false
  private readonly connections = new Set<ClientConnection>()
  /** Those whose caller has left, while their replies are read to the end. */
  private readonly left = new Set<Exchange>()
  private readonly heads: RequestHead[] = []
  private readonly idPrefix: string
  private calls = 0
  private emptied: (() => void) | null = null

  constructor(host: ServerHost, limits: ServerLimits, idPrefix: string) {
    this.host = host
    this.limits = limits
    this.idPrefix = idPrefix
  }

  /** Serves a connected socket, clear or TLS. */
  accept(socket: Socket): void {
    const connection = new ClientConnection(socket, this)
    this.connections.add(connection)
    this.host.connectionOpened()
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
  gone(connection: ClientConnection): void {
    this.connections.delete(connection)
    this.host.connectionClosed()
    this.checkEmpty()
  }

  /** Connection: its caller has left, and the reply is to be read to its end. False: so many are that this one is cancelled. */
  readOn(exchange: Exchange): boolean {
    if (this.left.size >= mostLeft) return false
    this.left.add(exchange)
    return true
  }

  /** Connection: a reply that was read on has ended. */
  readOut(exchange: Exchange): void {
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

  /** Closes the connections that carry no call; the others close behind their answer. */
  closeIdle(): void {
    this.isClosing = this.isEmptying = true
    for (const connection of [...this.connections]) connection.closeIfIdle()
  }

  /** Ends the calls for which `isCut` says so; how many they were. */
  cut(isCut: (exchange: Exchange) => boolean): number {
    let count = 0
    const carried = [...this.connections].map(({ current }) => current)
    for (const current of [...carried, ...this.left]) {
      if (current === null || !isCut(current)) continue
      current.cut()
      count++
    }
    return count
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
