import { z } from 'zod'
import { count, duration, durationOr } from './schema-parts.ts'
import { descriptorFields } from './schema-translate.ts'

const pool = z.strictObject({
  connections: count(1024, 65_536, 'Most connections to one origin, for each worker.'),
  streams: count(100, 10_000, 'Most calls at once on one HTTP/2 connection; fewer where the server allows fewer.'),
  waiting: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .default(1024)
    .describe('Most calls that may wait for a connection; beyond, a call gets 503. Default: 1024.'),
  waitTimeout: durationOr('10s', 'Longest a call waits for a connection.'),
  idle: durationOr(
    '25s',
    'How long an unused connection is kept when the server gives no hint. Keep it below the idle time of the server.',
  ),
  resolve: durationOr('30s', 'How often the name of the upstream is looked up again.'),
})

const timeouts = z.strictObject({
  connect: durationOr('10s', 'Longest until a connection stands (TLS included).'),
  firstByte: duration(
    'Longest from the last byte of a request to the head of its reply. Default: 11m towards Claude, 60s elsewhere.',
  ).optional(),
  idle: duration(
    'Longest silence inside a reply. There is no limit on its whole length. Default: 10m towards Claude, 5m elsewhere.',
  ).optional(),
})

const credential = z.strictObject({
  env: z.string().min(1).optional().describe('Name of the environment variable that holds the secret. Default: none; give env or file.'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe('File that holds the secret, relative to this file; white space around it is trimmed. Default: none; give env or file.'),
  field: z
    .enum(['x-api-key', 'authorization'])
    .optional()
    .describe(
      'Header field that carries the secret (`Bearer ` is put before it in authorization). Default: x-api-key towards Claude ' +
        '(authorization for OAuth access tokens, sk-ant-oat…, which are taken nowhere else), authorization elsewhere.',
    ),
})

/** One upstream as it is written: an URL, or a mapping. */
export const upstreamSchema = z.union([
  z.string(),
  z.strictObject({
    url: z
      .string()
      .describe(
        'http:// or https:// URL, grpc:// or grpcs:// (with TLS) for a gRPC server, or builtin:claude (the fake Claude inside relay). Its path stands before every forwarded path. Default: none, it must be given.',
      ),
    kind: z
      .enum(['claude', 'http', 'grpc'])
      .optional()
      .describe(
        'What speaks there. Default: claude at api.anthropic.com and builtin:claude, grpc behind grpc:// and grpcs://, http elsewhere.',
      ),
    http: z
      .union([z.literal(1), z.literal(2)])
      .optional()
      .describe('The version of HTTP that is spoken to it: 1 (HTTP/1.1) or 2; nothing is negotiated. Default: 2 for gRPC, else 1.'),
    ...descriptorFields,
    ca: z
      .string()
      .min(1)
      .optional()
      .describe('File with extra certificate authorities (PEM), relative to this file. Default: none; certificates are always verified.'),
    pool: pool.prefault({}).describe('The pool of connections. Default: the default of each key.'),
    timeouts: timeouts.prefault({}).describe('Waits on the side of the upstream. Default: the default of each key.'),
    credential: credential
      .optional()
      .describe('The secret that goes out instead of the credential of the caller. Default: none; the credential of the caller passes.'),
    forwarded: z.boolean().optional().describe('Whether X-Forwarded-* and Via are added. Default: false towards Claude, true elsewhere.'),
  }),
])

type UpstreamFile = z.output<typeof upstreamSchema>

/** An upstream's long form after parsing. */
export type UpstreamMapping = Exclude<UpstreamFile, string>
