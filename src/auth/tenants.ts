import type { Tenant } from '../base/tenant.ts'

/** The tenants as a worker sees them. */
export interface Tenants {
  /** Whose key this is (as it was presented, `rk_…`); null: nobody's. A promise where control has to be asked, once for many calls. */
  find(key: string): Tenant | null | Promise<Tenant | null>
}
