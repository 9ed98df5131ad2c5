/** What a route asks of a call. Host in lower case without port; null: any. */
export interface Pattern {
  readonly host: string | null
  readonly methods: readonly string[] | null
  readonly path: PathPattern
}

/** A whole path; a path and all below it, up to a segment's end; or segments with variables (`/users/{id}`). */
export type PathPattern =
  | { readonly is: 'exact'; readonly path: string }
  | { readonly is: 'prefix'; readonly path: string }
  | { readonly is: 'template'; readonly template: string }

/**
 * Finds what a call asks for. The most specific of all that match wins: a host given before none; then exact before template (more
 * literal segments first, of as many the one whose literal comes first from the left) before prefix (longer first); then methods given
 * before none. Look-ups are by whole strings in maps, so that ten thousand routes cost what ten do.
 */
export class Router<T> {
  private readonly hosts = new Map<string, Table<T>>()
  private readonly anyHost = new Table<T>()

  add(pattern: Pattern, value: T): void {
    this.tableFor(pattern.host).add(pattern, value)
  }

  /** The value of the route for a call, or null. The authority may have a port and capitals. */
  find(method: string, authority: string, path: string): T | null {
    if (this.hosts.size > 0) {
      const table = this.hosts.get(hostOf(authority))
      const found = table === undefined ? null : table.find(method, path)
      if (found !== null) return found
    }
    return this.anyHost.find(method, path)
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
  readonly value: T
}

class Table<T> {
  private readonly exact = new Map<string, Entry<T>[]>()
  private readonly prefixes = new Map<string, Entry<T>[]>()
  private readonly templates = new Node<T>()
  private hasTemplates = false

  add({ methods, path }: Pattern, value: T): void {
    const entry = { methods: methods === null ? null : new Set(methods), value }
    if (path.is === 'exact') insert(this.exact, path.path, entry)
    else if (path.is === 'prefix') insert(this.prefixes, path.path === '/' ? '' : path.path, entry)
    else {
      this.hasTemplates = true
      this.templates.add(path.template.split('/'), 1, entry)
    }
  }

  find(method: string, path: string): T | null {
    const exact = this.exact.size === 0 ? undefined : this.exact.get(path)
    const entry = (exact === undefined ? null : pick(exact, method)) ?? (this.hasTemplates ? this.template(method, path) : null)
    return entry === null ? this.prefix(method, path) : entry.value
  }

  private prefix(method: string, path: string): T | null {
    let at = path.length
    while (at >= 0) {
      const entries = this.prefixes.get(at === path.length ? path : path.slice(0, at))
      const entry = entries === undefined ? null : pick(entries, method)
      if (entry !== null) return entry.value
      at = at === 0 ? -1 : path.lastIndexOf('/', at - 1)
    }
    return null
  }

  private template(method: string, path: string): Entry<T> | null {
    const best: Best<T> = { entry: null, literals: '' }
    this.templates.find(path.split('/'), 1, method, '', best)
    return best.entry
  }
}

/** The best template so far; `literals` has a `1` for each literal segment and a `0` for each variable, from the left. */
interface Best<T> {
  entry: Entry<T> | null
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

  // oxlint-disable-next-line max-params -- a recursion with an accumulator
  find(segments: readonly string[], at: number, method: string, trail: string, best: Best<T>): void {
    const segment = segments[at]
    if (segment === undefined) {
      const entry = pick(this.entries, method)
      if (entry !== null && isBetter(trail, best)) Object.assign(best, { entry, literals: trail })
      return
    }
    this.literals.get(segment)?.find(segments, at + 1, method, `${trail}1`, best)
    if (segment !== '') this.variable?.find(segments, at + 1, method, `${trail}0`, best)
  }
}

function isBetter<T>(trail: string, best: Best<T>): boolean {
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

/** Entries with methods stand before the one without. */
function place<T>(entries: Entry<T>[], entry: Entry<T>): void {
  if (entry.methods === null) entries.push(entry)
  else entries.unshift(entry)
}

function pick<T>(entries: readonly Entry<T>[], method: string): Entry<T> | null {
  for (const entry of entries) if (entry.methods === null || entry.methods.has(method)) return entry
  return null
}
