import { recent } from '../base/recent.ts'
import type { TenantRecord, TenantStore } from './tenant.ts'

export interface LastKnownOptions {
  /** Told of a tenant that could not be read: it is to be read again. */
  readonly failed: (name: string) => void
  /** Records that are remembered: few of 100,000. */
  readonly most?: number
}

/** Reads tenants from a store; while it cannot be read, those that were seen lately are as they were seen last. */
export function lastKnown(
  store: TenantStore | null,
  { failed, most = 4096 }: LastKnownOptions,
): (name: string) => Promise<TenantRecord | null> {
  const known = recent<string, TenantRecord>(most)
  return async (name) => {
    try {
      const record = (await store?.get(name)) ?? null
      if (record !== null) known.set(name, record)
      return record
    } catch (error) {
      failed(name)
      const record = known.get(name)
      if (record === undefined) throw error
      return record
    }
  }
}
