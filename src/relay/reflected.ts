import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { DescriptorsPlan } from '../config/plan-translate.ts'
import { openSet } from '../descriptors/open-set.ts'

/** What the servers behind upstreams have said of themselves; null: nothing yet. */
export type KnownSet = (upstream: UpstreamPlan) => Uint8Array | null

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
export function filled(plan: Plan, known: KnownSet): Filled {
  const sets = new Map(plan.upstreams.flatMap((upstream) => setOf(upstream, plan, known)))
  if (sets.size === 0) return { plan, problems: [] }
  const problems: string[] = []
  const upstreams = plan.upstreams.map((upstream) => {
    const set = upstream.descriptors?.is === 'reflect' ? sets.get(upstream.name) : undefined
    return set === undefined ? upstream : { ...upstream, descriptors: set }
  })
  const routes = plan.routes.map((route) => {
    const set = isAsked(route) ? sets.get(route.upstream) : undefined
    if (set === undefined || route.translate?.is !== 'json_to_grpc') return route
    const fault = methodFault(route.name, route.translate.method, set)
    if (fault !== null) problems.push(fault)
    return fault === null ? { ...route, translate: { ...route.translate, descriptors: set } } : route
  })
  return { plan: { ...plan, upstreams, routes }, problems }
}

type SetPlan = Extract<DescriptorsPlan, { readonly is: 'set' }>

function setOf(upstream: UpstreamPlan, plan: Plan, known: KnownSet): readonly (readonly [string, SetPlan])[] {
  const bytes = asksServer(plan, upstream) ? known(upstream) : null
  return bytes === null ? [] : [[upstream.name, { is: 'set', bytes }]]
}

function isAsked({ translate }: RoutePlan): boolean {
  return translate?.is === 'json_to_grpc' && translate.descriptors.is === 'reflect'
}

function methodFault(route: string, method: string | null, { bytes }: SetPlan): string | null {
  if (method === null) return null
  const opened = openSet(bytes)
  const isThere = opened.is === 'opened' && opened.set.request(method) !== undefined
  return isThere ? null : `route ${route}: the server has no method ${method}`
}
