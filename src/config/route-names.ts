import { type KeyPath, shown } from './findings.ts'
import { suggest } from './nearest.ts'
import { routeName } from './route-path.ts'
import type { Making } from './upstreams.ts'

/** The names of routes in a list, each as its route has it; one that no route has is told. */
export function knownRoutes(written: readonly string[], path: KeyPath, making: Making): readonly string[] {
  const { config, found, missing } = making
  const names = written.map(routeName)
  for (const [index, name] of names.entries()) {
    if (hasRoute(name, making) || missing.has('routes')) continue
    const known = Object.keys(config.routes).map(routeName)
    found.add([...path, index], `there is no route ${shown(written[index])}`, suggest(name, known, 'route'))
  }
  return [...new Set(names)]
}

function hasRoute(name: string, { config, missing }: Making): boolean {
  const keys = [name, `/${name}`, `${name}/`, `/${name}/`]
  return keys.some((key) => Object.hasOwn(config.routes, key) || missing.has(`routes.${key}`))
}
