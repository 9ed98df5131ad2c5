import type { QueueNumbers } from '../metrics/queue-column.ts'
import { byRank, fairLine, type Rank, type Ranked } from './queue-line.ts'
import type { Attempt, Ticket } from './queue-ticket.ts'

/** Time, as a room sees it. */
export interface Clock {
  /** ms, monotonic. */
  now(): number
  /** Runs in a moment, once. */
  soon(run: () => void): void
  /** Runs each so many ms; returns what ends it. */
  every(ms: number, run: () => void): () => void
}

/** A call's place in a room. */
export interface Place extends Ranked {
  readonly ticket: Ticket
  readonly since: number
  readonly deadline: number
  readonly done: () => void
  readonly failed: (error: Error) => void
  /** What it takes from, and which of them refused it last; '' before it has been asked for. */
  buckets: readonly string[]
  bucket: string
  /** ms, monotonic: no use in asking before. */
  nextAt: number
  isAsking: boolean
  isOver: boolean
}

/**
 * The calls of one route that wait in one worker, the best first. They are looked over by a tick and whenever something is given back
 * here, from the best on: each is asked for unless a better one waits for one of its buckets, here or at the head of another worker's
 * room, so that nobody takes what a better call waits for, and nobody waits for a limit that is not its own.
 */
export class QueueRoom {
  private readonly numbers: QueueNumbers
  private readonly clock: Clock
  private readonly busy: Set<QueueRoom>
  private readonly line = fairLine()
  private readonly places: Place[] = []
  /** How many wait for each bucket. */
  private readonly wanted = new Map<string, number>()
  private stopTick: (() => void) | null = null

  constructor(numbers: QueueNumbers, clock: Clock, busy: Set<QueueRoom>) {
    this.numbers = numbers
    this.clock = clock
    this.busy = busy
  }

  isFree(buckets: readonly string[]): boolean {
    if (this.places.length > 0 && buckets.some((bucket) => this.wanted.has(bucket))) return false
    if (this.numbers.isQuietElsewhere()) return true
    return !this.numbers.isBehind({ priority: 0, tag: Infinity, bucket: 0 }, buckets.map(hashOf))
  }

  /** Takes a place and looks the room over at once. */
  enter(ticket: Ticket, done: () => void, failed: (error: Error) => void): Place {
    const { priority, tenant, size, timeoutMs } = ticket
    const now = this.clock.now()
    this.line.moveUp(this.places)
    const rank = this.line.rank(tenant, priority, size, this.numbers.clock(priority))
    const waits = { nextAt: now, bucket: '', buckets: ticket.buckets, isAsking: false, isOver: false }
    const place: Place = { ticket, rank, since: now, deadline: now + timeoutMs, done, failed, ...waits }
    if (!this.numbers.enter(ticket.most) && !this.takePlaceOfLast(rank)) {
      this.line.returned(tenant, rank)
      place.isOver = true
      failed(ticket.refusal('full'))
      return place
    }
    this.places.splice(this.indexFor(rank), 0, place)
    if (this.places.length === 1) this.open()
    this.pass(false)
    return place
  }

  /** Its caller left. What an answer on its way has taken is given back when it comes. */
  leave(place: Place): void {
    if (place.isOver) return
    this.leaveLine(place)
    this.publish()
  }

  /** Looks all over, the best first; `isFresh`: something was given back, so that asking may help before its time. */
  pass(isFresh: boolean): void {
    const now = this.clock.now()
    const closed = new Set<string>()
    for (const place of [...this.places]) if (now >= place.deadline && !place.isAsking) this.turnAway(place, place.ticket.refusal('late'))
    this.line.moveUp(this.places)
    // What is let through or turned away may take others along.
    for (const place of [...this.places]) {
      if (place.isOver) continue
      if (!this.isBlocked(place, closed) && !place.isAsking && (isFresh || now >= place.nextAt)) this.ask(place)
      if (!place.isOver) close(closed, place)
    }
    this.publish()
  }

  private isBlocked({ bucket, buckets, rank }: Place, closed: ReadonlySet<string>): boolean {
    if (closed.size > 0 && (closed.has(bucket) || buckets.some((one) => closed.has(one)))) return true
    if (this.numbers.isQuietElsewhere()) return false
    return this.numbers.isBehind({ ...rank, bucket: 0 }, buckets.map(hashOf))
  }

