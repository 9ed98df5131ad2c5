import { failures, type RelayError } from '../base/errors.ts'
import { isJson, type Json } from './fields.ts'
import { OpenAiProblem } from './problem.ts'

/** An error as OpenAI's clients know it. */
export interface OpenAiError {
  readonly message: string
  readonly type: string
  readonly param: string | null
  readonly code: string | null
}

/** The body of an error. */
export function errorBytes(error: OpenAiError): Buffer {
  return Buffer.from(JSON.stringify({ error }))
}

/** An error told inside a stream whose head is out. */
export function errorChunk(error: OpenAiError): string {
  return `data: ${JSON.stringify({ error })}\n\n`
}

/** A refusal or failure of relay's own. */
export function errorOfRelay(error: RelayError): OpenAiError {
  const { type, code } = kindOf(failures[error.failure].claude, failures[error.failure].http)
  if (error instanceof OpenAiProblem) return { message: error.message, type, param: error.param, code: error.code }
  return { message: error.message, type, param: null, code: error.failure === 'over_budget' ? 'insufficient_quota' : code }
}

/** An error of Claude's, from its body; one that is no JSON (an edge in front of the API made it) is told by its status alone. */
export function errorOfClaude(status: number, bytes: Buffer): OpenAiError {
  const error = errorIn(bytes)
  if (error === null) return { message: `the upstream answered with status ${status}`, ...kindOf('', status), param: null }
  return errorOfEvent(error, status)
}

/** An error of Claude's that is parsed already: the `error` of a body or an event (`status` is then that which its type stands for). */
export function errorOfEvent(error: Json, status = 500): OpenAiError {
  const claude = typeof error['type'] === 'string' ? error['type'] : ''
  const message = typeof error['message'] === 'string' ? error['message'] : `the upstream answered with ${claude || status}`
  const { type, code } = kindOf(claude, status)
  const param = paramIn(message)
  const details = error['details']
  const told = isJson(details) && typeof details['error_code'] === 'string' ? details['error_code'] : code
  return { message, type, param, code: claude === 'not_found_error' && param === 'model' ? 'model_not_found' : told }
}

/** The status that goes out: 529 is Claude's own, and means what 503 does. */
export function statusOf(status: number): number {
  return status === 529 ? 503 : status
}

function errorIn(bytes: Buffer): Json | null {
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'))
    return isJson(body) && isJson(body['error']) ? body['error'] : null
  } catch {
    return null
  }
}

function kindOf(claude: string, status: number): Pick<OpenAiError, 'type' | 'code'> {
  const known = Object.hasOwn(kinds, claude) ? kinds[claude] : undefined
  if (known !== undefined) return { type: known[0], code: known[1] }
  if (status === 401) return { type: 'invalid_request_error', code: 'invalid_api_key' }
  if (status === 429) return { type: 'rate_limit_error', code: 'rate_limit_exceeded' }
  return { type: status < 500 ? 'invalid_request_error' : 'server_error', code: null }
}

/** Claude's types of errors, each with OpenAI's type and code. */
const kinds: Readonly<Record<string, readonly [string, string | null]>> = {
  invalid_request_error: ['invalid_request_error', null],
  authentication_error: ['invalid_request_error', 'invalid_api_key'],
  billing_error: ['insufficient_quota', 'insufficient_quota'],
  permission_error: ['permission_error', null],
  not_found_error: ['invalid_request_error', 'not_found'],
  request_too_large: ['invalid_request_error', 'request_too_large'],
  rate_limit_error: ['rate_limit_error', 'rate_limit_exceeded'],
  overloaded_error: ['server_error', 'overloaded'],
  timeout_error: ['server_error', 'timeout'],
  not_supported: ['invalid_request_error', 'not_supported'],
  api_error: ['server_error', null],
}

/** The field that Claude's words begin with (`max_tokens: …`), by the name that it has in a chat completion. */
function paramIn(message: string): string | null {
  const name = /^`?([a-z_]+)(?:[.\w-]*)`?(?::| is )/.exec(message)?.[1]
  return name === undefined ? null : (params.get(name) ?? null)
}

/** Claude's fields; where a message stood in the chat cannot be told from where it stands now. */
const params: ReadonlyMap<string, string> = new Map([
  ['max_tokens', 'max_tokens'],
  ['messages', 'messages'],
  ['metadata', 'user'],
  ['model', 'model'],
  ['output_config', 'response_format'],
  ['service_tier', 'service_tier'],
  ['stop_sequences', 'stop'],
  ['stream', 'stream'],
  ['system', 'messages'],
  ['temperature', 'temperature'],
  ['thinking', 'reasoning_effort'],
  ['tool_choice', 'tool_choice'],
  ['tools', 'tools'],
  ['top_p', 'top_p'],
])
