import { type Findings, type KeyPath, shown } from './findings.ts'
import type { FieldMatchPlan, WhenPlan } from './plan-translate.ts'
import type { WhenFile } from './schema-when.ts'

/** The conditions of a route; null: none. */
export function readWhen(written: WhenFile | undefined, path: KeyPath, found: Findings): WhenPlan | null {
  if (written === undefined) return null
  const { model } = written
  const when = {
    headers: readFields(written.header, [...path, 'header'], (name) => headerName(name, [...path, 'header', name], found)),
    query: readFields(written.query, [...path, 'query'], (name) => queryName(name, [...path, 'query', name], found)),
    models: model === undefined ? null : typeof model === 'string' ? [model] : model,
  }
  return when.headers.length + when.query.length === 0 && when.models === null ? null : when

  function readFields(fields: WhenFile['header'], at: KeyPath, readName: (name: string) => string | undefined): readonly FieldMatchPlan[] {
    const made = Object.entries(fields ?? {}).flatMap(([written, value]) => {
      const name = readName(written)
      return name === undefined ? [] : [{ name, ...matched(value) }]
    })
    const twice = made.find(({ name }, index) => made.findIndex((one) => one.name === name) !== index)
    if (twice !== undefined) found.addKey(at, `${shown(twice.name)} stands here twice`, 'keep one of them, with a list of values')
    return made
  }
}

/** A header field's name in lower case; undefined when it is none, which is told. */
export function headerName(written: string, path: KeyPath, found: Findings): string | undefined {
  const name = written.toLowerCase()
  if (/^[!#$%&'*+\-.^_`|~0-9a-z]{1,256}$/.test(name)) return name
  found.addKey(path, `${shown(written)} is not the name of a header field`, 'use letters, digits and dashes')
  return undefined
}

/** A query parameter's name; undefined when it is none, which is told. */
export function queryName(written: string, path: KeyPath, found: Findings): string | undefined {
  if (written !== '' && written.length <= 256) return written
  found.addKey(path, `${shown(written)} is not the name of a query parameter`, 'use at least one character and at most 256')
  return undefined
}

/** One text for the same conditions, in whatever order they are written. */
export function whenId(when: WhenPlan | null): string {
  if (when === null) return ''
  const fields = (all: readonly FieldMatchPlan[]): readonly string[] =>
    all.map(({ name, values, isAbsent }) => JSON.stringify([name, values?.toSorted() ?? null, isAbsent])).toSorted()
  return JSON.stringify([fields(when.headers), fields(when.query), when.models?.toSorted() ?? null])
}

function matched(value: boolean | string | readonly string[]): Omit<FieldMatchPlan, 'name'> {
  if (typeof value === 'boolean') return { values: null, isAbsent: !value }
  return { values: typeof value === 'string' ? [value] : value, isAbsent: false }
}
