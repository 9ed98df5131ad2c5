import { checkNames, isJson, maybeText, objectAt, textAt, type Json } from './fields.ts'
import { invalid, lose } from './problem.ts'

/** `response_format` and `reasoning_effort` in Claude's terms: `output_config`, and `thinking` where none is wanted. */
export function outputOf(body: Json, lossy: boolean): Json {
  const format = formatOf(body['response_format'], lossy)
  const { effort, thinking } = effortOf(body['reasoning_effort'], lossy)
  const config = { ...(format === null ? {} : { format }), ...(effort === null ? {} : { effort }) }
  return { ...(format === null && effort === null ? {} : { output_config: config }), ...thinking }
}

function formatOf(value: unknown, lossy: boolean): Json | null {
  if (value === undefined || value === null) return null
  const given = objectAt(value, 'response_format')
  const type = textAt(given['type'], 'response_format.type')
  switch (type) {
    case 'text':
      return null
    case 'json_schema':
      checkNames(given, formatNames, { at: 'response_format', lossy })
      return schemaOf(objectAt(given['json_schema'], 'response_format.json_schema'), lossy)
    case 'json_object':
      lose(lossy, 'response_format', 'Claude keeps to a schema only: ask for json_schema')
      return null
    default:
      throw invalid('response_format.type', 'text, json_object or json_schema is expected')
  }
}

/** Claude always keeps to a schema, whether `strict` is asked for or not; a name says nothing to it. */
function schemaOf(given: Json, lossy: boolean): Json {
  checkNames(given, schemaNames, { at: 'response_format.json_schema', lossy })
  const whole = objectAt(given['schema'], 'response_format.json_schema.schema')
  const description = maybeText(given['description'], 'response_format.json_schema.description')
  // The dialect constrains nothing, and Claude does not take its name.
  const { $schema: _, ...schema } = whole
  const described =
    description === null || isJson(schema['description']) || typeof schema['description'] === 'string' ? {} : { description }
  return { type: 'json_schema', schema: { ...described, ...schema } }
}

interface Effort {
  readonly effort: string | null
  readonly thinking: Json
}

/** Both have the same words for it, but for two: `none` is thinking switched off, and `minimal` has no counterpart. */
function effortOf(value: unknown, lossy: boolean): Effort {
  const effort = maybeText(value, 'reasoning_effort')
  switch (effort) {
    case null:
      return { effort: null, thinking: {} }
    case 'none':
      return { effort: null, thinking: { thinking: { type: 'disabled' } } }
    case 'minimal':
      lose(lossy, 'reasoning_effort', 'low is the least that Claude knows, or none')
      return { effort: 'low', thinking: {} }
    case 'low':
    case 'medium':
    case 'high':
    case 'xhigh':
    case 'max':
      return { effort, thinking: {} }
    default:
      throw invalid('reasoning_effort', 'none, minimal, low, medium, high, xhigh or max is expected')
  }
}

const formatNames: ReadonlySet<string> = new Set(['type', 'json_schema'])
const schemaNames: ReadonlySet<string> = new Set(['name', 'description', 'schema', 'strict'])
