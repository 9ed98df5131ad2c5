import type { Call } from '../engine/call.ts'
import { outgoingPath } from './aim.ts'

/** What an OpenAI caller wants, and what stands before it where the API lies below a path of its own. */
export type OpenAiEndpoint =
  | { readonly is: 'chat'; readonly base: string }
  | { readonly is: 'models'; readonly base: string }
  /** `id` as it stands in the path. */
  | { readonly is: 'model'; readonly base: string; readonly id: string }

/** What a call wants, by where it goes: null where that is nothing of OpenAI's, or its caller is one of Claude's. */
export function openAiEndpoint(call: Call): OpenAiEndpoint | null {
  return endpointAt(call, outgoingPath(call))
}

/** Whether a call is an OpenAI caller's, by what it asked for or where it goes: its caller is told errors in OpenAI's words. */
export function isOpenAiCall(call: Call): boolean {
  return endpointAt(call, call.head.path) !== null || openAiEndpoint(call) !== null
}

function endpointAt(call: Call, path: string): OpenAiEndpoint | null {
  const from = path.lastIndexOf('/v1/')
  if (from < 0) return null
  const base = path.slice(0, from)
  const endpoint = path.slice(from + 4)
  const { method } = call.head
  if (method === 'POST') return endpoint === 'chat/completions' ? { is: 'chat', base } : null
  // Both list models at one path: Claude's callers always say their version.
  if (method !== 'GET' || !endpoint.startsWith('models') || call.head.fields.values('anthropic-version').length > 0) return null
  if (endpoint === 'models') return { is: 'models', base }
  const id = /^models\/([^/]+)$/.exec(endpoint)?.[1]
  return id === undefined ? null : { is: 'model', base, id }
}
