import { isJson, type Json } from './fields.ts'

/** Counts of one reply, in Claude's terms: `input` is what no cache had a part in. */
interface Counts {
  input: number
  cacheRead: number
  cacheWrite: number
  output: number
  thinking: number
}

/**
 * Collects Claude's usage objects of one reply, the later over the earlier: counts are cumulative. What is absent or null keeps what was
 * known, and on the input's side a zero does too.
 */
export class UsageSum {
  private readonly counts: Counts = { input: 0, cacheRead: 0, cacheWrite: 0, output: 0, thinking: 0 }
  private tier: string | null = null

  take(usage: unknown): void {
    if (!isJson(usage)) return
    const { counts } = this
    counts.input = count(usage['input_tokens']) || counts.input
    counts.cacheRead = count(usage['cache_read_input_tokens']) || counts.cacheRead
    counts.cacheWrite = count(usage['cache_creation_input_tokens']) || counts.cacheWrite
    counts.output = count(usage['output_tokens']) ?? counts.output
    const details = usage['output_tokens_details']
    if (isJson(details)) counts.thinking = count(details['thinking_tokens']) ?? counts.thinking
    if (typeof usage['service_tier'] === 'string') this.tier = usage['service_tier']
  }

  /** What was used, as OpenAI tells it: its prompt tokens are the whole input, caches included. */
  usage(): Json {
    const { input, cacheRead, cacheWrite, output, thinking } = this.counts
    const prompt = input + cacheRead + cacheWrite
    return {
      prompt_tokens: prompt,
      completion_tokens: output,
      total_tokens: prompt + output,
      prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: thinking,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    }
  }

  /** The tier that served it, in OpenAI's words; null where it has none for it. */
  serviceTier(): 'default' | 'priority' | null {
    if (this.tier === 'standard') return 'default'
    return this.tier === 'priority' ? 'priority' : null
  }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
