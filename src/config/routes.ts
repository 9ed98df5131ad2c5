import { type Findings, type KeyPath, shown } from './findings.ts'
import { type HeaderRules, headerRules } from './header-rules.ts'
import type { PlacedRoute } from './limit-checks.ts'
import type { LimitDefaults } from './limit-defaults.ts'
import { listedLimits } from './limits.ts'
import type { PathPlan, RoutePlan, UpstreamPlan } from './plan.ts'
import { namesMethod } from './route-grpc.ts'
import { readPath, routeName } from './route-path.ts'
import { type RouteTarget, type Routing, routeTarget, type WrittenRoute } from './route-target.ts'
import type { RouteFile, RouteMapping } from './schema-route.ts'
import { reportTies } from './route-ties.ts'
import { translation } from './route-translate.ts'
import { type Variant, versionVariants } from './route-versions.ts'
import { readWhen } from './route-when.ts'
import { isHost } from './target.ts'
import { hasTenants } from './has-tenants.ts'

/** What routes are made with. */
export interface RouteMaking extends Routing {
  readonly defaults: LimitDefaults
}

/** Makes the routes of a config, in the order in which they are written. */
export function routePlans(routing: RouteMaking): readonly PlacedRoute[] {
  const shared = headerRules(routing.config.headers, ['headers'], routing)
  const made: PlacedRoute[] = []
  for (const [key, written] of Object.entries(routing.config.routes)) made.push(...placedRoutes(key, written, { ...routing, shared }))
  reportTies(made, routing.found)
  return made
}

interface Shared extends RouteMaking {
  readonly shared: HeaderRules
}

/** What a written route comes to: one route, or one for each of its versions and one for calls of none of them. */
function placedRoutes(key: string, written: RouteFile, routing: Shared): readonly PlacedRoute[] {
  const { found } = routing
  const path: KeyPath = ['routes', key]
  const mapping: RouteMapping = written === null ? {} : typeof written === 'string' ? { to: written } : written
  const match = readMatch(key, mapping, found)
  if (match === undefined) return []
  const name = routeName(key)
  const when = readWhen(mapping.when, [...path, 'when'], found)
  const whole = { name, mapping, match, when, path }
  const targetPath = typeof written === 'object' ? [...path, mapping.grpc === undefined ? 'to' : 'grpc'] : path
  const variants =
    mapping.versions === undefined
      ? [{ ...whole, at: path, targetPath, refusal: null }]
      : versionVariants({ ...whole, versions: mapping.versions }, found)
  return variants.flatMap((variant) => placedRoute(key, variant, routing) ?? [])
}

/** Where a route answers; undefined where its path cannot be read, which is told. */
function readMatch(key: string, mapping: RouteMapping, found: Findings): PathPlan | undefined {
  const path: KeyPath = ['routes', key]
  const keyed = readPath(key, 'guess')
  if (keyed.is === 'fault') {
    found.addKey(path, `the key ${shown(key)} ${keyed.fault.message}`, keyed.fault.remedy)
    return undefined
  }
  const match = mapping.path === undefined ? keyed : readWrittenPath(mapping.path)
  if (match.is === 'path') return match.path
  found.add([...path, 'path'], `the path ${match.fault.message}`, match.fault.remedy)
  return undefined
}

function placedRoute(key: string, variant: Variant, routing: Shared): PlacedRoute | undefined {
  const { name, mapping, when, at, targetPath, refusal } = variant
  const path: KeyPath = ['routes', key]
  const family = routeName(key)
  const route: WrittenRoute = { mapping, match: methodPath(variant), path, at, targetPath }
  const target = routeTarget(route, routing)
  const common = { name, family, host: readHost(route, routing), methods: readMethods(route, routing), path: route.match, when, refusal }
  const rules = headerRules(mapping.headers, [...path, 'headers'], routing)
  const limits = listedLimits(mapping.limits ?? [], { path: [...path, 'limits'], owner: { is: 'route', route: family } }, routing)
  if (target === undefined) return undefined
  const plan = { ...common, ...finish(route, { target, rules }, routing), limits: limits.map(({ limit }) => limit) }
  return { key, plan, isClaude: target.upstream.kind === 'claude', limits }
}

// One method answers one path, so a path that is a prefix only because it does not say otherwise is meant whole.
function methodPath({ match, mapping }: Variant): PathPlan {
  const isGuessed = mapping.path === undefined || typeof mapping.path === 'string'
  return match.is === 'prefix' && isGuessed && namesMethod(mapping.grpc) ? { is: 'exact', path: match.path } : match
}

type Rest = Omit<RoutePlan, 'name' | 'family' | 'host' | 'methods' | 'path' | 'when' | 'refusal' | 'limits'>

