import type { Socket } from 'node:net'

/**
 * Breaks a connection off so that its peer sees it. Within TLS there is no reset, and an end without its close alert says the same. A
 * socket whose end is just going out cannot be reset (it would neither close nor say so): it is closed, and whatever still comes is reset.
 */
export function resetSocket(socket: Socket & { readonly encrypted?: boolean }): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (socket.encrypted === true || isEnding) socket.destroy()
  else socket.resetAndDestroy()
}
