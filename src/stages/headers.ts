import { RelayError } from '../base/errors.ts'
import type { Call, Stage } from '../engine/call.ts'
import { isFieldValue } from '../protocol/bytes.ts'
import { fieldLine, fieldName, type Edits, type FieldName } from '../protocol/edits.ts'

/** One change to a head; the value is text and variables in turn. */
export type HeaderRule =
  | { readonly op: 'set' | 'add'; readonly name: string; readonly value: readonly ValuePart[] }
  | { readonly op: 'remove'; readonly name: string }

export type ValuePart = { readonly text: string } | { readonly variable: Variable }
export type Variable = 'request.id' | 'route' | 'client.address' | 'now' | 'method' | 'path'

/** Adds, sets and removes fields of requests and replies by rules. A value without variables is made into bytes once, here. */
export function headers(request: readonly HeaderRule[], reply: readonly HeaderRule[]): Stage {
  const onRequest = request.map(compiled)
  const onReply = reply.map(compiled)
  if (onReply.length === 0) {
    return (call, next) => {
      for (const change of onRequest) change(call, call.edits)
      return next(call)
    }
  }
  return async (call, next) => {
    for (const change of onRequest) change(call, call.edits)
    const answer = await next(call)
    for (const change of onReply) change(call, answer.edits)
    return answer
  }
}

type Change = (call: Call, edits: Edits) => void

function compiled(rule: HeaderRule): Change {
  const name = fieldName(rule.name)
  if (rule.op === 'remove') return (_call, edits) => edits.remove(name)
  const apply = rule.op === 'set' ? setLine : addLine
  if (rule.value.every((part) => 'text' in part)) {
    const line = fieldLine(name, rule.value.map((part) => ('text' in part ? part.text : '')).join(''))
    return (_call, edits) => apply(edits, name, line)
  }
  return (call, edits) => apply(edits, name, lineFor(call, name, rule.value))
}

function setLine(edits: Edits, name: FieldName, line: Buffer): void {
  edits.setLine(name, line)
}

function addLine(edits: Edits, name: FieldName, line: Buffer): void {
  edits.dropTwins(name)
  edits.line(line)
}

function lineFor(call: Call, name: FieldName, parts: readonly ValuePart[]): Buffer {
  const value = parts.map((part) => ('text' in part ? part.text : valueOf(call, part.variable))).join('')
  // Variables come from parsed heads, so this cannot happen; if it does, nothing goes out.
  if (!isFieldValue(value)) throw new RelayError('internal', `the value for ${name.text} cannot stand in a header field`)
  return fieldLine(name, value)
}

function valueOf(call: Call, variable: Variable): string {
  switch (variable) {
    case 'request.id':
      return call.id
    case 'route':
      return call.route.name
    case 'client.address':
      return call.caller.address
    case 'now':
      return new Date().toISOString()
    case 'method':
      return call.head.method
    case 'path':
      return call.head.path
  }
}
