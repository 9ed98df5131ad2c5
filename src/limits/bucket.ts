import type { BudgetLimit, Limit, LimitScope } from '../base/limit.ts'
import { matchesPattern } from '../base/pattern.ts'
import type { Subject } from './limiter.ts'
import { periodAt } from './period.ts'

/** Whether a limit holds for a call: its route and its model are among those that the limit names. */
export function appliesTo(limit: Limit, { route, model }: Subject): boolean {
  if (limit.routes !== null && !limit.routes.includes(route)) return false
  return limit.models === null || (model !== null && limit.models.some((pattern) => matchesPattern(pattern, model)))
}

/** The key of the bucket that a call takes from; a budget's is that of the period at this wall clock. */
export function bucketKey(limit: Limit, subject: Subject, wallMs: number): string {
  const scopes = scopeOrder.filter((scope) => limit.per.includes(scope)).map((scope) => `${scope}=${valueOf(scope, subject)}`)
  const period = limit.kind === 'budget' ? [periodAt(limit, wallMs).label] : []
  return [plain(limit.name), ...scopes, ...period].join('|')
}

/** What the keys of all buckets that are asked for together share. */
export function bucketTag(limit: Limit, subject: Subject): string {
  const scope = limit.per.includes('tenant') ? 'tenant' : limit.per.includes('business') ? 'business' : null
  return scope === null ? 'all' : `${scope}=${valueOf(scope, subject)}`
}

/** A key taken apart: what it is a bucket of. */
export interface KeyParts {
  /** Of the limit. */
  readonly name: string
  readonly scopes: Readonly<Partial<Record<LimitScope, string>>>
  /** A budget's: the first day of its period. */
  readonly day: string | null
}

/** Takes a key apart that `bucketKey` has made. */
export function keyParts(key: string): KeyParts {
  const [name = '', ...parts] = key.split('|')
  const scopes: Partial<Record<LimitScope, string>> = {}
  for (const scope of scopeOrder) {
    const part = parts.find((part) => part.startsWith(`${scope}=`))
    if (part !== undefined) scopes[scope] = decodeURIComponent(part.slice(scope.length + 1))
  }
  const last = parts.at(-1)
  return { name: decodeURIComponent(name), scopes, day: last === undefined || last.includes('=') ? null : last }
}

/** The key of the same bucket of a budget in the period at this wall clock. */
export function keyOfPeriod(limit: BudgetLimit, key: string, wallMs: number): string {
  return `${key.slice(0, key.lastIndexOf('|'))}|${periodAt(limit, wallMs).label}`
}

const scopeOrder: readonly LimitScope[] = ['tenant', 'business', 'route', 'model']

/** `-` where the call has none: calls without a tenant or a model share a bucket, they do not escape the limit. */
function valueOf(scope: LimitScope, { tenant, route, model }: Subject): string {
  switch (scope) {
    case 'tenant':
      return tenant === null ? '-' : plain(tenant.name)
    case 'business':
      return tenant === null ? '-' : plain(tenant.business)
    case 'route':
      return plain(route)
    case 'model':
      return model === null ? '-' : plain(model)
  }
}

/** Names come from configurations: what parts a key, or marks Redis Cluster's hash tag, may not stand in them. */
function plain(text: string): string {
  return text.replace(/[%|={}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
