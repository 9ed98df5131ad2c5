import type { Limit, LimitScope } from '../base/limit.ts'
import type { KeyPath } from './findings.ts'
import { shown } from './findings.ts'
import type { LimitDefaults } from './limit-defaults.ts'
import { zoneFault } from './limit-defaults.ts'
import { kindOfKey, type LimitKey, limitKeys, shortLimitName } from './limit-parts.ts'
import { checkName } from './name.ts'
import { knownRoutes } from './route-names.ts'
import type { LimitFile, ShortLimitsFile } from './schema-limit.ts'
import type { Making } from './upstreams.ts'

/** A limit, and where in the config it stands. */
export interface PlacedLimit {
  readonly limit: Limit
  readonly path: KeyPath
  /** Where its name stands, or what its name comes from. */
  readonly named: KeyPath
}

/** What limits are made with. */
export interface LimitMaking extends Making {
  readonly defaults: LimitDefaults
}

/** Whose limits they are: those of all calls, of one route, or of a tenant or tier. */
export type LimitOwner = { readonly is: 'relay' } | { readonly is: 'route'; readonly route: string } | { readonly is: 'tenant' }

type RateFile = NonNullable<LimitFile['requests']>
type ConcurrencyFile = NonNullable<LimitFile['concurrency']>
type BudgetFile = NonNullable<LimitFile['budget']>
type Base = Omit<Limit, 'kind' | 'exact' | 'away' | 'dryRun'>
type Options = Pick<Limit, 'exact' | 'away' | 'dryRun'>

/** The limits of a list. */
export function listedLimits(
  written: readonly LimitFile[],
  { path, owner }: { readonly path: KeyPath; readonly owner: LimitOwner },
  making: LimitMaking,
): readonly PlacedLimit[] {
  return written.flatMap((one, index) => listedLimit(one, { path: [...path, index], owner }, making) ?? [])
}

/** The limits of a tenant or tier: those in short form, then the listed ones. */
export function tenantLimits(written: ShortLimitsFile, path: KeyPath, making: LimitMaking): readonly PlacedLimit[] {
  const placed = limitKeys.flatMap((key) => shortLimits(key, written, { path, making }))
  return [...placed, ...listedLimits(written.limits ?? [], { path: [...path, 'limits'], owner: { is: 'tenant' } }, making)]
}

function listedLimit(
  written: LimitFile,
  { path, owner }: { readonly path: KeyPath; readonly owner: LimitOwner },
  making: LimitMaking,
): PlacedLimit | undefined {
  const { found } = making
  const [key, ...more] = limitKeys.filter((one) => written[one] !== undefined)
  const isNamed = checkName(written.name, [...path, 'name'], { what: 'limit', found })
  if (key === undefined) found.add(path, 'the limit says nothing to count', `give it one of ${limitKeys.join(', ')}`)
  else if (more.length > 0)
    found.addKey([...path, more[0] ?? ''], `the limit counts ${key} already`, 'make a limit of its own of it, with another name')
  const scopes = scopesOf(written, path, { owner, making })
  const base = { name: written.name, per: scopes, routes: routesOf(written, path, { owner, making }), models: written.models ?? null }
  if (key === undefined || !isNamed) return undefined
  const limit = limitOf(key, written[key], { base, path: [...path, key], making })
  return limit === undefined ? undefined : { limit, path, named: [...path, 'name'] }
}

interface Owned {
  readonly owner: LimitOwner
  readonly making: LimitMaking
}

// A limit of a tier with one bucket for all tenants would have as many sizes as there are tiers with a limit of its name.
function scopesOf({ per = [] }: LimitFile, path: KeyPath, { owner, making }: Owned): readonly LimitScope[] {
  const business = per.indexOf('business')
  if (owner.is === 'tenant' && business >= 0) {
    const remedy = 'write it under `limits` of the whole relay, or leave business out'
    making.found.add([...path, 'per', business], 'a limit of a tenant or tier counts each tenant by itself, and not its business', remedy)
  }
  const own: readonly LimitScope[] = owner.is === 'route' ? ['route'] : owner.is === 'tenant' ? ['tenant'] : []
  const all = new Set([...own, ...per])
  return (['tenant', 'business', 'route', 'model'] as const).filter((scope) => all.has(scope))
}

