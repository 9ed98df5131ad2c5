import { z } from 'zod'
import { modelNames, routeNames, shortLimitFields } from './schema-limit.ts'

const inherited = {
  priority: z
    .number()
    .int()
    .min(0)
    .max(9)
    .optional()
    .describe('0 to 9: calls of a higher one leave a queue first. Default: that of the tier, else 5.'),
  routes: routeNames.optional().describe('Names of the routes that may be called. Default: those of the tier, else all.'),
  models: modelNames
    .optional()
    .describe('Models that may be asked for; * stands for any text: claude-opus-*. Default: those of the tier, else all.'),
  ...shortLimitFields,
}

const key = z.union([
  z.string(),
  z.strictObject({
    sha256: z.string().describe('SHA-256 of the key, 64 hexadecimal digits. Default: none, it must be given.'),
    createdAt: z.iso.datetime().optional().describe('When it was made. Default: unknown.'),
    hint: z
      .string()
      .max(16)
      .optional()
      .describe('Its first characters, to tell it from another. Default: the first digits of its SHA-256.'),
  }),
])

/** One tenant as it is written. */
export const tenantSchema = z.union([
  z.strictObject({
    business: z.string().optional().describe('What metrics group it by. Default: its name.'),
    tier: z.string().optional().describe('The tier that it inherits from. Default: none.'),
    keys: z
      .array(key)
      .default([])
      .describe(
        'Its live keys, at most two: sha256: and the SHA-256 of the key in hexadecimal, as `relay tenant add` prints it; never the key itself. Default: none.',
      ),
    ...inherited,
  }),
  z.null(),
])

/** One tier as it is written. */
export const tierSchema = z.strictObject(inherited)

/** Where further tenants are kept. */
export const tenantsFromSchema = z.union([
  z.enum(['sqlite', 'redis']),
  z.strictObject({
    sqlite: z.string().min(1).describe('The file, relative to this one. Default: none, it must be given.'),
  }),
])

/** A tenant after parsing. */
export type TenantFile = NonNullable<z.output<typeof tenantSchema>>

/** A tier after parsing. */
export type TierFile = z.output<typeof tierSchema>
