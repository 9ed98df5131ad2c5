import type { z } from 'zod'
import { type Findings, type KeyPath, shown } from './findings.ts'
import { keysAt } from './json-schema.ts'
import { nearest } from './nearest.ts'

type Issue = z.core.$ZodIssue

/** What the schema found wrong, in relay's own words; `raw` is what was parsed. */
export function schemaFindings(issues: readonly Issue[], raw: unknown, into: Findings): void {
  for (const issue of issues) tell(issue, issue.path.map(plainKey), { raw, into })
}

interface Telling {
  readonly raw: unknown
  readonly into: Findings
}

function tell(issue: Issue, path: KeyPath, telling: Telling): void {
  const { into, raw } = telling
  if (issue.code === 'invalid_union') return tellUnion(issue.errors, path, telling)
  if (issue.code === 'unrecognized_keys') return issue.keys.forEach((key) => tellUnknownKey([...path, key], into))
  const value = secretive(path) ? 'what is written' : shown(valueAt(raw, path))
  if (issue.code === 'invalid_type') return tellType([issue.expected], path, telling)
  if (issue.code === 'invalid_value')
    return into.add(path, `${value} is none of ${issue.values.join(', ')}`, meant(valueAt(raw, path), issue.values))
  if (issue.code === 'too_small') return into.add(path, `${value} is too small`, `write at least ${issue.minimum}${unit(issue.origin)}`)
  if (issue.code === 'too_big') return into.add(path, `${value} is too big`, `write at most ${issue.maximum}${unit(issue.origin)}`)
  const remedy: unknown = issue.code === 'custom' ? issue.params?.['remedy'] : undefined
  into.add(path, issue.message, typeof remedy === 'string' ? remedy : 'see `relay config schema` for what may stand here')
}

// Of the forms that a value may have, the one that was meant is the one whose type fits: its problems are the ones to tell.
function tellUnion(options: readonly (readonly Issue[])[], path: KeyPath, telling: Telling): void {
  const flat = options.flatMap((issues) => unnested(issues))
  const fitting = flat.filter((issues) => !issues.some((issue) => issue.path.length === 0 && isKind(issue)))
  const best = fitting.toSorted((a, b) => score(a) - score(b))[0]
  if (best !== undefined) return best.forEach((issue) => tell(issue, [...path, ...issue.path.map(plainKey)], telling))
  const expected = flat
    .flat()
    .flatMap((issue) => (issue.code === 'invalid_type' ? [issue.expected] : issue.code === 'invalid_value' ? issue.values.map(String) : []))
  tellType([...new Set(expected)], path, telling)
}

function unnested(issues: readonly Issue[]): readonly (readonly Issue[])[] {
  const [only] = issues
  return only?.code === 'invalid_union' && only.path.length === 0 ? only.errors.flatMap(unnested) : [issues]
}

function isKind(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value'
}

function score(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0)
}

function tellType(expected: readonly string[], path: KeyPath, { raw, into }: Telling): void {
  const value = valueAt(raw, path)
  const wanted = expected.map((type) => names[type] ?? type).join(' or ')
  if (value === undefined) return into.add(path, 'is missing', `add it: ${wanted}`)
  const isSecret = secretive(path)
  const found = isSecret ? 'something else' : shown(value)
  const words = expected.filter((type) => !Object.hasOwn(names, type))
  const close = isSecret || typeof value !== 'string' ? undefined : nearest(value, words)
  if (close !== undefined) return into.add(path, `expected ${wanted}, found ${found}`, `did you mean '${close}'?`)
  into.add(path, `expected ${wanted}, found ${found}`, remedies[expected[0] ?? ''] ?? `write ${wanted}`)
}

function tellUnknownKey(path: KeyPath, into: Findings): void {
  const key = String(path.at(-1))
  const keys = keysAt(path.slice(0, -1))
  const close = nearest(key, keys)
  into.addKey(
    path,
    `${shown(key)} is not a key of relay`,
    close === undefined ? `keys that may stand here: ${keys.join(', ')}` : `did you mean '${close}'?`,
  )
}

const names: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  null: 'nothing',
}

const remedies: Readonly<Record<string, string>> = {
  string: 'write a string; put quotes around what YAML takes for something else',
  object: 'write a mapping, one key a line',
  record: 'write a mapping, one key a line',
  array: 'write a list, one `- ` a line',
  boolean: 'write true or false',
}

function meant(value: unknown, values: readonly unknown[]): string {
  const close = typeof value === 'string' ? nearest(value, values.map(String)) : undefined
  return close === undefined ? `write one of ${values.join(', ')}` : `did you mean '${close}'?`
}

function unit(origin: string): string {
  return origin === 'array' ? ' entries' : origin === 'string' ? ' characters' : ''
}

function secretive(path: KeyPath): boolean {
  return ['credential', 'set', 'add', 'keys'].some((key) => path.includes(key)) || path[0] === 'redis'
}

function plainKey(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? String(key) : key
}

function valueAt(raw: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined), raw)
}

// An array answers to its indexes just as a mapping to its keys.
function isRecord(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === 'object' && value !== null
}
