import { once } from 'node:events'
import type { TenantRecord, TenantStore } from './tenant.ts'

/** The tenants that stand in the config file: read only, and always the same. */
export function configStore(records: readonly TenantRecord[]): TenantStore {
  const byName = new Map(records.map((record) => [record.name, record]))
  const sorted = [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  return {
    load: async (each) => {
      each(sorted)
      return ''
    },
    get: async (name) => byName.get(name) ?? null,
    put: async () => readOnly(),
    remove: async () => readOnly(),
    list: async (after, limit) => sorted.filter(({ name }) => after === null || name > after).slice(0, limit),
    watch: async (_, __, signal) => {
      if (!signal.aborted) await once(signal, 'abort')
    },
    close: async () => undefined,
  }
}

function readOnly(): never {
  throw new Error('tenants of the config file are changed in the file')
}
