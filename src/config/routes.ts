import { type KeyPath, shown } from './findings.ts'
import { type HeaderRules, headerRules } from './header-rules.ts'
import type { PlacedRoute } from './limit-checks.ts'
import type { LimitDefaults } from './limit-defaults.ts'
import { listedLimits } from './limits.ts'
import type { RoutePlan, UpstreamPlan } from './plan.ts'
import { readPath, routeName } from './route-path.ts'
import { type RouteTarget, type Routing, routeTarget, type WrittenRoute } from './route-target.ts'
import type { RouteFile, RouteMapping } from './schema-route.ts'
import { reportTies } from './route-ties.ts'
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
  for (const [key, written] of Object.entries(routing.config.routes)) {
    const placed = placedRoute(key, written, { ...routing, shared })
    if (placed !== undefined) made.push(placed)
  }
  reportTies(made, routing.found)
  return made
}

interface Shared extends RouteMaking {
  readonly shared: HeaderRules
}

function placedRoute(key: string, written: RouteFile, routing: Shared): PlacedRoute | undefined {
  const { found } = routing
  const path: KeyPath = ['routes', key]
  const mapping: RouteMapping = written === null ? {} : typeof written === 'string' ? { to: written } : written
  const keyed = readPath(key, 'guess')
  if (keyed.is === 'fault') {
    found.addKey(path, `the key ${shown(key)} ${keyed.fault.message}`, keyed.fault.remedy)
    return undefined
  }
  const match = mapping.path === undefined ? keyed : readWrittenPath(mapping.path)
  if (match.is === 'fault') {
    found.add([...path, 'path'], `the path ${match.fault.message}`, match.fault.remedy)
    return undefined
  }
  const targetPath = typeof written === 'object' ? [...path, 'to'] : path
  const route = { mapping, match: match.path, path, targetPath }
  const target = routeTarget(route, routing)
  const name = routeName(key)
  const common = { name, host: readHost(route, routing), methods: readMethods(route, routing), path: match.path }
  const rules = headerRules(mapping.headers, [...path, 'headers'], routing)
  const limits = listedLimits(mapping.limits ?? [], { path: [...path, 'limits'], owner: { is: 'route', route: name } }, routing)
  if (target === undefined) return undefined
  const plan = { ...common, ...finish(route, { target, rules }, routing), limits: limits.map(({ limit }) => limit) }
  return { key, plan, isClaude: target.upstream.kind === 'claude', limits }
}

type Rest = Omit<RoutePlan, 'name' | 'host' | 'methods' | 'path' | 'limits'>

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
    when: null,
    refusal: null,
    upgrades: [],
    translate: null,
  }
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
        `${key} works towards Claude only, and ${shown(upstream.name)} is of kind http`,
        'leave it out, or say `kind: claude`',
      )
  }
}