function finish(
  route: WrittenRoute,
  { target, rules }: { readonly target: RouteTarget; readonly rules: HeaderRules },
  routing: Shared,
): Rest {
  const { mapping } = route
  checkKind(route, target.upstream, routing)
  const isClaude = target.upstream.kind === 'claude'
  return {
    upstream: target.upstream.name,
    rewrite: target.rewrite,
    credential: readCredentialUse(route, target.upstream, routing),
    requestHeaders: [...routing.shared.request, ...rules.request],
    replyHeaders: [...routing.shared.reply, ...rules.reply],
    timeouts: { firstByte: mapping.timeouts?.firstByte ?? null, idle: mapping.timeouts?.idle ?? null },
    bodyLimit: mapping.body ?? null,
    ping: mapping.ping ?? null,
    compression: mapping.compression ?? (isClaude ? 'identity' : 'pass'),
    authenticate: readAuthenticate(route, routing),
    queue: mapping.queue === undefined ? null : { size: mapping.queue.size, timeoutMs: mapping.queue.timeout },
    onLeave: mapping.onLeave ?? 'cancel',
    estimateInput: mapping.estimate ?? 'size',
    upgrades: readUpgrades(route, target.upstream, routing),
    translate: translation(route, target, routing),
  }
}

function readUpgrades({ mapping, path }: WrittenRoute, { name, kind }: UpstreamPlan, { found }: Shared): readonly string[] {
  const { upgrades = [] } = mapping
  if (upgrades.length > 0 && kind === 'grpc')
    found.addKey([...path, 'upgrades'], `gRPC goes on in no other protocol, and ${shown(name)} is of kind grpc`, 'leave it out')
  upgrades.forEach((written, index) => {
    const isToken = /^[!#$%&'*+\-.^_|~0-9A-Za-z]{1,64}$/.test(written)
    const at = [...path, 'upgrades', index]
    if (!isToken) found.add(at, `${shown(written)} is not the name of a protocol`, 'write [websocket]')
    else if (/^(h2c|tls)/i.test(written))
      found.add(at, `${shown(written)} belongs to one connection`, 'leave it out: relay speaks it itself')
  })
  return [...new Set(upgrades.map((one) => one.toLowerCase()))]
}

// Whoever writes that a key is asked for must not find out otherwise.
function readAuthenticate({ mapping, path }: WrittenRoute, routing: Shared): boolean {
  if (mapping.authenticate === true && !hasTenants(routing))
    routing.found.addKey(
      [...path, 'authenticate'],
      'no key can be asked for: there are no tenants',
      'give `tenants` or `tenantsFrom`, or leave it out',
    )
  return mapping.authenticate ?? true
}

function readWrittenPath(written: NonNullable<RouteMapping['path']>) {
  if (typeof written === 'string') return readPath(written, 'guess')
  if ('exact' in written) return readPath(written.exact, 'exact')
  return 'prefix' in written ? readPath(written.prefix, 'prefix') : readPath(written.template, 'template')
}

function readHost({ mapping, path }: WrittenRoute, { found }: Shared): string | null {
  if (mapping.host === undefined) return null
  const host = mapping.host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  if (!isHost(host))
    found.add([...path, 'host'], `${shown(mapping.host)} is not a host`, 'write a name or an address, without a port: api.example.com')
  return host
}

function readMethods({ mapping, path }: WrittenRoute, { found }: Shared): readonly string[] | null {
  const { method, methods } = mapping
  if (method !== undefined && methods !== undefined)
    found.addKey([...path, 'methods'], 'the route has both `method` and `methods`', 'keep one of them')
  const written = methods ?? (method === undefined ? undefined : [method])
  written?.forEach((one, index) => {
    const at = methods === undefined ? [...path, 'method'] : [...path, 'methods', index]
    if (one === 'CONNECT') found.add(at, 'CONNECT is never forwarded', 'leave it out')
    else if (!/^[A-Z][A-Z0-9_-]{0,31}$/.test(one)) found.add(at, `${shown(one)} is not a method`, 'write it in capitals, as in GET')
  })
  return written === undefined ? null : [...new Set(written)]
}

function readCredentialUse({ mapping, path }: WrittenRoute, upstream: UpstreamPlan, { config, found, broken }: Shared): 'pass' | 'replace' {
  const written = config.upstreams[upstream.name]
  const isWritten = typeof written === 'object' && written.credential !== undefined && upstream.name in config.upstreams
  const has = isWritten || (upstream.builtin && upstream.credential !== null)
  if (mapping.credential === 'replace' && !has && !broken.has(upstream.name)) {
    found.add(
      [...path, 'credential'],
      `the upstream ${shown(upstream.name)} has no credential to put in`,
      'give the upstream a `credential`, or write pass',
    )
  }
  return mapping.credential ?? (has ? 'replace' : 'pass')
}

function checkKind({ mapping, path }: WrittenRoute, upstream: UpstreamPlan, { found }: Shared): void {
  if (upstream.kind === 'claude') return
  for (const key of ['ping', 'compression', 'onLeave', 'estimate'] as const) {
    if (mapping[key] !== undefined)
      found.addKey(
        [...path, key],
        `${key} works towards Claude only, and ${shown(upstream.name)} is of kind ${upstream.kind}`,
        'leave it out, or say `kind: claude`',
      )
  }
}
