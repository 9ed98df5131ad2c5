/** Prices of one model in USD per million tokens. */
export interface Price extends TokenPrices {
  /** Prompts of more tokens than `abovePromptTokens` (all input, caches included) cost this, all of their tokens. null: no such rule. */
  readonly longPrompt: (TokenPrices & { readonly abovePromptTokens: number }) | null
  /** What fast mode costs: times the standard price. */
  readonly fastFactor: number
  /** What batches cost: times the standard price. */
  readonly batchFactor: number
  /** What inference in a region costs, times the standard price: `{ us: 1.1 }`. */
  readonly geoFactors: Readonly<Record<string, number>>
  /** USD for one web search. */
  readonly webSearch: number
}

/** USD per million tokens of each sort. */
export interface TokenPrices {
  readonly input: number
  readonly output: number
  readonly cacheWrite5m: number
  readonly cacheWrite1h: number
  readonly cacheRead: number
}
