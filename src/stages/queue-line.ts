/** What decides a call's place: a higher priority first; within one, tenants in turn, by what their calls ask for. */
export interface Rank {
  readonly priority: number
  readonly tag: number
  /** Of two alike, who came first. */
  readonly order: number
  /** The clock when it came: its tag is never before that. */
  readonly since: number
}

/** A call that waits, as far as the line needs to know it. */
export interface Ranked {
  rank: Rank
  readonly ticket: { readonly tenant: string; readonly size: number }
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
  /** The last of its tenant was turned away before its turn: the next to come has its tag. */
  returned(tenant: string, rank: Rank): void
  /** It has gone before its turn: those of its tenant that came behind it are to move up. */
  left(tenant: string, rank: Rank): void
  /** Moves them up, if there are any; `places` are all that wait, in their order. Else calls that were never served would count as if they had been. */
  moveUp(places: Ranked[]): void
  clock(priority: number): number
  /** Nobody waits: no tenant has an end to wait for. */
  empty(): void
}

/** Makes the line. It remembers the tenants whose calls wait, and a bounded number of those whose calls have waited. */
export function fairLine(): FairLine {
  const ends = new Map<string, number>()
  /** By tenant and priority: the first tag that has come free. */
  const gaps = new Map<string, number>()
  const clocks: number[] = []
  let last = 0
  const priorityOf = (key: string): number => Number(key.slice(0, key.indexOf(' ')))
  /** An end that the clock has passed says nothing any more. */
  const forgetPast = (): void => {
    for (const [key, end] of ends) if (end <= (clocks[priorityOf(key)] ?? 0)) ends.delete(key)
  }
  const moveUp = (places: Ranked[]): void => {
    if (gaps.size === 0) return
    fill(gaps, places)
    for (const [key, end] of gaps) ends.set(key, end)
    gaps.clear()
  }
  return {
    rank: (tenant, priority, size, clock) => {
      const key = keyOf(tenant, priority)
      const tag = Math.max(clocks[priority] ?? 0, clock, ends.get(key) ?? 0)
      ends.set(key, tag + lengthOf(size))
      return { priority, tag, order: ++last, since: Math.max(clocks[priority] ?? 0, clock) }
    },
    passed: ({ priority, tag }) => {
      clocks[priority] = Math.max(clocks[priority] ?? 0, tag)
      if (ends.size > mostEnds) forgetPast()
    },
    returned: (tenant, { priority, tag }) => void ends.set(keyOf(tenant, priority), tag),
    left: (tenant, { priority, tag }) => {
      const key = keyOf(tenant, priority)
      gaps.set(key, Math.min(gaps.get(key) ?? Infinity, tag))
    },
    moveUp,
    clock: (priority) => clocks[priority] ?? 0,
    empty: () => {
      moveUp([])
      for (const [key, end] of ends) {
        const priority = priorityOf(key)
        clocks[priority] = Math.max(clocks[priority] ?? 0, end)
      }
      ends.clear()
    },
  }
}

/** Those behind a gap get its tag, or that with which they would have come; a gap is then where the next to come begins. */
function fill(gaps: Map<string, number>, places: Ranked[]): void {
  for (const place of places) {
    const { rank, ticket } = place
    const key = keyOf(ticket.tenant, rank.priority)
    const free = gaps.get(key)
    if (free === undefined || rank.tag < free) continue
    const tag = Math.max(rank.since, free)
    place.rank = { ...rank, tag }
    gaps.set(key, tag + lengthOf(ticket.size))
  }
  places.sort((one, other) => byRank(one.rank, other.rank))
}

function keyOf(tenant: string, priority: number): string {
  return `${priority} ${tenant}`
}

/** Below zero where the one goes before the other. */
export function byRank(one: Rank, other: Rank): number {
  return other.priority - one.priority || one.tag - other.tag || one.order - other.order
}

/** What a call asks for may be any number: beyond this all are alike, so that the clock stays one that adds up. */
function lengthOf(size: number): number {
  return Math.min(mostLength, Math.max(1, size))
}

const mostLength = 1e7

/** Tenants whose last calls are remembered before those of the past are looked for. */
const mostEnds = 1000
