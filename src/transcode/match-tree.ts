import type { Template } from './template.ts'

/**
 * Paths to what stands behind them, by templates: one walk over the segments of a path, however many templates there are. At each segment a
 * literal goes before `*` and that before `**`; a branch that ends in nothing for this HTTP method is left again. No node is visited twice.
 */
export class MatchTree<T> {
  private readonly root = new Node<T>()
  private readonly verbs = new Set<string>()

  /** What stands behind an equal template and HTTP method (`*`: any) already; null: it is added. */
  add(httpMethod: string, template: Template, value: T): T | null {
    let node = this.root
    let end: 'exact' | 'rest' = 'exact'
    for (const segment of template.segments) {
      if (segment.is === 'rest') end = 'rest'
      else node = segment.is === 'one' ? (node.one ??= new Node<T>()) : node.literal(segment.text)
    }
    const byMethod = node.ends(end, template.verb)
    const there = byMethod.get(httpMethod)
    if (there !== undefined) return there
    byMethod.set(httpMethod, value)
    if (template.verb !== '') this.verbs.add(template.verb)
    return null
  }

  /** What is meant by an HTTP method and a path; its segments (without the verb) are put into `segments`. */
  find(httpMethod: string, path: string, segments: string[]): T | null {
    if (path.charCodeAt(0) !== slash) return null
    split(path, segments)
    const last = segments.at(-1) ?? ''
    const colon = last.lastIndexOf(':')
    if (colon > 0 && this.verbs.has(last.slice(colon + 1))) {
      segments[segments.length - 1] = last.slice(0, colon)
      const found = walk(this.root, 0, { httpMethod, segments, verb: last.slice(colon + 1) })
      if (found !== null) return found
      segments[segments.length - 1] = last
    }
    return walk(this.root, 0, { httpMethod, segments, verb: '' })
  }
}

interface Sought {
  readonly httpMethod: string
  readonly segments: readonly string[]
  readonly verb: string
}

class Node<T> {
  one: Node<T> | null = null
  private readonly literals = new Map<string, Node<T>>()
  /** By verb, then by HTTP method. */
  private readonly exact = new Map<string, Map<string, T>>()
  private readonly rest = new Map<string, Map<string, T>>()

  next(segment: string): Node<T> | undefined {
    return this.literals.get(segment)
  }

  literal(text: string): Node<T> {
    const there = this.literals.get(text)
    if (there !== undefined) return there
    const made = new Node<T>()
    this.literals.set(text, made)
    return made
  }

  ends(end: 'exact' | 'rest', verb: string): Map<string, T> {
    const there = this[end].get(verb)
    if (there !== undefined) return there
    const made = new Map<string, T>()
    this[end].set(verb, made)
    return made
  }

  at(end: 'exact' | 'rest', { verb, httpMethod }: Sought): T | null {
    const byMethod = this[end].get(verb)
    return byMethod === undefined ? null : (byMethod.get(httpMethod) ?? byMethod.get('*') ?? null)
  }
}

function walk<T>(node: Node<T>, at: number, sought: Sought): T | null {
  const segment = sought.segments[at]
  if (segment === undefined) return node.at('exact', sought) ?? node.at('rest', sought)
  const literal = node.next(segment)
  const found = literal === undefined ? null : walk(literal, at + 1, sought)
  if (found !== null) return found
  const one = node.one === null || segment === '' ? null : walk(node.one, at + 1, sought)
  if (one !== null) return one
  const rest = node.at('rest', sought)
  return rest === null || hasHole(sought.segments, at) ? null : rest
}

/** A segment that is empty and not the last: `**` does not stand for a second slash, which would make a relative path an absolute one. */
function hasHole(segments: readonly string[], from: number): boolean {
  const empty = segments.indexOf('', from)
  return empty >= 0 && empty < segments.length - 1
}

function split(path: string, segments: string[]): void {
  for (let from = 1; from < path.length;) {
    const to = path.indexOf('/', from)
    segments.push(path.slice(from, to < 0 ? undefined : to))
    if (to < 0) return
    from = to + 1
    if (from === path.length) segments.push('')
  }
}

const slash = 0x2f
