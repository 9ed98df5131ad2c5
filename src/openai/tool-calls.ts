import { checkNames, isJson, listAt, objectAt, textAt, type Json } from './fields.ts'
import { parseExact } from './json.ts'
import type { Block, PartPlace } from './parts.ts'
import { invalid, lose } from './problem.ts'

/** The `tool_use` blocks of an assistant message's `tool_calls`, in their order. */
export function toolUses(value: unknown, { at, lossy }: PartPlace): readonly Block[] {
  if (value === undefined || value === null) return []
  return listAt(value, at).map((call, k) => toolUse(objectAt(call, `${at}[${k}]`), { at: `${at}[${k}]`, lossy }))
}

/** The arguments of a function call, a text of JSON, as Claude's input: an object. */
export function inputOf(text: string, param: string): Json {
  if (text.trim() === '') return {}
  const input = parsed(text)
  if (isJson(input)) return input
  throw invalid(param, 'the JSON text of an object is expected')
}

function toolUse(call: Json, { at, lossy }: PartPlace): Block {
  const id = textAt(call['id'], `${at}.id`)
  const type = call['type'] ?? 'function'
  if (type === 'custom') {
    // Dropped it would leave its result without a call: it stays as one with a single input.
    lose(lossy, `${at}.type`, 'custom tools take text, and Claude has JSON for all')
    const custom = objectAt(call['custom'], `${at}.custom`)
    const input = { input: textAt(custom['input'], `${at}.custom.input`) }
    return { type: 'tool_use', id, name: textAt(custom['name'], `${at}.custom.name`), input }
  }
  if (type !== 'function') throw invalid(`${at}.type`, 'function is expected')
  checkNames(call, callNames, { at, lossy })
  const called = objectAt(call['function'], `${at}.function`)
  checkNames(called, functionNames, { at: `${at}.function`, lossy })
  const input = inputOf(textAt(called['arguments'], `${at}.function.arguments`), `${at}.function.arguments`)
  return { type: 'tool_use', id, name: textAt(called['name'], `${at}.function.name`), input }
}

function parsed(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

/** Clients that send a reply's message back leave what they have made of it in there, and where in a stream it stood. */
const callNames: ReadonlySet<string> = new Set(['id', 'type', 'function', 'index'])
const functionNames: ReadonlySet<string> = new Set(['name', 'arguments', 'parsed_arguments'])
