import type { Call, Reply } from './call.ts'
import { Dialler, type DiallerOwner } from './dialler.ts'
import { goneFor } from './hold.ts'
import { authorityOf, type Dispatcher, type PoolHost, type PoolOptions } from './pool-options.ts'
import { UpstreamConnection, type ConnectionOwner } from './upstream-connection.ts'
import { Waiter } from './waiter.ts'

type State =
  | { readonly is: 'open' }
  | { readonly is: 'draining'; readonly done: Promise<void>; readonly empty: () => void }
  | { readonly is: 'closed' }

/**
 * The connections of one worker to one origin. A call takes an idle one (the last used: the others may grow old and go), or waits
 * for a new one or for whichever is free first; it is sent again only while no byte of it was handed to a socket.
 */
export class Pool implements Dispatcher, ConnectionOwner, DiallerOwner {
  readonly options: PoolOptions
  readonly host: PoolHost
  /** The `Host` line of every request. */
  readonly hostLine: Buffer
  private readonly idle: UpstreamConnection[] = []
  private readonly dialler: Dialler
  private state: State = { is: 'open' }

  constructor(options: PoolOptions, host: PoolHost) {
    this.options = options
    this.host = host
    this.hostLine = Buffer.from(`host: ${authorityOf(options)}\r\n`, 'latin1')
    this.dialler = new Dialler(options, host, this)
  }

  // oxlint-disable-next-line promise-function-async -- `async` around a promise is three more turns of the microtask queue a call
  dispatch(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      // Stages may have taken their time: the caller can be gone, and its head lent to another call.
      const gone = goneFor(call)
      if (gone !== null) return reject(gone)
      const connection = this.takeIdle()
      if (connection === null) this.dialler.wait(new Waiter(this.dialler, call, resolve, reject))
      else connection.send(call, resolve, reject)
    })
  }

  async close(): Promise<void> {
    if (this.state.is === 'draining') return this.state.done
    if (this.state.is === 'closed') return
    const { promise: done, resolve: empty } = Promise.withResolvers<void>()
    this.state = { is: 'draining', done, empty }
    for (const connection of [...this.idle]) connection.close()
    this.checkEmpty()
    return done
  }

  /** Connection: its reply is over and it can take another call. */
  release(connection: UpstreamConnection): void {
    const next = this.dialler.next()
    if (next !== null) next.sendOn(connection)
    else if (this.state.is === 'open') {
      this.idle.push(connection)
      this.tell()
    } else connection.close()
  }

  /** Connection: it is up. */
  connected(connection: UpstreamConnection): void {
    this.dialler.connected()
    this.release(connection)
  }

  /** Connection: it is gone; `failure` where it never came up. */
  gone(connection: UpstreamConnection, failure: Error | null): void {
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    this.dialler.gone(connection.address, failure)
    this.tell()
    this.checkEmpty()
  }

  /** Dialler: a connection to this address is wanted. */
  open(address: string): void {
    new UpstreamConnection(this, address).open()
  }

  tell(): void {
    this.host.gauge(this.dialler.open, this.idle.length, this.dialler.waiting)
  }

  checkEmpty(): void {
    if (this.state.is !== 'draining' || this.dialler.open > 0 || this.dialler.waiting > 0) return
    const { empty } = this.state
    this.state = { is: 'closed' }
    this.host.closed()
    empty()
  }

  private takeIdle(): UpstreamConnection | null {
    for (;;) {
      const connection = this.idle.pop()
      if (connection === undefined) return null
      if (connection.isUsable) {
        this.tell()
        return connection
      }
    }
  }
}
