import { shown } from './findings.ts'
import { hasBudget, ledger } from './ledger.ts'
import { checkLimits, type PlacedRoute } from './limit-checks.ts'
import { limitDefaults } from './limit-defaults.ts'
import { type LimitMaking, listedLimits } from './limits.ts'
import { listening, trustedProxies } from './listeners.ts'
import { suggest } from './nearest.ts'
import type { Plan, ShedPlan } from './plan.ts'
import { prices } from './prices.ts'
import { redis } from './redis.ts'
import { routePlans } from './routes.ts'
import { tenancy } from './tenancy.ts'
import { type Making, upstreams } from './upstreams.ts'

/** Makes the plan of a config that has its shape right; what is still wrong goes into `found`, and the plan is then not to be used. */
export function planFrom(making: Making): Plan {
  const { config, sources } = making
  const table = upstreams(making)
  checkDefault(table.names, making)
  const defaults = limitDefaults(making)
  const placed = routePlans({ ...making, table, defaults })
  const routes = placed.map(({ plan }) => plan)
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
    limitStore: defaults.store,
    ...accounts(placed, { ...making, defaults }),
    ...redisOf(making),
    estimate: { ...config.estimate, outputMost: config.estimate.outputMost ?? null },
    shed: shed(making),
    prices: prices(making),
  }
}

function accounts(routes: readonly PlacedRoute[], making: LimitMaking): Pick<Plan, 'tenancy' | 'limits' | 'ledger'> {
  const relay = listedLimits(making.config.limits, { path: ['limits'], owner: { is: 'relay' } }, making)
  const callers = tenancy(making)
  checkLimits({ relay, routes, tenancy: callers }, making)
  const limits = relay.map(({ limit }) => limit)
  const isNeeded = callers.plan !== null || hasBudget([...limits, ...routes.flatMap(({ plan }) => plan.limits)])
  return { tenancy: callers.plan, limits, ledger: ledger(isNeeded, making) }
}

function redisOf(making: Making): Pick<Plan, 'redis' | 'nodes'> {
  const { place, nodes } = redis(making)
  return { redis: place, nodes }
}

function shed({ config }: Making): ShedPlan {
  const { lag, heap } = config.shed === false ? { lag: false as const, heap: false as const } : config.shed
  return { lagMs: lag === false ? null : lag, heap: heap === false ? null : heap }
}

function checkDefault(names: readonly string[], { config, found, broken }: Making): void {
  const name = config.defaultUpstream
  if (name === undefined || names.includes(name) || broken.has(name)) return
  found.add(['defaultUpstream'], `there is no upstream ${shown(name)}`, suggest(name, names, 'upstream'))
}
