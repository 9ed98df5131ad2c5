import { type Findings, shown } from './findings.ts'
import type { PathPlan, RoutePlan } from './plan.ts'
import { whenId } from './route-when.ts'

/** A route and its key in the file. */
export interface KeyedRoute {
  readonly key: string
  readonly plan: RoutePlan
}

/** Reports every two routes that would match the same call with nothing to choose between them, and every name that stands twice. */
export function reportTies(routes: readonly KeyedRoute[], found: Findings): void {
  const names = new Map<string, string>()
  const matches = new Map<string, string>()
  for (const { key, plan } of routes) {
    const ids = (plan.methods ?? ['*']).map((method) => `${plan.host ?? '*'} ${method} ${pathId(plan.path)} ${whenId(plan.when)}`)
    const rival = ids.map((id) => matches.get(id)).find((first) => first !== undefined && first !== key)
    const namesake = [plan.name, plan.family].map((name) => names.get(name)).find((first) => first !== undefined && first !== key)
    if (rival !== undefined) {
      const told = {
        message: `matches the same calls as the route ${shown(rival)}`,
        remedy: 'remove one, or tell them apart by host, method, path or `when`',
      }
      found.addPair(['routes', key], ['routes', rival], told)
    } else if (namesake !== undefined) {
      const told = {
        message: `has the same name as the route ${shown(namesake)}; a slash before or behind it changes nothing`,
        remedy: 'name one of them differently and give it a `path`',
      }
      found.addPair(['routes', key], ['routes', namesake], told)
    }
    for (const id of ids) matches.set(id, matches.get(id) ?? key)
    for (const name of [plan.name, plan.family]) names.set(name, names.get(name) ?? key)
  }
}

function pathId(path: PathPlan): string {
  return path.is === 'template' ? `template ${path.template.replace(/\{[^{}]*\}/g, '{}')}` : `${path.is} ${path.path}`
}
