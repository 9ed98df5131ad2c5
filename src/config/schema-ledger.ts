import { z } from 'zod'
import { ageOr, amountOf, count, durationOr, flag } from './schema-parts.ts'

/** The ledger. */
export const ledgerSchema = z.union([
  z.literal(false),
  z.strictObject({
    file: z.string().min(1).default('relay-ledger.db').describe('The SQLite file, relative to this one. Default: relay-ledger.db.'),
    flush: durationOr('200ms', 'Longest until what was acknowledged stands in the file.'),
    sync: flag(false, 'Whether a call is written down before it goes out, so that no crash loses one.'),
    synchronous: z
      .enum(['normal', 'full'])
      .default('normal')
      .describe('normal survives a crash of relay; full survives a power loss, and costs a disk flush a commit. Default: normal.'),
    queue: count(10_000, 1_000_000, 'Most rows that a worker keeps until they are written.'),
    whenFull: z
      .enum(['refuse', 'count'])
      .optional()
      .describe(
        'When the queue or the disk is full: refuse calls, or let them pass and count the lost rows. Default: refuse where a budget applies, else count.',
      ),
    keep: ageOr('90d', 'How long a row a call is kept.'),
    keepDays: ageOr('2y', 'How long the sums of days are kept.'),
    unknownModel: z
      .enum(['block', 'untracked'])
      .default('block')
      .describe(
        'A model without a price under a budget: block refuses its calls, untracked lets them pass without a cost. Without a budget they always pass. Default: block.',
      ),
  }),
])

const usd = (text: string) => z.number().min(0).max(1_000_000).optional().describe(text)

const tokens = {
  cacheWrite5m: usd('USD per million tokens written to the cache for five minutes. Default: the built-in price, else 1.25 times input.'),
  cacheWrite1h: usd('USD per million tokens written to the cache for an hour. Default: the built-in price, else 2 times input.'),
  cacheRead: usd('USD per million tokens read from the cache. Default: the built-in price, else 0.1 times input.'),
}

const factor = (text: string) => z.number().min(0).max(1000).optional().describe(text)

/** What one model costs. */
export const priceSchema = z.strictObject({
  input: usd('USD per million tokens of input. Default: the built-in price; it must be given for other models.'),
  output: usd('USD per million tokens of output. Default: the built-in price; it must be given for other models.'),
  ...tokens,
  longPrompt: z
    .union([
      z.literal(false),
      z.strictObject({
        above: amountOf('Tokens of prompt (caches included) above which all tokens of a call cost this. Default: none, it must be given.'),
        input: z.number().min(0).max(1_000_000).describe('USD per million tokens of input. Default: none, it must be given.'),
        output: z.number().min(0).max(1_000_000).describe('USD per million tokens of output. Default: none, it must be given.'),
        ...tokens,
      }),
    ])
    .optional()
    .describe('What long prompts cost; false: the same. Default: the built-in rule, else false.'),
  fast: factor('What fast mode costs, times the price. Default: the built-in factor, else 2.'),
  batch: factor('What batches cost, times the price. Default: the built-in factor, else 0.5.'),
  geo: z
    .record(z.string(), z.number().min(0).max(1000))
    .optional()
    .describe('What inference in a region costs, times the price: {us: 1.1}. Default: the built-in factors, else {us: 1.1}.'),
  webSearch: usd('USD for one web search. Default: the built-in price, else 0.01.'),
})

/** A price after parsing. */
export type PriceFile = z.output<typeof priceSchema>
