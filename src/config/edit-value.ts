import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, isSeq, type Node, type Pair, stringify, type YAMLMap } from 'yaml'
import { readDocument } from './document.ts'
import { blockLines, EditRefused, flowPair, insertFlow, insertLines, insertPair, keyStart, pairEnd, removePair } from './edit-map.ts'
import { withItems } from './edit-list.ts'

type Values = Readonly<Record<string, unknown>>

// More than any command changes: an edit that does not come to its end is refused.
const mostSteps = 200

/** The text with `wanted` as the mapping at a key of its root: one small edit after the other until it reads so, comments and all else kept. */
export function withValue(text: string, key: string, wanted: Values): string {
  let now = text
  for (let step = 0; step < mostSteps; step++) {
    const { contents } = readDocument(now).doc
    const next = rootStep(now, contents, { key, wanted })
    if (next === now) return now
    now = next
  }
  throw new EditRefused('too much of it would change')
}

function rootStep(text: string, root: unknown, { key, wanted }: { readonly key: string; readonly wanted: Values }): string {
  if (!isMap(root)) return insertLines(text, text.length, blockLines(key, wanted, ''))
  const pair = pairOf(root, key)
  if (pair !== undefined) return pairStep(text, root, { pair, wanted })
  const last = root.items.at(-1)
  if (last === undefined || root.flow) return insertFlow(text, root, flowPair(key, wanted))
  return insertLines(text, pairEnd(last), blockLines(key, wanted, ''))
}

interface Step {
  readonly pair: Pair
  readonly wanted: unknown
}

/** One edit that brings a pair nearer to what is wanted; the same text when nothing is left to do. */
function pairStep(text: string, map: YAMLMap, { pair, wanted }: Step): string {
  const { value } = pair
  if (isDeepStrictEqual(plain(value), wanted)) return text
  if (isMap(value) && isRecord(wanted)) return mapStep(text, { map, pair, value, wanted })
  if (isSeq(value) && Array.isArray(wanted)) return withItems(text, value, wanted)
  if (isEmpty(value) && isRecord(wanted) && Object.keys(wanted).length > 0 && !map.flow) return blockValue(text, pair, wanted)
  // A mapping that is empty in the end gets braces: nothing at all would mean that it was never written.
  if (isEmpty(value)) return spliced(text, colonEnd(text, pair), colonEnd(text, pair), ` ${flowText(wanted, map)}`)
  const [start, end] = rangeOf(value)
  return spliced(text, start, end, flowText(wanted, map))
}

interface MapStep {
  /** What the pair stands in. */
  readonly map: YAMLMap
  readonly pair: Pair
  readonly value: YAMLMap
  readonly wanted: Values
}

function mapStep(text: string, { map, pair, value, wanted }: MapStep): string {
  const keys = Object.keys(wanted)
  if (value.items.length === 0 && !map.flow) return blockValue(withoutValue(text, pair), pair, wanted)
  for (const key of keys) {
    const inner = pairOf(value, key)
    const next =
      inner === undefined ? insertPair(text, value, key, wanted[key]) : pairStep(text, value, { pair: inner, wanted: wanted[key] })
    if (next !== text) return next
  }
  const gone = value.items.find(({ key }) => !(isScalar(key) && keys.includes(String(key.value))))
  return gone === undefined ? text : removePair(text, value, gone)
}

/** Lines below a key that has no value yet. */
function blockValue(text: string, pair: Pair, wanted: Values): string {
  const start = keyStart(pair)
  const indent = /^ */.exec(text.slice(text.lastIndexOf('\n', start - 1) + 1))?.[0] ?? ''
  const lines = Object.entries(wanted).flatMap(([key, value]) => blockLines(key, value, `${indent}  `))
  return insertLines(text, colonEnd(text, pair), lines)
}

function withoutValue(text: string, pair: Pair): string {
  return spliced(text, colonEnd(text, pair), rangeOf(pair.value)[1], '')
}

/** Behind the colon of a key. */
function colonEnd(text: string, pair: Pair): number {
  const end = rangeOf(pair.key)[1]
  const colon = text.indexOf(':', end)
  if (colon === -1 || text.slice(end, colon).trim() !== '') throw new EditRefused('a key without its colon')
  return colon + 1
}

// Between braces the text may be JSON, which both read.
function flowText(value: unknown, { flow = false }: YAMLMap): string {
  return flow ? JSON.stringify(value) : stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()
}

function spliced(text: string, start: number, end: number, insert: string): string {
  return text.slice(0, start) + insert + text.slice(end)
}

function plain(node: unknown): unknown {
  return isMap(node) || isSeq(node) || isScalar(node) ? (node.toJSON() as unknown) : undefined
}

function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && !node.source)
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
}

function rangeOf(node: unknown): readonly [number, number, number] {
  // Every node of a parsed document has a range.
  return (node as Node | null)?.range ?? [0, 0, 0]
}

function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
