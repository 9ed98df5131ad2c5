import { z } from 'zod'
import { amountOf, budgetOf, money, rate } from './schema-parts.ts'

const options = {
  exact: z
    .boolean()
    .optional()
    .describe('A round trip to Redis for every call, in place of leases (store: redis only). Default: limitDefaults.exact.'),
  away: z
    .enum(['local', 'closed', 'open'])
    .optional()
    .describe(
      'What happens while Redis is away: local keeps the limit here, divided by the live nodes; closed refuses with 503; open lets pass. ' +
        'Default: limitDefaults.away.',
    ),
  dryRun: z.boolean().optional().describe('Whether the limit is only counted and reported, and never refuses. Default: false.'),
}

const rateLimit = z.union([
  rate('A count and a period: 600/m.'),
  z.strictObject({
    rate: rate('How much in which time (s, m, h, d, w, month of 30 days): 600/m, 2M/h. Default: none, it must be given.'),
    burst: amountOf('Most at once: what the bucket holds. Default: the count of one period.').optional(),
    ...options,
  }),
])

const concurrency = z.union([
  amountOf('Most calls at once.'),
  z.strictObject({ most: amountOf('Most calls at once. Default: none, it must be given.'), ...options }),
])

const budget = z.union([
  budgetOf('Money a calendar period: 50usd/day.'),
  z.strictObject({
    amount: money('How much, in dollars: 50usd. Default: none, it must be given.'),
    per: z.enum(['day', 'week', 'month']).describe('The calendar period; weeks begin on Monday. Default: none, it must be given.'),
    timeZone: z
      .string()
      .optional()
      .describe('Where the period begins at midnight: an IANA name such as Europe/Berlin. Default: limitDefaults.timeZone.'),
    ...options,
  }),
])

const requests = rateLimit.optional()
const inputTokens = rateLimit.optional()
const outputTokens = rateLimit.optional()

/** Names of routes. */
export const routeNames = z.array(z.string()).min(1).max(1000)

/** Names of models, or patterns. */
export const modelNames = z.array(z.string().min(1).max(128)).min(1).max(200)

/** One limit of a list: its name, whom it holds for, and one of what it counts. */
export const limitSchema = z.strictObject({
  name: z
    .string()
    .describe(
      'What refusals, metrics and `relay tenant show` call it: small letters, digits, dots, dashes. Unique among the limits of a call. ' +
        'Default: none, it must be given.',
    ),
  per: z
    .array(z.enum(['tenant', 'business', 'route', 'model']))
    .max(4)
    .optional()
    .describe(
      'One bucket for each combination of these (tenant, business, route, model); none of them: one for all. A limit of a route always counts ' +
        'by route, one of a tenant or tier by tenant. Default: none of them.',
    ),
  routes: routeNames.optional().describe('Names of the routes that it holds for. Default: all.'),
  models: modelNames.optional().describe('Models that it holds for; * stands for any text: claude-opus-*. Default: all.'),
  requests: requests.describe('Calls in a time: 600/m, or {rate, burst, …}. Default: none; one of the five is given.'),
  inputTokens: inputTokens.describe(
    'Tokens of input in a time (what is read from the cache is free): 2M/m, or {rate, burst, …}. Default: none; one of the five is given.',
  ),
  outputTokens: outputTokens.describe('Tokens of output in a time: 400k/m, or {rate, burst, …}. Default: none; one of the five is given.'),
  concurrency: concurrency.optional().describe('Calls at once: 40, or {most, …}. Default: none; one of the five is given.'),
  budget: budget.optional().describe('Money a calendar period: 50usd/day, or {amount, per, …}. Default: none; one of the five is given.'),
})

/** A list of limits. */
export const limitsSchema = z.array(limitSchema).max(100)

/** The limits of a tenant or tier in their short form. */
export const shortLimitFields = {
  requests: requests.describe('Calls in a time: 600/m, or {rate, burst, …}. Its name is requests. Default: none.'),
  inputTokens: inputTokens.describe(
    'Tokens of input in a time (what is read from the cache is free): 2M/m, or {rate, burst, …}. Its name is input-tokens. Default: none.',
  ),
  outputTokens: outputTokens.describe('Tokens of output in a time: 400k/m, or {rate, burst, …}. Its name is output-tokens. Default: none.'),
  concurrency: concurrency.optional().describe('Calls at once: 40, or {most, …}. Its name is concurrency. Default: none.'),
  budget: z
    .union([budget, z.array(budget).min(1).max(3)])
    .optional()
    .describe(
      'Money a calendar period: 50usd/day, or {amount, per, …}, or a list of them. Its name is budget-day, budget-week or budget-month. Default: none.',
    ),
  limits: limitsSchema.optional().describe('Further limits, as under `limits`. Default: none.'),
}

/** The defaults of all limits. */
export const limitDefaultsSchema = z.strictObject({
  store: z
    .enum(['memory', 'redis'])
    .optional()
    .describe(
      'Where buckets are kept: in this process, or in Redis, which many nodes share. Default: redis where `redis` is given, else memory.',
    ),
  away: z
    .enum(['local', 'closed', 'open'])
    .default('local')
    .describe(
      'What happens while Redis is away: local keeps each limit here, divided by the live nodes; closed refuses with 503; open lets pass. Default: local.',
    ),
  exact: z.boolean().default(false).describe('A round trip to Redis for every call, in place of leases. Default: false.'),
  timeZone: z.string().default('UTC').describe('Where days, weeks and months of budgets begin: an IANA name. Default: UTC.'),
})

const short = z.strictObject(shortLimitFields)

/** A limit of a list after parsing. */
export type LimitFile = z.output<typeof limitSchema>

/** Short forms after parsing. */
export type ShortLimitsFile = z.output<typeof short>
