import { suggest } from './nearest.ts'
import { shown } from './findings.ts'
import { listening, trustedProxies } from './listeners.ts'
import type { Plan } from './plan.ts'
import { routePlans } from './routes.ts'
import { type Making, upstreams } from './upstreams.ts'

/** Makes the plan of a config that has its shape right; what is still wrong goes into `found`, and the plan is then not to be used. */
export function planFrom(making: Making): Plan {
  const { config, sources } = making
  const table = upstreams(making)
  checkDefault(table.names, making)
  const routes = routePlans({ ...making, table })
  const { listeners, admin, guard } = listening(routes, making)
  return {
    listeners,
    admin,
    workers: config.workers === 'auto' ? sources.parallelism : config.workers,
    accept: config.accept,
    trustedProxies: trustedProxies(making),
    bounds: config.bounds,
    timeouts: config.timeouts,
    drain: config.drain,
    log: config.log,
    upstreams: table.all(),
    routes,
    guard,
    tenancy: null,
    limits: [],
    limitStore: 'memory',
    redis: null,
    nodes: 1,
    estimate: { outputTokens: 4096, outputMost: null, bytesPerToken: 4 },
    shed: { lagMs: null, heap: null },
    ledger: null,
    prices: {},
  }
}

function checkDefault(names: readonly string[], { config, found, broken }: Making): void {
  const name = config.defaultUpstream
  if (name === undefined || names.includes(name) || broken.has(name)) return
  found.add(['defaultUpstream'], `there is no upstream ${shown(name)}`, suggest(name, names, 'upstream'))
}
