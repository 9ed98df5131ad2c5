/** How long control waits for the ledger's thread, in ms. */
export interface LedgerWaits {
  /** From the thread's start to its `ready`. */
  readonly start: number
  /** A question's answer, through a restart of the thread too. */
  readonly ask: number
  /** From a worker's end to the estimates of its calls. */
  readonly left: number
  readonly ping: number
  /** A thread that says nothing for so long is replaced. */
  readonly silent: number
  readonly close: number
  readonly backoffFirst: number
  readonly backoffLongest: number
}

/** The waits of a relay that runs. */
export const defaultWaits: LedgerWaits = {
  start: 30_000,
  ask: 5000,
  left: 1000,
  ping: 5000,
  silent: 30_000,
  close: 10_000,
  backoffFirst: 100,
  backoffLongest: 10_000,
}
