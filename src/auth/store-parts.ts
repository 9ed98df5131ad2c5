import { setTimeout as wait } from 'node:timers/promises'

/** Changes that a store remembers: who was away for longer reads everything again. */
export const keptChanges = 10_000

/** What every store takes. */
export interface StoreOptions {
  /** Told of what is wrong with one record or one look for changes, and does not end anything. */
  readonly problem?: (message: string) => void
}

/** A key that is another tenant's already. */
export class KeyTaken extends Error {
  constructor(name: string) {
    super(`a key of the tenant '${name}' is another tenant's already`)
    this.name = 'KeyTaken'
  }
}

/** Waits so long, or until the signal. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // The signal ends the wait by an error, which is no news to whoever gave it.
  await wait(ms, undefined, { signal }).catch(() => undefined)
}

/** An error's text. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
