import type { Used } from '../base/tokens.ts'
import type { Call } from '../engine/call.ts'

/** How much a call is expected to use before anything is known of its reply. */
export interface ExpectOptions {
  /** Where `max_tokens` is not found. */
  readonly outputTokens: number
  /** No more output is expected, whatever `max_tokens` says; null: as it says. */
  readonly outputMost: number | null
  /** Bytes of a request for one token of input. */
  readonly bytesPerToken: number
}

/** Makes the guess by size: input by the bytes of the body, output by its `max_tokens`. */
export function expectBySize({ outputTokens, outputMost, bytesPerToken }: ExpectOptions): (call: Call) => Used {
  return ({ asked, body }) => {
    const bytes = Math.max(asked?.bytes ?? 0, body.length, body.received)
    return {
      input: Math.ceil(bytes / bytesPerToken),
      output: Math.min(asked?.maxTokens ?? outputTokens, outputMost ?? Infinity),
      cacheWrite5m: 0,
      cacheWrite1h: 0,
      cacheRead: 0,
      estimated: true,
      model: asked?.model ?? null,
      webSearches: 0,
      speed: 'standard',
      geo: null,
      isBatch: false,
    }
  }
}
