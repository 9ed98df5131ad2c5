/**
 * A path template of `google.api.http`:
 *
 *     Template  = "/" [ Segments ] [ Verb ]      Segment  = "*" | "**" | LITERAL | Variable
 *     Segments  = Segment { "/" Segment }        Variable = "{" FieldPath [ "=" Segments ] "}"
 *     FieldPath = IDENT { "." IDENT }            Verb     = ":" LITERAL
 */
export interface Template {
  readonly text: string
  readonly segments: readonly Segment[]
  /** '' where there is none. */
  readonly verb: string
  readonly variables: readonly Variable[]
}

export type Segment =
  | { readonly is: 'literal'; readonly text: string }
  /** `*`: one segment, not empty. */
  | { readonly is: 'one' }
  /** `**`: all that is left; the last one. */
  | { readonly is: 'rest' }

/** A part of the path that becomes a field. */
export interface Variable {
  readonly field: string
  readonly from: number
  /** The segment behind its last one. */
  readonly to: number
  /** `{v}` and `{v=*}`: all escapes are decoded; otherwise `%2F` stays as it is. */
  readonly isOne: boolean
}

/** The template, or what is wrong with it. */
export function parseTemplate(text: string): Template | string {
  if (!text.startsWith('/')) return 'does not begin with "/"'
  const colon = text.lastIndexOf(':')
  const hasVerb = colon > Math.max(text.lastIndexOf('/'), text.lastIndexOf('}'))
  const verb = hasVerb ? text.slice(colon + 1) : ''
  if (hasVerb && !literal.test(verb)) return verb === '' ? 'has an empty verb' : `has the verb "${verb}", which is no literal`
  const path = text.slice(1, hasVerb ? colon : undefined)
  const segments: Segment[] = []
  const variables: Variable[] = []
  const wrong = path === '' ? (hasVerb ? 'has a verb behind an empty segment' : null) : parseParts(path, segments, variables)
  return wrong ?? checkOrder(segments, variables) ?? { text, segments, verb, variables }
}

function parseParts(path: string, segments: Segment[], variables: Variable[]): string | null {
  for (const part of partsOf(path)) {
    const wrong = part.startsWith('{') ? parseVariable(part, segments, variables) : parseSegment(part, segments)
    if (wrong !== null) return wrong
  }
  return null
}

/** What stands between slashes; those within braces divide nothing. */
function partsOf(path: string): readonly string[] {
  const parts: string[] = []
  let from = 0
  let depth = 0
  for (let at = 0; at <= path.length; at++) {
    const char = path[at]
    if (char === '{') depth++
    else if (char === '}') depth--
    else if (char === undefined || (char === '/' && depth === 0)) {
      parts.push(path.slice(from, at))
      from = at + 1
    }
  }
  return parts
}

function parseVariable(part: string, segments: Segment[], variables: Variable[]): string | null {
  const inner = part.slice(1, -1)
  if (!part.endsWith('}')) return `has "${part}", which is no whole segment`
  if (/[{}]/.test(inner)) return `has a variable within a variable: "${part}"`
  const equals = inner.indexOf('=')
  const field = equals < 0 ? inner : inner.slice(0, equals)
  const pattern = equals < 0 ? '*' : inner.slice(equals + 1)
  if (!fieldPath.test(field)) return `has "${part}", whose field path is not of names divided by dots`
  if (variables.some((variable) => variable.field === field)) return `binds ${field} twice`
  const from = segments.length
  for (const each of pattern.split('/')) {
    const wrong = each.includes(':') ? `has a verb within a variable: "${part}"` : parseSegment(each, segments)
    if (wrong !== null) return wrong
  }
  variables.push({ field, from, to: segments.length, isOne: pattern === '*' })
  return null
}

function parseSegment(part: string, segments: Segment[]): string | null {
  if (part === '') return 'has an empty segment'
  if (part === '*') segments.push({ is: 'one' })
  else if (part === '**') segments.push({ is: 'rest' })
  else if (!literal.test(part)) return `has "${part}", which is neither a literal nor "*", "**" or a whole variable`
  else segments.push({ is: 'literal', text: part })
  return null
}

function checkOrder(segments: readonly Segment[], variables: readonly Variable[]): string | null {
  const rest = segments.findIndex((segment) => segment.is === 'rest')
  if (rest >= 0 && rest < segments.length - 1) return 'has "**" before its last segment'
  const names = variables.map((variable) => variable.field)
  const outer = names.find((name) => names.some((other) => other.startsWith(`${name}.`)))
  return outer === undefined ? null : `binds ${outer} and a field within it`
}

/** What may stand in a path as it is (RFC 3986 pchar), escapes included; `*` and braces have their own meaning. */
const literal = /^(?:[\w.~!$&'()+,;=:@-]|%[\dA-Fa-f]{2})+$/
const fieldPath = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/
