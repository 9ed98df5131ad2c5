import type { DescField } from '@bufbuild/protobuf'
import { isReflectList, isReflectMap, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import type { Binding } from './binding.ts'
import { fieldPath, holderOf, keyParser, kindOf, leafParser, parsed, setSame, type FieldPath } from './field-path.ts'
import { decodeQuery } from './percent.ts'
import { bad, said, shown } from './problem.ts'

/** Puts the parameters of a query into a message; those that the binding does not leave to the query are a bad_request. */
export function bindQuery(message: ReflectMessage, query: string, binding: Binding, discardUnknown: boolean): void {
  const seen = new Set<string>()
  for (let from = 0; from < query.length;) {
    const to = query.indexOf('&', from)
    const part = query.slice(from, to < 0 ? undefined : to)
    from = to < 0 ? query.length : to + 1
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decodeQuery(equals < 0 ? part : part.slice(0, equals))
    const value = equals < 0 ? '' : decodeQuery(part.slice(equals + 1))
    bindParameter(message, { name, value, binding, discardUnknown, seen })
  }
}

interface Parameter {
  readonly name: string
  readonly value: string
  readonly binding: Binding
  readonly discardUnknown: boolean
  /** Paths of singular fields that a parameter has set. */
  readonly seen: Set<string>
}

function bindParameter(message: ReflectMessage, parameter: Parameter): void {
  const { name, value, binding, discardUnknown, seen } = parameter
  const entry = name.endsWith(']') ? entryName.exec(name) : null
  const path = fieldPath(message.desc, entry?.[1] ?? name)
  const noField = 'unknown' in path ? path.unknown : binding.body.is === 'whole' ? 'this path takes its fields from the body' : null
  if (noField !== null) {
    if (discardUnknown) return
    throw bad(`query parameter ${shown(name)}: ${noField}`)
  }
  if (!('leaf' in path)) throw bad(`query parameter ${shown(name)}: ${'wrong' in path ? path.wrong : ''}`)
  if (binding.body.is === 'field' && (path.through[0] ?? path.leaf) === binding.body.field)
    throw bad(`query parameter ${shown(name)}: "${binding.body.field.name}" is the body`)
  if (path.leaf.fieldKind === 'map') return bindEntry(message, path, entry?.[2], value)
  if (entry !== null) throw bad(`query parameter ${shown(name)}: "${path.text}" ${kindOf(path.leaf)}, not a map`)
  if (path.leaf.fieldKind === 'list') return bindElement(message, path, value)
  if (seen.has(path.text)) throw bad(`query parameter ${shown(name)} is said more than once, and "${path.text}" is not repeated`)
  seen.add(path.text)
  setSame(message, path, value, { where: 'query', isSaid: binding.variables.some((bound) => bound.path.text === path.text) })
}

function bindElement(message: ReflectMessage, path: FieldPath, text: string): void {
  const list = holderOf(message, path).get(path.leaf)
  if (!isReflectList(list)) throw new Error(`${path.text} is no list`)
  const value = parsed(leafParser(path.leaf), path, text)
  adding(path, () => list.add(value))
}

function bindEntry(message: ReflectMessage, path: FieldPath, key: string | undefined, text: string): void {
  if (key === undefined) throw bad(`field "${path.text}" is a map: say ${shown(`${path.text}[key]=value`)}`)
  const holder = holderOf(message, path)
  const map = holder.get(path.leaf)
  if (!isMap(path.leaf) || !isReflectMap(map)) throw new Error(`${path.text} is no map`)
  const mapKey = parsed(keyParser(path.leaf), path, key)
  const value = parsed(leafParser(path.leaf), path, text)
  if (map.has(mapKey)) throw bad(`field "${path.text}": the key ${shown(key)} is said more than once`)
  adding(path, () => map.set(mapKey, value))
}

function adding(path: FieldPath, add: () => unknown): void {
  try {
    add()
  } catch (error) {
    throw bad(`field "${path.text}": ${said(error)}`, error)
  }
}

function isMap(field: DescField): field is DescField & { readonly fieldKind: 'map' } {
  return field.fieldKind === 'map'
}

/** `labels[key]`: up to the first bracket the field, up to the last one the key. */
const entryName = /^([^[]*)\[(.*)\]$/s
