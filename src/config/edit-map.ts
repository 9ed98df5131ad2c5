import { isMap, isScalar, type Node, type Pair, stringify, type YAMLMap } from 'yaml'

/** Why a text cannot be edited for somebody. */
export class EditRefused extends Error {}

/** The text with a pair put in after the last one of a map. */
export function insertPair(text: string, map: YAMLMap, key: string, value: unknown): string {
  const last = map.items.at(-1)
  if (map.flow) return insertFlow(text, map, flowPair(key, value))
  if (last === undefined) throw new EditRefused('a mapping without braces and without keys')
  return insertLines(text, pairEnd(last), blockLines(key, value, indentOf(text, last)))
}

/** The text with whole lines put in behind the line on which something ends. */
export function insertLines(text: string, end: number, lines: readonly string[]): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const at = lineEnd(text, end)
  const before = text.slice(0, at)
  // The last line of a text may lack its end; so will the new last line.
  const open = before !== '' && !before.endsWith('\n')
  const body = lines.join(eol)
  return `${before}${open ? eol : ''}${body}${open ? '' : eol}${text.slice(at)}`
}

/** The lines of a pair in block style. */
export function blockLines(key: string, value: unknown, indent: string): readonly string[] {
  const written = stringify({ [key]: value }, { lineWidth: 0, indent: 2 }).trimEnd()
  return written.split('\n').map((line) => indent + line)
}

/** The text without a pair of a map; comments outside of the pair stay. */
export function removePair(text: string, map: YAMLMap, pair: Pair): string {
  if (map.flow) return removeFlow(text, map, pair)
  const start = text.lastIndexOf('\n', keyStart(pair) - 1) + 1
  indentOf(text, pair)
  return cutLines(text, start, lineEnd(text, pairEnd(pair)))
}

/** The text without whole lines. */
export function cutLines(text: string, start: number, end: number): string {
  const before = text.slice(0, start)
  const isLast = end === text.length && !text.endsWith('\n')
  return (isLast ? before.replace(/\r?\n$/, '') : before) + text.slice(end)
}

/** Where a pair's key begins. */
export function keyStart(pair: Pair): number {
  return rangeOf(pair.key)[0]
}

/** Where a pair ends, the comment behind it and what follows left out. */
export function pairEnd(pair: Pair): number {
  const { key, value } = pair
  if (value === null || (isScalar(value) && value.value === null && !value.source)) return rangeOf(key)[1]
  const last = isMap(value) && !value.flow ? value.items.at(-1) : undefined
  return last === undefined ? rangeOf(value)[1] : pairEnd(last)
}

/** The end of the line on which an offset lies; an offset just behind a line's end belongs to that line. */
export function lineEnd(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset
  const next = text.indexOf('\n', offset)
  return next === -1 ? text.length : next + 1
}

/** A pair between braces, in a form that both YAML and JSON read. */
export function flowPair(key: string, value: unknown): string {
  return `${JSON.stringify(key)}: ${JSON.stringify(value)}`
}

/** The text with an entry put in behind the last one of a map between braces. */
export function insertFlow(text: string, map: YAMLMap, entry: string): string {
  const last = map.items.at(-1)
  if (last === undefined) {
    const inside = rangeOf(map)[0] + 1
    return text.slice(0, inside) + entry + text.slice(inside)
  }
  const lead = /\n[ \t]*$/.exec(text.slice(0, keyStart(last)))?.[0]
  const end = pairEnd(last)
  return `${text.slice(0, end)},${lead === undefined ? ' ' : lead}${entry}${text.slice(end)}`
}

function removeFlow(text: string, map: YAMLMap, pair: Pair): string {
  const index = map.items.indexOf(pair)
  const before = map.items[index - 1]
  const after = map.items[index + 1]
  const start = before === undefined ? keyStart(pair) : pairEnd(before)
  const end = before === undefined && after !== undefined ? keyStart(after) : pairEnd(pair)
  const gap = text.slice(start, keyStart(pair)) + text.slice(pairEnd(pair), end)
  if (gap.includes('#')) throw new EditRefused('a comment between braces stands beside it')
  return text.slice(0, start) + text.slice(end)
}

function indentOf(text: string, pair: Pair): string {
  const start = keyStart(pair)
  const indent = text.slice(text.lastIndexOf('\n', start - 1) + 1, start).replace(/^\ufeff/, '')
  if (/[^ ]/.test(indent)) throw new EditRefused('something stands before the key on its line')
  return indent
}

function rangeOf(node: unknown): readonly [number, number, number] {
  // Every node of a parsed document has a range.
  return (node as Node | null)?.range ?? [0, 0, 0]
}
