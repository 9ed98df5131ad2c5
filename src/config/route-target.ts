import { type KeyPath, shown } from './findings.ts'
import { suggest } from './nearest.ts'
import type { PathPlan, UpstreamPlan } from './plan.ts'
import { pathFault, templateVariables, withoutTrailingSlash } from './route-path.ts'
import type { RouteMapping } from './schema-route.ts'
import { readGrpc } from './route-grpc.ts'
import { isUrl, readOrigin, usualKind } from './target.ts'
import { checkSpeaks, type Making, type Upstreams } from './upstreams.ts'

/** Where a route goes. */
export interface RouteTarget {
  readonly upstream: UpstreamPlan
  readonly rewrite: string | null
  /** The gRPC method that alone answers, `package.Service/Method`; null: none is named. */
  readonly method: string | null
}

/** A route as it is written, and where that stands. */
export interface WrittenRoute {
  readonly mapping: RouteMapping
  readonly match: PathPlan
  readonly path: KeyPath
  /** Where the keys of its target stand: those of a route, or of one of its versions. */
  readonly at: KeyPath
  /** Where the target stands: the route itself in its short form. */
  readonly targetPath: KeyPath
}

/** What the routes of a config share. */
export interface Routing extends Making {
  readonly table: Upstreams
}

/** Finds a route's upstream and the path that goes out; undefined when there is a problem. */
export function routeTarget(route: WrittenRoute, routing: Routing): RouteTarget | undefined {
  const { mapping, at, targetPath } = route
  const [first, second] = (['to', 'upstream', 'grpc'] as const).filter((key) => mapping[key] !== undefined)
  if (first !== undefined && second !== undefined) {
    const remedy = 'keep one of them; each of them may be the name of an upstream'
    routing.found.addKey([...at, second], `the route has both \`${first}\` and \`${second}\``, remedy)
    return undefined
  }
  if (mapping.grpc !== undefined) return grpcTarget(mapping.grpc, route, routing)
  if (mapping.to !== undefined && isUrl(mapping.to)) return inlineTarget(mapping.to, route, routing)
  for (const key of ['kind', 'http'] as const)
    if (mapping[key] !== undefined)
      routing.found.addKey([...at, key], 'only a route with an URL says what speaks there', `write \`${key}\` in the upstream`)
  if (mapping.upstream !== undefined) return namedTarget(mapping.upstream, { ...route, targetPath: [...at, 'upstream'] }, routing)
  const [, name = '', rest] = /^([^/]*)(\/.*)?$/s.exec(mapping.to ?? '') ?? []
  return namedTarget(name, { ...route, targetPath }, routing, rest)
}

function inlineTarget(url: string, route: WrittenRoute, { found, table }: Routing): RouteTarget | undefined {
  const read = readOrigin(url, { braces: true })
  if (read.is === 'fault') {
    found.add(route.targetPath, read.message, read.remedy)
    return undefined
  }
  const rewrite = readRewrite(read.origin.path === '' ? undefined : read.origin.path, route, found)
  const { kind, http } = route.mapping
  checkSpeaks(read.origin, { kind: kind ?? usualKind(read.origin), http }, { path: route.at, found })
  return rewrite === undefined ? undefined : { upstream: table.inline(read.origin, { kind, http }), rewrite, method: null }
}

function grpcTarget(written: string, route: WrittenRoute, routing: Routing): RouteTarget | undefined {
  const { mapping, at, match } = route
  const { found, table } = routing
  const targetPath = [...at, 'grpc']
  const read = readGrpc(written)
  if (read.is === 'fault') {
    found.add(targetPath, read.message, read.remedy)
    return undefined
  }
  const { server, method } = read
  const upstream =
    server.is === 'origin' ? table.inline(server.origin, { kind: 'grpc' }) : knownUpstream(server.name, { ...route, targetPath }, routing)
  for (const key of ['kind', 'http'] as const)
    if (mapping[key] !== undefined) found.addKey([...at, key], '`grpc` says what speaks there', `leave \`${key}\` out`)
  if (method !== null && mapping.rewrite !== undefined)
    found.addKey([...at, 'rewrite'], 'the method is the path that goes out', 'leave `rewrite` out, or the method')
  if (method !== null && match.is === 'prefix')
    found.add([...route.path, 'path'], 'one method answers one path, and a prefix is many', 'write {exact: …}, or a template')
  if (upstream === undefined) return undefined
  if (upstream.kind !== 'grpc') {
    found.add(targetPath, `the upstream ${shown(upstream.name)} is of kind ${upstream.kind}`, 'say `kind: grpc` there, or use `to`')
    return undefined
  }
  // Whoever puts JSON into the method's messages finds them by the path that came.
  const rewrite = method === null ? readRewrite(undefined, route, found) : null
  return rewrite === undefined ? undefined : { upstream, rewrite, method }
}

