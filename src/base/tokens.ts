/** Tokens of one call as the upstream reported them, or as relay estimated them when it never did. */
export interface TokenCounts {
  readonly input: number
  readonly output: number
  /** Written to the cache for five minutes. */
  readonly cacheWrite5m: number
  /** Written to the cache for an hour. */
  readonly cacheWrite1h: number
  readonly cacheRead: number
  readonly estimated: boolean
}

/** What one call used: its tokens, and all else that decides what they cost. */
export interface Used extends TokenCounts {
  /** The model that answered, as the upstream names it; null where it did not say. */
  readonly model: string | null
  readonly webSearches: number
  readonly speed: 'standard' | 'fast'
  /** Where inference was asked to run (`us`, `global`); null where the upstream did not say. */
  readonly geo: string | null
  /** At the price of batches. */
  readonly isBatch: boolean
}
