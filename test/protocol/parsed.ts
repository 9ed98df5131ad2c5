import { Head, type Refusal } from '../../src/protocol/head.ts'
import { RequestHead } from '../../src/protocol/request.ts'

/** Field lines as a head, or why they are none. */
export function fields(lines: readonly string[], maxFields = 100): Head | Refusal {
  const bytes = Buffer.from(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1')
  const head = new Head()
  return head.parse(bytes, 0, bytes.length - 2, maxFields) ?? head
}

/** Field lines that are known to be good. */
export function goodFields(...lines: readonly string[]): Head {
  const head = fields(lines)
  if (!(head instanceof Head)) throw new Error(head.message)
  return head
}

/** A request head, or why it is none. */
export function requestOf(...lines: readonly string[]): RequestHead | Refusal {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  const head = new RequestHead()
  return head.parse(bytes, 0, bytes.length - 2, 100) ?? head
}

/** Why it was refused, or null. */
export function refusalOf(parsed: object | number): string | null {
  return typeof parsed === 'object' && 'failure' in parsed ? (parsed as Refusal).failure : null
}
