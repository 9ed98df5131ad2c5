import type { AwayPolicy } from '../base/limit.ts'
import { shown } from './findings.ts'
import { nearest } from './nearest.ts'
import type { Making } from './upstreams.ts'

/** What holds for every limit that does not say otherwise. */
export interface LimitDefaults {
  readonly store: 'memory' | 'redis'
  readonly away: AwayPolicy
  readonly exact: boolean
  readonly timeZone: string
}

/** The defaults of limits, with what is wrong with them told. */
export function limitDefaults({ config, found, missing }: Making): LimitDefaults {
  const { store: written, away, exact, timeZone } = config.limitDefaults
  const hasRedis = config.redis !== undefined || missing.has('redis')
  const store = written ?? (hasRedis ? 'redis' : 'memory')
  const path = ['limitDefaults']
  if (store === 'redis' && !hasRedis)
    found.add([...path, 'store'], 'limits cannot be kept in Redis: there is no `redis`', 'say where it is: redis: redis://127.0.0.1:6379')
  const remedy = 'leave it out, or give `redis`'
  if (store === 'memory' && exact) found.addKey([...path, 'exact'], 'exact is about Redis, and limits are kept in memory', remedy)
  if (store === 'memory' && away !== 'local')
    found.addKey([...path, 'away'], `away: ${away} is about Redis, and limits are kept in memory`, remedy)
  const fault = zoneFault(timeZone)
  if (fault !== undefined) found.add([...path, 'timeZone'], fault.message, fault.remedy)
  return { store, away, exact, timeZone }
}

/** What is wrong with a time zone; undefined when nothing is. */
export function zoneFault(written: string): { readonly message: string; readonly remedy: string } | undefined {
  if (isZone(written)) return undefined
  const close = nearest(written, ['UTC', ...Intl.supportedValuesOf('timeZone')])
  const remedy = close === undefined ? 'write an IANA name such as UTC, Europe/Berlin or America/New_York' : `did you mean '${close}'?`
  return { message: `${shown(written)} is not a time zone`, remedy }
}

// The runtime also takes offsets (+01:00), which know no summer time.
function isZone(written: string): boolean {
  try {
    return /^[A-Za-z]/.test(written) && new Intl.DateTimeFormat('en', { timeZone: written }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
