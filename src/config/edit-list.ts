import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, type Node, stringify, type YAMLSeq } from 'yaml'
import { cutLines, EditRefused, insertLines, lineEnd, pairEnd } from './edit-map.ts'

/** The text with one item of a list more or less, towards what is wanted: items that stay keep their place, and their comments. */
export function withItems(text: string, list: YAMLSeq, wanted: readonly unknown[]): string {
  if (list.flow) return flowList(text, list, wanted)
  const kept = list.items.map((item) => wanted.some((one) => isDeepStrictEqual(one, plain(item))))
  const gone = kept.indexOf(false)
  const other = list.items.findIndex((item, index) => kept[index] === false && isChangeOf(list, item, wanted[index]))
  if (other !== -1) return withOther(text, list.items[other], wanted[other])
  // The last item goes only when another is there: a list without items is no list.
  if (gone !== -1 && list.items.length > 1) return withoutItem(text, list.items[gone])
  const missing = wanted.find((one) => !list.items.some((item) => isDeepStrictEqual(one, plain(item))))
  if (missing === undefined) throw new EditRefused('a list changes its order')
  return withItem(text, list, missing)
}

function flowList(text: string, list: YAMLSeq, wanted: readonly unknown[]): string {
  const [start, end] = rangeOf(list)
  if (text.slice(start, end).includes('#')) throw new EditRefused('a comment stands between brackets')
  return text.slice(0, start) + JSON.stringify(wanted).replaceAll('","', '", "') + text.slice(end)
}

/** Whether an item is the same thing with another value, and not another thing: of a mapping some of it stays. */
function isChangeOf(list: YAMLSeq, item: unknown, wanted: unknown): boolean {
  if (list.items.some((one) => isDeepStrictEqual(plain(one), wanted))) return false
  if (isScalar(item)) return typeof wanted === 'string'
  return isMap(item) && item.items.some(({ key, value }) => isDeepStrictEqual(plain(value), partOf(wanted, plain(key))))
}

/** Another item in the place of one: its comment stays, and of a mapping what does not change. */
function withOther(text: string, item: unknown, wanted: unknown): string {
  if (isScalar(item) && typeof wanted !== 'object') return inPlace(text, item, wanted)
  const pair = isMap(item) ? item.items.find(({ key, value }) => !isDeepStrictEqual(plain(value), partOf(wanted, plain(key)))) : undefined
  const part = partOf(wanted, plain(pair?.key))
  if (pair === undefined || !isScalar(pair.value) || part === undefined) throw new EditRefused('an item of a list changes its form')
  return inPlace(text, pair.value, part)
}

function inPlace(text: string, node: Node, value: unknown): string {
  const [start, end] = rangeOf(node)
  return text.slice(0, start) + stringify(value, { lineWidth: 0 }).trimEnd() + text.slice(end)
}

function partOf(value: unknown, key: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined
}

function withItem(text: string, list: YAMLSeq, value: unknown): string {
  const last = list.items.at(-1)
  const lead = leadOf(text, last)
  const lines = stringify([value], { lineWidth: 0 }).trimEnd().split('\n')
  const indent = ' '.repeat(lead.indexOf('-'))
  return insertLines(
    text,
    itemEnd(last),
    lines.map((line) => indent + line),
  )
}

function withoutItem(text: string, item: unknown): string {
  leadOf(text, item)
  const [start] = rangeOf(item)
  return cutLines(text, text.lastIndexOf('\n', start - 1) + 1, lineEnd(text, itemEnd(item)))
}

/** What stands before an item on its line: its dash. */
function leadOf(text: string, item: unknown): string {
  const [start] = rangeOf(item)
  const lead = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  if (!/^ *- +$/.test(lead)) throw new EditRefused('an item of a list does not stand on a line of its own')
  return lead
}

function itemEnd(item: unknown): number {
  const last = isMap(item) && !item.flow ? item.items.at(-1) : undefined
  return last === undefined ? rangeOf(item)[1] : pairEnd(last)
}

function plain(node: unknown): unknown {
  return isMap(node) || isScalar(node) ? (node.toJSON() as unknown) : undefined
}

function rangeOf(node: unknown): readonly [number, number, number] {
  // Every node of a parsed document has a range.
  return (node as Node | null)?.range ?? [0, 0, 0]
}
