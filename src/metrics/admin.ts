import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { MetricsRegistry } from './registry.ts'

/** The read-only listener: metrics and health. It holds no secret and changes nothing, whoever asks. */
export interface AdminServer {
  /** Listens, and tells the port (the one that was found, for port 0). */
  listen(host: string, port: number): Promise<number>
  /** Ends: idle connections at once, the others after a second at most. */
  close(): Promise<void>
}

/** Whether calls should be sent here, and if not, why. */
export interface Readiness {
  readonly ok: boolean
  readonly reason: string
}

export interface AdminOptions {
  readonly registry: MetricsRegistry
  readonly isReady: () => Readiness
  /** Told when an answer could not be made: a bug, answered with a 500. */
  readonly onError?: (error: unknown) => void
}

const connections = 64
const closeLimitMs = 1000

/** Makes the listener; it answers as long as the main thread does. */
export function adminServer(options: AdminOptions): AdminServer {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 8192 },
    (request, response) => void answer(options, request, response),
  )
  server.maxConnections = connections
  // A reader that takes nothing of an answer.
  server.setTimeout(15_000)
  return { listen: async (host, port) => listen(server, host, port), close: async () => close(server) }
}

interface Page {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function answer(options: AdminOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const page = await pageFor(options, request).catch((error: unknown) => {
    options.onError?.(error)
    return plain(500, 'internal')
  })
  response.setHeader('content-type', page.type)
  response.setHeader('content-length', Buffer.byteLength(page.text))
  response.setHeader('cache-control', 'no-store')
  if (page.status === 405) response.setHeader('allow', 'GET, HEAD')
  // A body that nobody reads would hold the connection.
  if (!isRead(request)) response.setHeader('connection', 'close')
  response.writeHead(page.status)
  response.end(page.text)
}

async function pageFor({ registry, isReady }: AdminOptions, request: IncomingMessage): Promise<Page> {
  const path = (request.url ?? '').split('?', 1)[0]
  if (path !== '/metrics' && path !== '/livez' && path !== '/readyz') return plain(404, 'not found')
  if (!isRead(request)) return plain(405, 'read only')
  if (path === '/livez') return plain(200, 'ok')
  if (path === '/metrics') return { status: 200, ...(await registry.render(request.headers.accept)) }
  const ready = isReady()
  return ready.ok ? plain(200, 'ok') : plain(503, ready.reason)
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

function plain(status: number, text: string): Page {
  return { status, type: 'text/plain; charset=utf-8', text: `${text}\n` }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port, exclusive: true }, resolve)
  await promise
  server.off('error', reject)
  // A server that listens on a port has an address of this shape.
  return (server.address() as AddressInfo).port
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const limit = setTimeout(() => server.closeAllConnections(), closeLimitMs)
  await promise
  clearTimeout(limit)
}
