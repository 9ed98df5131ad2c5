import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { controlVersion, type ReloadOutcome, type RoutesReply, type Status, type StopStep } from './api.ts'
import { claimSocket } from './claim.ts'

/** What a running relay can be asked for; each answer is plain data. */
export interface ControlHandlers {
  readonly status: () => Status
  readonly routes: () => RoutesReply
  /** `expect` is the hash that the file must have, null when any will do. */
  readonly reload: (expect: string | null) => Promise<ReloadOutcome>
  /** Starts the drain, or cuts it short when `now`; `told` hears each step until `stopped`. */
  readonly stop: (now: boolean, told: (step: StopStep) => void) => Promise<void>
}

/** The control socket of a running relay. */
export interface ControlServer {
  readonly path: string
  close(): Promise<void>
}

/** Serves the control socket at `path`; only its owner can connect (mode 0600). */
export async function controlServer(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 8192 }, (request, response) => {
    void answer(handlers, request, response)
  })
  server.maxConnections = 64
  await claimSocket(server, path)
  return {
    path,
    close: () => closeServer(server),
  }
}

/** The last answer of `stop` gets a moment to leave; a reader that does not take it is cut. */
async function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), 1000)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}

async function answer(handlers: ControlHandlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume()
  response.on('error', () => response.destroy())
  try {
    await dispatch(handlers, request, response)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (response.headersSent) response.destroy()
    else send(response, 500, { error: message })
  }
}

async function dispatch(handlers: ControlHandlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://relay')
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /status':
      return tagged(response, handlers.status().snapshot.hash, handlers.status())
    case 'GET /routes':
      return tagged(response, handlers.routes().hash, handlers.routes())
    case 'POST /reload': {
      const outcome = await handlers.reload(unquote(request.headers['if-match']))
      return send(response, reloadStatus[outcome.is], outcome)
    }
    case 'POST /stop':
      return stop(handlers, url.searchParams.get('now') === 'true', response)
    default:
      return send(response, 404, { error: `nothing at ${request.method} ${url.pathname}` })
  }
}

const reloadStatus = { applied: 200, unchanged: 200, rejected: 422, stale: 412, refused: 409 } as const

async function stop(handlers: ControlHandlers, now: boolean, response: ServerResponse): Promise<void> {
  response.writeHead(200, { ...fields, 'content-type': 'application/x-ndjson', connection: 'close' })
  await handlers.stop(now, (step) => {
    // A reader that takes nothing must not make relay keep what it says: the steps it misses are not worth memory.
    if (response.writableLength < 65_536) response.write(`${JSON.stringify(step)}\n`)
  })
  if (response.destroyed) return
  await new Promise<void>((resolve) => {
    response.once('close', resolve)
    response.end(resolve)
  })
}

const fields = { 'content-type': 'application/json', 'relay-control': controlVersion, 'cache-control': 'no-store' }

function tagged(response: ServerResponse, hash: string, value: unknown): void {
  response.setHeader('etag', `"${hash}"`)
  send(response, 200, value)
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, fields)
  response.end(JSON.stringify(value))
}

function unquote(field: string | undefined): string | null {
  return field === undefined || field === '*' ? null : field.replace(/^(?:W\/)?"|"$/g, '')
}
