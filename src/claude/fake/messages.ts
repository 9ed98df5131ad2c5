import { createHash } from 'node:crypto'
import { bodyLimit } from '../endpoints.ts'
import { answerTo, requestTriggers } from './answer.ts'
import { answerEarly, readBody } from './body.ts'
import { errorShape, errorTypeOf, isGone, pause, sendError, sendJson } from './exchange.ts'
import type { Exchange } from './exchange.ts'
import { checkRequest } from './request.ts'
import type { MessagesRequest } from './request.ts'
import { messageBody } from './shapes.ts'
import { streamAnswer } from './stream.ts'
import { inputTokens } from './tokens.ts'
import type { ErrorTrigger, Triggers } from './triggers.ts'
import { writer } from './writer.ts'

interface Received {
  readonly request: MessagesRequest
  readonly bytes: Buffer
}

/** Answers `POST /v1/messages`: as JSON or as a stream, as the triggers ask. */
export async function createMessage(exchange: Exchange): Promise<void> {
  const received = await receive(exchange, true)
  if (received === null) return
  const triggers = requestTriggers(received.request)
  await pause(exchange, triggers.delayMs)
  if (isGone(exchange)) return
  const attempt = Number(exchange.request.headers['x-stainless-retry-count'] ?? 0)
  if (triggers.error !== null && attempt < triggers.error.attempts) return sendAskedError(exchange, triggers.error)
  const id = exchange.requestId.replace('req_', 'msg_')
  const answer = answerTo(received.request, { id, triggers, echo: echoOf(exchange, received, triggers) })
  if (received.request.isStream) await streamAnswer(exchange, answer, triggers)
  else await sendWhole(exchange, messageBody(answer), triggers)
}

/** Answers `POST /v1/messages/count_tokens`. */
export async function countTokens(exchange: Exchange): Promise<void> {
  const received = await receive(exchange, false)
  if (received === null) return
  sendJson(exchange, 200, { input_tokens: inputTokens(received.request).all })
}

/** Reads and checks a body; null when that was answered already, or nobody is there any more. */
async function receive(exchange: Exchange, needsMaxTokens: boolean): Promise<Received | null> {
  const encoding = exchange.request.headers['content-encoding'] ?? 'identity'
  const body = await readBody(exchange, bodyLimit(exchange.path) ?? 0)
  if (body.is === 'gone') return null
  if (body.is === 'too_large') {
    await answerEarly(exchange, 413, errorShape(exchange, 'request_too_large', 'Request exceeds the maximum size'))
    return null
  }
  if (encoding !== 'identity') {
    sendError(exchange, { status: 400, type: 'invalid_request_error', message: `content-encoding ${encoding} is not supported` })
    return null
  }
  const version = String(exchange.request.headers['anthropic-version'])
  const checked = checkRequest(body.bytes, { version, needsMaxTokens })
  if (checked.is === 'request') return { request: checked.request, bytes: body.bytes }
  sendError(exchange, checked)
  return null
}

function sendAskedError(exchange: Exchange, { status, retryAfter, shouldRetry, isHtml }: ErrorTrigger): void {
  const headers = {
    ...(retryAfter === null ? {} : { 'retry-after': retryAfter }),
    ...(shouldRetry === null ? {} : { 'x-should-retry': shouldRetry }),
  }
  const type = errorTypeOf(status)
  if (!isHtml) return sendError(exchange, { status, type, message: `${type}, as asked for`, headers })
  exchange.response.writeHead(status, { ...headers, 'content-type': 'text/html' })
  exchange.response.end(`<html><head><title>${status}</title></head><body>the edge, as asked for</body></html>`)
}

function echoOf({ request }: Exchange, { bytes }: Received, { echo }: Triggers): string | null {
  if (echo === null) return null
  if (echo === 'headers') return JSON.stringify(request.headers)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return JSON.stringify({ method: request.method, url: request.url, fields: request.rawHeaders, bytes: bytes.length, sha256 })
}

async function sendWhole(exchange: Exchange, value: unknown, triggers: Triggers): Promise<void> {
  const body = Buffer.from(JSON.stringify(value))
  const out = writer(exchange, triggers)
  const framing = out.coding === null ? { 'content-length': body.length } : { 'content-encoding': out.coding }
  exchange.response.writeHead(200, { ...exchange.headers, 'content-type': 'application/json', ...framing })
  await out.write(body)
  await out.end()
}
