import type { Exchange } from './exchange.ts'
import { pause } from './exchange.ts'

export type ReadBody = { readonly is: 'body'; readonly bytes: Buffer } | { readonly is: 'too_large' } | { readonly is: 'gone' }

/** How long a caller that is refused may go on sending before its connection is closed: closed at once, it would not read the answer. */
const lingerMs = 2_000

/** Collects a request's body, up to a bound. */
export async function readBody({ request }: Exchange, limit: number): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return { is: 'too_large' }
  return new Promise<ReadBody>((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    function take(chunk: Buffer): void {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else finish({ is: 'too_large' })
    }
    function finish(result: ReadBody): void {
      request.off('data', take)
      resolve(result)
    }
    request.on('data', take)
    request.once('end', () => finish({ is: 'body', bytes: Buffer.concat(chunks) }))
    request.once('close', () => finish({ is: 'gone' }))
    // A reset while the body comes: `close` follows it.
    request.once('error', () => undefined)
  })
}

/** Answers before the request is over: the whole answer goes out at once, and the rest of the request is read away for a while. */
export async function answerEarly(exchange: Exchange, status: number, value: unknown): Promise<void> {
  const { request, response, headers } = exchange
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': body.length, connection: 'close' })
  response.write(body)
  request.on('data', () => undefined)
  request.once('end', () => response.end())
  await pause(exchange, lingerMs)
  response.end()
}
