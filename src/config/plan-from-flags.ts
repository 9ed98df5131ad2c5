import { availableParallelism } from 'node:os'
import { ConfigError, type Problem } from '../base/errors.ts'
import { type Finding, findings } from './findings.ts'
import { planFromValue } from './load-text.ts'
import type { Plan } from './plan.ts'
import { liveSources } from './sources.ts'

/** The flags of `relay start` without a config file. */
export interface StartFlags {
  readonly upstream: string
  /** Name of the environment variable that holds the key to put in; without it the caller's own credential passes. */
  readonly keyEnv?: string
  readonly kind?: 'claude' | 'http' | 'grpc'
  readonly listen?: string
  readonly public?: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly parallelism?: number
}

/** The config that flags stand for, as plain data: every path goes to the one upstream. */
function configFromFlags({ upstream, keyEnv, kind, listen, public: isPublic }: StartFlags): Readonly<Record<string, unknown>> {
  const credential = keyEnv === undefined ? {} : { credential: { env: keyEnv } }
  return {
    listen: listen ?? '127.0.0.1:8080',
    ...(isPublic === undefined ? {} : { public: isPublic }),
    upstreams: { upstream: { url: upstream, ...(kind === undefined ? {} : { kind }), ...credential } },
    routes: { '/': 'upstream' },
  }
}

/** The plan of `relay start --upstream URL …`; throws a ConfigError that speaks of flags. */
export function planFromFlags(flags: StartFlags): Plan {
  const { env, parallelism = availableParallelism() } = flags
  const found = findings()
  const sources = liveSources({ ...(env === undefined ? {} : { env }), parallelism })
  const plan = planFromValue(configFromFlags(flags), { sources, found })
  if (plan === undefined || found.all.length > 0) throw new ConfigError(found.all.map(flagProblem))
  return plan
}

function flagProblem({ path, message, remedy }: Finding): Problem {
  return { path: flagOf(path.map(String)), message, remedy }
}

function flagOf(path: readonly string[]): string {
  if (path[0] === 'listen') return '--listen'
  if (path[0] === 'admin') return 'admin'
  if (path.includes('credential')) return '--key-env'
  return path.includes('kind') ? '--kind' : '--upstream'
}
