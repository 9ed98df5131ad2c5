import { z } from 'zod'
import type { TenantRecord } from './tenant.ts'

/** How a tenant's name is written, as a regular expression. */
export const namePattern = '^[a-z0-9][a-z0-9._-]{0,62}$'

/** At most so many keys of a tenant are live: one in use and one to change over to. */
export const mostKeys = 2

const names = z.array(z.string()).nullable()
const count = z.number().positive().max(Number.MAX_SAFE_INTEGER)

const base = {
  name: z.string(),
  per: z.array(z.enum(['tenant', 'business', 'route', 'model'])),
  routes: names,
  models: names,
  exact: z.boolean(),
  away: z.enum(['local', 'closed', 'open']),
  dryRun: z.boolean(),
}

const limit = z.discriminatedUnion('kind', [
  z.strictObject({ ...base, kind: z.enum(['requests', 'input_tokens', 'output_tokens']), count, periodMs: count, burst: count }),
  z.strictObject({ ...base, kind: z.literal('concurrency'), most: count }),
  z.strictObject({ ...base, kind: z.literal('budget'), nanoUsd: count, period: z.enum(['day', 'week', 'month']), timeZone: z.string() }),
])

const key = z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), createdAt: z.string(), hint: z.string() })

const record = z.strictObject({
  name: z.string().regex(new RegExp(namePattern)),
  business: z.string().nullable(),
  tier: z.string().nullable(),
  priority: z.int().min(0).max(9).nullable(),
  routes: names,
  models: names,
  limits: z.array(limit),
  keys: z.array(key).max(mostKeys),
})

/** A record as it stands in a store: one text for one record, so that texts can be compared. */
export function recordText(written: TenantRecord): string {
  return JSON.stringify(record.parse(written))
}

/** The record of such a text; throws when it is none, naming what is wrong. */
export function readRecord(text: string): TenantRecord {
  try {
    return record.parse(JSON.parse(text))
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : []
    const why = issue === undefined ? 'it is not JSON' : `${issue.path.join('.')}: ${issue.message}`
    throw new Error(`the record of a tenant cannot be read: ${why}`, { cause: error })
  }
}
