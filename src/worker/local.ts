import type { Log } from '../base/log.ts'
import type { Plan } from '../config/plan.ts'
import { compose, type Next } from '../engine/call.ts'
import type { Sweep } from '../engine/sweep.ts'
import type { Column } from '../metrics/column.ts'
import { authenticate } from '../stages/authenticate.ts'
import { healthPath, localServices, reflectionPaths } from '../stages/grpc-local.ts'
import { guard } from '../stages/guard.ts'
import { observe } from '../stages/observe.ts'
import { onlyFor } from '../stages/only-for.ts'
import { translating } from '../stages/translation.ts'
import { reflection } from '../transcode/reflection.ts'
import type { Services } from './services.ts'

/** What relay's own answers need of the worker. */
export interface LocalOptions {
  readonly plan: Plan
  readonly column: Column
  readonly log: Log
  readonly sweep: Sweep
  readonly services: Services
  /** Aborted when relay begins to close. */
  readonly closing: AbortSignal
}

/** Below these paths relay answers gRPC itself. */
export const localPaths: readonly string[] = [healthPath, ...reflectionPaths]

/**
 * What answers there, for all services that routes make of REST backends; null where there is none. Health is anybody's to ask, as
 * `/livez` is; what services there are is told to those who may call them.
 */
export function localRoute({ plan, column, log, sweep, services, closing }: LocalOptions): Next | null {
  const sets = plan.routes.flatMap(({ translate }) => (translate?.is === 'grpc_to_json' ? [translate.descriptors.bytes] : []))
  if (sets.length === 0) return null
  const { tenants } = services
  const asksKey = plan.tenancy !== null && tenants !== null
  const stages = [
    observe({ column, log: plan.log.access ? log : null }),
    ...(plan.guard === null ? [] : [guard(plan.guard.hosts)]),
    ...(asksKey ? [onlyFor(({ head }) => !head.path.startsWith(healthPath), authenticate({ tenants }))] : []),
    ...translating({ is: 'grpc', connect: { codecs: null, most: mostMessage, budget: services.peeks } }, sweep),
  ]
  return compose(stages, localServices({ reflection: reflection([...new Set(sets)]), closing }))
}

/** Bytes of a question. */
const mostMessage = 65_536
