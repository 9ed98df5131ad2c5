import { isMap, isScalar, type Pair, type YAMLMap } from 'yaml'
import { ConfigError, type Problem } from '../base/errors.ts'
import { type ConfigDocument, readDocument } from './document.ts'
import { blockLines, cutLines, EditRefused, insertLines, insertPair, keyStart, lineEnd, pairEnd, removePair } from './edit-map.ts'
import { shown } from './findings.ts'
import { planFromText } from './load-text.ts'
import { suggest } from './nearest.ts'
import { routeName } from './route-path.ts'
import { offlineSources } from './sources.ts'

/** A route to add. */
export interface NewRoute {
  readonly path: string
  /** Without it: the default upstream, same path. */
  readonly to?: string
  /** Fields to set on requests. */
  readonly headers?: Readonly<Record<string, string>>
  /** Longest until the head of a reply, as it is written: `30s`. */
  readonly timeout?: string
}

/** A text after an edit, and a sentence about what changed. */
export interface Edited {
  readonly text: string
  readonly change: string
}

/** A route as it stands in a file. */
export interface ListedRoute {
  readonly name: string
  readonly key: string
  readonly line: number
  /** What is written for it, as plain data. */
  readonly value: unknown
}

// Tells `routes:` that an edit made from one that was there before: only the former goes when its last route goes.
const made = 'routes: # added by relay route add'

/** The config's text with a route more, all else as it was; throws a ConfigError when the route is there or would not load. */
export function addRoute(text: string, route: NewRoute, file = 'config'): Edited {
  const read = readChecked(text, file)
  const key = route.path.startsWith('/') && routeName(route.path) !== '/' ? route.path.slice(1) : route.path
  const there = routesOf(read).find((one) => one.name === routeName(key))
  if (there !== undefined)
    throw refusal(file, `there is a route ${shown(there.key)} already`, 'remove it first, or edit the file', there.line)
  const next = guarded(file, () => withRoute(text, read, key, valueOf(route)))
  readChecked(next, file)
  const line = routesOf(readDocument(next)).find((one) => one.name === routeName(key))?.line ?? 1
  return { text: next, change: `added route ${routeName(key)} → ${route.to ?? 'the default upstream'} (line ${line})` }
}

/** The config's text without a route, all else as it was; throws a ConfigError when there is no such route or the rest would not load. */
export function removeRoute(text: string, path: string, file = 'config'): Edited {
  const read = readChecked(text, file)
  const all = routesOf(read)
  const there = all.find((one) => one.name === routeName(path))
  if (there === undefined)
    throw refusal(
      file,
      `there is no route ${shown(path)}`,
      suggest(
        routeName(path),
        all.map((one) => one.name),
        'route',
      ),
    )
  const next = guarded(file, () => withoutRoute(text, read, there.key))
  readChecked(next, file)
  return { text: next, change: `removed route ${there.name} (it stood in line ${there.line})` }
}

/** The routes of a config's text in the order in which they are written. */
export function listRoutes(text: string, file = 'config'): readonly ListedRoute[] {
  return routesOf(readChecked(text, file))
}

function routesOf({ doc, value, place }: ConfigDocument): readonly ListedRoute[] {
  const routes = isRecord(value) && isRecord(value['routes']) ? value['routes'] : {}
  const found = doc.contents === null ? [] : Object.entries(routes)
  return found.map(([key, written]) => ({ name: routeName(key), key, line: place(['routes', key], 'key').line, value: written }))
}

// Whoever edits need not have relay's environment and files: the text is checked by itself.
function readChecked(text: string, file: string): ConfigDocument {
  planFromText(text, { file, sources: offlineSources })
  return readDocument(text)
}

function valueOf({ to, headers = {}, timeout }: NewRoute): unknown {
  const hasHeaders = Object.keys(headers).length > 0
  if (to !== undefined && !hasHeaders && timeout === undefined) return to
  return {
    ...(to === undefined ? {} : { to }),
    ...(timeout === undefined ? {} : { timeouts: { firstByte: timeout } }),
    ...(hasHeaders ? { headers: { request: { set: headers } } } : {}),
  }
}

function withRoute(text: string, { doc }: ConfigDocument, key: string, value: unknown): string {
  const root = doc.contents
  if (root === null || !isMap(root)) return insertLines(text, text.length, [made, ...blockLines(key, value, '  ')])
  const pair = pairOf(root, 'routes')
  if (pair !== undefined && isMap(pair.value)) return insertPair(text, pair.value, key, value)
  if (pair === undefined && root.flow) return insertPair(text, root, 'routes', { [key]: value })
  if (pair === undefined) return insertLines(text, pairEnd(lastOf(root)), [made, ...blockLines(key, value, '  ')])
  if (!isScalar(pair.value) || pair.value.source) throw new EditRefused('`routes` is neither a mapping nor empty')
  return insertLines(text, pairEnd(pair), blockLines(key, value, '  '))
}

function withoutRoute(text: string, { doc }: ConfigDocument, key: string): string {
  const root = doc.contents
  const pair = isMap(root) ? pairOf(root, 'routes') : undefined
  const routes = pair?.value
  if (!isMap(root) || pair === undefined || !isMap(routes)) throw new EditRefused('`routes` is not a mapping of its own')
  const route = pairOf(routes, key)
  if (route === undefined) throw new EditRefused('the route is not written here itself')
  const next = removePair(text, routes, route)
  if (routes.items.length > 1 || routes.flow) return next
  const start = keyStart(pair)
  const line = next.slice(start, lineEnd(next, start)).trimEnd()
  return line === made ? cutLines(next, start, lineEnd(next, start)) : next
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)
}

function lastOf(map: YAMLMap): Pair {
  const last = map.items.at(-1)
  if (last === undefined) throw new EditRefused('the file is an empty mapping')
  return last
}

function guarded(file: string, edit: () => string): string {
  try {
    return edit()
  } catch (error) {
    if (error instanceof EditRefused)
      throw refusal(file, `cannot be edited without touching more than was asked: ${error.message}`, 'edit the file by hand')
    throw error
  }
}

function refusal(file: string, message: string, remedy: string, line?: number): ConfigError {
  const problem: Problem = { file, ...(line === undefined ? {} : { line, column: 1 }), path: 'routes', message, remedy }
  return new ConfigError([problem])
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
