import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { DescriptorsPlan } from '../config/plan-translate.ts'

/** What a server has said of itself. */
export interface KnownServer {
  readonly bytes: Uint8Array
  /** Whether it has a method, `package.Service/Method`. */
  has(method: string): boolean
}

/** What the servers behind upstreams have said of themselves; null: nothing yet. */
export type KnownServers = (upstream: UpstreamPlan) => KnownServer | null

/** A plan with descriptors in the place of servers that were to be asked, and what could not be filled in although a server has answered. */
export interface Filled {
  readonly plan: Plan
  readonly problems: readonly string[]
}

/** Whether an upstream's server is asked what its methods are, by itself or by a route to it. */
export function asksServer(plan: Plan, { name, descriptors }: UpstreamPlan): boolean {
  return descriptors?.is === 'reflect' || plan.routes.some((route) => route.upstream === name && isAsked(route))
}

/**
 * Puts what is known into a plan; where nothing is yet, `reflect` stays, and JSON callers are told to come again. A route whose method the
 * server does not have stays so, too: the server may be the one that is old.
 */
export function filled(plan: Plan, known: KnownServers): Filled {
  const servers = new Map(plan.upstreams.flatMap((upstream) => serverOf(upstream, plan, known)))
  if (servers.size === 0) return { plan, problems: [] }
  const problems: string[] = []
  const upstreams = plan.upstreams.map((upstream) => {
    const server = upstream.descriptors?.is === 'reflect' ? servers.get(upstream.name) : undefined
    return server === undefined ? upstream : { ...upstream, descriptors: setOf(server) }
  })
  const routes = plan.routes.map((route) => {
    const server = isAsked(route) ? servers.get(route.upstream) : undefined
    if (server === undefined || route.translate?.is !== 'json_to_grpc') return route
    const { method } = route.translate
    if (method === null || server.has(method)) return { ...route, translate: { ...route.translate, descriptors: setOf(server) } }
    problems.push(`route ${route.name}: the server has no method ${method}`)
    return route
  })
  return { plan: { ...plan, upstreams, routes }, problems }
}

type SetPlan = Extract<DescriptorsPlan, { readonly is: 'set' }>

/** One object a server, however many routes have it: it travels to workers once. */
const sets = new WeakMap<KnownServer, SetPlan>()

function setOf(server: KnownServer): SetPlan {
  const set = sets.get(server) ?? { is: 'set', bytes: server.bytes }
  sets.set(server, set)
  return set
}

function serverOf(upstream: UpstreamPlan, plan: Plan, known: KnownServers): readonly (readonly [string, KnownServer])[] {
  const server = asksServer(plan, upstream) ? known(upstream) : null
  return server === null ? [] : [[upstream.name, server]]
}

function isAsked({ translate }: RoutePlan): boolean {
  return translate?.is === 'json_to_grpc' && translate.descriptors.is === 'reflect'
}