  private ask(place: Place): void {
    const came = asked(place)
    if (!(came instanceof Promise)) return this.told(place, came)
    place.isAsking = true
    void this.askLater(place, came)
  }

  private async askLater(place: Place, coming: Promise<Attempt>): Promise<void> {
    let came: Attempt
    try {
      came = await coming
    } catch (error) {
      came = failed(error)
    }
    place.isAsking = false
    this.told(place, came)
    this.pass(false)
  }

  private told(place: Place, came: Attempt): void {
    if (place.isOver) return came.is === 'taken' ? place.ticket.giveBack() : undefined
    switch (came.is) {
      case 'taken': {
        this.take(place, this.clock.now() - place.since)
        const { priority } = place.rank
        this.line.passed(place.rank)
        this.numbers.advance(priority, this.line.clock(priority))
        return place.done()
      }
      case 'refused':
        return this.turnAway(place, came.error)
      case 'waits':
        this.want(place, came.bucket)
        place.buckets = came.buckets
        place.nextAt = this.clock.now() + came.waitMs
    }
  }

  private turnAway(place: Place, error: Error): void {
    this.leaveLine(place)
    place.failed(error)
  }

  /** Without having had its turn. */
  private leaveLine(place: Place): void {
    this.line.left(place.ticket.tenant, place.rank)
    this.take(place, null)
  }

  /** Full: the last of this worker gives way to a better one, so that no tenant's many calls keep out another's first. */
  private takePlaceOfLast(rank: Rank): boolean {
    const last = this.places.at(-1)
    if (last === undefined || byRank(rank, last.rank) >= 0) return false
    this.line.returned(last.ticket.tenant, last.rank)
    this.take(last, null)
    last.failed(last.ticket.refusal('full'))
    return this.numbers.enter(last.ticket.most)
  }

  private take(place: Place, waitedMs: number | null): void {
    place.isOver = true
    this.want(place, '')
    this.places.splice(this.places.indexOf(place), 1)
    this.numbers.leave(waitedMs)
    if (this.places.length === 0) this.close()
  }

  private want(place: Place, bucket: string): void {
    const before = this.wanted.get(place.bucket) ?? 0
    if (before > 1) this.wanted.set(place.bucket, before - 1)
    else this.wanted.delete(place.bucket)
    place.bucket = bucket
    if (bucket !== '') this.wanted.set(bucket, (this.wanted.get(bucket) ?? 0) + 1)
  }

  private indexFor(rank: Rank): number {
    let from = 0
    let to = this.places.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (byRank(this.places[middle]!.rank, rank) <= 0) from = middle + 1
      else to = middle
    }
    return from
  }

  private open(): void {
    this.busy.add(this)
    this.stopTick = this.clock.every(tickMs, () => this.pass(false))
  }

  private close(): void {
    this.busy.delete(this)
    this.line.empty()
    this.stopTick?.()
    this.stopTick = null
  }

  private publish(): void {
    const [best] = this.places
    this.numbers.publish(best === undefined ? null : { ...best.rank, bucket: hashOf(best.bucket) })
  }
}

/** How often those who wait are looked over: a permit that is given back in another worker is seen no later. */
const tickMs = 20

/** Whoever cannot be asked for is told so: the others wait on. */
function asked({ ticket }: Place): Attempt | Promise<Attempt> {
  try {
    return ticket.attempt()
  } catch (error) {
    return failed(error)
  }
}

function failed(error: unknown): Attempt {
  return { is: 'refused', error: error instanceof Error ? error : new Error(String(error)) }
}

/** What one waits for is not taken by those behind it; while its answer is on its way, nothing that it may be given. */
function close(closed: Set<string>, { isAsking, bucket, buckets }: Place): void {
  if (isAsking) for (const one of buckets) closed.add(one)
  else if (bucket !== '') closed.add(bucket)
}

/** A key as a number that is never 0 (FNV-1a): workers compare heads by it. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let k = 0; k < key.length; k++) hash = Math.imul(hash ^ key.charCodeAt(k), 0x01000193)
  return (hash >>> 0) + 1
}
