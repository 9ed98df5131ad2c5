import type { Socket } from 'node:net'
import type { BodyEnd } from '../base/ends.ts'
import type { Caller } from './call.ts'
import type { ServerHost } from './server-host.ts'

/** What a caller's socket tells of itself. */
export interface SocketOwner {
  data(chunk: Buffer): void
  /** The peer has closed its side. */
  leave(end: BodyEnd): void
  drained(): void
  /** All that was written, and its end, are on their way. */
  finished(): void
  closed(): void
}

/** A caller's socket, clear or TLS, which carries its owner for the listeners below: they are shared, so that a connection has none of its own. */
export interface CallerSocket extends Socket {
  owner: SocketOwner
  readonly encrypted?: boolean
  /** What TLS has agreed on; false: nothing. */
  readonly alpnProtocol?: string | false | null
}

/** Makes a socket tell its owner what happens to it. */
export function own(socket: Socket, owner: SocketOwner): CallerSocket {
  // The owner is set in the next line.
  const owned = socket as CallerSocket
  const isNew = owned.owner === undefined
  owned.owner = owner
  if (!isNew) return owned
  owned.on('data', onData)
  owned.on('end', onEnd)
  owned.on('error', onError)
  owned.on('close', onClose)
  return owned
}

/** Who speaks on a socket. */
export function callerOf(socket: CallerSocket, host: Pick<ServerHost, 'isTrusted'>): Caller {
  const address = socket.remoteAddress ?? ''
  return { address, isTls: socket.encrypted === true, isTrusted: host.isTrusted(address) }
}

/** Has `drained` called once. */
export function tellDrain(socket: CallerSocket): void {
  socket.once('drain', onDrain)
}

/** Has `finished` called once. */
export function tellFinish(socket: CallerSocket): void {
  socket.once('finish', onFinish)
}

function onData(this: CallerSocket, chunk: Buffer): void {
  this.owner.data(chunk)
}

function onEnd(this: CallerSocket): void {
  this.owner.leave('cancelled')
}

function onError(): void {
  // `close` follows, and does what is to be done.
}

function onClose(this: CallerSocket): void {
  this.owner.closed()
}

function onDrain(this: CallerSocket): void {
  this.owner.drained()
}

function onFinish(this: CallerSocket): void {
  this.owner.finished()
}
