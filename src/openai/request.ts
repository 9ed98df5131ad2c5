import { checkNames, flagAt, isJson, maybeText, objectAt, textAt, type Json } from './fields.ts'
import { parseExact } from './json.ts'
import { conversation } from './messages.ts'
import { claudeModel } from './model-names.ts'
import { outputOf } from './output.ts'
import { invalid, lose, OpenAiProblem } from './problem.ts'
import { maxTokens, sampling, stops } from './sampling.ts'
import { toolsOf } from './tools.ts'
import { checkLost, lostNames } from './without-counterpart.ts'

/** How requests are put into Claude's terms. */
export interface RequestOptions {
  /** What has no counterpart is dropped instead of refused. */
  readonly lossy: boolean
  /** Claude's model for a name that callers use; `*` is any text. */
  readonly models: Readonly<Record<string, string>>
  /** `max_tokens` where a caller says none. */
  readonly maxTokens: number
  /** The `anthropic-version` that goes out. */
  readonly version: string
}

/** A request to `/v1/messages`, and what its caller expects of the reply. */
export interface MessagesRequest {
  readonly body: Json
  readonly model: string
  readonly maxTokens: number
  readonly wish: ReplyWish
}

/** What a reply is to look like. */
export interface ReplyWish {
  readonly isStream: boolean
  /** Whether a stream ends with what was used. */
  readonly includesUsage: boolean
  /** Whether a call of a tool is told as `function_call`. */
  readonly isLegacy: boolean
}

/** Puts the body of a chat completions request into Claude's terms; what cannot be is an `OpenAiProblem` that names its field. */
export function messagesRequest(bytes: Buffer, options: RequestOptions): MessagesRequest {
  const { lossy } = options
  const body = parsed(bytes)
  checkNames(body, known, { at: '', lossy })
  checkLost(body, lossy)
  const name = textAt(body['model'], 'model')
  if (name === '') throw invalid('model', 'a name is expected')
  const model = claudeModel(name, options.models)
  const most = maxTokens(body, options.maxTokens)
  const isStream = flagAt(body['stream'], 'stream')
  const tools = toolsOf(body, lossy)
  return {
    model,
    maxTokens: most,
    wish: { isStream, includesUsage: usageWanted(body['stream_options'], isStream, lossy), isLegacy: tools.isLegacy },
    body: {
      model,
      max_tokens: most,
      ...(isStream ? { stream: true } : {}),
      ...conversation(body['messages'], lossy),
      ...tools.fields,
      ...stops(body, lossy),
      ...sampling(body, { model, version: options.version, lossy }),
      ...outputOf(body, lossy),
      ...tierOf(body, lossy),
      ...userOf(body),
    },
  }
}

function parsed(bytes: Buffer): Json {
  try {
    const body = parseExact(bytes.toString('utf8'))
    if (isJson(body)) return body
  } catch {
    // Told below, as what is JSON and no object.
  }
  throw new OpenAiProblem('the request body is not a JSON object', { param: null, code: null })
}

function usageWanted(value: unknown, isStream: boolean, lossy: boolean): boolean {
  if (value === undefined || value === null) return false
  const options = objectAt(value, 'stream_options')
  if (!isStream) throw invalid('stream_options', 'it is for streams only')
  checkNames(options, streamNames, { at: 'stream_options', lossy })
  // Chunks are never padded, whatever is asked for: to ask for it is no more than a wish.
  flagAt(options['include_obfuscation'], 'stream_options.include_obfuscation')
  return flagAt(options['include_usage'], 'stream_options.include_usage')
}

/** `auto` is the same on both sides; OpenAI's default tier is Claude's standard one. */
function tierOf(body: Json, lossy: boolean): Json {
  const tier = maybeText(body['service_tier'], 'service_tier')
  if (tier === null) return {}
  if (tier === 'auto') return { service_tier: 'auto' }
  if (tier === 'default') return { service_tier: 'standard_only' }
  lose(lossy, 'service_tier', `${tier} has no counterpart: auto and default have`)
  return {}
}

/** Who the caller's user is: the newer field before the older. */
function userOf(body: Json): Json {
  const user = maybeText(body['safety_identifier'], 'safety_identifier') ?? maybeText(body['user'], 'user')
  return user === null ? {} : { metadata: { user_id: user } }
}

const streamNames: ReadonlySet<string> = new Set(['include_usage', 'include_obfuscation'])
const known: ReadonlySet<string> = new Set([
  ...lostNames(),
  'function_call',
  'functions',
  'max_completion_tokens',
  'max_tokens',
  'messages',
  'model',
  'parallel_tool_calls',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'service_tier',
  'stop',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'top_p',
  'user',
])
