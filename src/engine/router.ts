import { conditionsOf, type Asking, type Conditions, type When } from './conditions.ts'

/** What a route asks of a call. Host in lower case without port; null: any. */
export interface Pattern {
  readonly host: string | null
  readonly methods: readonly string[] | null
  readonly path: PathPattern
  /** null: nothing besides. */
  readonly when: When | null
}

/** What routes are found by: a request's head. */
export interface Question extends Asking {
  readonly method: string
  /** It may have a port and capitals. */
  readonly authority: string
  readonly path: string
}

/** The answer where it hangs on the model that a call's body asks for, and nobody has looked yet. */
export const modelNeeded = Symbol('the model is needed')

/** A whole path; a path and all below it, up to a segment's end; or segments with variables (`/users/{id}`). */
export type PathPattern =
  | { readonly is: 'exact'; readonly path: string }
  | { readonly is: 'prefix'; readonly path: string }
  | { readonly is: 'template'; readonly template: string }

/**
 * Finds what a call asks for. The most specific of all that match wins: a host given before none; then an exact path before a prefix that
 * is all of the path, before a template (more literal segments first, of as many the one whose literal comes first from the left), before
 * a shorter prefix (the longest first); then methods given before none; then more conditions before fewer, and of as many the one that was added first. Look-ups are by whole strings in maps, so
 * that ten thousand routes cost what ten do; only those that differ by methods and conditions alone are tried one after the other.
 */
export class Router<T> {
  private readonly hosts = new Map<string, Table<T>>()
  private readonly anyHost = new Table<T>()

  add(pattern: Pattern, value: T): void {
    this.tableFor(pattern.host).add(pattern, value)
  }

  /**
   * The value of the route for a call, or null. `model` is what its body asks for, null where it names none; where it is left out, the
   * answer may be that it is needed.
   */
  find(question: Question): T | typeof modelNeeded | null
  find(question: Question, model: string | null): T | null
  find(question: Question, model?: string | null): T | typeof modelNeeded | null {
    if (this.hosts.size > 0) {
      const table = this.hosts.get(hostOf(question.authority))
      const found = table === undefined ? null : table.find(question, model)
      if (found !== null) return found
    }
    return this.anyHost.find(question, model)
  }

  private tableFor(host: string | null): Table<T> {
    if (host === null) return this.anyHost
    const table = this.hosts.get(host) ?? new Table<T>()
    this.hosts.set(host, table)
    return table
  }
}

/** An authority's host: lower case, without port, brackets and the dot of the root. */
export function hostOf(authority: string): string {
  const text = authority.toLowerCase()
  if (text.startsWith('[')) return text.slice(1, text.indexOf(']'))
  const colon = text.indexOf(':')
  const host = colon < 0 ? text : text.slice(0, colon)
  return host.endsWith('.') ? host.slice(0, -1) : host
}

/** The values of a template's variables in a path that it matches, by name, as they came. */
export function captures(template: string, path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const segments = path.split('/')
  for (const [k, segment] of template.split('/').entries()) if (isVariable(segment)) found.set(segment.slice(1, -1), segments[k] ?? '')
  return found
}

interface Entry<T> {
  readonly methods: ReadonlySet<string> | null
  readonly conditions: Conditions | null
  readonly value: T
}

type Found<T> = Entry<T | typeof modelNeeded>
type Model = string | null | undefined

class Table<T> {
  private readonly exact = new Map<string, Entry<T>[]>()
  private readonly prefixes = new Map<string, Entry<T>[]>()
  private readonly templates = new Node<T>()
  private hasTemplates = false
  private longestPrefix = 0

  add({ methods, path, when }: Pattern, value: T): void {
    const entry = { methods: methods === null ? null : new Set(methods), conditions: when === null ? null : conditionsOf(when), value }
    if (path.is === 'exact') insert(this.exact, path.path, entry)
    else if (path.is === 'prefix') {
      insert(this.prefixes, path.path === '/' ? '' : path.path, entry)
      this.longestPrefix = Math.max(this.longestPrefix, path.path.length)
    } else {
      this.hasTemplates = true
      this.templates.add(path.template.split('/'), 1, entry)
    }
  }

