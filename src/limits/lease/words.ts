/**
 * What leases keep in a cell beside `Word`. A leased rate has what no call has taken in `leased`, and in `granted` the most
 * that may stand there: Redis counts with it. A leased concurrency or budget is checked against `granted` as a limit in memory would be.
 */
export const LeaseWord = {
  /** Leased budgets: what calls used beyond what they took, until control has seen it. */
  over: 1,
  /** Leased rates: what calls gave back beyond `granted`; it goes back to Redis. */
  back: 6,
  /** Leased concurrency and budgets: what Redis had left when it was last asked. */
  rest: 6,
  /** What was denied, with `deniedUntil`: a smaller amount may pass. */
  deniedAmount: 7,
} as const
