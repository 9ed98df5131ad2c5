import { type Document, isMap, isScalar, type Pair, type YAMLMap } from 'yaml'
import {
  blockLines,
  cutLines,
  EditRefused,
  flowPair,
  insertFlow,
  insertLines,
  insertPair,
  keyStart,
  lineEnd,
  pairEnd,
  removePair,
} from './edit-map.ts'

// Tells a `routes` that an edit made from one that was there before: only the former goes when its last route goes. JSON knows no comments;
// there the spaces inside of the braces tell.
const made = 'routes: # added by relay route add'

/** The text with a route put in behind the last one, wherever and however `routes` is written. */
export function withRoute(text: string, doc: Document.Parsed, { key, value }: { readonly key: string; readonly value: unknown }): string {
  const root = doc.contents
  if (root === null || !isMap(root)) return insertLines(text, text.length, [made, ...blockLines(key, value, '  ')])
  const pair = pairOf(root, 'routes')
  if (pair !== undefined && isMap(pair.value)) return insertPair(text, pair.value, key, value)
  if (pair === undefined && root.flow) return insertFlow(text, root, `"routes": { ${flowPair(key, value)} }`)
  if (pair === undefined) return insertLines(text, pairEnd(lastOf(root)), [made, ...blockLines(key, value, '  ')])
  if (!isScalar(pair.value) || pair.value.source) throw new EditRefused('`routes` is neither a mapping nor empty')
  return insertLines(text, pairEnd(pair), blockLines(key, value, '  '))
}

/** The text without a route; a `routes` that an edit made goes with its last route. */
export function withoutRoute(text: string, doc: Document.Parsed, key: string): string {
  const root = doc.contents
  const pair = isMap(root) ? pairOf(root, 'routes') : undefined
  const routes = pair?.value
  if (!isMap(root) || pair === undefined || !isMap(routes)) throw new EditRefused('`routes` is not a mapping of its own')
  const route = pairOf(routes, key)
  if (route === undefined) throw new EditRefused('the route is not written here itself')
  const next = removePair(text, routes, route)
  if (routes.items.length > 1) return next
  if (routes.flow) return root.flow && isSpaced(text, route) ? removePair(text, root, pair) : next
  const start = keyStart(pair)
  const end = lineEnd(next, start + made.length)
  return next.slice(start, end).trimEnd() === made ? cutLines(next, start, end) : next
}

function isSpaced(text: string, route: Pair): boolean {
  return text.slice(0, keyStart(route)).endsWith('{ ') && text.slice(pairEnd(route)).startsWith(' }')
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
}

function lastOf(map: YAMLMap): Pair {
  const last = map.items.at(-1)
  if (last === undefined) throw new EditRefused('the file is an empty mapping')
  return last
}
