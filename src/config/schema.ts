import { z } from 'zod'
import { ledgerSchema, priceSchema } from './schema-ledger.ts'
import { limitDefaultsSchema, limitsSchema } from './schema-limit.ts'
import { amountOf, count, duration, durationOr, flag, sizeBetween, sizeOr } from './schema-parts.ts'
import { redisSchema } from './schema-redis.ts'
import { headersSchema, routeSchema } from './schema-route.ts'
import { tenantSchema, tenantsFromSchema, tierSchema } from './schema-tenant.ts'
import { upstreamSchema } from './schema-upstream.ts'

const tls = z.strictObject({
  cert: z.string().min(1).describe('File with the certificate chain (PEM), relative to this file. Default: none, it must be given.'),
  key: z.string().min(1).describe('File with its private key (PEM), relative to this file. Default: none, it must be given.'),
})

const listener = z.union([
  z.string(),
  z.strictObject({
    address: z.string().describe('The address, as in `listen`. Default: none, it must be given.'),
    tls: tls.optional().describe('Certificate and key, for a listener that speaks TLS. Default: none; the listener speaks in the clear.'),
    http2: flag(true, 'Whether HTTP/2 is spoken here, beside HTTP/1.1: by ALPN over TLS, by prior knowledge in the clear.'),
  }),
])

const admin = z.union([
  z.string(),
  z.literal(false),
  z.strictObject({
    address: z.string().describe('The address, as in `listen`. Default: none, it must be given.'),
    public: flag(false, 'Allows an address that other machines can reach: everybody there can read metrics and health.'),
  }),
])

const bounds = z.strictObject({
  head: sizeOr('32KiB', 'Most bytes of a request head; beyond, 431 (414 when the request line alone is too long).', 1024),
  fields: count(100, 10_000, 'Most header fields of a request; beyond, 431.'),
  body: sizeOr('32MiB', 'Most bytes of a request body where no route or Claude endpoint says otherwise; beyond, 413.', 0),
  peek: sizeBetween(65_536, 33_554_432, {
    fallback: '1MiB',
    text:
      'How far into a body of a Claude call its model and max_tokens are looked for: 64KiB to 32MiB. A call whose model has to be known, ' +
      'and stands further behind, is refused (400). Until it is found, so much of a body may be held in memory; all bodies together hold ' +
      'at most eight times that a worker, or 64MiB (16MiB a worker) where that is more, and never 1GiB; beyond, 503.',
  }),
  connections: count(
    20_000,
    1_000_000,
    'Most open connections of the process (with accept: reusePort an even share of them a worker); beyond, a new one is closed at once.',
  ),
  streams: count(
    100,
    10_000,
    'Most calls at once on one HTTP/2 connection of a caller; beyond, a new one is refused and may be sent again.',
  ),
})

const timeouts = z.strictObject({
  head: durationOr('15s', 'Longest from the first byte of a request head to its last.'),
  idle: durationOr('75s', 'Longest between two calls of a connection.'),
  body: durationOr('60s', 'Longest between two reads of a request body.'),
  write: durationOr('5m', 'Longest that a caller may take nothing while bytes wait for it.'),
})

const drain = z.strictObject({
  delay: durationOr('5s', 'How long relay goes on accepting after it was told to stop, so that balancers notice.', 0),
  grace: durationOr('30s', 'How long calls may then take to end.', 0),
  streamGrace: durationOr('10m', 'How long streams may then take to end.', 0),
})

const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('What is logged. Default: info.'),
  access: flag(true, 'Whether every call gets a line.'),
})

const estimate = z.strictObject({
  outputTokens: amountOf('Tokens of output reserved for a call whose body names no max_tokens. Default: 4096.').prefault(4096),
  outputMost: amountOf('Most tokens of output reserved for a call, whatever its max_tokens. Default: none; as max_tokens says.').optional(),
  bytesPerToken: z
    .number()
    .min(0.25)
    .max(64)
    .default(4)
    .describe('Bytes of a request that count as one token of input, where it is estimated by size. Default: 4.'),
})

const shed = z.union([
  z.literal(false),
  z.strictObject({
    lag: z
      .union([z.literal(false), duration('How late the event loop may be.', 10)])
      .prefault('1s')
      .describe('How late the event loop of a worker may be before it refuses new calls; false: never for that. Default: 1s.'),
    heap: z
      .union([z.literal(false), z.number().min(0.1).max(1)])
      .default(0.95)
      .describe('How full the heap of a worker may be, as a part of its limit; false: never for that. Default: 0.95.'),
  }),
])

