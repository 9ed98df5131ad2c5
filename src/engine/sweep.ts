/**
 * Time limits for many connections at the price of one timer: each thing with a deadline stands in one array, and a coarse tick looks
 * them over. A deadline is never met early, and at most two ticks late; a timer a connection would cost its memory and a heap
 * operation a call.
 */
export class Sweep {
  /** ms, monotonic, at most a tick old: good enough for deadlines, and free. */
  now = performance.now()
  private readonly all: Timed[] = []
  private timer: NodeJS.Timeout | null = null

  add(timed: Timed): void {
    timed.place = this.all.length
    this.all.push(timed)
    if (this.timer === null) this.start()
  }

  remove(timed: Timed): void {
    const { place } = timed
    if (place < 0) return
    const last = this.all.pop()!
    if (last !== timed) {
      this.all[place] = last
      last.place = place
    }
    timed.place = -1
    if (this.all.length === 0) this.stop()
  }

  /** Everything that stands here, for drains. */
  each(visit: (timed: Timed) => void): void {
    for (const timed of [...this.all]) visit(timed)
  }

  get size(): number {
    return this.all.length
  }

  private start(): void {
    this.now = performance.now()
    this.timer = setInterval(() => this.tick(), tickMs)
    this.timer.unref()
  }

  private stop(): void {
    clearInterval(this.timer!)
    this.timer = null
  }

  private tick(): void {
    const now = (this.now = performance.now())
    const { all } = this
    // Deadlines are made of a `now` that was up to a tick old.
    const due = now - tickMs
    for (let i = all.length - 1; i >= 0; i--) {
      const timed = all[i]
      if (timed !== undefined && timed.deadline < due) timed.expire(now)
    }
  }
}

/** Something that must not wait for ever. */
export interface Timed {
  /** ms, monotonic; Infinity where nothing is waited for. */
  deadline: number
  /** Its place in the sweep, -1 outside. */
  place: number
  /** The deadline is over. It sets another or goes. */
  expire(now: number): void
}

/** How far apart two looks are: a deadline that is known to the millisecond is set so much earlier, and then met within this time. */
export const tickMs = 50
