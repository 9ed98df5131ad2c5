/** What a call used, as the Claude API counts it. The whole input is `inputTokens + cacheWriteTokens + cacheReadTokens`. */
export interface Usage {
  /** Input that was neither written to nor read from a cache. */
  readonly inputTokens: number
  /** All output, thinking included. */
  readonly outputTokens: number
  /** The part of the output that was thinking, where the API tells it. */
  readonly thinkingTokens: number
  readonly cacheReadTokens: number
  /** All cache writes: the sum of the two that follow. */
  readonly cacheWriteTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly webSearches: number
  readonly serviceTier: string | null
  readonly speed: string | null
  readonly inferenceGeo: string | null
}

/**
 * Collects usage objects of one message, the later over the earlier, field by field. Counts are cumulative: a later one replaces an
 * earlier one and is never added. What is absent or null keeps what was known. On the input side a zero does not replace a count either:
 * it is final when the message starts, but some compatible servers put zeros into `message_delta` where they mean nothing.
 */
export class UsageFields {
  /** Whether any usage object has come. */
  isKnown = false
  private input = 0
  private output = 0
  private thinking = 0
  private read = 0
  private write = 0
  private write5m = 0
  private write1h = 0
  private searches = 0
  private tier: string | null = null
  private speed: string | null = null
  private geo: string | null = null

  /** Takes a `usage` object; anything else is ignored. */
  set(usage: unknown): void {
    if (!isRecord(usage)) return
    this.isKnown = true
    this.input = count(usage['input_tokens']) || this.input
    this.read = count(usage['cache_read_input_tokens']) || this.read
    this.write = count(usage['cache_creation_input_tokens']) || this.write
    this.output = count(usage['output_tokens']) ?? this.output
    this.setParts(usage)
    this.tier = word(usage['service_tier']) ?? this.tier
    this.speed = word(usage['speed']) ?? this.speed
    this.geo = word(usage['inference_geo']) ?? this.geo
  }

  /** The split of cache writes always adds up to their total: only the total is repeated at a message's end, and what is not said to live 1 h lives 5 min. */
  get usage(): Usage {
    const written = this.write || this.write5m + this.write1h
    const hour = Math.min(this.write1h, written)
    return {
      inputTokens: this.input,
      outputTokens: this.output,
      thinkingTokens: this.thinking,
      cacheReadTokens: this.read,
      cacheWriteTokens: written,
      cacheWrite5mTokens: written - hour,
      cacheWrite1hTokens: hour,
      webSearches: this.searches,
      serviceTier: this.tier,
      speed: this.speed,
      inferenceGeo: this.geo,
    }
  }

  private setParts(usage: Readonly<Record<string, unknown>>): void {
    const creation = usage['cache_creation']
    if (isRecord(creation)) {
      this.write5m = count(creation['ephemeral_5m_input_tokens']) || this.write5m
      this.write1h = count(creation['ephemeral_1h_input_tokens']) || this.write1h
    }
    const details = usage['output_tokens_details']
    if (isRecord(details)) this.thinking = count(details['thinking_tokens']) ?? this.thinking
    const server = usage['server_tool_use']
    if (isRecord(server)) this.searches = count(server['web_search_requests']) ?? this.searches
  }
}

/** Whether a value is an object with fields (and no list). */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object's fields, or none if it is no object. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {}
}

/** A short text, or undefined: what stands in metrics and logs is bounded. */
export function word(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 256 ? value : undefined
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
