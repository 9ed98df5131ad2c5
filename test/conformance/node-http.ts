import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import { connect, createServer as createTcp, type AddressInfo, type Server as TcpServer } from 'node:net'

/** A message as Node's own parser (llhttp, strict) reads it. */
export interface NodeCall {
  readonly method: string
  readonly target: string
  readonly body: string
}

export interface NodeReply {
  readonly status: number
  readonly body: string
}

/** Node's own HTTP, both sides, on real sockets. */
export interface NodeHttp {
  /** The whole requests that Node reads from these bytes. */
  readCalls(raw: string): Promise<readonly NodeCall[]>
  /** The reply that Node reads from these bytes and a FIN, or null where it refuses them. */
  readReply(raw: string, method: string): Promise<NodeReply | null>
}

/** Starts both; they end with the test. */
export async function nodeHttp(t: { teardown(end: () => Promise<void>): void }): Promise<NodeHttp> {
  const read = new Map<number, NodeCall[]>()
  const server = createServer({ insecureHTTPParser: false, requireHostHeader: true }, (incoming, outgoing) => {
    collect(incoming, (body) => {
      read.get(incoming.socket.remotePort ?? 0)?.push({ method: incoming.method ?? '', target: incoming.url ?? '', body })
      outgoing.end()
    })
  })
  // A FIN behind the bytes must not undo the calls before it.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on('clientError', (_error, socket) => socket.destroy())
  let answer = ''
  const origin = createTcp((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.from(answer, 'latin1')))
  })
  const serverPort = await listening(server)
  const originPort = await listening(origin)
  t.teardown(async () => {
    server.closeAllConnections()
    await Promise.all([closed(server), closed(origin)])
  })
  return {
    async readCalls(raw) {
      const socket = connect({ host: '127.0.0.1', port: serverPort })
      await once(socket, 'connect')
      const port = socket.localPort ?? 0
      const calls: NodeCall[] = []
      read.set(port, calls)
      socket.on('error', () => {})
      socket.resume()
      socket.end(Buffer.from(raw, 'latin1'))
      await new Promise((resolve) => socket.on('close', resolve))
      read.delete(port)
      return calls
    },
    readReply(raw, method) {
      answer = raw
      return asked(originPort, method)
    },
  }
}

function asked(port: number, method: string): Promise<NodeReply | null> {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port, method, agent: false, insecureHTTPParser: false }, (incoming) => {
      incoming.on('close', () => resolve(null))
      collect(incoming, (body) => resolve(incoming.complete ? { status: incoming.statusCode ?? 0, body } : null))
    })
    outgoing.on('error', () => resolve(null))
    outgoing.on('close', () => resolve(null))
    outgoing.end()
  })
}

function collect(incoming: IncomingMessage, done: (body: string) => void): void {
  let body = ''
  incoming.setEncoding('latin1')
  incoming.on('data', (text: string) => (body += text))
  incoming.on('error', () => {})
  incoming.on('end', () => done(body))
}

async function listening(server: Server | TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: Server | TcpServer): Promise<void> {
  const closing = once(server, 'close')
  server.close()
  await closing
}
