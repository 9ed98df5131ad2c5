import { isRecord } from '../usage-fields.ts'

/** A body for `/v1/messages` or `count_tokens` that the fake can work with. */
export interface MessagesRequest {
  readonly model: string
  readonly messages: readonly Message[]
  readonly maxTokens: number
  readonly isStream: boolean
  readonly system: unknown
  readonly tools: readonly Tool[]
  /** The tool that must be used: its name, `any` for whichever, or null. */
  readonly forcedTool: { readonly name: string | null } | null
  /** Whether several tools may be used at once. */
  readonly isParallel: boolean
  /** The JSON schema that the answer's text has to keep to; null: it is free. */
  readonly schema: Readonly<Record<string, unknown>> | null
  readonly thinking: { readonly isOn: boolean; readonly isOmitted: boolean }
}

interface Message {
  readonly role: string
  readonly content: string | readonly Readonly<Record<string, unknown>>[]
}

export interface Tool extends Readonly<Record<string, unknown>> {
  readonly name: string
}

export type Checked =
  | { readonly is: 'request'; readonly request: MessagesRequest }
  | { readonly is: 'refused'; readonly status: number; readonly type: string; readonly message: string }

export interface CheckOptions {
  readonly version: string
  /** `count_tokens` takes no `max_tokens`. */
  readonly needsMaxTokens: boolean
}

/** Checks a body as the API does, as far as a fake needs it: the first thing that is wrong is told. */
export function checkRequest(bytes: Buffer, { version, needsMaxTokens }: CheckOptions): Checked {
  const body = parsed(bytes)
  if (!isRecord(body)) return refused('The request body is not valid JSON: an object is expected')
  const wrong = wrongField(body, needsMaxTokens) ?? wrongMessage(body) ?? wrongForVersion(body, version)
  if (wrong !== null) return refused(wrong)
  const request = requestOf(body)
  if (request.model.includes('claude')) return { is: 'request', request }
  return { is: 'refused', status: 404, type: 'not_found_error', message: `model: ${request.model}` }
}

/** The texts of the last user message: what a person said last, and what stands beside it. */
export function lastTexts(request: MessagesRequest): readonly string[] {
  const content = lastUserMessage(request)?.content ?? ''
  if (typeof content === 'string') return [content]
  return content.flatMap((block) => (block['type'] === 'text' && typeof block['text'] === 'string' ? [block['text']] : []))
}

/** Whether the last user message brings the result of a tool. */
export function hasToolResult(request: MessagesRequest): boolean {
  const content = lastUserMessage(request)?.content ?? ''
  return typeof content !== 'string' && content.some((block) => block['type'] === 'tool_result')
}

function lastUserMessage(request: MessagesRequest): Message | undefined {
  return request.messages.findLast(({ role }) => role === 'user')
}

function wrongField(body: Readonly<Record<string, unknown>>, needsMaxTokens: boolean): string | null {
  if (body['model'] === undefined) return 'model: Field required'
  if (typeof body['model'] !== 'string' || body['model'] === '') return 'model: Input should be a valid string'
  const maxTokens = body['max_tokens']
  if (needsMaxTokens && maxTokens === undefined) return 'max_tokens: Field required'
  if (needsMaxTokens && !(Number.isInteger(maxTokens) && Number(maxTokens) > 0)) return 'max_tokens: Input should be a positive integer'
  if (body['stream'] !== undefined && typeof body['stream'] !== 'boolean') return 'stream: Input should be a valid boolean'
  if (body['tools'] !== undefined && !(Array.isArray(body['tools']) && body['tools'].every(isTool)))
    return 'tools: Input should be a list of tools'
  return null
}

function wrongMessage(body: Readonly<Record<string, unknown>>): string | null {
  const messages = body['messages']
  if (messages === undefined) return 'messages: Field required'
  if (!Array.isArray(messages)) return 'messages: Input should be a valid list'
  if (messages.length === 0) return 'messages: at least one message is required'
  if (messages.length > 100_000) return 'messages: at most 100000 messages are allowed'
  const at = messages.findIndex((message) => !isMessage(message))
  return at < 0 ? null : `messages.${at}: Input should have a role and content`
}

/** Since this version sampling parameters are refused, also at their defaults. */
function wrongForVersion(body: Readonly<Record<string, unknown>>, version: string): string | null {
  if (version < '2026-10-21') return null
  const field = ['temperature', 'top_p', 'top_k'].find((name) => body[name] !== undefined)
  return field === undefined ? null : `${field}: Extra inputs are not permitted`
}

function requestOf(body: Readonly<Record<string, unknown>>): MessagesRequest {
  const thinking = isRecord(body['thinking']) ? body['thinking'] : {}
  return {
    model: String(body['model']),
    // Each has been checked above, by `isMessage` and `isTool`.
    messages: body['messages'] as readonly Message[],
    maxTokens: Number(body['max_tokens'] ?? 0),
    isStream: body['stream'] === true,
    system: body['system'],
    tools: (body['tools'] ?? []) as readonly Tool[],
    forcedTool: forcedTool(body['tool_choice']),
    isParallel: !isRecord(body['tool_choice']) || body['tool_choice']['disable_parallel_tool_use'] !== true,
    schema: schemaOf(body['output_config']),
    thinking: { isOn: thinking['type'] === 'enabled', isOmitted: thinking['display'] === 'omitted' },
  }
}

function schemaOf(config: unknown): MessagesRequest['schema'] {
  const format = isRecord(config) ? config['format'] : null
  return isRecord(format) && format['type'] === 'json_schema' && isRecord(format['schema']) ? format['schema'] : null
}

function forcedTool(choice: unknown): MessagesRequest['forcedTool'] {
  if (!isRecord(choice) || (choice['type'] !== 'any' && choice['type'] !== 'tool')) return null
  return { name: typeof choice['name'] === 'string' ? choice['name'] : null }
}

function isMessage(value: unknown): value is Message {
  if (!isRecord(value) || typeof value['role'] !== 'string') return false
  const content = value['content']
  return typeof content === 'string' || (Array.isArray(content) && content.every(isRecord))
}

function isTool(value: unknown): value is Tool {
  return isRecord(value) && typeof value['name'] === 'string'
}

function refused(message: string): Checked {
  return { is: 'refused', status: 400, type: 'invalid_request_error', message }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
