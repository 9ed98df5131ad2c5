import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sendError } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { countTokens, createMessage } from './messages.ts'
import { getModel, listModels } from './models.ts'

/** A fake of the Messages API: no account, no network, the same answer every time. What it does on request stands in `triggers.ts`. */
export interface FakeClaude {
  /** Begins to listen; resolves with the real port. */
  listen(address?: { readonly host?: string; readonly port?: number }): Promise<{ readonly port: number }>
  /** Ends everything, open streams too. */
  close(): Promise<void>
}

export interface FakeClaudeOptions {
  readonly now?: () => number
}

/** Longer than the longest wait that a trigger can ask for. */
const silenceMs = 1_000_000

/** Makes the fake. */
export function fakeClaude({ now = Date.now }: FakeClaudeOptions = {}): FakeClaude {
  let count = 0
  const server = createServer({ maxHeaderSize: 65_536, requestTimeout: 0, keepAliveTimeout: 75_000 }, (request, response) => {
    const exchange = exchangeOf(request, response, { id: `req_fake${String(++count).padStart(20, '0')}`, now: now() })
    // Whatever fails here is a bug of the fake: the caller sees a broken connection, and the process goes on.
    handle(exchange).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  server.setTimeout(silenceMs)
  return {
    listen: async ({ host = '127.0.0.1', port = 0 } = {}) => {
      server.listen(port, host)
      await once(server, 'listening')
      // An address of a listening TCP server is never a path.
      return { port: (server.address() as AddressInfo).port }
    },
    close: async () => close(server),
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

async function handle(exchange: Exchange): Promise<void> {
  const { request, response, path } = exchange
  if (request.method === 'HEAD' && (path === '/' || path === '/api/hello')) {
    response.writeHead(200, exchange.headers).end()
    return
  }
  const answer = endpoint(exchange)
  if (answer === null) return sendError(exchange, { status: 404, type: 'not_found_error', message: 'Not Found' })
  const refusal = refusalOf(exchange)
  if (refusal === null) await answer()
  else sendError(exchange, refusal)
}

function endpoint(exchange: Exchange): (() => Promise<void> | void) | null {
  const route = `${exchange.request.method} ${exchange.path}`
  if (route === 'POST /v1/messages') return () => createMessage(exchange)
  if (route === 'POST /v1/messages/count_tokens') return () => countTokens(exchange)
  if (route === 'GET /v1/models') return () => listModels(exchange)
  const id = /^GET \/v1\/models\/([^/]+)$/.exec(route)?.[1]
  return id === undefined ? null : () => getModel(exchange, id)
}

function refusalOf({
  request: { headers },
}: Exchange): { readonly status: number; readonly type: string; readonly message: string } | null {
  const key = String(headers['x-api-key'] ?? '')
  const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? ''
  if (key === '' && token === '') return { status: 401, type: 'authentication_error', message: 'x-api-key header is required' }
  if (key === 'sk-ant-invalid' || token === 'sk-ant-invalid')
    return { status: 401, type: 'authentication_error', message: 'invalid x-api-key' }
  const version = headers['anthropic-version']
  if (version === undefined) return { status: 400, type: 'invalid_request_error', message: 'anthropic-version: header is required' }
  if (/^\d{4}-\d\d-\d\d$/.test(String(version))) return null
  return { status: 400, type: 'invalid_request_error', message: `anthropic-version: "${String(version)}" is not a valid version` }
}

function exchangeOf(
  request: IncomingMessage,
  response: ServerResponse,
  { id, now }: { readonly id: string; readonly now: number },
): Exchange {
  const [path = '', ...query] = (request.url ?? '').split('?')
  // A caller that leaves while the answer goes out is no error here.
  response.on('error', () => undefined)
  return { request, response, path, query: new URLSearchParams(query.join('?')), requestId: id, headers: answerHeaders(id, now) }
}

/** The API's own fields. The rates are made up, and stand still. */
function answerHeaders(id: string, now: number): Readonly<Record<string, string>> {
  const reset = new Date(now + 60_000).toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    'request-id': id,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000',
    ...rateHeaders('requests', 4_000, reset),
    ...rateHeaders('tokens', 5_000_000, reset),
    ...rateHeaders('input-tokens', 4_000_000, reset),
    ...rateHeaders('output-tokens', 1_000_000, reset),
  }
}

function rateHeaders(name: string, limit: number, reset: string): Readonly<Record<string, string>> {
  const field = `anthropic-ratelimit-${name}`
  const remaining = name === 'requests' ? limit - 1 : limit - 1_000
  return { [`${field}-limit`]: String(limit), [`${field}-remaining`]: String(remaining), [`${field}-reset`]: reset }
}
