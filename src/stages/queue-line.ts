/** What decides a call's place: a higher priority first; within one, tenants in turn, by what their calls ask for. */
export interface Rank {
  readonly priority: number
  readonly tag: number
  /** Of two alike, who came first. */
  readonly order: number
}

/**
 * Start-time fair queuing (Goyal, Vin, Cheng 1996), a virtual clock for each priority: a call's tag is the clock when it came, or, where
 * its tenant has calls waiting, the end of the last of those; each is as long as it is large. So a tenant's thousandth call has a late
 * tag and another's first an early one, whenever they came. The clock is the tag of the last call that was let through.
 */
export interface FairLine {
  /** The rank of a call that comes now. `clock`: no call that was let through elsewhere had a later tag. */
  rank(tenant: string, priority: number, size: number, clock: number): Rank
  /** It was let through. */
  passed(rank: Rank): void
  /** It was turned away before its turn: its tenant's next call has its tag. */
  returned(tenant: string, rank: Rank): void
  clock(priority: number): number
  /** Nobody waits: no tenant has an end to wait for. */
  empty(): void
}

/** Makes the line. It remembers the tenants whose calls wait, and a bounded number of those whose calls have waited. */
export function fairLine(): FairLine {
  const ends = new Map<string, number>()
  const clocks: number[] = []
  let last = 0
  const keyOf = (tenant: string, priority: number): string => `${priority} ${tenant}`
  const priorityOf = (key: string): number => Number(key.slice(0, key.indexOf(' ')))
  /** An end that the clock has passed says nothing any more. */
  const forgetPast = (): void => {
    for (const [key, end] of ends) if (end <= (clocks[priorityOf(key)] ?? 0)) ends.delete(key)
  }
  return {
    rank: (tenant, priority, size, clock) => {
      const key = keyOf(tenant, priority)
      const tag = Math.max(clocks[priority] ?? 0, clock, ends.get(key) ?? 0)
      ends.set(key, tag + Math.max(1, size))
      return { priority, tag, order: ++last }
    },
    passed: ({ priority, tag }) => {
      clocks[priority] = Math.max(clocks[priority] ?? 0, tag)
      if (ends.size > mostEnds) forgetPast()
    },
    returned: (tenant, { priority, tag }) => void ends.set(keyOf(tenant, priority), tag),
    clock: (priority) => clocks[priority] ?? 0,
    empty: () => {
      for (const [key, end] of ends) {
        const priority = priorityOf(key)
        clocks[priority] = Math.max(clocks[priority] ?? 0, end)
      }
      ends.clear()
    },
  }
}

/** Below zero where the one goes before the other. */
export function byRank(one: Rank, other: Rank): number {
  return other.priority - one.priority || one.tag - other.tag || one.order - other.order
}

/** Tenants whose last calls are remembered before those of the past are looked for. */
const mostEnds = 1000
