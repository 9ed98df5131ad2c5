import { isRecord } from '../usage-fields.ts'

/** A value that fits a tool's `input_schema`, as far as its types and required fields say (no deeper than 8 levels). */
export function sampleInput(schema: unknown, depth = 0): unknown {
  if (!isRecord(schema) || depth > 8) return {}
  const choices = schema['enum']
  if (Array.isArray(choices) && choices.length > 0) return choices[0]
  switch (schema['type']) {
    case 'string':
      return 'example'
    case 'number':
    case 'integer':
      return 1
    case 'boolean':
      return true
    case 'array':
      return [sampleInput(schema['items'], depth + 1)]
    default:
      return sampleObject(schema, depth)
  }
}

function sampleObject(schema: Readonly<Record<string, unknown>>, depth: number): Readonly<Record<string, unknown>> {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {}
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : []
  const names = required.filter((name) => typeof name === 'string')
  return Object.fromEntries(names.map((name) => [name, sampleInput(properties[name], depth + 1)]))
}
