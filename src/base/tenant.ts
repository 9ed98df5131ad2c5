import type { Limit } from './limit.ts'

/** A tenant as the data plane uses it: its tier is worked in, the relay-wide limits too. */
export interface Tenant {
  /** Its place in the shared directory. */
  readonly id: number
  /** Changes with every change of the tenant or of what it inherits. */
  readonly generation: number
  readonly name: string
  readonly business: string
  readonly priority: number
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly limits: readonly Limit[]
  /** Where its numbers and its business's are kept. */
  readonly slot: number
  readonly businessSlot: number
}
