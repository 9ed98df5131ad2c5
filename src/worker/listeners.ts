import { createServer as createTcp, type Server as TcpServer, type Socket } from 'node:net'
import { createServer as createTls, type Server as TlsServer } from 'node:tls'
import type { ListenerSlot } from '../control/messages.ts'

/** The doors of a worker: sockets that control hands over, or its own listening ones, clear or TLS. */
export interface Doors {
  /** Takes the listeners of a new snapshot: certificates may have changed. */
  use(slots: readonly ListenerSlot[]): void
  /** A connected socket for listener `index`. */
  enter(index: number, socket: Socket): void
  /** Listens on every slot, on a port that the other workers share; doors that are gone close. Resolves when all listen. */
  listen(reusePort: boolean): Promise<void>
  /** No new connection. */
  close(): void
}

/** Where connected sockets go, TLS done; and how long a handshake may take, in ms. */
export interface DoorsOptions {
  accept(socket: Socket, speaksHttp2: boolean): void
  readonly handshakeMs: () => number
  /** Connections that this worker may hold; beyond, a new one is closed at once. Where control hands sockets over, it counts. */
  readonly mostConnections: () => number
  /** Connections that it holds now, through whichever door they came. */
  readonly connections: () => number
  /** A listening socket has trouble (no file descriptor left, say); it listens on. */
  readonly troubled: (error: Error) => void
}

/** Makes the doors of a worker, all closed. */
export function doors(options: DoorsOptions): Doors {
  let slots: readonly ListenerSlot[] = []
  const secure = new Map<number, { readonly slot: ListenerSlot; readonly server: TlsServer }>()
  const open = new Map<string, TcpServer>()

  const enter = (index: number, socket: Socket): void => {
    const slot = slots[index]
    // A listener that a reload has just taken away: nobody says any more whether it was in the clear.
    if (slot === undefined) return void socket.destroy()
    const tls = secure.get(index)
    socket.setNoDelay(true)
    if (tls === undefined) options.accept(socket, slot.http2)
    else tls.server.emit('connection', socket)
  }
  const enterOwn = (place: string, socket: Socket): void => {
    if (options.connections() < options.mostConnections()) enter(indexAt(slots, place), socket)
    else socket.destroy()
  }
  return {
    enter,
    use(next) {
      slots = next
      for (const index of [...secure.keys()]) if ((next[index]?.tls ?? null) === null) secure.delete(index)
      for (const slot of next) if (slot.tls !== null) secure.set(slot.index, { slot, server: secureServer(slot, options) })
      bound(open, options)
    },
    async listen(reusePort) {
      const wanted = new Map(slots.map((slot) => [`${slot.host} ${slot.port}`, slot]))
      for (const [place, server] of open) {
        if (wanted.has(place)) continue
        open.delete(place)
        server.close()
      }
      for (const [place, slot] of wanted) {
        if (open.has(place)) continue
        const server = await listening(slot, reusePort, (socket) => enterOwn(place, socket))
        server.on('error', (error) => options.troubled(error))
        open.set(place, server)
      }
      bound(open, options)
    },
    close() {
      for (const server of open.values()) server.close()
      open.clear()
    },
  }
}

/** A door knows its own connections only, and the bound that it was told last. */
function bound(open: ReadonlyMap<string, TcpServer>, { mostConnections }: DoorsOptions): void {
  for (const server of open.values()) server.maxConnections = mostConnections()
}

function secureServer(slot: ListenerSlot, options: DoorsOptions): TlsServer {
  const { cert, key, ticketKeys } = slot.tls!
  const ALPNProtocols = slot.http2 ? ['h2', 'http/1.1'] : ['http/1.1']
  const server = createTls(
    { cert, key, ticketKeys: Buffer.from(ticketKeys), ALPNProtocols, handshakeTimeout: options.handshakeMs() },
    (socket) => options.accept(socket, slot.http2),
  )
  // A handshake that fails is the peer's affair; Node destroys the socket after this event.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  return server
}

function indexAt(slots: readonly ListenerSlot[], place: string): number {
  return slots.findIndex((slot) => `${slot.host} ${slot.port}` === place)
}

async function listening({ host, port }: ListenerSlot, reusePort: boolean, enter: (socket: Socket) => void): Promise<TcpServer> {
  return new Promise((resolve, reject) => {
    const server = createTcp({ noDelay: true }, enter)
    server.once('error', reject)
    server.listen({ host, port, reusePort, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}
