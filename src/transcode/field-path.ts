import { equals, type DescField, type DescMessage } from '@bufbuild/protobuf'
import { isReflectMessage, reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import { bad, said, shown } from './problem.ts'
import { parserOf, scalarParser, type Parse } from './values.ts'

/** The way from a message to a field, through messages within it. */
export interface FieldPath {
  /** By the names of the descriptors, whatever names it was asked by. */
  readonly text: string
  readonly through: readonly DescField[]
  readonly leaf: DescField
}

/** A field by its name or its JSON name. */
export function fieldOf(message: DescMessage, name: string): DescField | undefined {
  return namesOf(message).get(name)
}

/** The field that a dotted path of names leads to, or why it leads nowhere: an unknown name, or a way through what is no single message. */
export function fieldPath(message: DescMessage, names: string): FieldPath | { readonly unknown: string } | { readonly wrong: string } {
  const direct = fieldOf(message, names)
  if (direct !== undefined) return { text: direct.name, through: [], leaf: direct }
  const through: DescField[] = []
  let within = message
  const steps = names.split('.')
  for (const [at, name] of steps.entries()) {
    const field = fieldOf(within, name)
    if (field === undefined) return { unknown: `${within.typeName} has no field "${name}"` }
    if (at === steps.length - 1) return { text: [...through, field].map((each) => each.name).join('.'), through, leaf: field }
    if (field.fieldKind !== 'message' || leafParser(field) !== null)
      return { wrong: `"${name}" of ${within.typeName} ${kindOf(field)}, and has no fields of its own here` }
    through.push(field)
    within = field.message
  }
  return { unknown: 'it is empty' }
}

/** How the text of a singular field, or of one element of a repeated one, is read; null: it is a message. */
export function leafParser(field: DescField): Parse | null {
  const there = parsers.get(field)
  if (there !== undefined) return there
  const made = parserOf(field)
  parsers.set(field, made)
  return made
}

/** How the key of a map field is read. */
export function keyParser(field: DescField & { readonly fieldKind: 'map' }): Parse {
  return scalarParser(field.mapKey)
}

/** The message that holds the last field of a path, made where it is not there yet. Another field of a oneof on the way is a bad_request. */
export function holderOf(message: ReflectMessage, path: FieldPath): ReflectMessage {
  let within = message
  for (const field of path.through) {
    refuseOther(within, field, path)
    if (!within.isSet(field)) within.set(field, reflect(messageOf(field)))
    within = messageAt(within, field)
  }
  refuseOther(within, path.leaf, path)
  return within
}

/** What says a value, for messages, and whether the field has been said before (also where it has its default since then). */
export interface Saying {
  readonly where: 'path' | 'query'
  readonly isSaid: boolean
}

/** Sets a singular field; where it has a value already, that has to be the same. */
export function setSame(message: ReflectMessage, path: FieldPath, text: string, { where, isSaid }: Saying): void {
  const holder = holderOf(message, path)
  const value = parsed(leafParser(path.leaf), path, text)
  if ((isSaid || holder.isSet(path.leaf)) && !isSame(holder.get(path.leaf), value))
    throw bad(`field "${path.text}" is said twice, and differently: the ${where} says ${shown(text)}`)
  put(holder, path, value)
}

/** Sets a field to what a parser made. */
function put(holder: ReflectMessage, path: FieldPath, value: unknown): void {
  try {
    holder.set(path.leaf, value)
  } catch (error) {
    throw bad(`field "${path.text}": ${said(error)}`, error)
  }
}

/** The text of a field as a value; a bad_request that names the field where it is none. */
export function parsed(parse: Parse | null, path: FieldPath, text: string): unknown {
  if (parse === null) throw bad(`field "${path.text}" is a ${path.leaf.message?.typeName ?? 'message'}, which is no single value`)
  try {
    return parse(text)
  } catch (error) {
    throw bad(`field "${path.text}": ${said(error)}`, error)
  }
}

/** What kind of field it is, for messages. */
export function kindOf(field: DescField): string {
  if (field.fieldKind === 'list') return 'is repeated'
  return field.fieldKind === 'map' ? 'is a map' : `is a ${field.message?.typeName ?? 'single value'}`
}

function refuseOther(within: ReflectMessage, field: DescField, path: FieldPath): void {
  const other = field.oneof === undefined ? undefined : within.oneofCase(field.oneof)
  if (other !== undefined && other !== field)
    throw bad(`field "${path.text}": only one of ${field.oneof?.name} can be said, and "${other.name}" is said already`)
}

function messageOf(field: DescField): DescMessage {
  if (field.message === undefined) throw new Error(`${String(field)} is no message`)
  return field.message
}

function messageAt(within: ReflectMessage, field: DescField): ReflectMessage {
  const value = within.get(field)
  if (!isReflectMessage(value)) throw new Error(`${String(field)} is no message`)
  return value
}

function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0
  if (isReflectMessage(one) && isReflectMessage(other)) return equals(one.desc, one.message, other.message)
  return Object.is(one, other)
}

function namesOf(message: DescMessage): ReadonlyMap<string, DescField> {
  const there = names.get(message)
  if (there !== undefined) return there
  const byJson = message.fields.map((field) => [field.jsonName, field] as const)
  const made = new Map([...byJson, ...message.fields.map((field) => [field.name, field] as const)])
  names.set(message, made)
  return made
}

const names = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>()
const parsers = new WeakMap<DescField, Parse | null>()
