import type { Socket } from 'node:net'

/** Breaks a connection off so that its peer sees it. Within TLS there is no reset, and an end without its close alert says the same. */
export function resetSocket(socket: Socket & { readonly encrypted?: boolean }): void {
  if (socket.encrypted === true) socket.destroy()
  else socket.resetAndDestroy()
}
