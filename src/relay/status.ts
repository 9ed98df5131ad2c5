import type { Phase, RoutesReply, Status } from '../control/api.ts'
import type { ControlFacts, DrainPhase } from '../metrics/metric.ts'
import type { Plan } from '../config/plan.ts'
import type { AdminPort } from './admin-port.ts'
import type { Parts } from './parts.ts'
import { routeStatuses } from './route-status.ts'
import type { Services } from './services.ts'
import type { State, StateNow } from './state.ts'

/** What a relay knows of itself at a moment. */
export interface Self extends StateNow {
  readonly parts: Parts
  readonly admin: AdminPort
}

/** The answer of `relay status`. */
export function statusOf({ version, startedAt, phase, running, lastProblems, parts, admin }: Self): Status {
  const { loaded, snapshot, committedAt } = running
  return {
    relay: version,
    pid: process.pid,
    startedAt: startedAt.toISOString(),
    phase,
    source: loaded.source,
    snapshot: { version: snapshot.version, hash: loaded.hash, committedAt: committedAt.toISOString() },
    lastProblems,
    accept: parts.accept,
    listeners: snapshot.listeners.map(({ host, port, tls }) => ({ host, port, tls: tls !== null })),
    admin: admin.address(),
    workers: parts.crew.states().map((state) => ({ ...state, connections: parts.loads.open(state.index) })),
    routes: snapshot.plan.routes.length,
    upstreams: snapshot.plan.upstreams.length,
    ...servicesStatus(snapshot.plan, parts.services),
  }
}

function servicesStatus({ tenancy, ledger: book }: Plan, services: Services): Pick<Status, 'tenants' | 'ledger' | 'redis'> {
  const { tenants, ledger, redis, limiting } = services
  const away = limiting.facts()
  const { isAway, lastError } = redis ?? { isAway: false, lastError: null }
  return {
    tenants: tenancy === null ? null : { tenants: tenants.tenants, keys: tenants.keys },
    ledger: ledger === null || book === null ? null : { file: book.file, ...ledger.status() },
    redis: redis === null ? null : { isAway, timesAway: away?.timesAway ?? 0, nodes: limiting.nodes(), lastError },
  }
}

/** The answer of `relay route list`, as it runs: the builtin fake under its name. */
export function routesOf({ running: { loaded, snapshot } }: Self): RoutesReply {
  return { version: snapshot.version, hash: loaded.hash, routes: routeStatuses(loaded.plan, snapshot.plan) }
}

/** What a scrape is told by control, from its first moment on. */
export function factsOf(now: State, parts: Parts, logLinesDropped: number): ControlFacts {
  const states = parts.crew.states()
  const redis = parts.services.limiting.facts()
  const { version, configVersion, lastReloadSuccessful, phase } = now.facts()
  return {
    version,
    configVersion,
    lastReloadSuccessful,
    workers: states.filter(({ state }) => state === 'live').length,
    workerRestarts: states.reduce((sum, { restarts }) => sum + restarts, 0),
    drainPhase: drainPhases[phase],
    logLinesDropped,
    ...(redis === null ? {} : { redis }),
  }
}

const drainPhases: Readonly<Record<Phase, DrainPhase>> = {
  starting: 'serving',
  running: 'serving',
  closing: 'closing',
  draining: 'draining',
  stopped: 'drained',
}
