import { RelayError } from '../base/errors.ts'
import type { Asked } from '../engine/call.ts'
import { TopFields } from '../protocol/top-fields.ts'
import { TopNames } from '../protocol/top-names.ts'

/** A reader of the fields that decide what a call costs. */
export function askedFields(): TopFields {
  return new TopFields(names)
}

/** What the fields say. A text that is not one JSON object says nothing. */
export function askedOf(fields: TopFields, bytes: number, whole: Buffer | null): Asked {
  if (fields.isOver || (whole !== null && !fields.isComplete)) return notAsked(bytes)
  return { model: textOf(fields.raw(0)), maxTokens: countOf(fields.raw(1)), bytes, body: whole }
}

/** What a body asks for that could not be read. */
export function notAsked(bytes: number): Asked {
  return { model: null, maxTokens: null, bytes, body: null }
}

/** A body that says one of these twice: which of the two counts is anybody's guess. */
export function doubledField(name: string): RelayError {
  return new RelayError('bad_request', `${name} stands in the request body more than once`)
}

/** Whether all that is asked for is known: nothing that follows can change it, but a double. */
export function isKnown({ found, isComplete, isOver }: TopFields): boolean {
  return (found & 3) === 3 || isComplete || isOver
}

/** Whether the model is known: nothing that follows can change it, but a double. */
export function isModelKnown({ found, isComplete, isOver }: TopFields): boolean {
  return (found & 1) === 1 || isComplete || isOver
}

const names = new TopNames('model', 'max_tokens', 'stream')

function textOf(raw: string | null): string | null {
  // Most calls ask for the model that the one before asked for: the same string, not one like it.
  if (raw !== lastRaw) {
    lastText = raw?.[0] === '"' ? parsedText(raw) : null
    lastRaw = raw
  }
  return lastText
}

function parsedText(raw: string): string | null {
  try {
    const text: unknown = JSON.parse(Buffer.from(raw, 'latin1').toString('utf8'))
    return typeof text === 'string' ? text : null
  } catch {
    return null
  }
}

function countOf(raw: string | null): number | null {
  if (raw === null) return null
  const count = number.test(raw) ? Number(raw) : -1
  return Number.isSafeInteger(count) && count >= 0 ? count : null
}

let lastRaw: string | null = null
let lastText: string | null = null
/** A number as JSON writes it. */
const number = /^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
