import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A door between somebody and a port: closed, whoever is connected through it is cut off, and nobody else comes through. */
export interface Gate {
  readonly port: number
  close(): void
  open(): void
}

interface Scope {
  teardown(work: () => unknown): unknown
}

/** A gate in front of a port of this machine; it ends with the test. */
export async function gate(t: Scope, to: number): Promise<Gate> {
  const sockets = new Set<Socket>()
  let isOpen = true
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const kept = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
  }
  const server = createServer({ noDelay: true }, (socket) => {
    if (!isOpen) return void socket.destroy()
    const other = connect({ port: to, host: '127.0.0.1', noDelay: true })
    kept(socket).on('close', () => other.destroy())
    kept(other).on('close', () => socket.destroy())
    socket.pipe(other).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    cut()
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      isOpen = false
      cut()
    },
    open: () => void (isOpen = true),
  }
}
