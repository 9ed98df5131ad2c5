import type { Call, Reply } from '../call.ts'
import { Dialler, type DiallerOwner } from '../dialler.ts'
import { goneFor } from '../hold.ts'
import type { Dispatcher, PoolHost, PoolOptions } from '../pool-options.ts'
import { Waiter } from '../waiter.ts'
import { originOf, type Origin } from './request-fields.ts'
import { UpstreamSession, type SessionOwner } from './upstream-session.ts'

type State =
  | { readonly is: 'open' }
  | { readonly is: 'draining'; readonly done: Promise<void>; readonly empty: () => void }
  | { readonly is: 'closed' }

/**
 * The HTTP/2 sessions of one worker to one origin. A call goes out on the oldest session that has room for it, so that those which are
 * not needed any more grow idle and go; a new one is made when all are full. A call whose session took nothing of it goes out again.
 */
export class SessionPool implements Dispatcher, SessionOwner, DiallerOwner {
  readonly options: PoolOptions
  readonly host: PoolHost
  readonly origin: Origin
  /** Those that are up and take calls, oldest first. */
  private readonly sessions: UpstreamSession[] = []
  private readonly dialler: Dialler
  private state: State = { is: 'open' }

  constructor(options: PoolOptions, host: PoolHost) {
    this.options = options
    this.host = host
    this.origin = originOf(options)
    this.dialler = new Dialler(options, host, this)
    this.dialler.each = options.streams
  }

  // oxlint-disable-next-line promise-function-async -- `async` around a promise is three more turns of the microtask queue a call
  dispatch(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => this.send(call, resolve, reject))
  }

  async close(): Promise<void> {
    if (this.state.is === 'draining') return this.state.done
    if (this.state.is === 'closed') return
    const { promise: done, resolve: empty } = Promise.withResolvers<void>()
    this.state = { is: 'draining', done, empty }
    for (const session of [...this.sessions]) session.closeIfFree()
    this.checkEmpty()
    return done
  }

  /** Session: it is up. */
  connected(session: UpstreamSession): void {
    this.sessions.push(session)
    this.dialler.each = Math.max(1, session.most)
    this.dialler.connected()
    this.roomy(session)
    // Where it carries fewer calls than thought, the rest needs others.
    this.dialler.connectForWaiting()
  }

  /** Session: it may take calls that wait. */
  roomy(session: UpstreamSession): void {
    while (session.hasRoom) {
      const next = this.dialler.next()
      if (next === null) break
      next.sendOn(session)
    }
    if (this.state.is !== 'open') session.closeIfFree()
  }

  /** Session: it began or ceased to carry calls. */
  tell(): void {
    let idle = 0
    for (const session of this.sessions) if (session.isFree) idle++
    this.host.gauge(this.dialler.open, idle, this.dialler.waiting)
  }

  /** Session: it takes no more calls; those that it carries go on. */
  leaving(session: UpstreamSession): void {
    if (!this.forget(session)) return
    this.dialler.leaving++
    this.dialler.connectForWaiting()
  }

  /** Session: it is gone; `failure` where it never came up. */
  gone(session: UpstreamSession, failure: Error | null): void {
    if (!this.forget(session) && failure === null) this.dialler.leaving--
    this.dialler.gone(session.address, failure)
    this.tell()
    this.checkEmpty()
  }

  /** Session: nothing of this call was taken there. It goes out on another one. */
  again(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    this.host.retried()
    this.send(call, resolve, reject)
  }

  /** Dialler: a connection to this address is wanted. */
  open(address: string): void {
    new UpstreamSession(this, address).open()
  }

  checkEmpty(): void {
    if (this.state.is !== 'draining' || this.dialler.open > 0 || this.dialler.waiting > 0) return
    const { empty } = this.state
    this.state = { is: 'closed' }
    this.host.closed()
    empty()
  }

  private send(call: Call, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    // Stages may have taken their time: the caller can be gone, and its head lent to another call.
    const gone = goneFor(call)
    if (gone !== null) return reject(gone)
    const { sessions } = this
    for (let k = 0; k < sessions.length; k++) if (sessions[k]!.hasRoom) return sessions[k]!.send(call, resolve, reject)
    this.dialler.wait(new Waiter(this.dialler, call, resolve, reject))
  }

  /** Takes a session out of those that take calls; false: it was not among them. */
  private forget(session: UpstreamSession): boolean {
    const at = this.sessions.indexOf(session)
    if (at >= 0) this.sessions.splice(at, 1)
    return at >= 0
  }
}
