import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { RouteStatus } from '../control/api.ts'
import { addressText } from '../config/address.ts'

/** The routes of a plan as they are shown; no header value and no credential is in them. */
export function routeStatuses(plan: Plan): readonly RouteStatus[] {
  const upstreams = new Map(plan.upstreams.map((upstream) => [upstream.name, upstream]))
  return plan.routes.map((route) => routeStatus(route, upstreams.get(route.upstream)))
}

function routeStatus(route: RoutePlan, upstream: UpstreamPlan | undefined): RouteStatus {
  const { name, host, methods, path } = route
  const pathText = path.is === 'template' ? path.template : path.path
  const to = upstream === undefined ? route.upstream : `${originText(upstream)}${upstream.path}${route.rewrite ?? pathText}`
  return { name, host, methods, path: pathText, match: path.is, to, upstream: route.upstream, kind: upstream?.kind ?? 'http' }
}

function originText({ builtin, tls, host, port }: UpstreamPlan): string {
  if (builtin) return 'builtin:claude'
  const usual = port === (tls ? 443 : 80)
  return `${tls ? 'https' : 'http'}://${usual ? (host.includes(':') ? `[${host}]` : host) : addressText({ host, port })}`
}
