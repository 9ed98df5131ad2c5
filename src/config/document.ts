import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import { type KeyPath, shown } from './findings.ts'

/** A line and a column, both from 1. */
interface Place {
  readonly line: number
  readonly column: number
}

/** What is wrong with the text itself. */
interface TextProblem extends Place {
  readonly message: string
  readonly remedy: string
}

/** A YAML or JSON text, its value, and where everything in it stands. */
export interface ConfigDocument {
  readonly doc: Document.Parsed
  /** Undefined when there are problems. */
  readonly value: unknown
  readonly problems: readonly TextProblem[]
  readonly place: (path: KeyPath, at: 'key' | 'value') => Place
}

const mostCharacters = 16 * 2 ** 20
const mostAliases = 1000

/** Reads a text; what YAML itself finds wrong, doubled keys and runaway aliases become problems. */
export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter()
  const tooLong = text.length > mostCharacters
  // The library compares each key with all before it; `checkTree` does the same with a set, so that 10,000 routes stay cheap.
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, stringKeys: true, logLevel: 'error' } as const
  const doc = parseDocument(tooLong ? '' : text, options)
  const problems: TextProblem[] = tooLong
    ? [{ line: 1, column: 1, message: `is longer than ${mostCharacters} characters`, remedy: 'use a smaller file' }]
    : []
  const at = (offset: number): Place => placeOf(lines, offset)
  for (const { message, pos } of [...doc.errors, ...doc.warnings]) {
    problems.push({ ...at(pos[0]), message: lowerFirst(message), remedy: 'correct the YAML here' })
  }
  if (problems.length === 0) problems.push(...checkTree(doc, at))
  const value = problems.length === 0 ? toValue(doc, problems) : undefined
  return { doc, value, problems, place: placer(doc, at) }
}

function toValue(doc: Document.Parsed, problems: TextProblem[]): unknown {
  try {
    return doc.toJS({ maxAliasCount: mostAliases })
  } catch (error) {
    const message = error instanceof Error ? lowerFirst(error.message) : 'cannot be read'
    problems.push({ line: 1, column: 1, message, remedy: 'write out what the aliases stand for' })
    return undefined
  }
}

function checkTree(doc: Document.Parsed, at: (offset: number) => Place): TextProblem[] {
  const problems: TextProblem[] = []
  const anchors = new Set<string>()
  visit(doc, (_, node) => {
    if (isAlias(node) && !anchors.has(node.source)) {
      const message = `there is no anchor &${node.source} before this alias`
      problems.push({ ...at(start(node)), message, remedy: 'write the value out' })
    }
    if ((isCollection(node) || isScalar(node)) && node.anchor !== undefined) anchors.add(node.anchor)
    if (isMap(node)) problems.push(...checkKeys(node, at))
  })
  return problems
}

function checkKeys(map: YAMLMap, at: (offset: number) => Place): TextProblem[] {
  const problems: TextProblem[] = []
  const seen = new Map<string, Place>()
  for (const { key } of map.items) {
    if (!isScalar(key)) continue
    const name = String(key.value)
    const place = at(start(key))
    const first = seen.get(name)
    if (first !== undefined) {
      problems.push({
        ...place,
        message: `the key ${shown(name)} stands here a second time (first in line ${first.line})`,
        remedy: 'keep one of the two',
      })
    } else if (name === '__proto__') {
      problems.push({
        ...place,
        message: 'the key __proto__ cannot be told from what every object has',
        remedy: 'for a route, write /__proto__',
      })
    }
    seen.set(name, first ?? place)
  }
  return problems
}

function placer(doc: Document.Parsed, at: (offset: number) => Place): ConfigDocument['place'] {
  const indexes = new WeakMap<YAMLMap, Map<string, Pair>>()
  const pairOf = (map: YAMLMap, key: string): Pair | undefined => {
    const index = indexes.get(map) ?? new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]))
    indexes.set(map, index)
    return index.get(key)
  }
  return (path, which) => {
    let node: unknown = doc.contents
    let offset = start(node)
    for (const [depth, key] of path.entries()) {
      if (isAlias(node)) node = node.resolve(doc)
      const found = isMap(node) ? pairOf(node, String(key)) : isSeq(node) ? node.items[Number(key)] : undefined
      if (found === undefined || found === null) break
      node = isPair(found) ? found.value : found
      const last = depth === path.length - 1
      offset = isPair(found) && (!last || which === 'key' || isEmpty(node)) ? start(found.key) : start(node)
    }
    return at(offset)
  }
}

function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null && !node.source)
}

function start(node: unknown): number {
  // Every node of a parsed document has a range.
  return (node as Node | null)?.range?.[0] ?? 0
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
