import { eventBytes, type FakeEvent } from '../../src/claude/fake/shapes.ts'

/** Usage as the API tells it in `message_start`. */
export interface StartUsage {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_input_tokens?: number
  readonly cache_creation?: { readonly ephemeral_5m_input_tokens: number; readonly ephemeral_1h_input_tokens: number }
}

/** The events of a small message, in order; `texts` are its deltas. */
export function messageStream(texts: readonly string[], usage: StartUsage, output: number): readonly Buffer[] {
  const written = usage.cache_creation
  const creation = written === undefined ? 0 : written.ephemeral_5m_input_tokens + written.ephemeral_1h_input_tokens
  const message = {
    id: 'msg_origin',
    type: 'message',
    role: 'assistant',
    model: 'claude-opus-5-5',
    content: [],
    stop_reason: null,
    stop_sequence: null,
  }
  const events: readonly FakeEvent[] = [
    { type: 'message_start', message: { ...message, usage: { ...usage, cache_creation_input_tokens: creation } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    ...texts.map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: output } },
    { type: 'message_stop' },
  ]
  return events.map(eventBytes)
}

/** The same for tests that do not look at the numbers. */
export function someStream(texts: readonly string[] = ['Hello', ' 世界 👩‍🚀', ' — “quoted”']): readonly Buffer[] {
  return messageStream(texts, { input_tokens: 25, output_tokens: 1 }, 15)
}

/** A request for a stream. */
export const streamRequest = JSON.stringify({
  model: 'claude-opus-5-5',
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'hi' }],
})

/** The fields that a caller of the API sends. */
export const callerLines = ['x-api-key: sk-caller', 'anthropic-version: 2023-06-01']
