import { type Findings, type KeyPath, shown } from './findings.ts'
import { suggest } from './nearest.ts'
import type { FieldMatchPlan, WhenPlan } from './plan-translate.ts'
import type { PathPlan } from './plan.ts'
import { readPath, templateVariables } from './route-path.ts'
import { headerName, queryName } from './route-when.ts'
import type { RouteMapping } from './schema-route.ts'
import type { VersionsFile } from './schema-when.ts'

/** A route as it is written, before its versions are told apart. */
export interface UnversionedRoute {
  readonly name: string
  readonly mapping: RouteMapping
  readonly match: PathPlan
  readonly when: WhenPlan | null
  readonly path: KeyPath
}

/** One of the routes that a written route comes to: itself, or each of its versions, and one for calls of none of them. */
export interface Variant {
  readonly name: string
  readonly mapping: RouteMapping
  readonly match: PathPlan
  readonly when: WhenPlan | null
  /** Where the keys of its target stand. */
  readonly at: KeyPath
  /** Where its target stands. */
  readonly targetPath: KeyPath
  readonly refusal: string | null
}

type VersionsRoute = UnversionedRoute & { readonly versions: VersionsFile }
type TargetFile = VersionsFile['map'][string]

/** The versions of a route, and what refuses calls of another; none where something is wrong with them, which is told. */
export function versionVariants(route: VersionsRoute, found: Findings): readonly Variant[] {
  const { versions, path } = route
  const names = Object.keys(versions.map)
  const at = [...path, 'versions']
  if (names.length === 0) found.add([...at, 'map'], 'names no version', 'write at least one: { v1: target }')
  const good = names.filter((name) => checkVersion(name, [...at, 'map', name], found))
  const twice = (['to', 'upstream', 'rewrite', 'grpc', 'kind', 'http'] as const).find((key) => route.mapping[key] !== undefined)
  if (twice !== undefined)
    found.addKey([...path, twice], `the route has both ${shown(twice)} and versions`, 'write it into the versions that it holds for')
  const first = good[0]
  const told = conditions(route, found)
  if (first === undefined || good.length < names.length || told === undefined || twice !== undefined) return []
  return [
    ...good.map((name) => ({ ...variant(route, name), ...told.of(name) })),
    { ...variant(route, first), ...told.other, ...refused(route) },
  ]
}

/** What tells versions apart: a path of each, or conditions; and what is left over for the rest. */
interface Conditions {
  readonly of: (version: string) => Pick<Variant, 'match' | 'when'>
  readonly other: Pick<Variant, 'match' | 'when'>
}

function conditions(route: VersionsRoute, found: Findings): Conditions | undefined {
  const { by } = route.versions
  return by === 'path' ? byPath(route, found) : byField(route, by, found)
}

function byPath({ versions, match, mapping, when, path }: VersionsRoute, found: Findings): Conditions | undefined {
  if (versions.default !== undefined)
    found.addKey([...path, 'versions', 'default'], 'a path always says a version', 'leave `default` out, or tell versions by a header')
  const template = match.is === 'template' && templateVariables(match.template).includes('version') ? match.template : undefined
  if (template === undefined) {
    const remedy = "give the route a path with it: '/{version}/user'"
    found.add([...path, 'versions', 'by'], 'the path of the route has no segment {version}', remedy)
    return undefined
  }
  const isWhole = typeof mapping.path === 'object'
  return { of: (version) => ({ match: literal(template.replace('{version}', version), isWhole), when }), other: { match, when } }
}

// What is left of a path without its variable is written as other paths without one are: it matches all below it, too.
function literal(text: string, isWhole: boolean): PathPlan {
  const read = readPath(text, text.includes('{') ? 'template' : isWhole ? 'exact' : 'prefix')
  // A template that could be read can be read with a name in it, too.
  return read.is === 'path' ? read.path : { is: 'exact', path: text }
}

function byField(route: VersionsRoute, by: Exclude<VersionsFile['by'], 'path'>, found: Findings): Conditions | undefined {
  const { versions, match, when, path } = route
  const at = [...path, 'versions']
  const isHeader = 'header' in by
  const name = isHeader ? headerName(by.header, [...at, 'by', 'header'], found) : queryName(by.query, [...at, 'by', 'query'], found)
  const known = Object.keys(versions.map)
  if (versions.default !== undefined && !known.includes(versions.default))
    found.add([...at, 'default'], `there is no version ${shown(versions.default)}`, suggest(versions.default, known, 'version'))
  const { headers = [], query = [], models = null } = when ?? {}
  if ((isHeader ? headers : query).some((one) => one.name === name)) {
    found.addKey([...path, 'when'], `asks for ${shown(name)}, which says the version`, 'leave it out of `when`')
    return undefined
  }
  if (name === undefined) return undefined
  const of = (version: string): Pick<Variant, 'match' | 'when'> => {
    const one: FieldMatchPlan = { name, values: [version], isAbsent: version === versions.default }
    return { match, when: { headers: isHeader ? [...headers, one] : headers, query: isHeader ? query : [...query, one], models } }
  }
  return { of, other: { match, when } }
}

function variant({ name, mapping, versions, path, match, when }: VersionsRoute, version: string): Variant {
  // The name is one of the map's own.
  const written = versions.map[version] as TargetFile
  const { versions: _, ...rest } = mapping
  const own = typeof written === 'string' ? { to: written } : written
  const at = [...path, 'versions', 'map', version]
  return {
    name: `${name}@${version}`,
    mapping: { ...rest, ...own },
    match,
    when,
    at,
    targetPath: typeof written === 'string' ? at : [...at, own.grpc === undefined ? 'to' : 'grpc'],
    refusal: null,
  }
}

function refused({ name, versions }: VersionsRoute): Pick<Variant, 'name' | 'refusal'> {
  const { by, map } = versions
  const where = by === 'path' ? 'the path' : 'header' in by ? `the header ${by.header}` : `the query parameter ${by.query}`
  return { name: `${name}@${unknown}`, refusal: `no known version in ${where}; known: ${Object.keys(map).join(', ')}` }
}

const unknown = 'unknown'

function checkVersion(name: string, path: KeyPath, found: Findings): boolean {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && name !== unknown) return true
  const remedy = 'begin with a letter or a digit, go on with letters, digits, dots, dashes and underscores, 64 at most'
  found.addKey(
    path,
    `${shown(name)} is not a name for a version`,
    name === unknown ? 'calls of other versions are counted under it' : remedy,
  )
  return false
}
