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

type Counts = Record<'input' | 'output' | 'thinking' | 'read' | 'write' | 'write5m' | 'write1h' | 'searches', number>

/** Collects usage objects of one message, the later over the earlier, field by field. */
export interface UsageFields {
  /** Takes a `usage` object; anything else is ignored. */
  set(usage: unknown): void
  /** Whether any usage object has come. */
  readonly isKnown: boolean
  readonly usage: Usage
}

/**
 * Counts are cumulative: a later one replaces an earlier one and is never added. What is absent or null keeps what was known. On the
 * input side a zero does not replace a count either: it is final when the message starts, but some compatible servers put zeros into
 * `message_delta` where they mean nothing.
 */
export function usageFields(): UsageFields {
  const counts: Counts = { input: 0, output: 0, thinking: 0, read: 0, write: 0, write5m: 0, write1h: 0, searches: 0 }
  const words: Record<'tier' | 'speed' | 'geo', string | null> = { tier: null, speed: null, geo: null }
  let isKnown = false

  function set(usage: unknown): void {
    if (!isRecord(usage)) return
    isKnown = true
    counts.input = count(usage['input_tokens']) || counts.input
    counts.read = count(usage['cache_read_input_tokens']) || counts.read
    counts.write = count(usage['cache_creation_input_tokens']) || counts.write
    const creation = record(usage['cache_creation'])
    counts.write5m = count(creation['ephemeral_5m_input_tokens']) || counts.write5m
    counts.write1h = count(creation['ephemeral_1h_input_tokens']) || counts.write1h
    counts.output = count(usage['output_tokens']) ?? counts.output
    counts.thinking = count(record(usage['output_tokens_details'])['thinking_tokens']) ?? counts.thinking
    counts.searches = count(record(usage['server_tool_use'])['web_search_requests']) ?? counts.searches
    words.tier = word(usage['service_tier']) ?? words.tier
    words.speed = word(usage['speed']) ?? words.speed
    words.geo = word(usage['inference_geo']) ?? words.geo
  }

  return {
    set,
    get isKnown() {
      return isKnown
    },
    get usage() {
      return {
        inputTokens: counts.input,
        outputTokens: counts.output,
        thinkingTokens: counts.thinking,
        cacheReadTokens: counts.read,
        ...cacheWrites(counts),
        webSearches: counts.searches,
        serviceTier: words.tier,
        speed: words.speed,
        inferenceGeo: words.geo,
      }
    },
  }
}

/** The split always adds up to the total: only the total is repeated at a message's end, and what is not said to live 1 h lives 5 min. */
function cacheWrites({ write, write5m, write1h }: Counts): Pick<Usage, 'cacheWriteTokens' | 'cacheWrite5mTokens' | 'cacheWrite1hTokens'> {
  const total = write || write5m + write1h
  const hour = Math.min(write1h, total)
  return { cacheWriteTokens: total, cacheWrite5mTokens: total - hour, cacheWrite1hTokens: hour }
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
