import { z } from 'zod'
import { modelNames } from './schema-limit.ts'

// YAML takes `2` for a number, and a header's value is a text.
const value = z.union([z.string().min(1).max(1024), z.number()]).transform(String)

const fields = z.record(z.string(), z.union([z.boolean(), value, z.array(value).min(1).max(100)]))

/** What a call must have besides its path for a route to match. */
export const whenSchema = z.strictObject({
  header: fields
    .optional()
    .describe(
      'Header fields: a value, or a list of which one must match (* stands for any text), true for one that is there, false for one that is not. ' +
        'Default: none.',
    ),
  query: fields.optional().describe('Query parameters, as header fields are written. Default: none.'),
  model: z
    .union([z.string().min(1).max(128), modelNames])
    .optional()
    .describe(
      'The model that a JSON body asks for, or a list of which one must match; * stands for any text: claude-opus-*. Default: any, or none.',
    ),
})

/** What says where a version of a route goes, and so does for a route itself. */
export const targetFields = {
  to: z
    .string()
    .optional()
    .describe(
      'Where it goes: an URL, or the name of an upstream, a path behind either takes the place of the path of the route. Default: the default upstream, same path.',
    ),
  upstream: z.string().optional().describe('Name of an upstream: the same as `to` with a name and no path. Default: the default upstream.'),
  rewrite: z.string().optional().describe('Path that takes the place of the path of the route. Default: the path stays as it came.'),
  kind: z
    .enum(['claude', 'http', 'grpc'])
    .optional()
    .describe(
      'What speaks at the URL of this route. Default: claude at api.anthropic.com and builtin:claude, grpc behind grpc:// and grpcs://, http elsewhere.',
    ),
  http: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe('The version of HTTP that is spoken to the URL of this route. Default: 2 for gRPC, else 1.'),
  grpc: z
    .string()
    .optional()
    .describe(
      'A gRPC server, and the one method that answers: 127.0.0.1:50051/users.v1.Users/GetUser; grpcs://host:port/… for TLS, or the name of an upstream in place of ' +
        'host and port. Without a method it is the same as `to`. Default: none.',
    ),
}

const target = z.union([z.string(), z.strictObject(targetFields)])

/** The versions of a route. */
export const versionsSchema = z.strictObject({
  by: z
    .union([
      z.literal('path'),
      z.strictObject({
        header: z.string().describe('Name of the header field that says the version. Default: none; give header or query.'),
      }),
      z.strictObject({
        query: z.string().describe('Name of the query parameter that says the version. Default: none; give header or query.'),
      }),
    ])
    .describe(
      'What says the version: {header: name}, {query: name}, or path, where the path of the route has a segment {version}. Default: none, it must be given.',
    ),
  default: z.string().optional().describe('The version of calls that say none. Default: none; they get 400.'),
  map: z
    .record(z.string(), target)
    .describe(
      'The versions: a name, and where it goes, as in `to`, or a mapping. A call of another version gets 400. Default: none, it must be given.',
    ),
})

/** Conditions of the file after parsing. */
export type WhenFile = z.output<typeof whenSchema>

/** Versions of the file after parsing. */
export type VersionsFile = z.output<typeof versionsSchema>
