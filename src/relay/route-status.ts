import type { FieldMatchPlan, WhenPlan } from '../config/plan-translate.ts'
import type { Plan, RoutePlan, UpstreamPlan } from '../config/plan.ts'
import type { RouteStatus } from '../control/api.ts'
import { originText } from '../config/target.ts'

/** The routes of a plan as they are shown; no header value that is set and no credential is in them. `running`: the plan as workers have it. */
export function routeStatuses(plan: Plan, running: Plan): readonly RouteStatus[] {
  const upstreams = new Map(plan.upstreams.map((upstream) => [upstream.name, upstream]))
  return plan.routes.map((route, at) => routeStatus(route, upstreams.get(route.upstream), running.routes[at] ?? route))
}

function routeStatus(route: RoutePlan, upstream: UpstreamPlan | undefined, running: RoutePlan): RouteStatus {
  const { name, family, host, methods, path, when, refusal, upgrades, translate } = route
  const pathText = path.is === 'template' ? path.template : path.path
  const method = translate?.is === 'json_to_grpc' ? translate.method : null
  return {
    ...{ name, family, host, methods, path: pathText, match: path.is, to: targetText(route, upstream, pathText), upstream: route.upstream },
    kind: upstream?.kind ?? 'http',
    http: upstream?.http ?? 1,
    when: when === null ? [] : whenTexts(when),
    ...{ refusal, upgrades, translates: translate?.is ?? null, method },
    descriptors: descriptorsOf(running),
  }
}

function targetText(route: RoutePlan, upstream: UpstreamPlan | undefined, path: string): string {
  const method = route.translate?.is === 'json_to_grpc' ? route.translate.method : null
  if (upstream === undefined) return route.upstream
  const origin = originText({ ...upstream, grpc: upstream.kind === 'grpc' })
  const isChosen = route.translate?.is === 'openai' || route.translate?.is === 'grpc_to_json'
  // What is put into other terms has a path of its own each time.
  const own = route.rewrite ?? (isChosen ? '' : path)
  return `${origin}${upstream.path}${method === null ? own : `/${method}`}`
}

function descriptorsOf({ translate }: RoutePlan): RouteStatus['descriptors'] {
  if (translate?.is !== 'json_to_grpc' && translate?.is !== 'grpc_to_json') return null
  return translate.descriptors.is === 'set' ? 'known' : 'awaited'
}

function whenTexts({ headers, query, models }: WhenPlan): readonly string[] {
  return [
    ...headers.map((field) => fieldText('header', field)),
    ...query.map((field) => fieldText('query', field)),
    ...(models === null ? [] : [`model ${models.join(' or ')}`]),
  ]
}

function fieldText(where: 'header' | 'query', { name, values, isAbsent }: FieldMatchPlan): string {
  if (values === null) return `${isAbsent ? 'no ' : ''}${where} ${name}`
  return `${where} ${name}: ${values.join(' or ')}${isAbsent ? ', or none' : ''}`
}
