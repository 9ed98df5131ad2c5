import type { Log } from '../base/log.ts'
import { RelayError } from '../base/errors.ts'
import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { NumberSlots } from '../control/messages.ts'
import { compose, unrouted, type Call, type Next, type Reply, type RouteInfo } from '../engine/call.ts'
import { Router, modelNeeded } from '../engine/router.ts'
import type { ServerLimits } from '../engine/server-host.ts'
import type { Sweep } from '../engine/sweep.ts'
import type { Column } from '../metrics/column.ts'
import { RequestHead } from '../protocol/request.ts'
import { isExtendedConnect } from '../protocol/upgrade.ts'
import { observe } from '../stages/observe.ts'
import { recipe } from '../stages/recipe.ts'
import { noTunnel } from '../stages/upgrade.ts'
import { forwardedTrust, type Trust } from './trust.ts'
import { byModel } from './by-model.ts'
import { accountsOf } from './limiting.ts'
import { localPaths, localRoute } from './local.ts'
import type { HeldPool, Pools } from './pools.ts'
import type { Services } from './services.ts'
import { translations, type Translations } from './translating.ts'

/** A compiled configuration: immutable, swapped whole. */
export interface Snapshot {
  readonly version: number
  readonly plan: Plan
  readonly limits: ServerLimits
  readonly trust: Trust
  /** The pools it uses. */
  readonly pools: ReadonlySet<HeldPool>
  handle(call: Call): Promise<Reply>
}

/** What compiling needs of the worker. */
export interface CompileOptions {
  readonly version: number
  readonly plan: Plan
  readonly slots: NumberSlots
  readonly column: Column
  readonly log: Log
  readonly sweep: Sweep
  readonly pools: Pools
  readonly services: Services
  /** Aborted when relay begins to close. */
  readonly closing: AbortSignal
}

interface Route {
  readonly info: RouteInfo
  /** Whether callers may go on in another protocol. */
  readonly hasTunnels: boolean
  readonly run: Next
}

/** Makes a snapshot of a plan; whatever cannot be compiled throws. */
export function compile(options: CompileOptions): Snapshot {
  const { plan } = options
  const upstreams = new Map(plan.upstreams.map((upstream, k) => [upstream.name, { upstream, slot: options.slots.upstreams[k] ?? 0 }]))
  const pools = new Map<string, HeldPool>()
  for (const { upstream, slot } of upstreams.values()) pools.set(upstream.name, options.pools.hold(upstream, slot))

  const router = new Router<Route>()
  const translated = translations(options.services.peeks)
  for (const [k, route] of plan.routes.entries()) {
    const found = upstreams.get(route.upstream)
    if (found === undefined) throw new Error(`route ${route.name} names the upstream ${route.upstream}, which is not in the plan`)
    const { upstream, slot } = found
    const info = {
      name: route.name,
      family: route.family,
      slot: options.slots.routes[k] ?? 0,
      upstream: upstream.name,
      upstreamSlot: slot,
      kind: upstream.kind,
    }
    router.add(route, {
      info,
      hasTunnels: route.upgrades.length > 0,
      run: routeStages({ route, upstream, slot: info.slot, held: pools.get(upstream.name)!, translated, options }),
    })
  }
  addLocal(router, options)
  return {
    version: options.version,
    plan,
    limits: limitsOf(plan),
    trust: forwardedTrust(plan.trustedProxies),
    pools: new Set(pools.values()),
    handle: handling(router, options),
  }
}

/** Finds a call's route, and runs it. */
function handling(router: Router<Route>, { plan, column, log, services }: CompileOptions): Next {
  const observed = observe({ column, log: plan.log.access ? log : null })
  const lost = compose([observed], noRoute)
  const refused = async (call: Call, error: unknown): Promise<Reply> =>
    observed(call, async () => {
      throw error
    })
  const run = (call: Call, route: Route | null): Promise<Reply> => {
    if (route === null) return lost(call)
    call.route = route.info
    return isExtendedConnect(call.head) && !route.hasTunnels ? refused(call, noTunnel()) : route.run(call)
  }
  const chosen = byModel({
    budget: services.peeks,
    most: plan.bounds.peek,
    choose: (call, model) => run(call, router.find(call.head, model)),
    failed: refused,
  })
  return (call) => {
    const route = router.find(call.head)
    return route === modelNeeded ? chosen(call) : run(call, route)
  }
}

interface RouteParts {
  readonly route: RoutePlan
  readonly upstream: UpstreamPlan
  readonly slot: number
  readonly held: HeldPool
  readonly translated: Translations
  readonly options: CompileOptions
}

function routeStages({ route, upstream, slot, held, translated, options }: RouteParts): Next {
  const { plan, column, sweep, services } = options
  return recipe({
    column,
    log: plan.log.access ? options.log : null,
    sweep,
    pool: held.pool,
    kind: upstream.kind,
    path: route.path,
    rewrite: route.rewrite,
    base: upstream.path,
    guardedHosts: plan.guard === null ? null : plan.guard.hosts,
    // A gRPC stream goes on as long as it likes: its messages have bounds.
    bodyLimit: route.bodyLimit ?? (upstream.kind === 'grpc' ? Infinity : null),
    defaultBodyLimit: plan.bounds.body,
    firstByteMs: route.timeouts.firstByte ?? upstream.timeouts.firstByte,
    idleMs: route.timeouts.idle ?? upstream.timeouts.idle,
    forwards: upstream.forwarded,
    requestHeaders: route.requestHeaders,
    replyHeaders: route.replyHeaders,
    credential: route.credential === 'replace' ? upstream.credential : null,
    asksIdentity: route.compression === 'identity',
    pingMs: route.ping,
    refusal: route.refusal,
    upgrades: route.upgrades,
    translation: translated.of(route, upstream),
    ...accountsOf({ plan, route, upstream, slot, column, services }),
  })
}

/** gRPC that relay serves itself is told of by its own health and reflection, unless a gRPC upstream has these paths. */
function addLocal(router: Router<Route>, options: CompileOptions): void {
  const run = localRoute(options)
  if (run === null) return
  for (const path of localPaths) {
    const there = router.find(Object.assign(new RequestHead(), { method: 'POST', path: `${path}/Method` }), null)
    if (there?.info.kind === 'grpc') continue
    router.add(
      { host: null, methods: null, path: { is: 'prefix', path }, when: null },
      { info: { ...unrouted, name: path.slice(1) }, hasTunnels: false, run },
    )
  }
}

function limitsOf({ bounds, timeouts }: Plan): ServerLimits {
  return {
    head: bounds.head,
    fields: bounds.fields,
    headMs: timeouts.head,
    idleMs: timeouts.idle,
    bodyMs: timeouts.body,
    writeMs: timeouts.write,
    streams: bounds.streams,
  }
}

async function noRoute(call: Call): Promise<Reply> {
  call.route = unrouted
  throw new RelayError('no_route', `no route for ${call.head.method} ${call.head.path}`)
}
