import type { Socket } from 'node:net'
import { RequestHead } from '../protocol/request.ts'
import { ClientConnection } from './client-connection.ts'
import type { Exchange } from './exchange.ts'
import type { ServerHost, ServerLimits, ServerSide } from './server-host.ts'

/** The callers' connections of one worker. */
export class Server implements ServerSide<ClientConnection> {
  limits: ServerLimits
  readonly host: ServerHost
  /** Every answer says that its connection closes. */
  isClosing = false
  /** No connection waits for another call: one whose answer went out without such a word closes behind it all the same. */
  isEmptying = false
  private readonly connections = new Set<ClientConnection>()
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

  get size(): number {
    return this.connections.size
  }

  /** Connection: it is gone. */
  gone(connection: ClientConnection): void {
    this.connections.delete(connection)
    this.host.connectionClosed()
    if (this.connections.size === 0) this.emptied?.()
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
    for (const { current } of [...this.connections]) {
      if (current === null || !isCut(current)) continue
      current.cut()
      count++
    }
    return count
  }

  /** Destroys what is left. */
  destroy(): void {
    for (const connection of [...this.connections]) connection.destroy()
  }

  /** Resolves when no connection is left. */
  async empty(): Promise<void> {
    if (this.connections.size === 0) return
    await new Promise<void>((resolve) => {
      this.emptied = resolve
    })
  }
}

const maxHeads = 1024
