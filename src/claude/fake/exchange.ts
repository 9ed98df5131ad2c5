import type { IncomingMessage, ServerResponse } from 'node:http'

/** One call to the fake: what came in, and where the answer goes. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly query: URLSearchParams
  readonly requestId: string
  /** Fields that every answer carries. */
  readonly headers: Readonly<Record<string, string>>
}

/** An error as the API tells it. */
export interface FakeError {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The `error.type` that the API gives with a status. */
export function errorTypeOf(status: number): string {
  return errorTypes.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error')
}

const errorTypes: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [408, 'timeout_error'],
  [409, 'conflict_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [501, 'not_supported'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
])

/** Answers with JSON. */
export function sendJson({ response, headers }: Exchange, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': body.length })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

/** Answers with an error, as JSON. */
export function sendError(exchange: Exchange, { status, type, message, headers = {} }: FakeError): void {
  sendJson({ ...exchange, headers: { ...exchange.headers, ...headers } }, status, errorShape(exchange, type, message))
}

/** The JSON that an error is told in, as a body or as an event of a stream. */
export function errorShape(
  { requestId }: Exchange,
  type: string,
  message: string,
): { readonly type: string; readonly error: unknown; readonly request_id: string } {
  return { type: 'error', error: { details: null, type, message }, request_id: requestId }
}

/** Waits, or until the caller has gone: whoever waits asks `isGone` after it. */
export async function pause({ response }: Exchange, ms: number): Promise<void> {
  if (ms === 0 || response.destroyed) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    response.once('close', done)
    function done(): void {
      clearTimeout(timer)
      response.off('close', done)
      resolve()
    }
  })
}

/** Whether nobody is there to answer any more. */
export function isGone({ response }: Exchange): boolean {
  return response.destroyed || response.socket === null || response.socket.destroyed
}
