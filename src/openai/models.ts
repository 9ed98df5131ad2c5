import { RelayError } from '../base/errors.ts'
import { isJson, type Json } from './fields.ts'

/** A page of Claude's models as OpenAI lists them, with what tells of further pages. */
export function modelList(bytes: Buffer): Json {
  const page = parsed(bytes)
  const { data } = page
  if (!Array.isArray(data)) throw unreadable()
  return {
    object: 'list',
    data: data.filter(isJson).map(modelOf),
    has_more: page['has_more'] === true,
    first_id: page['first_id'] ?? null,
    last_id: page['last_id'] ?? null,
  }
}

/** One of Claude's models as OpenAI tells of it. */
export function model(bytes: Buffer): Json {
  return modelOf(parsed(bytes))
}

/** The query that asks Claude for a page, from that of a caller: OpenAI's list has no pages, so all that Claude gives at once is asked for. */
export function modelsQuery(query: string): string {
  const given = new URLSearchParams(query)
  const asked = new URLSearchParams({ limit: given.get('limit') ?? '1000' })
  const after = given.get('after') ?? given.get('after_id')
  const before = given.get('before') ?? given.get('before_id')
  if (after !== null) asked.set('after_id', after)
  if (before !== null) asked.set('before_id', before)
  return `?${asked.toString()}`
}

function modelOf(model: Json): Json {
  const { id, created_at: created } = model
  const ms = typeof created === 'string' ? Date.parse(created) : Number.NaN
  return { id, object: 'model', created: Number.isNaN(ms) ? 0 : Math.max(0, Math.floor(ms / 1000)), owned_by: 'anthropic' }
}

function parsed(bytes: Buffer): Json {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (isJson(value)) return value
  } catch {
    // Told below.
  }
  throw unreadable()
}

function unreadable(): RelayError {
  return new RelayError('upstream_failed', 'the upstream answered with something that is no list of models')
}
