import type { Limit } from '../base/limit.ts'
import type { LimitSet, LimitStore } from './store.ts'

/** What a call is limited as. */
export interface Subject {
  /** null: no tenant was asked for. */
  readonly tenant: { readonly name: string; readonly business: string } | null
  readonly route: string
  /** The label of the model: one that prices or limits name, else `other`; null where the call has none. */
  readonly model: string | null
}

/** The limiter of a worker: finds the buckets of a call and takes from them, wherever each of them is kept. */
export interface Limiter extends LimitStore {
  /** The buckets of all limits that hold for the subject; kept, so that most calls find theirs. A promise where slots have to be asked for. */
  bind(subject: Subject, limits: readonly Limit[]): LimitSet | Promise<LimitSet>
  /** Forgets every slot. */
  forget(): void
  close(): Promise<void>
}
