import type { Limit } from '../base/limit.ts'
import { type Findings, type KeyPath, shown } from './findings.ts'
import { needsClaude, needsTenant } from './limit-parts.ts'
import type { PlacedLimit } from './limits.ts'
import type { RoutePlan } from './plan.ts'
import type { LimitsOwner, Tenancy } from './tenancy.ts'
import type { Making } from './upstreams.ts'

/** A route, the key under which it stands, and its limits. */
export interface PlacedRoute {
  readonly key: string
  readonly plan: RoutePlan
  readonly isClaude: boolean
  readonly limits: readonly PlacedLimit[]
}

/** All limits of a config. */
export interface AllLimits {
  readonly relay: readonly PlacedLimit[]
  readonly routes: readonly PlacedRoute[]
  readonly tenancy: Tenancy
}

/** Checks limits against each other and against the routes and tenants that they hold for. */
export function checkLimits(all: AllLimits, making: Making): void {
  checkNames(all, making.found)
  const isWhole =
    making.broken.size === 0 &&
    making.missing.size === 0 &&
    new Set(all.routes.map(({ key }) => key)).size === Object.keys(making.config.routes).length
  for (const placed of all.relay) checkReach(placed, { all, making, isWhole })
  for (const route of all.routes) {
    for (const placed of route.limits) checkReach(placed, { all, making, isWhole: true })
    checkQueue(route, all, making)
  }
  for (const owner of all.tenancy.owners) checkOwner(owner, { all, making, isWhole })
}

// Buckets, refusals and metrics go by the names of limits, so no two limits of one call may share one. A tenant's takes the place of its
// tier's of that name.
function checkNames({ relay, routes, tenancy }: AllLimits, found: Findings): void {
  const ofRelay = new Map<string, KeyPath>()
  addNames(relay, { seen: ofRelay, whose: 'the whole relay', found })
  const ofRoutes = new Map(ofRelay)
  for (const { limits, plan } of routes) {
    const seen = new Map(ofRelay)
    addNames(limits, { seen, whose: `the route ${shown(plan.name)} or the whole relay`, found })
    for (const [name, path] of seen) if (!ofRoutes.has(name)) ofRoutes.set(name, path)
  }
  for (const { limits } of tenancy.owners)
    addNames(limits, { seen: new Map(ofRoutes), whose: 'this tenant or tier, of a route or of the whole relay', found })
}

interface Naming {
  readonly seen: Map<string, KeyPath>
  readonly whose: string
  readonly found: Findings
}

function addNames(limits: readonly PlacedLimit[], { seen, whose, found }: Naming): void {
  for (const { limit, named } of limits) {
    const first = seen.get(limit.name)
    if (first === undefined) seen.set(limit.name, named)
    else
      found.addPair(named, first, {
        message: `a limit of ${whose} is named ${shown(limit.name)} already`,
        remedy: 'give it another name: a call tells its limits apart by their names',
      })
  }
}

interface Checking {
  readonly all: AllLimits
  readonly making: Making
  /** Whether every route of the file is known: what is said of all of them is not said of some. */
  readonly isWhole: boolean
}

// What no call can ever reach is not a limit, and somebody relies on it.
function checkReach(placed: PlacedLimit, checking: Checking): void {
  const { limit, path } = placed
  const { found } = checking.making
  const scope = limit.per.includes('tenant') ? 'tenant' : 'business'
  if (needsTenant(limit) && checking.all.tenancy.plan === null)
    return found.add(
      [...path, 'per'],
      `counts by ${scope}, and there are no tenants`,
      'give `tenants` or `tenantsFrom`, or leave it out of `per`',
    )
  if (needsTenant(limit) && holdsForNone(limit, checking, ({ plan }) => plan.authenticate))
    found.add(
      [...path, 'per'],
      `counts by ${scope}, and no route that it holds for asks for a key`,
      'leave `authenticate: false` out of the route, or this out of `per`',
    )
  checkKnown(placed, checking)
}

function checkKnown({ limit, path }: PlacedLimit, checking: Checking): void {
  if (needsClaude(limit) && holdsForNone(limit, checking, ({ isClaude }) => isClaude))
    checking.making.found.addKey(
      path,
      'can never be reached: models, tokens and money are known towards Claude only, and no route that it holds for goes there',
      'limit requests or concurrency, for all models, or say `kind: claude`',
    )
}

// Whether it holds for routes, and for none of this sort; of a file whose routes are not all known nothing is said.
function holdsForNone({ routes }: Limit, { all, isWhole }: Checking, sort: (route: PlacedRoute) => boolean): boolean {
  const holds = ({ plan }: PlacedRoute): boolean => routes === null || routes.includes(plan.family)
  return isWhole && all.routes.some(holds) && !all.routes.some((route) => holds(route) && sort(route))
}

function checkOwner({ limits, routes }: LimitsOwner, checking: Checking): void {
  const { found } = checking.making
  for (const placed of limits) {
    const held = placed.limit.routes
    if (held !== null && routes !== null && !held.some((name) => routes.includes(name)))
      found.add([...placed.path, 'routes'], 'can never be reached: none of these routes may be called', `name some of ${routes.join(', ')}`)
    else if (checking.all.tenancy.plan !== null) checkKnown(placed, checking)
  }
}

function checkQueue({ key, plan, limits }: PlacedRoute, { relay, tenancy }: AllLimits, { found, missing }: Making): void {
  if (plan.queue === null || missing.size > 0) return
  const ofAll = [...limits, ...relay].some(({ limit }) => canWait(limit) && (limit.routes === null || limit.routes.includes(plan.family)))
  const { plan: tenants, owners } = tenancy
  const ofTenants =
    plan.authenticate &&
    tenants !== null &&
    (tenants.from !== null || owners.some((owner) => owner.limits.some(({ limit }) => canWait(limit))))
  if (ofAll || ofTenants) return
  found.addKey(
    ['routes', key, 'queue'],
    'no limit holds for the route that a call could wait for',
    'give it `limits` (money is not waited for), or leave `queue` out',
  )
}

// Money comes back with the next period, which no call lives to see.
function canWait({ kind, dryRun }: Limit): boolean {
  return kind !== 'budget' && !dryRun
}
