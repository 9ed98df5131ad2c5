import { isRecord } from '../usage-fields.ts'
import type { Exchange } from './exchange.ts'
import { sendError, sendJson } from './exchange.ts'

const ids = [
  'claude-fable-5-2',
  'claude-opus-5-5',
  'claude-sonnet-5-5',
  'claude-haiku-5-5',
  'claude-opus-5',
  'claude-sonnet-5',
  'claude-opus-4-8',
  'claude-sonnet-4-6',
  'claude-haiku-4-5-20251001',
] as const

const models = ids.map((id, at) => ({
  type: 'model',
  id,
  display_name: id
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join(' '),
  created_at: new Date(Date.UTC(2026, 8 - at, 1)).toISOString(),
  lifecycle: 'active',
  line: id.split('-')[1],
  max_input_tokens: 1_000_000,
  max_tokens: 128_000,
  capabilities: null,
  deprecated_at: null,
  retires_at: null,
}))

/** Answers `GET /v1/models`: a page of the list, newest first. */
export function listModels(exchange: Exchange): void {
  const limit = Number(exchange.query.get('limit') ?? 20)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    return sendError(exchange, { status: 400, type: 'invalid_request_error', message: 'limit: Input should be between 1 and 1000' })
  }
  const after = models.findIndex(({ id }) => id === exchange.query.get('after_id'))
  const before = models.findIndex(({ id }) => id === exchange.query.get('before_id'))
  const start = before < 0 ? after + 1 : Math.max(0, before - limit)
  const data = models.slice(start, before < 0 ? start + limit : before)
  const hasMore = before < 0 ? start + limit < models.length : start > 0
  sendJson(exchange, 200, { data, has_more: hasMore, first_id: data.at(0)?.id ?? null, last_id: data.at(-1)?.id ?? null })
}

/** Answers `GET /v1/models/{id}`. */
export function getModel(exchange: Exchange, id: string): void {
  const model = models.find((each) => each.id === id)
  if (isRecord(model)) sendJson(exchange, 200, model)
  else sendError(exchange, { status: 404, type: 'not_found_error', message: `model: ${id}` })
}
