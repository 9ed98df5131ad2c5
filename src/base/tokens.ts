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