/** The config file: every key, its type, its default, and what it is for. */
export const configSchema = z.strictObject({
  $schema: z.string().optional().describe('Where an editor finds the JSON Schema of this file. Default: none.'),
  listen: z
    .union([listener, z.array(listener).min(1).max(16)])
    .prefault('127.0.0.1:8080')
    .describe(
      'Where callers connect: an address such as 127.0.0.1:8080, [::1]:8080 or localhost:8080; :8080 means every IPv4 address (0.0.0.0), [::]:8080 ' +
        'every address. Port 0 is any free port. Or {address, tls, http2}, or a list of both. Default: 127.0.0.1:8080.',
    ),
  public: flag(
    false,
    'Allows a listener that other machines can reach although relay puts in a credential without asking for a key: anybody who reaches the ' +
      'address spends that credential. Not needed where every such route asks for the key of a tenant.',
  ),
  admin: admin
    .prefault('127.0.0.1:9901')
    .describe('The read-only listener for metrics and health; false or off: none. Default: 127.0.0.1:9901.'),
  workers: z
    .union([z.literal('auto'), z.number().int().min(1).max(256)])
    .default('auto')
    .describe('Worker threads; auto is one a core. Default: auto.'),
  accept: z
    .enum(['handover', 'reusePort'])
    .default('reusePort')
    .describe(
      'How connections come to workers: each listens on the same port, or the main thread hands them over, evenly. Default: reusePort.',
    ),
  trustedProxies: z
    .array(z.string())
    .max(1000)
    .default([])
    .describe('Addresses or CIDR blocks of proxies whose forwarded headers are believed. Default: none.'),
  bounds: bounds.prefault({}).describe('Bounds on what a caller may send and hold. Default: the default of each key.'),
  timeouts: timeouts.prefault({}).describe('Waits on the side of the caller. Default: the default of each key.'),
  drain: drain.prefault({}).describe('How relay stops. Default: the default of each key.'),
  log: log.prefault({}).describe('What relay logs. Default: the default of each key.'),
  upstreams: z.record(z.string(), upstreamSchema).default({}).describe('Where calls go: a name, and an URL or a mapping. Default: none.'),
  defaultUpstream: z
    .string()
    .optional()
    .describe('Upstream of the routes that name none. Default: the only one under `upstreams`, else none.'),
  headers: headersSchema.prefault({}).describe('Header rules of every route. Default: none.'),
  redis: redisSchema
    .optional()
    .describe(
      'Redis, for limits that many nodes share: redis://host:6379/0, rediss:// for TLS, or {url, cluster, sentinel, …}. A password is never ' +
        'written in plain: redis://:${env:NAME}@host. Default: none.',
    ),
  tenants: z
    .record(z.string(), tenantSchema)
    .optional()
    .describe(
      'Who may call: a name, and its keys, limits and what else holds for it. Where tenants are given here or by `tenantsFrom`, every route asks for the ' +
        'key of one, unless it says otherwise. Default: none; nobody is asked for a key.',
    ),
  tenantsFrom: tenantsFromSchema
    .optional()
    .describe(
      'Where more tenants are kept than a file should hold: sqlite (relay-tenants.db beside this file), {sqlite: file}, or redis. Default: none.',
    ),
  tiers: z.record(z.string(), tierSchema).default({}).describe('What tenants inherit: a name, and what holds for it. Default: none.'),
  limits: limitsSchema.default([]).describe('Limits of all calls. Default: none.'),
  limitDefaults: limitDefaultsSchema.prefault({}).describe('Defaults of all limits. Default: the default of each key.'),
  estimate: estimate.prefault({}).describe('What is reserved for a call before it goes out. Default: the default of each key.'),
  shed: shed.prefault({}).describe('When a worker refuses new calls (503) to save itself; false: never. Default: the default of each key.'),
  ledger: ledgerSchema
    .optional()
    .describe(
      'Where a row for every call is kept, with what it used and cost; false: nowhere, and a budget in memory then starts anew with relay. ' +
        'Default: the default of each key where there are tenants or budgets, else false.',
    ),
  prices: z
    .record(z.string().min(1).max(128), priceSchema)
    .default({})
    .describe('What models cost: a name, and prices that take the place of the built-in ones. Default: the built-in prices.'),
  routes: z
    .record(z.string(), routeSchema)
    .default({})
    .describe(
      'What callers ask for, and where it goes. The key is a path: it matches itself and all below it, up to the end of a segment; a slash before or behind it changes ' +
        'nothing; with {variables} it is a template and matches the whole path. What follows a matched prefix, and the query, is appended. The value is an URL, ' +
        'or the name of an upstream, either with a path that takes the place of the key (without one the path stays as it came); nothing (the default upstream), or a ' +
        'mapping. The most specific route wins: a host given before none; then an exact path before a prefix that is all of the path, ' +
        'before a template (more literal segments first, then the one whose literal comes first), before a shorter prefix (the longest first); then a method ' +
        'given before none; then more conditions (`when`) before fewer, of as many the one that is written first. A tie is an error. Default: none.',
    ),
})

/** The config file after parsing: every default filled in, durations in ms, sizes in bytes. */
export type ConfigFile = z.output<typeof configSchema>
