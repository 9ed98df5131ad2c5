import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf'
import { fieldOf, fieldPath, kindOf, leafParser, type FieldPath } from './field-path.ts'
import type { HttpRule } from './http-rule.ts'
import { parseTemplate, type Template, type Variable } from './template.ts'

/** A rule of a method, compiled: where each field of its request comes from, and what of its reply goes out. */
export interface Binding {
  readonly method: DescMethod
  readonly httpMethod: string
  readonly template: Template
  readonly variables: readonly BoundVariable[]
  readonly body: BodyRule
  /** The field that is the reply's body; null: the whole message. */
  readonly response: DescField | null
  readonly isRawBody: boolean
  readonly isRawReply: boolean
}

export interface BoundVariable {
  readonly variable: Variable
  readonly path: FieldPath
}

export type BodyRule =
  | { readonly is: 'none' }
  /** `*`: all fields that the path does not bind; there are no query parameters. */
  | { readonly is: 'whole' }
  | { readonly is: 'field'; readonly field: DescField }

/** A rule made ready, or all that is wrong with it. */
export function bindingOf(method: DescMethod, rule: HttpRule): Binding | readonly string[] {
  const template = parseTemplate(rule.path)
  if (typeof template === 'string') return [patternProblem(rule) ?? `the template ${template}`]
  const problems: string[] = []
  const variables = template.variables.flatMap((variable) => bound(method.input, variable, problems) ?? [])
  const body = bodyOf(method.input, rule.body, problems)
  const response = rule.responseBody === '' ? null : topField(method.output, 'response_body', rule.responseBody, problems)
  const pattern = patternProblem(rule)
  if (pattern !== null) problems.push(pattern)
  if (body.is === 'field' && variables.some((each) => each.path.text === body.field.name))
    problems.push(`field "${body.field.name}" is both the body and in the path`)
  if (problems.length > 0) return problems
  const isRawBody = body.is === 'whole' ? isHttpBody(method.input) : body.is === 'field' && isSingleHttpBody(body.field)
  const isRawReply = response === null ? isHttpBody(method.output) : isSingleHttpBody(response)
  return { method, httpMethod: rule.httpMethod, template, variables, body, response, isRawBody, isRawReply }
}

/** Whether a message is `google.api.HttpBody`: raw bytes with a type of their own. */
function isHttpBody(message: DescMessage): boolean {
  return message.typeName === 'google.api.HttpBody'
}

function isSingleHttpBody(field: DescField): boolean {
  return field.fieldKind === 'message' && isHttpBody(field.message)
}

function patternProblem(rule: HttpRule): string | null {
  if (rule.httpMethod === '') return 'the rule has no pattern (get, put, post, delete, patch, or custom with a kind)'
  return rule.httpMethod === '*' || token.test(rule.httpMethod) ? null : `"${rule.httpMethod}" is no HTTP method`
}

function bound(input: DescMessage, variable: Variable, problems: string[]): BoundVariable | null {
  const path = fieldPath(input, variable.field)
  const wrong = 'unknown' in path ? path.unknown : 'wrong' in path ? path.wrong : leafProblem(path)
  if (wrong !== null) problems.push(`the path binds "${variable.field}": ${wrong}`)
  return wrong === null && 'leaf' in path ? { variable, path } : null
}

function leafProblem({ leaf }: FieldPath): string | null {
  if (leaf.fieldKind === 'list' || leaf.fieldKind === 'map') return `it ${kindOf(leaf)}`
  return leafParser(leaf) === null ? `it ${kindOf(leaf)}, which is no single value` : null
}

function bodyOf(input: DescMessage, name: string, problems: string[]): BodyRule {
  if (name === '') return { is: 'none' }
  if (name === '*') return { is: 'whole' }
  const field = topField(input, 'body', name, problems)
  return field === null ? { is: 'none' } : { is: 'field', field }
}

function topField(message: DescMessage, what: string, name: string, problems: string[]): DescField | null {
  const field = fieldOf(message, name)
  if (field !== undefined) return field
  problems.push(
    `${what}: ${message.typeName} has no field "${name}"${name.includes('.') ? ' (only a field of the message itself can be named)' : ''}`,
  )
  return null
}

const token = /^[\w!#$%&'*+.^`|~-]+$/