function namedTarget(name: string, route: WrittenRoute, routing: Routing, rest?: string): RouteTarget | undefined {
  const upstream = name === '' ? defaultUpstream(route, routing) : knownUpstream(name, route, routing)
  const rewrite = readRewrite(rest, route, routing.found)
  return upstream === undefined || rewrite === undefined ? undefined : { upstream, rewrite, method: null }
}

function knownUpstream(name: string, { targetPath }: WrittenRoute, { found, table, broken }: Routing): UpstreamPlan | undefined {
  const known = table.named(name)
  if (known !== undefined || broken.has(name)) return known
  const remedy = /[.:]/.test(name) ? `write https://${name} if it is a host; ` : ''
  found.add(targetPath, `there is no upstream ${shown(name)}`, `${remedy}${suggest(name, table.names, 'upstream')}`)
  return undefined
}

function defaultUpstream({ path }: WrittenRoute, { config, found, table, broken }: Routing): UpstreamPlan | undefined {
  const only = table.names.length === 1 ? table.names[0] : undefined
  const name = config.defaultUpstream ?? only
  if (name !== undefined) return table.named(name)
  if (!broken.has('') && broken.size === 0)
    found.addKey(
      path,
      'the route says nowhere to go, and there is no default upstream',
      'give it a target (`to`), or set `defaultUpstream`',
    )
  return undefined
}

// null: the path stays as it came; undefined: there is a problem.
function readRewrite(
  behind: string | undefined,
  { mapping, match, at, targetPath }: WrittenRoute,
  found: Routing['found'],
): string | null | undefined {
  const written = behind ?? mapping.rewrite
  if (behind !== undefined && mapping.rewrite !== undefined) {
    found.addKey([...at, 'rewrite'], 'the path that goes out is given twice: in the target and in `rewrite`', 'keep one of them')
    return undefined
  }
  if (written === undefined) return null
  const place = behind === undefined ? [...at, 'rewrite'] : targetPath
  const fault = written.startsWith('/')
    ? pathFault(written.replace(/[{}]/g, ''))
    : { message: 'does not begin with a slash', remedy: `write /${written}` }
  const unknown = unknownVariable(written, match)
  if (fault !== undefined) found.add(place, `the path ${shown(written)} ${fault.message}`, fault.remedy)
  else if (unknown !== undefined)
    found.add(place, `the path ${shown(written)} holds ${shown(unknown)}, which is no variable of the route`, knownVariables(match))
  else return outgoing(written, match)
  return undefined
}

// What follows a prefix begins with a slash, so the path before it must not end with one.
function outgoing(written: string, match: PathPlan): string {
  if (match.is !== 'prefix') return written
  const stripped = withoutTrailingSlash(written)
  return stripped === '/' ? '' : stripped
}

function unknownVariable(written: string, match: PathPlan): string | undefined {
  const known = match.is === 'template' ? templateVariables(match.template) : []
  const rest = known.reduce((text, name) => text.replaceAll(`{${name}}`, ''), written)
  return /[{}]/.test(rest) ? (/\{[^{}]*\}?|\}/.exec(rest)?.[0] ?? rest) : undefined
}

function knownVariables(match: PathPlan): string {
  if (match.is !== 'template') return 'only a template has variables: /v1/users/{id}'
  return `known: ${templateVariables(match.template)
    .map((name) => `{${name}}`)
    .join(', ')}`
}
