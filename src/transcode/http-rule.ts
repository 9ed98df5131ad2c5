import { getExtension, hasExtension, isMessage, toJson, type DescMethod, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import { knownTypes } from './known-files.ts'

/** One binding of a method to HTTP, as its `google.api.http` says it. */
export interface HttpRule {
  /** `GET`…, what a custom pattern says, or `*`: any. '' where the rule has no pattern. */
  readonly httpMethod: string
  readonly path: string
  /** '', `*`, or the name of a field. */
  readonly body: string
  readonly responseBody: string
}

/** The rules of a method, its additional bindings behind the first; none where it is not annotated. */
export function rulesOf(method: DescMethod): readonly HttpRule[] | string {
  const options = method.proto.options
  if (options === undefined || !hasExtension(options, extension)) return []
  const value = getExtension(options, extension)
  if (!isMessage(value, schema)) return []
  const json = toJson(schema, value)
  const rule = isObject(json) ? json : {}
  const more = Array.isArray(rule['additionalBindings']) ? rule['additionalBindings'].filter(isObject) : []
  if (more.some((each) => each['additionalBindings'] !== undefined)) return 'has additional bindings within an additional binding'
  return [rule, ...more].map(ruleOf)
}

/** A rule as messages show it: `GET /v1/users/{id}`. */
export function ruleText(rule: HttpRule): string {
  return rule.httpMethod === '' ? 'a rule without a pattern' : `${rule.httpMethod} ${rule.path}`
}

function ruleOf(json: JsonObject): HttpRule {
  const custom = isObject(json['custom']) ? json['custom'] : null
  const verb = verbs.find((each) => json[each] !== undefined)
  const httpMethod = custom === null ? (verb ?? '').toUpperCase() : text(custom['kind'])
  const path = custom === null ? text(json[verb ?? 'get']) : text(custom['path'])
  return { httpMethod, path, body: text(json['body']), responseBody: text(json['responseBody']) }
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('google/api/http.proto is not whole')
  return value
}

const verbs = ['get', 'put', 'post', 'delete', 'patch']
const extension = needed(knownTypes.getExtension('google.api.http'))
const schema = needed(knownTypes.getMessage('google.api.HttpRule'))
