import { isDeepStrictEqual } from 'node:util'
import { ConfigError, type Problem } from '../base/errors.ts'
import { type ConfigDocument, readDocument } from './document.ts'
import { EditRefused } from './edit-map.ts'
import { withoutRoute, withRoute } from './edit-routes.ts'
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
  /** Other keys of it, as they are written in a file. */
  readonly keys?: Readonly<Record<string, unknown>>
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

/** The config's text with a route more, all else as it was; throws a ConfigError when the route is there or would not load. */
export function addRoute(text: string, route: NewRoute, file = 'config'): Edited {
  const read = readChecked(text, file)
  const key = route.path.startsWith('/') && routeName(route.path) !== '/' ? route.path.slice(1) : route.path
  const there = routesOf(read).find((one) => one.name === routeName(key))
  if (there !== undefined)
    throw refusal(file, `there is a route ${shown(there.key)} already`, 'remove it first, or edit the file', there.line)
  const value = valueOf(route)
  const next = guarded(file, () => withRoute(text, read.doc, { key, value }))
  const after = readChecked(next, file)
  guarded(file, () => expectRoutes(read, after, { ...routesValue(read), [key]: value }))
  const line = routesOf(after).find((one) => one.name === routeName(key))?.line ?? 1
  return { text: next, change: `added route ${routeName(key)} → ${targetText(value)} (line ${line})` }
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
  const next = guarded(file, () => withoutRoute(text, read.doc, there.key))
  const { [there.key]: _, ...rest } = routesValue(read)
  guarded(file, () => expectRoutes(read, readChecked(next, file), rest))
  return { text: next, change: `removed route ${there.name} (it stood in line ${there.line})` }
}

/** The routes of a config's text in the order in which they are written. */
export function listRoutes(text: string, file = 'config'): readonly ListedRoute[] {
  return routesOf(readChecked(text, file))
}

// A cut at the wrong place could still load, as something else: what the text says is compared, not only whether it can be read.
function expectRoutes(before: ConfigDocument, after: ConfigDocument, routes: Readonly<Record<string, unknown>>): void {
  const rest = ({ value }: ConfigDocument) => ({ ...(isRecord(value) ? value : {}), routes: null })
  if (isDeepStrictEqual(routesValue(after), routes) && isDeepStrictEqual(rest(after), rest(before))) return
  throw new EditRefused('what stands beside the route would change its meaning')
}

function routesValue({ value }: ConfigDocument): Readonly<Record<string, unknown>> {
  return isRecord(value) && isRecord(value['routes']) ? value['routes'] : {}
}

function routesOf(read: ConfigDocument): readonly ListedRoute[] {
  const { place } = read
  return Object.entries(routesValue(read)).map(([key, written]) => ({
    name: routeName(key),
    key,
    line: place(['routes', key], 'key').line,
    value: written,
  }))
}

// Whoever edits need not have relay's environment and files: the text is checked by itself.
function readChecked(text: string, file: string): ConfigDocument {
  planFromText(text, { file, sources: offlineSources })
  return readDocument(text)
}

/** Where a route goes as far as the text alone says it. */
export function targetText(value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  const { to, upstream, grpc, versions }: Readonly<Record<string, unknown>> = isRecord(value) ? value : {}
  if (isRecord(versions) && isRecord(versions['map'])) return `versions ${Object.keys(versions['map']).join(', ')}`
  return [to, upstream, grpc].find((one) => typeof one === 'string') ?? 'the default upstream'
}

function valueOf({ to, headers = {}, timeout, keys = {} }: NewRoute): unknown {
  const hasHeaders = Object.keys(headers).length > 0
  if (to !== undefined && !hasHeaders && timeout === undefined && Object.keys(keys).length === 0) return to
  return {
    ...(to === undefined ? {} : { to }),
    ...keys,
    ...(timeout === undefined ? {} : { timeouts: { firstByte: timeout } }),
    ...(hasHeaders ? { headers: { request: { set: headers } } } : {}),
  }
}

function guarded<Result>(file: string, edit: () => Result): Result {
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
