import type { Limit } from '../base/limit.ts'
import type { LedgerPlan } from './plan-accounts.ts'
import { ledgerSchema } from './schema-ledger.ts'
import type { Making } from './upstreams.ts'

/** The ledger of a config: as it says, else one where there is somebody to account to. */
export function ledger(isNeeded: boolean, { config, sources }: Making): LedgerPlan | null {
  const written = config.ledger ?? (isNeeded ? ledgerSchema.parse({}) : false)
  if (written === false) return null
  return {
    file: sources.path(written.file),
    flushMs: written.flush,
    sync: written.sync,
    synchronous: written.synchronous === 'full' ? 'FULL' : 'NORMAL',
    queue: written.queue,
    whenFull: written.whenFull ?? null,
    keepRowsMs: written.keep,
    keepDaysMs: written.keepDays,
    unknownModel: written.unknownModel,
  }
}

/** Whether any of these limits is one of money. */
export function hasBudget(limits: readonly Limit[]): boolean {
  return limits.some(({ kind }) => kind === 'budget')
}
