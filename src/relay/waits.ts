/** How long control waits for each thing that a worker or a socket should do at once, in ms. */
export interface Waits {
  /** From the start of a worker to its `ready`. */
  readonly ready: number
  readonly prepare: number
  readonly commit: number
  readonly listen: number
  /** From `forget` to `forgotten`. */
  readonly forget: number
  /** How long a change of the plan waits for what servers that it brings along say of themselves. */
  readonly reflect: number
  /** From `cut` to `drained`, and what a drain may take beyond its graces. */
  readonly cut: number
  /** How long an accepted connection waits when no worker is live. */
  readonly handover: number
  readonly backoffFirst: number
  readonly backoffLongest: number
  /** Between two looks at the files that are watched by their time of change. */
  readonly poll: number
}

export const defaultWaits: Waits = {
  ready: 15_000,
  prepare: 15_000,
  commit: 5000,
  listen: 5000,
  forget: 5000,
  reflect: 1500,
  cut: 3000,
  handover: 5000,
  backoffFirst: 100,
  backoffLongest: 30_000,
  poll: 3000,
}
