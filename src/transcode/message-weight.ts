import type { DescField, DescMessage } from '@bufbuild/protobuf'

/** Values that one message is made of at most, as JSON or as protobuf: what takes more keeps all others waiting for too long. */
export const mostValues = 100_000

/** What a number costs, of what other values do. */
export const ofNumber = 0.5

/** What is wrong with a message of more. */
export const tooManyValues = `it is made of more than ${mostValues} values`

/** What a message costs besides what is in it: all of its fields are gone through, and written where defaults are. */
export function weightOf(of: DescMessage, writesDefaults: boolean): number {
  return of.fields.length / (writesDefaults ? 4 : 8)
}

/** What can be in a message. */
interface Reach {
  /** Of all messages within it that with the most fields. */
  readonly mostFields: number
  /** A `google.protobuf.FieldMask` can be in it. */
  readonly hasMask: boolean
}

/** What can be in a message; found once. */
export function reachOf(of: DescMessage): Reach {
  const there = reaches.get(of)
  if (there !== undefined) return there
  const within = new Set<DescMessage>()
  const waiting = [of]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
    for (const { message } of next.fields) {
      if (message === undefined || within.has(message)) continue
      within.add(message)
      waiting.push(message)
    }
  const all = [...within]
  const made = {
    mostFields: Math.max(0, ...all.map((each) => (isAny(each) ? ofAny : each.fields.length))),
    hasMask: [of, ...all].some((each) => isAny(each) || isMask(each)),
  }
  reaches.set(of, made)
  return made
}

/** The longest message that cannot have too many values, whatever it says. */
export function surelyFits(of: DescMessage, writesDefaults: boolean): number {
  return mostValues / (1 + reachOf(of).mostFields / (writesDefaults ? 4 : 8))
}

/** Whether it holds any message at all. */
export function isAny(of: DescMessage): boolean {
  return of.typeName === 'google.protobuf.Any'
}

/** Whether it is the names of fields, which cost by their letters. */
export function isMask(of: DescMessage): boolean {
  return of.typeName === 'google.protobuf.FieldMask'
}

/** What the letters of a mask's names cost. */
export function maskWeight(letters: number): number {
  return letters / 4
}

/** A field by its number. */
export function fieldByNumber(of: DescMessage, number: number): DescField | undefined {
  let fields = numbers.get(of)
  if (fields === undefined) numbers.set(of, (fields = new Map(of.fields.map((field) => [field.number, field]))))
  return fields.get(number)
}

const reaches = new WeakMap<DescMessage, Reach>()
const numbers = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>()
/** Nobody knows what is in an Any: a message with this many fields. */
const ofAny = 16