function routesOf({ routes }: LimitFile, path: KeyPath, { owner, making }: Owned): readonly string[] | null {
  if (owner.is !== 'route') return routes === undefined ? null : knownRoutes(routes, [...path, 'routes'], making)
  if (routes !== undefined) making.found.addKey([...path, 'routes'], 'a limit of a route holds for that route alone', 'leave `routes` out')
  return [owner.route]
}

function shortLimits(
  key: LimitKey,
  written: ShortLimitsFile,
  { path, making }: { readonly path: KeyPath; readonly making: LimitMaking },
): readonly PlacedLimit[] {
  const value = written[key]
  if (value === undefined) return []
  const all = Array.isArray(value) ? value.map((one, index) => [one, [...path, key, index]] as const) : [[value, [...path, key]] as const]
  return all.flatMap(([one, at]) => {
    const base: Base = { name: '', per: ['tenant'], routes: null, models: null }
    const limit = limitOf(key, one, { base, path: at, making })
    if (limit === undefined) return []
    const name = shortLimitName(limit.kind, limit.kind === 'budget' ? limit.period : undefined)
    return [{ limit: { ...limit, name }, path: at, named: at }]
  })
}

interface Rest {
  readonly base: Base
  readonly path: KeyPath
  readonly making: LimitMaking
}

function limitOf(key: LimitKey, written: LimitFile[LimitKey], rest: Rest): Limit | undefined {
  // The schema gives every key the form that belongs to it.
  if (key === 'budget') return budgetLimit(written as BudgetFile, rest)
  if (key === 'concurrency') return concurrencyLimit(written as ConcurrencyFile, rest)
  return rateLimit(kindOfKey[key], written as RateFile, rest)
}

/** As the scripts have it. */
const longestFillMs = 3e12

function rateLimit(kind: 'requests' | 'input_tokens' | 'output_tokens', written: RateFile, rest: Rest): Limit {
  const { rate, burst, ...options } = 'rate' in written ? written : { rate: written }
  const { count, periodMs } = rate
  const { found, defaults } = rest.making
  // The scripts count in microseconds, and refuse what they cannot count exactly: each call would meet a store that fails.
  if (defaults.store === 'redis' && ((burst ?? count) * periodMs) / count > longestFillMs)
    found.add(
      [...rest.path, 'burst'],
      'takes more than 95 years to fill, and Redis counts no further',
      'give a smaller burst, or a faster rate',
    )
  return { ...rest.base, ...optionsOf(options, rest), kind, count, periodMs, burst: burst ?? count }
}

function concurrencyLimit(written: ConcurrencyFile, rest: Rest): Limit {
  const { most, ...options } = typeof written === 'number' ? { most: written } : written
  return { ...rest.base, ...optionsOf(options, rest), kind: 'concurrency', most }
}

function budgetLimit(written: BudgetFile, rest: Rest): Limit | undefined {
  const { making, path } = rest
  const isLong = 'amount' in written
  const { nanoUsd, period } = isLong ? { nanoUsd: written.amount, period: written.per } : written
  const timeZone = (isLong ? written.timeZone : undefined) ?? making.defaults.timeZone
  const fault = isLong && written.timeZone !== undefined ? zoneFault(timeZone) : undefined
  if (fault !== undefined) making.found.add([...path, 'timeZone'], fault.message, fault.remedy)
  return { ...rest.base, ...optionsOf(isLong ? written : {}, rest), kind: 'budget', nanoUsd, period, timeZone }
}

interface OptionsFile {
  readonly exact?: boolean | undefined
  readonly away?: Limit['away'] | undefined
  readonly dryRun?: boolean | undefined
}

function optionsOf(written: OptionsFile, { path, making }: Rest): Options {
  const { defaults, found } = making
  const { exact = defaults.exact, away = defaults.away, dryRun = false } = written
  if (defaults.store === 'memory') {
    const remedy = 'leave it out, or give `redis`'
    if (written.exact === true) found.addKey([...path, 'exact'], 'exact is about Redis, and limits are kept in memory', remedy)
    if (written.away !== undefined && written.away !== 'local')
      found.addKey([...path, 'away'], `away: ${shown(written.away).slice(1, -1)} is about Redis, and limits are kept in memory`, remedy)
  }
  return { exact, away, dryRun }
}
