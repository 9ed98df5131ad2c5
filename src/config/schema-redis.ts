import { z } from 'zod'
import { durationOr } from './schema-parts.ts'

const nodes = z.array(z.string()).min(1).max(1000)

const secret = z.strictObject({
  env: z.string().min(1).optional().describe('Name of the environment variable that holds it. Default: none; give env or file.'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe('File that holds it, relative to this file; white space around it is trimmed. Default: none; give env or file.'),
})

/** Where Redis is: an URL, or a mapping. */
export const redisSchema = z.union([
  z.string(),
  z.strictObject({
    url: z
      .string()
      .optional()
      .describe(
        'redis://host:6379/0, or rediss:// for TLS; user and password may stand before an @, the password as ${env:NAME} or ${file:path}. ' +
          'Default: none; one of url, cluster and sentinel is given.',
      ),
    cluster: nodes
      .optional()
      .describe('Some nodes of a Cluster, host:port each. Default: none; one of url, cluster and sentinel is given.'),
    sentinel: z
      .strictObject({
        name: z.string().min(1).max(256).describe('Name of the primary that the Sentinels watch. Default: none, it must be given.'),
        nodes: nodes.describe('The Sentinels, host:port each. Default: none, it must be given.'),
      })
      .optional()
      .describe('Redis behind Sentinels. Default: none; one of url, cluster and sentinel is given.'),
    db: z.number().int().min(0).max(65_535).optional().describe('Number of the database (sentinel only; an URL ends in it). Default: 0.'),
    username: z.string().min(1).max(256).optional().describe('User (ACL). Default: none; that of the URL.'),
    password: z
      .union([z.string(), secret])
      .optional()
      .describe('The password, never in plain: {env: NAME}, {file: path}, ${env:NAME} or ${file:path}. Default: none; that of the URL.'),
    tls: z
      .union([
        z.boolean(),
        z.strictObject({
          ca: z
            .string()
            .min(1)
            .optional()
            .describe(
              'File with extra certificate authorities (PEM), relative to this file. Default: none; certificates are always verified.',
            ),
        }),
      ])
      .optional()
      .describe('Whether to speak TLS. Default: true for rediss://, else false.'),
    prefix: z.string().default('relay').describe('First part of every key: nodes that share limits share it. Default: relay.'),
    timeout: durationOr('25ms', 'Longest that a command may take; beyond, Redis counts as away.'),
    nodes: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(1)
      .describe('How many relays share it, for `away: local` until their heartbeats have told. Default: 1.'),
  }),
])

type RedisFile = z.output<typeof redisSchema>

/** Its long form after parsing. */
export type RedisMapping = Exclude<RedisFile, string>
