import { matchesPattern } from '../base/pattern.ts'
import type { Head } from '../protocol/head.ts'

/** What a call must have besides host, method and path: all of it. */
export interface When {
  /** Names in lower case. */
  readonly headers: readonly FieldMatch[]
  readonly query: readonly FieldMatch[]
  /** Patterns, one of which must match the model that the body asks for; null: any, or none. */
  readonly models: readonly string[] | null
}

/** One of the patterns (`*` is any text) matches a value of it, or with `isAbsent` it is not there; null: it is there, or with `isAbsent` not. */
export interface FieldMatch {
  readonly name: string
  readonly values: readonly string[] | null
  readonly isAbsent: boolean
}

/** What conditions look at. */
export interface Asking {
  readonly fields: Head
  /** The query with its `?`, or ''. */
  query(): string
}

/** Conditions as one question. */
export interface Conditions {
  /** How many there are: a field, a parameter, or the model is one each. */
  readonly count: number
  /** Whether all hold. `model` is null where the call names none, and undefined where nobody has looked: null then, if it is all that is left to know. */
  hold(call: Asking, model: string | null | undefined): boolean | null
}

/** Makes the question once, when routes are compiled. */
export function conditionsOf({ headers, query, models }: When): Conditions {
  const fields = headers.map((one) => ({ ...one, matches: valueMatch(one.values, asBytes) }))
  const parameters = query.map((one) => ({ ...one, matches: valueMatch(one.values) }))
  const matchesModel = models === null ? null : valueMatch(models)
  return {
    count: fields.length + parameters.length + (models === null ? 0 : 1),
    hold(call, model) {
      for (const field of fields) if (!fieldHolds(field, call.fields)) return false
      if (parameters.length > 0 && !parametersHold(parameters, call.query())) return false
      if (matchesModel === null) return true
      return model === undefined ? null : model !== null && matchesModel(model)
    },
  }
}

type ValueMatch = (value: string) => boolean
type Matched = FieldMatch & { readonly matches: ValueMatch }

function valueMatch(patterns: readonly string[] | null, read: (text: string) => string = same): ValueMatch {
  if (patterns === null) return () => true
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')).map(read))
  const open = patterns.filter((pattern) => pattern.includes('*')).map(read)
  return (value) => exact.has(value) || open.some((pattern) => matchesPattern(pattern, value))
}

function same(text: string): string {
  return text
}

/** A head's values are read one character a byte. */
function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Each line of a name is a value as a whole; any of them will do. */
function fieldHolds({ name, values, isAbsent, matches }: Matched, fields: Head): boolean {
  let isThere = false
  for (let k = 0; k < fields.count; k++) {
    if (fields.nameEnd(k) - fields.lineStart(k) !== name.length || fields.name(k) !== name) continue
    if ((values !== null || !isAbsent) && matches(fields.value(k))) return true
    isThere = true
  }
  return isAbsent && !isThere
}

function parametersHold(parameters: readonly Matched[], query: string): boolean {
  // Routes that differ by their parameters alone look at one query one after the other.
  if (query !== lastQuery || lastParameters === null) {
    lastParameters = new URLSearchParams(query)
    lastQuery = query
  }
  for (const { name, values, isAbsent, matches } of parameters) {
    const found = lastParameters.getAll(name)
    const holds = found.length === 0 ? isAbsent : (values !== null || !isAbsent) && found.some(matches)
    if (!holds) return false
  }
  return true
}

let lastQuery = ''
let lastParameters: URLSearchParams | null = null
