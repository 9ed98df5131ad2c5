import t from 'tap'
import type { Used } from '../../src/base/tokens.ts'
import { costOf, modelLabel, priceFor } from '../../src/ledger/cost.ts'
import { defaultPrices } from '../../src/ledger/default-prices.ts'
import type { Price } from '../../src/ledger/price.ts'

const nothing: Used = {
  input: 0,
  output: 0,
  cacheWrite5m: 0,
  cacheWrite1h: 0,
  cacheRead: 0,
  estimated: false,
  model: null,
  webSearches: 0,
  speed: 'standard',
  geo: null,
  isBatch: false,
}

function cost(model: string, used: Partial<Used>): number {
  const price = priceFor(defaultPrices, model)
  if (price === null) throw new Error(`${model} has no price`)
  return costOf({ ...nothing, ...used }, price)
}

t.test('a call costs what its tokens cost, each sort at its own price', async (t) => {
  const all = { input: 1000, output: 100, cacheWrite5m: 10_000, cacheWrite1h: 1000, cacheRead: 100_000 }

  t.equal(cost('claude-opus-5-5', { input: 1_000_000 }), 4_000_000_000)
  t.equal(cost('claude-opus-5-5', { output: 1 }), 20_000)
  t.equal(cost('claude-opus-5-5', { cacheWrite5m: 1 }), 5000)
  t.equal(cost('claude-opus-5-5', { cacheWrite1h: 1 }), 8000)
  t.equal(cost('claude-opus-5-5', { cacheRead: 1 }), 200)
  // $ 0.004 + 0.002 + 0.05 + 0.008 + 0.02
  t.equal(cost('claude-opus-5-5', all), 84_000_000)
  t.equal(cost('claude-fable-5', { cacheRead: 1_000_000 }), 1_000_000_000)
  t.equal(cost('claude-fable-5-1', { cacheRead: 1_000_000 }), 250_000_000)
  t.equal(cost('claude-opus-5', nothing), 0)
})

t.test('a prompt of more than 100,000 tokens, caches included, makes all tokens of the call dearer', async (t) => {
  const model = 'claude-haiku-5-5'

  t.equal(cost(model, { input: 100_000, output: 10 }), 100_000 * 100 + 10 * 500)
  t.equal(cost(model, { input: 100_001, output: 10 }), 100_001 * 500 + 10 * 2500)
  t.equal(cost(model, { input: 1, cacheRead: 99_999 }), 100 + 99_999 * 10)
  t.equal(cost(model, { input: 1, cacheRead: 100_000 }), 500 + 100_000 * 50)
  t.equal(cost(model, { cacheWrite5m: 50_000, cacheWrite1h: 50_001 }), 50_000 * 625 + 50_001 * 1000)
  t.equal(cost(model, { output: 200_000 }), 200_000 * 500, 'output is no prompt')
  t.equal(cost('claude-haiku-4-5', { input: 200_000 }), 200_000_000, 'other models know no such rule')
})

t.test('fast mode, batches and a region multiply the price of tokens, not that of searches', async (t) => {
  const used = { input: 1000, output: 1000 }

  t.equal(cost('claude-opus-5', used), 30_000_000)
  t.equal(cost('claude-opus-5', { ...used, speed: 'fast' }), 60_000_000)
  t.equal(cost('claude-opus-5', { ...used, isBatch: true }), 15_000_000)
  t.equal(cost('claude-opus-5', { ...used, geo: 'us' }), 33_000_000)
  t.equal(cost('claude-opus-5', { ...used, geo: 'global' }), 30_000_000)
  t.equal(cost('claude-opus-5', { ...used, geo: 'constructor' }), 30_000_000)
  t.equal(cost('claude-opus-5', { ...used, geo: 'us', isBatch: true }), 16_500_000)
  t.equal(cost('claude-opus-5', { ...used, geo: 'us', speed: 'fast' }), 66_000_000)
  t.equal(cost('claude-opus-5', { webSearches: 3 }), 30_000_000)
  t.equal(cost('claude-opus-5', { webSearches: 3, isBatch: true, geo: 'us', speed: 'fast' }), 30_000_000)
  t.equal(cost('claude-haiku-5-5', { input: 100_001, isBatch: true }), Math.floor((100_001 * 500 + 1) / 2))
})

t.test('a fraction of a nano-dollar is rounded to the nearest, halves up, once a call', async (t) => {
  const price: Price = { ...defaultPrices['claude-opus-5']!, input: 0.0005, output: 0.0004, webSearch: 0 }

  t.equal(costOf({ ...nothing, input: 1 }, price), 1)
  t.equal(costOf({ ...nothing, output: 1 }, price), 0)
  t.equal(costOf({ ...nothing, input: 1, output: 1 }, price), 1)
  t.equal(costOf({ ...nothing, input: 1001 }, price), 501)
  t.equal(costOf({ ...nothing, input: 1, isBatch: true }, price), 0)
  t.equal(costOf({ ...nothing, input: 2, isBatch: true }, price), 1)
  t.equal(cost('claude-haiku-5-5', { cacheRead: 1, geo: 'us' }), 11)
})

t.test('a sum that a number cannot hold exactly is exact all the same', async (t) => {
  // 4 × 10^9 tokens at 18.75 and one at 75: the sum in pico-dollars has 17 digits.
  t.equal(cost('claude-opus-4-1', { cacheWrite5m: 480_000_000, output: 1 }), 9_000_000_000_000 + 75_000)
  t.equal(cost('claude-opus-4-1', { cacheWrite5m: 400_000_001, output: 3, geo: 'us' }), (400_000_001 * 18_750 * 11) / 10 + 247_500)
  t.equal(cost('claude-opus-4-1', { output: Number.MAX_SAFE_INTEGER }), Number.MAX_SAFE_INTEGER)
})

t.test('a model is found by its name, an alias, or its name with a date; any other has no price, which is not 0', async (t) => {
  const price = (model: string | null) => priceFor(defaultPrices, model)

  t.equal(price('claude-haiku-4-5'), defaultPrices['claude-haiku-4-5'])
  t.equal(price('claude-haiku-4-5-20251001'), defaultPrices['claude-haiku-4-5'])
  t.equal(price('claude-sonnet-4-5-20250929'), defaultPrices['claude-sonnet-4-5'])
  t.equal(price('claude-opus-4-5-20251101'), defaultPrices['claude-opus-4-5'])
  t.equal(price('claude-opus-4-20250514'), defaultPrices['claude-opus-4-0'])
  t.equal(price('claude-opus-5-5-20261111'), defaultPrices['claude-opus-5-5'])
  for (const unknown of ['claude-opus-9', 'claude-opus-5-2026', 'claude', '', 'constructor', '__proto__', '-20251001', null])
    t.equal(price(unknown), null, String(unknown))
})

t.test('a price of its own for a dated name goes before that of the model', async (t) => {
  const own = { ...defaultPrices['claude-haiku-4-5']!, input: 7 }

  t.equal(priceFor({ ...defaultPrices, 'claude-haiku-4-5-20251001': own }, 'claude-haiku-4-5-20251001'), own)
})

t.test('a label is the priced name or other, so that no caller can invent one', async (t) => {
  t.equal(modelLabel(defaultPrices, 'claude-haiku-4-5-20251001'), 'claude-haiku-4-5')
  t.equal(modelLabel(defaultPrices, 'claude-opus-5'), 'claude-opus-5')
  t.equal(modelLabel(defaultPrices, 'whatever'), 'other')
  t.equal(modelLabel(defaultPrices, null), 'other')
})
