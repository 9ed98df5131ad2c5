import { z } from 'zod'
import { limitsSchema } from './schema-limit.ts'
import { count, duration, durationOr, size } from './schema-parts.ts'
import { descriptorFields, grpcServiceSchema, openAiSchema, transcodeSchema } from './schema-translate.ts'
import { targetFields, versionsSchema, whenSchema } from './schema-when.ts'

const values =
  'Values may hold ${request.id}, ${route}, ${client.address}, ${now}, ${method}, ${path}, ${env:NAME} and ${file:path}; write $${ for a plain ${.'

const rules = z.strictObject({
  remove: z.array(z.string()).max(64).optional().describe('Fields that are taken away, before anything is set or added. Default: none.'),
  set: z.record(z.string(), z.string()).optional().describe(`Fields that replace what was there. ${values} Default: none.`),
  add: z
    .record(z.string(), z.union([z.string(), z.array(z.string()).max(64)]))
    .optional()
    .describe(`Fields that are added beside what was there, one or a list of values each. ${values} Default: none.`),
})

/** Header rules as they are written, for the whole relay or for one route. */
export const headersSchema = z.strictObject({
  request: rules.optional().describe('Rules for what goes to the upstream. Default: none.'),
  reply: rules.optional().describe('Rules for what goes to the caller. Default: none.'),
})

const path = z.union([
  z.string(),
  z.strictObject({ exact: z.string().describe('This path and no other. Default: none.') }),
  z.strictObject({ prefix: z.string().describe('This path and all below it, up to the end of a segment. Default: none.') }),
  z.strictObject({ template: z.string().describe('A path with variables, each one whole segment: /v1/users/{id}. Default: none.') }),
])

/** One route as it is written: a target, nothing (the default upstream, same path), or a mapping. */
export const routeSchema = z.union([
  z.string(),
  z.null(),
  z.strictObject({
    ...targetFields,
    ...descriptorFields,
    path: path
      .optional()
      .describe(
        'The path to match: a string is a prefix, or a template where it holds {variables}; {exact: …}, {prefix: …} and {template: …} say which. ' +
          'The key of the route is then only its name. Default: the key of the route.',
      ),
    host: z.string().optional().describe('Only calls to this host (a name or address without a port). Default: any host.'),
    method: z.string().optional().describe('Only calls with this method. Default: any method.'),
    methods: z.array(z.string()).min(1).max(32).optional().describe('Only calls with one of these methods. Default: any method.'),
    when: whenSchema
      .optional()
      .describe(
        'What a call must have besides. Of routes with the same host, path and method the one with more conditions comes first, of as many the one ' +
          'that is written first. Default: nothing.',
      ),
    versions: versionsSchema
      .optional()
      .describe(
        'Several versions of one route, each with a target of its own, in place of `to`. They are called name@version; limits and tenants know them by the ' +
          'name of the route. Default: none.',
      ),
    transcode: transcodeSchema
      .optional()
      .describe(
        'How JSON callers of a gRPC upstream are served, by google.api.http and proto3 JSON; false: they are not. Default: true where it is known what ' +
          'the methods are, else false.',
      ),
    grpcService: grpcServiceSchema
      .optional()
      .describe('The gRPC service that callers see in place of an HTTP/JSON upstream, by the same annotations. Default: none.'),
    openai: openAiSchema
      .optional()
      .describe('Serves callers of the API of OpenAI (chat completions, models) with a Claude upstream; true, or how. Default: false.'),
    upgrades: z
      .array(z.string())
      .min(1)
      .max(8)
      .optional()
      .describe('Protocols that a caller may go on with: [websocket]. Default: none; an upgrade is ignored.'),
    credential: z
      .enum(['pass', 'replace'])
      .optional()
      .describe(
        'Whether the credential of the caller passes or that of the upstream goes in. Default: replace when the upstream has one, else pass.',
      ),
    timeouts: z
      .strictObject({
        firstByte: duration('Longest from the last byte of a request to the head of its reply. Default: that of the upstream.').optional(),
        idle: duration('Longest silence inside a reply. Default: that of the upstream.').optional(),
      })
      .optional()
      .describe('Waits of this route. Default: those of the upstream.'),
    headers: headersSchema.optional().describe('Header rules of this route, after those of the whole relay. Default: none.'),
    body: size(
      'Most bytes of a request body. Default: by endpoint towards Claude (32MB; batches 256MB, files 500MB), bounds.body elsewhere.',
    ).optional(),
    ping: duration(
      'Silence after which an `event: ping` goes into an SSE reply, between events (Claude only). Default: never.',
      1000,
    ).optional(),
    compression: z
      .enum(['identity', 'pass'])
      .optional()
      .describe('What coding Claude is asked for: identity, or whatever the caller accepts (Claude only). Default: identity.'),
    authenticate: z
      .boolean()
      .optional()
      .describe('Whether the key of a tenant is asked for. Default: true where there are tenants, else false.'),
    limits: limitsSchema.optional().describe('Limits of this route alone, beside those of all calls. Default: none.'),
    queue: z
      .strictObject({
        size: count(
          100,
          100_000,
          'Most calls that wait, over all workers; each of them has an even share of the places, whatever waits in the others.',
        ),
        timeout: durationOr('10s', 'Longest that a call waits.'),
      })
      .optional()
      .describe(
        'Calls that a limit refuses for a while wait here, by priority and in turns between tenants. Default: none; they get 429 at once.',
      ),
    onLeave: z
      .enum(['cancel', 'drain'])
      .optional()
      .describe(
        'When the caller leaves: cancel the call, or drain its reply to the end to learn what it used (Claude only). Default: cancel.',
      ),
    estimate: z
      .enum(['size', 'count_tokens'])
      .optional()
      .describe(
        'What the input of a call is estimated by before it goes out: its size, or a call to count_tokens (Claude only). Default: size.',
      ),
  }),
])

/** One route of the file after parsing. */
export type RouteFile = z.output<typeof routeSchema>

/** A route's long form after parsing. */
export type RouteMapping = Exclude<RouteFile, string | null>

/** Header rules of the file after parsing. */
export type HeadersFile = z.output<typeof headersSchema>
