import type { BodyEnd } from '../base/ends.ts'
import { Body, type Sink, type Source } from './body.ts'

/**
 * A request body that can be sent more than once: it keeps what passes, up to a bound, and each attempt is a body of its own that
 * begins with what has been kept and goes on with what still comes. Beyond the bound it keeps nothing, and there is no other attempt.
 */
export class Replay implements Sink, Source {
  private readonly body: Body
  private readonly bound: number
  private kept: Buffer[] | null = []
  private keptBytes = 0
  private attempt: Body | null = null

  constructor(body: Body, bound: number) {
    this.body = body
    this.bound = bound
    // A body that is cancelled does not tell its sink: whoever cancels it stops what it feeds.
    body.onEnd((end, { error }) => {
      if (end === 'cancelled') this.attempt?.cancel(end)
      else if (end !== 'done') this.attempt?.fail(end, error)
    })
  }

  /** Whether another attempt can begin: nothing that has passed is lost, and the body is not broken. */
  get isReplayable(): boolean {
    return this.kept !== null && (this.body.end === null || this.body.end === 'done')
  }

  /** The body for the next attempt, from its first byte; the attempt before it gets no more. Null where that cannot be. */
  next(): Body | null {
    const { kept, attempt } = this
    if (kept === null || !this.isReplayable) return null
    const next = new Body(this.body.length, this)
    this.attempt = next
    if (attempt === null) this.body.pipe(this)
    else {
      attempt.cancel('cancelled')
      const sent = Buffer.concat(kept)
      this.kept = [sent]
      if (sent.length > 0) next.push(sent, true)
      if (this.body.isComplete) next.finish(this.body.trailers)
    }
    return next
  }

  /** There will be no other attempt: nothing is kept any more. */
  letGo(): void {
    this.kept = null
  }

  push(bytes: Buffer, isOwned: boolean): boolean {
    const isKept = this.keep(bytes, isOwned)
    return this.attempt!.push(isKept ?? bytes, isKept !== null || isOwned)
  }

  finish(trailers: Buffer): void {
    this.attempt!.finish(trailers)
  }

  /** The body broke off; its end has told the attempt. */
  fail(): void {}

  pause(): void {
    this.body.pause()
  }

  resume(): void {
    this.body.resume()
  }

  /** An attempt is over. One that broke off only makes the body wait: another may follow, and its caller decides how it ends. */
  ended(end: BodyEnd): void {
    if (end !== 'done') this.body.pause()
  }

  /** The bytes as they are kept, or null where there is no room for them. */
  private keep(bytes: Buffer, isOwned: boolean): Buffer | null {
    if (this.kept === null) return null
    this.keptBytes += bytes.length
    // A piece costs a hundred bytes by itself: a body in very small ones is not kept for long.
    if (this.keptBytes > this.bound || this.kept.length === mostPieces) {
      this.kept = null
      return null
    }
    const own = isOwned ? bytes : Buffer.from(bytes)
    this.kept.push(own)
    return own
  }
}

const mostPieces = 1024
