import type { WrittenTenant } from './quota.ts'

/** What is to be changed of a tenant beside its limits and keys; null takes away what it says itself, so that its tier's counts, or none. */
export interface TenantFields {
  readonly business?: string | null
  readonly tier?: string | null
  readonly priority?: number | null
  readonly routes?: readonly string[] | null
  readonly models?: readonly string[] | null
}

/** A tenant as it is written with the change made; all else stays. */
export function withFields(written: WrittenTenant, change: TenantFields): WrittenTenant {
  const isTaken = (key: string): boolean => Object.entries(change).some(([one, value]) => one === key && value === null)
  return Object.fromEntries(Object.entries({ ...written, ...change }).filter(([key]) => !isTaken(key)))
}
