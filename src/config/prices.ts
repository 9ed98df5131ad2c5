import { defaultFactors, defaultPrices, defaultWebSearch } from '../ledger/default-prices.ts'
import type { Price, TokenPrices } from '../ledger/price.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'
import type { PriceFile } from './schema-ledger.ts'
import type { Making } from './upstreams.ts'

/** The price of every model: the built-in ones, with what the config says in their place. */
export function prices({ config, found }: Pick<Making, 'config' | 'found'>): Readonly<Record<string, Price>> {
  const own = Object.entries(config.prices).flatMap(([model, written]) => {
    const price = priceOf(model, written, found)
    return price === undefined ? [] : [[model, price] as const]
  })
  return { ...defaultPrices, ...Object.fromEntries(own) }
}

function priceOf(model: string, written: PriceFile, found: Findings): Price | undefined {
  const path: KeyPath = ['prices', model]
  if (!/^[A-Za-z0-9][A-Za-z0-9._:@/-]*$/.test(model)) {
    const remedy = model.includes('*')
      ? 'write the name of one model: a price is for one'
      : 'write its name as the API has it: claude-opus-5'
    found.addKey(path, `${shown(model)} is not the name of a model`, remedy)
    return undefined
  }
  const builtIn = Object.hasOwn(defaultPrices, model) ? defaultPrices[model] : undefined
  const { input = builtIn?.input, output = builtIn?.output } = written
  if (input === undefined || output === undefined) {
    const missing = input === undefined ? 'input' : 'output'
    found.addKey(
      path,
      `the price of ${missing} is missing`,
      `give \`${missing}\` in USD per million tokens: there is no built-in price of ${model}`,
    )
    return undefined
  }
  return {
    ...tokenPrices({ ...written, input, output }, builtIn),
    longPrompt: longPrompt(written.longPrompt, builtIn),
    fastFactor: written.fast ?? builtIn?.fastFactor ?? defaultFactors.fastFactor,
    batchFactor: written.batch ?? builtIn?.batchFactor ?? defaultFactors.batchFactor,
    geoFactors: written.geo ?? builtIn?.geoFactors ?? defaultFactors.geoFactors,
    webSearch: written.webSearch ?? builtIn?.webSearch ?? defaultWebSearch,
  }
}

function longPrompt(written: PriceFile['longPrompt'], builtIn: Price | undefined): Price['longPrompt'] {
  if (written === undefined) return builtIn?.longPrompt ?? null
  if (written === false) return null
  return { ...tokenPrices(written, builtIn?.longPrompt ?? undefined), abovePromptTokens: written.above }
}

type Written = Pick<PriceFile, 'cacheWrite5m' | 'cacheWrite1h' | 'cacheRead'> & Pick<TokenPrices, 'input' | 'output'>

function tokenPrices({ input, output, cacheWrite5m, cacheWrite1h, cacheRead }: Written, builtIn: TokenPrices | undefined): TokenPrices {
  return {
    input,
    output,
    cacheWrite5m: cacheWrite5m ?? builtIn?.cacheWrite5m ?? rounded(input * 1.25),
    cacheWrite1h: cacheWrite1h ?? builtIn?.cacheWrite1h ?? rounded(input * 2),
    cacheRead: cacheRead ?? builtIn?.cacheRead ?? rounded(input * 0.1),
  }
}

// A price counts to the sixth decimal.
function rounded(usd: number): number {
  return Math.round(usd * 1e6) / 1e6
}
