import type { Used } from '../base/tokens.ts'
import { modelAliases } from './default-prices.ts'
import type { Price, TokenPrices } from './price.ts'

/**
 * What a call cost, in whole nano-dollars. The sum is made in whole pico-dollars and exactly (a price counts to the sixth decimal of a
 * dollar per million tokens, a factor too), and rounded once, at its end, to the nearest nano-dollar, halves up. Factors hold for tokens
 * and multiply each other; a web search has one price.
 */
export function costOf(used: Used, price: Price): number {
  const tokens = tokensPico(used, pricesFor(used, price))
  const searches = used.webSearches * micro(price.webSearch) * 1e6
  const isPlain = used.speed === 'standard' && !used.isBatch && geoFactor(used, price) === 1
  // Beyond 2^53 a sum of numbers is no longer exact.
  if (isPlain && tokens + searches < Number.MAX_SAFE_INTEGER / 2) return Math.floor((tokens + searches + 500) / 1000)
  return exactly(used, price)
}

/** The price of a model: by its name, an alias of it, or its name with a date behind it; null: it has none, which is not the same as 0. */
export function priceFor(prices: Readonly<Record<string, Price>>, model: string | null): Price | null {
  const name = pricedName(prices, model)
  return name === null ? null : (prices[name] ?? null)
}

/** A bounded name for a model, for metrics and buckets: the name under which it has its price, or `other`. */
export function modelLabel(prices: Readonly<Record<string, Price>>, model: string | null): string {
  return pricedName(prices, model) ?? 'other'
}

const dated = /^(.+)-[0-9]{8}$/
const million = 1_000_000n

function pricedName(prices: Readonly<Record<string, Price>>, model: string | null): string | null {
  if (model === null) return null
  if (Object.hasOwn(prices, model)) return model
  const alias = Object.hasOwn(modelAliases, model) ? modelAliases[model] : dated.exec(model)?.[1]
  return alias !== undefined && Object.hasOwn(prices, alias) ? alias : null
}

// The whole prompt decides, whatever came from the cache or went into it; then all of the call's tokens cost the other price.
function pricesFor({ input, cacheWrite5m, cacheWrite1h, cacheRead }: Used, price: Price): TokenPrices {
  const { longPrompt } = price
  if (longPrompt === null) return price
  return input + cacheWrite5m + cacheWrite1h + cacheRead > longPrompt.abovePromptTokens ? longPrompt : price
}

function tokensPico(used: Used, prices: TokenPrices): number {
  return (
    used.input * micro(prices.input) +
    used.output * micro(prices.output) +
    used.cacheWrite5m * micro(prices.cacheWrite5m) +
    used.cacheWrite1h * micro(prices.cacheWrite1h) +
    used.cacheRead * micro(prices.cacheRead)
  )
}

function geoFactor({ geo }: Used, { geoFactors }: Price): number {
  return geo !== null && Object.hasOwn(geoFactors, geo) ? (geoFactors[geo] ?? 1) : 1
}

function exactly(used: Used, price: Price): number {
  const prices = pricesFor(used, price)
  const sum =
    product(used.input, prices.input) +
    product(used.output, prices.output) +
    product(used.cacheWrite5m, prices.cacheWrite5m) +
    product(used.cacheWrite1h, prices.cacheWrite1h) +
    product(used.cacheRead, prices.cacheRead)
  const factors = [used.speed === 'fast' ? price.fastFactor : 1, used.isBatch ? price.batchFactor : 1, geoFactor(used, price)]
  const scale = million ** BigInt(factors.length)
  const scaled =
    factors.reduce((product, factor) => product * BigInt(micro(factor)), sum) + product(used.webSearches, price.webSearch) * million * scale
  const unit = 1000n * scale
  const nano = (scaled + unit / 2n) / unit
  // More than nine million dollars for one call is no call's price: the figure stays one that a number can hold.
  return nano > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(nano)
}

function product(count: number, usd: number): bigint {
  return BigInt(Math.round(count)) * BigInt(micro(usd))
}

/** Millionths: dollars a million tokens are pico-dollars a token. */
function micro(value: number): number {
  return Math.round(value * 1e6)
}
