import type { RequestHead } from '../protocol/request.ts'
import type { CallerSocket } from './caller-socket.ts'
import type { ExchangeBase, ExchangeHost } from './exchange-base.ts'
import type { ServerLimits } from './server-host.ts'

/** What a caller's connection needs of the server that it belongs to. */
export interface ServerSide extends ExchangeHost {
  readonly limits: ServerLimits
  /** Every answer says that its connection closes. */
  readonly isClosing: boolean
  /** No connection waits for another call. */
  readonly isEmptying: boolean
  nextId(): string
  takeHead(): RequestHead
  returnHead(head: RequestHead): void
  gone(connection: CallerConnection): void
  /** Its caller speaks HTTP/2, as the first bytes say; what stands behind the preface. The connection is no more. */
  speaksHttp2(connection: CallerConnection, socket: CallerSocket, rest: Buffer): void
}

/** A caller's connection, whichever protocol it speaks. */
export interface CallerConnection {
  /** Relay begins to close, and serves on for a while: told where the protocol can say so ahead of time. */
  closing(): void
  /** Closes if it carries no call; else behind the last of them. */
  closeIfIdle(): void
  /** Adds the exchanges that are under way. */
  collect(exchanges: ExchangeBase[]): void
  destroy(): void
}

/** Of a connection that ends: bytes that are read and thrown away, so that no reset eats the last answer, and ms for its peer to close. */
// An upload on a fast line sends much before its sender has read why it should stop; a close on unread bytes would be a reset.
export const maxLingered = 1 << 28
export const lingerMs = 2000
