/** Counts what costs its sender nothing: so much at once, so much a second. */
class Bucket {
  private level: number
  private at: number
  private readonly burst: number
  private readonly perSecond: number

  constructor(burst: number, perSecond: number, now: number) {
    this.burst = this.level = burst
    this.perSecond = perSecond
    this.at = now
  }

  take(now: number): boolean {
    this.give(((now - this.at) / 1000) * this.perSecond)
    this.at = now
    this.level--
    return this.level >= 0
  }

  give(count: number): void {
    this.level = Math.min(this.burst, this.level + count)
  }
}

/** What a peer may do that is allowed, costs it nothing and gets nobody on: within bounds that no honest peer comes near. */
export class Flood {
  private readonly resets: Bucket
  private readonly frames: Bucket

  constructor(now: number) {
    this.resets = new Bucket(100, 10, now)
    this.frames = new Bucket(1000, 100, now)
  }

  /** A stream was reset early by the peer, or through its fault; false: too many were. */
  reset(now: number): boolean {
    return this.resets.take(now)
  }

  /** A stream was answered by its upstream: who lets calls come to that may give up others. */
  answered(): void {
    this.resets.give(resetsAnAnswer)
    this.frames.give(1)
  }

  /** A frame that moves nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, one of an unknown type; false: too many. */
  frame(now: number): boolean {
    return this.frames.take(now)
  }

  /** Data came: its sender may say a little about it. */
  received(): void {
    this.frames.give(2)
  }

  /** Data went out: its reader tells of room, and measures the line. */
  sent(): void {
    this.frames.give(10)
  }
}

/** Whoever hedges its calls (gRPC) gives up all but one of them; more than three are seldom sent. */
const resetsAnAnswer = 2