  find(question: Question, model: Model): T | typeof modelNeeded | null {
    const exact = this.exact.size === 0 ? undefined : this.exact.get(question.path)
    const entry =
      (exact === undefined ? null : pick(exact, question, model)) ?? (this.hasTemplates ? this.beforePrefixes(question, model) : null)
    return entry === null ? this.prefix(question, model) : entry.value
  }

  /** What is written out in full says more than a variable does. */
  private beforePrefixes(question: Question, model: Model): Found<T> | null {
    const full = this.prefixes.get(question.path)
    return (full === undefined ? null : pick(full, question, model)) ?? this.template(question, model)
  }

  private prefix(question: Question, model: Model): T | typeof modelNeeded | null {
    const { path } = question
    // A path of slashes alone has as many prefixes as bytes: those that are longer than any route's are not looked up.
    let at = path.length <= this.longestPrefix ? path.length : path.lastIndexOf('/', this.longestPrefix)
    while (at >= 0) {
      const entries = this.prefixes.get(at === path.length ? path : path.slice(0, at))
      const entry = entries === undefined ? null : pick(entries, question, model)
      if (entry !== null) return entry.value
      at = at === 0 ? -1 : path.lastIndexOf('/', at - 1)
    }
    return null
  }

  private template(question: Question, model: Model): Found<T> | null {
    const search: Search<T> = { segments: question.path.split('/'), question, model, entry: null, literals: '' }
    this.templates.find(search, 1, '')
    return search.entry
  }
}

/** A look-up among templates, and the best so far; `literals` has a `1` for each literal segment and a `0` for each variable, from the left. */
interface Search<T> {
  readonly segments: readonly string[]
  readonly question: Question
  readonly model: Model
  entry: Found<T> | null
  literals: string
}

class Node<T> {
  private readonly literals = new Map<string, Node<T>>()
  private variable: Node<T> | null = null
  private readonly entries: Entry<T>[] = []

  add(segments: readonly string[], at: number, entry: Entry<T>): void {
    const segment = segments[at]
    if (segment === undefined) return place(this.entries, entry)
    if (isVariable(segment)) (this.variable ??= new Node<T>()).add(segments, at + 1, entry)
    else {
      const node = this.literals.get(segment) ?? new Node<T>()
      this.literals.set(segment, node)
      node.add(segments, at + 1, entry)
    }
  }

  find(search: Search<T>, at: number, trail: string): void {
    const segment = search.segments[at]
    if (segment === undefined) {
      const entry = pick(this.entries, search.question, search.model)
      if (entry !== null && isBetter(trail, search)) Object.assign(search, { entry, literals: trail })
      return
    }
    this.literals.get(segment)?.find(search, at + 1, `${trail}1`)
    if (segment !== '') this.variable?.find(search, at + 1, `${trail}0`)
  }
}

function isBetter<T>(trail: string, best: Search<T>): boolean {
  if (best.entry === null) return true
  const more = trail.replaceAll('0', '').length - best.literals.replaceAll('0', '').length
  return more > 0 || (more === 0 && trail > best.literals)
}

function isVariable(segment: string): boolean {
  return segment.startsWith('{') && segment.endsWith('}')
}

function insert<T>(map: Map<string, Entry<T>[]>, key: string, entry: Entry<T>): void {
  const entries = map.get(key) ?? []
  map.set(key, entries)
  place(entries, entry)
}

/** Entries with methods stand before those without, then those with more conditions before those with fewer. */
function place<T>(entries: Entry<T>[], entry: Entry<T>): void {
  const own = rank(entry)
  const before = entries.findIndex((other) => rank(other) < own)
  entries.splice(before < 0 ? entries.length : before, 0, entry)
}

function rank<T>({ methods, conditions }: Entry<T>): number {
  return (methods === null ? 0 : manyConditions) + (conditions === null ? 0 : conditions.count)
}

function pick<T>(entries: readonly Entry<T>[], question: Question, model: Model): Found<T> | null {
  for (const entry of entries) {
    if (entry.methods !== null && !entry.methods.has(question.method)) continue
    const holds = entry.conditions === null || entry.conditions.hold(question, model)
    if (holds === null) return needing
    if (holds) return entry
  }
  return null
}

const manyConditions = 1e6
const needing: Entry<typeof modelNeeded> = { methods: null, conditions: null, value: modelNeeded }
