import type { BodyEnd } from '../base/ends.ts'
import { RelayError } from '../base/errors.ts'
import { stopped, type Call, type Reply } from './call.ts'
import type { PoolOptions } from './pool-options.ts'
import type { Timed } from './sweep.ts'

/** What a waiter tells of itself: it has what it waited for, or gave up. */
export interface WaitingRoom {
  readonly options: PoolOptions
  leave(waiter: Waiter): void
}

/** A call that waits for a connection. */
export class Waiter implements Timed {
  deadline = Infinity
  place = -1
  /** Addresses that were tried for it. */
  readonly tried: string[] = []
  readonly call: Call
  private readonly room: WaitingRoom
  private readonly resolve: (reply: Reply) => void
  private readonly reject: (error: Error) => void

  constructor(room: WaitingRoom, call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void) {
    this.room = room
    this.call = call
    this.resolve = resolve
    this.reject = reject
    call.work = this
    // A body that breaks off before it has anywhere to go ends the wait: of such a call no byte reaches the upstream.
    if (!call.body.isComplete) call.body.onEnd((end, body) => this.bodyEnded(end, body.error))
  }

  sendOn(connection: { send(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void }): void {
    connection.send(this.call, this.resolve, this.reject)
  }

  expire(): void {
    const { name, waitMs } = this.room.options
    this.fail(new RelayError('unavailable', `no connection to ${name} became free within ${waitMs} ms`, { retryAfterMs: 1000 }))
  }

  cancel(end: BodyEnd): void {
    this.fail(stopped(end))
  }

  private bodyEnded(end: BodyEnd, error: RelayError | null): void {
    if (end !== 'done' && this.call.work === this) this.fail(error ?? stopped(end))
  }

  fail(error: RelayError): void {
    this.room.leave(this)
    this.call.work = null
    this.reject(error)
  }
}
