import type { Price, TokenPrices } from './price.ts'

/** USD for one web search, where a config says nothing else. */
export const defaultWebSearch = 0.01

/** What fast mode, batches and inference in a region cost, times the standard price, where a config says nothing else. */
export const defaultFactors: Pick<Price, 'fastFactor' | 'batchFactor' | 'geoFactors'> = {
  fastFactor: 2,
  batchFactor: 0.5,
  geoFactors: { us: 1.1 },
}

/** Names of models that are not their priced name with a date behind it. */
export const modelAliases: Readonly<Record<string, string>> = {
  'claude-opus-4-20250514': 'claude-opus-4-0',
  'claude-sonnet-4-20250514': 'claude-sonnet-4-0',
  'claude-3-5-haiku-latest': 'claude-3-5-haiku',
}

const fable52 = tokens(8, 40, { write5m: 10, write1h: 16, read: 0.2 })
const fable51 = tokens(10, 50, { write5m: 12.5, write1h: 20, read: 0.25 })
const fable5 = tokens(10, 50, { write5m: 12.5, write1h: 20, read: 1 })
const opus55 = tokens(4, 20, { write5m: 5, write1h: 8, read: 0.2 })
const opus5 = tokens(5, 25, { write5m: 6.25, write1h: 10, read: 0.5 })
const opus4 = tokens(15, 75, { write5m: 18.75, write1h: 30, read: 1.5 })
const sonnet55 = tokens(2, 10, { write5m: 2.5, write1h: 4, read: 0.1 })
const sonnet5 = tokens(2, 10, { write5m: 2.5, write1h: 4, read: 0.2 })
const sonnet4 = tokens(3, 15, { write5m: 3.75, write1h: 6, read: 0.3 })
const haiku55 = tokens(0.1, 0.5, { write5m: 0.125, write1h: 0.2, read: 0.01 })
const haiku55Long = tokens(0.5, 2.5, { write5m: 0.625, write1h: 1, read: 0.05 })
const haiku45 = tokens(1, 5, { write5m: 1.25, write1h: 2, read: 0.1 })
const haiku35 = tokens(0.8, 4, { write5m: 1, write1h: 1.6, read: 0.08 })

/** What the Claude API asked for each model in November 2026; a config changes and adds to it. */
export const defaultPrices: Readonly<Record<string, Price>> = {
  'claude-fable-5-2': price(fable52),
  'claude-fable-5-1': price(fable51),
  'claude-fable-5': price(fable5),
  'claude-mythos-5-2': price(fable52),
  'claude-mythos-5-1': price(fable51),
  'claude-mythos-5': price(fable5),
  'claude-opus-5-5': price(opus55),
  'claude-opus-5': price(opus5),
  'claude-opus-4-8': price(opus5),
  'claude-opus-4-7': price(opus5),
  'claude-opus-4-6': price(opus5),
  'claude-opus-4-5': price(opus5),
  'claude-opus-4-1': price(opus4),
  'claude-opus-4-0': price(opus4),
  'claude-sonnet-5-5': price(sonnet55),
  'claude-sonnet-5': price(sonnet5),
  'claude-sonnet-4-6': price(sonnet4),
  'claude-sonnet-4-5': price(sonnet4),
  'claude-sonnet-4-0': price(sonnet4),
  'claude-haiku-5-5': price(haiku55, { ...haiku55Long, abovePromptTokens: 100_000 }),
  'claude-haiku-4-5': price(haiku45),
  'claude-3-5-haiku': price(haiku35),
}

// Reading from the cache is no fixed part of the input's price, and writing may not stay one: each is a figure of its own.
function tokens(input: number, output: number, cache: { write5m: number; write1h: number; read: number }): TokenPrices {
  return { input, output, cacheWrite5m: cache.write5m, cacheWrite1h: cache.write1h, cacheRead: cache.read }
}

function price(standard: TokenPrices, longPrompt: Price['longPrompt'] = null): Price {
  return { ...standard, longPrompt, ...defaultFactors, webSearch: defaultWebSearch }
}
