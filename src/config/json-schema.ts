import { z } from 'zod'
import { configSchema } from './schema.ts'

/** A JSON Schema, as far as relay looks into one. */
export interface JsonSchema {
  readonly [key: string]: unknown
  readonly description?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
}

/** The JSON Schema of the config file, for editors and for `relay config schema`. */
export function configJsonSchema(): JsonSchema {
  // What zod returns is its own, wider type of the same document.
  const made = z.toJSONSchema(configSchema, { io: 'input', reused: 'inline' }) as JsonSchema
  const properties = Object.entries(made.properties ?? {}).map(([key, value]) => [key, orNothing(value)] as const)
  return { $id: 'relay.config.schema.json', title: 'relay config', ...made, properties: Object.fromEntries(properties) }
}

/** The keys that may stand at a place of the config file; empty where anything or nothing may. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  known ??= configJsonSchema()
  let here: readonly JsonSchema[] = branches(known)
  for (const key of path) here = here.flatMap((schema) => below(schema, key)).flatMap(branches)
  return [...new Set(here.flatMap((schema) => Object.keys(schema.properties ?? {})))]
}

let known: JsonSchema | undefined

// A section whose keys are all commented out is YAML's null; the loader takes it as not written.
function orNothing(schema: JsonSchema): JsonSchema {
  const { description, default: fallback, ...rest } = schema
  const said = { ...(description === undefined ? {} : { description }), ...(fallback === undefined ? {} : { default: fallback }) }
  return { ...said, anyOf: [rest, { type: 'null' }] }
}

function branches(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(branches)
}

function below(schema: JsonSchema, key: string | number): readonly JsonSchema[] {
  if (typeof key === 'number') return schema.items === undefined ? [] : [schema.items]
  const property = schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined
  if (property !== undefined) return [property]
  return typeof schema.additionalProperties === 'object' ? [schema.additionalProperties] : []
}
