import { isJson } from './fields.ts'

/** Why an answer ended, in OpenAI's words. */
export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'function_call' | 'content_filter'

/** Why an answer ended, from Claude's `stop_reason`; one that is new is an end like any other. */
export function finishReason(stopReason: unknown, isLegacy: boolean): FinishReason {
  switch (stopReason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return isLegacy ? 'function_call' : 'tool_calls'
    case 'refusal':
      return 'content_filter'
    default:
      return 'stop'
  }
}

/** What Claude says of a refusal; null where it says nothing. */
export function refusalText(stopDetails: unknown): string | null {
  if (!isJson(stopDetails)) return null
  const { explanation } = stopDetails
  return typeof explanation === 'string' && explanation !== '' ? explanation : null
}

/** The id of a completion, from that of a message. */
export function completionId(messageId: unknown): string {
  return `chatcmpl-${typeof messageId === 'string' ? messageId.replace(/^msg_/, '') : ''}`
}
