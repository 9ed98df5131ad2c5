import { RelayError } from '../base/errors.ts'
import { isJson, type Json } from './fields.ts'
import { completionId, finishReason, refusalText } from './finish.ts'
import { parseExact } from './json.ts'
import { UsageSum } from './usage.ts'

/** What a completion says besides what Claude says. */
export interface CompletionOptions {
  /** s since 1970. */
  readonly created: number
  readonly isLegacy: boolean
}

/** A reply of `/v1/messages` as a chat completion; what is no message fails as the upstream does. */
export function completion(bytes: Buffer, { created, isLegacy }: CompletionOptions): Json {
  const message = parsed(bytes)
  const usage = new UsageSum()
  usage.take(message['usage'])
  const tier = usage.serviceTier()
  const finish = finishReason(message['stop_reason'], isLegacy)
  return {
    id: completionId(message['id']),
    object: 'chat.completion',
    created,
    model: message['model'],
    choices: [{ index: 0, message: answer(message, isLegacy), logprobs: null, finish_reason: finish }],
    usage: usage.usage(),
    ...(tier === null ? {} : { service_tier: tier }),
    system_fingerprint: null,
  }
}

function parsed(bytes: Buffer): Json {
  try {
    const message = parseExact(bytes.toString('utf8'))
    if (isJson(message) && message['type'] === 'message' && Array.isArray(message['content'])) return message
  } catch {
    // Told below.
  }
  throw new RelayError('upstream_failed', 'the upstream answered with something that is no message')
}

/** Thinking, and what a server's tools have done, stays out: nothing in a chat completion stands for it. */
function answer(message: Json, isLegacy: boolean): Json {
  // It was checked to be a list; of what is asked below.
  const blocks = (message['content'] as readonly unknown[]).filter(isJson)
  const texts = blocks.flatMap((block) => (block['type'] === 'text' && typeof block['text'] === 'string' ? [block['text']] : []))
  const calls = blocks.filter((block) => block['type'] === 'tool_use')
  const refusal = message['stop_reason'] === 'refusal' ? refusalText(message['stop_details']) : null
  const content = texts.length === 0 && (calls.length > 0 || refusal !== null) ? null : texts.join('')
  return { role: 'assistant', content, refusal, ...called(calls, isLegacy) }
}

function called(calls: readonly Json[], isLegacy: boolean): Json {
  const [first] = calls
  if (first === undefined) return {}
  if (isLegacy) return { function_call: functionOf(first) }
  return { tool_calls: calls.map((call) => ({ id: call['id'], type: 'function', function: functionOf(call) })) }
}

function functionOf({ name, input }: Json): Json {
  return { name, arguments: JSON.stringify(input ?? {}) }
}
