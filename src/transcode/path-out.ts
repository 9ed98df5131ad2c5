import { ScalarType, type DescField, type JsonObject, type JsonValue } from '@bufbuild/protobuf'
import type { Binding, BoundVariable } from './binding.ts'
import { defaultJson, isJsonObject } from './codec.ts'
import type { FieldPath } from './field-path.ts'
import { decodeSegment, encode } from './percent.ts'
import { shown } from './problem.ts'
import type { Segment } from './template.ts'

/** The path that a template makes of a message's fields, or why it makes none. */
export function pathOf({ template, variables }: Binding, json: JsonValue): { readonly path: string } | { readonly wrong: string } {
  const parts: string[] = []
  for (let at = 0; at < template.segments.length;) {
    const bound = variables.find(({ variable }) => variable.from === at)
    const filled = bound === undefined ? unbound(template.segments[at]) : fill(template.segments, bound, json)
    if (typeof filled === 'string') return { wrong: filled }
    parts.push(...filled)
    at = bound === undefined ? at + 1 : bound.variable.to
  }
  return { path: `/${parts.join('/')}${template.verb === '' ? '' : `:${template.verb}`}` }
}

/** The JSON of a field within a message's JSON; undefined: it is not set, or has its default. */
function jsonAt(json: JsonValue, path: FieldPath): JsonValue | undefined {
  let within: JsonValue | undefined = json
  for (const field of [...path.through, path.leaf]) within = isJsonObject(within) ? within[field.jsonName] : undefined
  return within
}

/** A single value as the text of a path or a query; what `values.ts` reads. */
export function textOf(field: DescField, value: JsonValue): string {
  const isBytes = field.scalar === ScalarType.BYTES || field.message?.typeName === 'google.protobuf.BytesValue'
  if (isBytes && typeof value === 'string') return value.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  if (field.enum?.typeName === 'google.protobuf.NullValue') return 'NULL_VALUE'
  return jsonTexts.has(field.message?.typeName ?? '') || typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** JSON without the fields that are in the path. */
export function withoutBound(json: JsonObject, variables: readonly BoundVariable[]): JsonObject {
  let left = json
  for (const { path } of variables) left = without(left, [...path.through, path.leaf])
  return left
}

function without(json: JsonObject, [field, ...more]: readonly DescField[]): JsonObject {
  const inner = field === undefined ? undefined : json[field.jsonName]
  if (field === undefined || inner === undefined) return json
  const { [field.jsonName]: _, ...left } = json
  return more.length === 0 || !isJsonObject(inner) ? left : { ...left, [field.jsonName]: without(inner, more) }
}

function unbound(segment: Segment | undefined): readonly string[] | string {
  if (segment === undefined || segment.is === 'rest') return []
  return segment.is === 'literal' ? [segment.text] : 'a "*" of the path has no field'
}

function fill(segments: readonly Segment[], { variable, path }: BoundVariable, json: JsonValue): readonly string[] | string {
  const text = textOf(path.leaf, jsonAt(json, path) ?? defaultJson(path.leaf) ?? '')
  const values = variable.isOne ? [text] : text === '' ? [] : text.split('/')
  const pattern = segments.slice(variable.from, variable.to)
  const unfit = values.find((value, at) => isUnfit(value, at > 0 && at === values.length - 1 && pattern.at(-1)?.is === 'rest'))
  if (unfit !== undefined)
    return `field "${path.text}" has ${shown(text)}, and ${unfit === '' ? 'an empty segment' : shown(unfit)} cannot stand in a path`
  const isFitting = pattern.at(-1)?.is === 'rest' ? values.length >= pattern.length - 1 : values.length === pattern.length
  const fits = isFitting && pattern.every((segment, at) => segment.is !== 'literal' || decodeSegment(segment.text) === values[at])
  return fits ? values.map(encode) : `field "${path.text}" has ${shown(text)}, which does not fit "${pattern.map(segmentText).join('/')}"`
}

/** Nothing, and what every reader of a path takes for a step up or on the spot, escaped or not: a message must not choose another path. */
function isUnfit(value: string, mayBeEmpty: boolean): boolean {
  return value === '.' || value === '..' || (value === '' && !mayBeEmpty)
}

function segmentText(segment: Segment): string {
  return segment.is === 'literal' ? segment.text : segment.is === 'one' ? '*' : '**'
}

const jsonTexts: ReadonlySet<string> = new Set(['google.protobuf.Value', 'google.protobuf.Struct', 'google.protobuf.ListValue'])
