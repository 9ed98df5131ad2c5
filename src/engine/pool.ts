import { RelayError } from '../base/errors.ts'
import { stopped, type Call, type Reply } from './call.ts'
import type { PoolHost, PoolOptions } from './pool-options.ts'
import { resolver, type Resolver } from './resolve.ts'
import { UpstreamConnection, type ConnectionOwner } from './upstream-connection.ts'
import { Waiter, type WaitingRoom } from './waiter.ts'

type State =
  | { readonly is: 'open' }
  | { readonly is: 'draining'; readonly done: Promise<void>; readonly empty: () => void }
  | { readonly is: 'closed' }

/**
 * The connections of one worker to one origin. A call takes an idle one (the last used: the others may grow old and go), or waits
 * for a new one or for whichever is free first; it is sent again only while no byte of it was handed to a socket.
 */
export class Pool implements ConnectionOwner, WaitingRoom {
  readonly options: PoolOptions
  readonly host: PoolHost
  /** The `Host` line of every request. */
  readonly hostLine: Buffer
  private readonly idle: UpstreamConnection[] = []
  private readonly waiting = new Set<Waiter>()
  private readonly load = new Map<string, number>()
  private readonly resolver: Resolver
  private state: State = { is: 'open' }
  private open = 0
  private connecting = 0

  constructor(options: PoolOptions, host: PoolHost) {
    this.options = options
    this.host = host
    this.hostLine = Buffer.from(`host: ${authority(options)}\r\n`, 'latin1')
    this.resolver = resolver(options.host, options.resolveMs, host.lookUp)
  }

  /** Sends a call and waits for the head of its reply. */
  // oxlint-disable-next-line promise-function-async -- `async` around a promise is three more turns of the microtask queue a call
  dispatch(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      // Stages may have taken their time: the caller can be gone, and its head lent to another call.
      if (call.end !== null) return reject(stopped(call.end))
      const { body } = call
      if (body.end !== null && body.end !== 'done') return reject(body.error ?? stopped(body.end))
      const connection = this.takeIdle()
      if (connection === null) this.wait(new Waiter(this, call, resolve, reject))
      else connection.send(call, resolve, reject)
    })
  }

  /** No new work is expected; resolves when the last connection has closed. Calls that still come are served. */
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
    const next = this.nextWaiter()
    if (next !== null) next.sendOn(connection)
    else if (this.state.is === 'open') {
      this.idle.push(connection)
      this.tell()
    } else connection.close()
  }

  /** Connection: it is up. */
  connected(connection: UpstreamConnection): void {
    this.connecting--
    this.host.opened()
    this.release(connection)
  }

  /** Connection: it is gone; `failure` where it never came up. */
  gone(connection: UpstreamConnection, failure: Error | null): void {
    this.open--
    this.load.set(connection.address, (this.load.get(connection.address) ?? 1) - 1)
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    if (failure !== null) this.connectFailed(failure)
    else this.connectForWaiting()
    this.tell()
    this.checkEmpty()
  }

  /** Waiter: it has what it waited for, or gave up. */
  leave(waiter: Waiter): void {
    this.host.sweep.remove(waiter)
    if (this.waiting.delete(waiter)) this.tell()
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

  private wait(waiter: Waiter): void {
    const { options } = this
    if (this.waiting.size >= options.waiting) {
      waiter.fail(new RelayError('unavailable', `${options.waiting} calls already wait for ${options.name}`, { retryAfterMs: 1000 }))
      return
    }
    this.waiting.add(waiter)
    this.host.sweep.add(waiter)
    waiter.deadline = this.host.sweep.now + options.waitMs
    this.tell()
    this.connectForWaiting()
  }

  private connectForWaiting(): void {
    if (this.connecting >= this.waiting.size || this.open >= this.options.connections) return
    const addresses = this.resolver.addresses()
    this.open++
    this.connecting++
    if (Array.isArray(addresses)) this.connect(addresses)
    else void this.connectLater(addresses as Promise<readonly string[]>)
  }

  private async connectLater(pending: Promise<readonly string[]>): Promise<void> {
    try {
      this.connect(await pending)
    } catch (cause) {
      this.neverOpened(cause instanceof Error ? cause : new Error(String(cause)))
    }
  }

  private connect(addresses: readonly string[]): void {
    const address = this.leastLoaded(addresses)
    if (address === null) return this.neverOpened(new Error(`${this.options.host} has no address`))
    this.load.set(address, (this.load.get(address) ?? 0) + 1)
    new UpstreamConnection(this, address).open()
    this.tell()
  }

  private neverOpened(failure: Error): void {
    this.open--
    this.connectFailed(failure)
    this.checkEmpty()
  }

  /** The address with the fewest connections; one that just failed is tried last. */
  private leastLoaded(addresses: readonly string[]): string | null {
    const [first] = this.waiting
    let best: string | null = null
    let least = Infinity
    for (const address of addresses) {
      const load = (this.load.get(address) ?? 0) + (first?.tried.includes(address) === true ? 1e9 : 0)
      if (load >= least) continue
      best = address
      least = load
    }
    for (const known of this.load.keys()) if (this.load.get(known) === 0 && !addresses.includes(known)) this.load.delete(known)
    if (best !== null) first?.tried.push(best)
    return best
  }

  private connectFailed(failure: Error): void {
    this.connecting--
    this.host.connectFailed()
    const waiter = this.nextWaiter()
    if (waiter === null) return
    const known = this.resolver.addresses()
    const untried = Array.isArray(known) && waiter.tried.length < Math.min(known.length, maxTries)
    if (untried) {
      this.host.retried()
      this.waitAgain(waiter)
      return
    }
    const kind = failure instanceof RelayError ? failure.failure : 'upstream_failed'
    waiter.fail(new RelayError(kind, `cannot connect to ${this.options.name}`, { cause: failure, shouldRetry: true }))
    this.connectForWaiting()
  }

  private waitAgain(waiter: Waiter): void {
    const rest = [...this.waiting]
    this.waiting.clear()
    for (const one of [waiter, ...rest]) this.waiting.add(one)
    this.host.sweep.add(waiter)
    waiter.call.work = waiter
    this.connectForWaiting()
  }

  private nextWaiter(): Waiter | null {
    if (this.waiting.size === 0) return null
    const [first] = this.waiting
    if (first === undefined) return null
    this.leave(first)
    return first
  }

  private tell(): void {
    this.host.gauge(this.open, this.idle.length, this.waiting.size)
  }

  private checkEmpty(): void {
    if (this.state.is !== 'draining' || this.open > 0 || this.waiting.size > 0) return
    const { empty } = this.state
    this.state = { is: 'closed' }
    this.host.closed()
    empty()
  }
}

const maxTries = 4

function authority({ host, port, tls }: PoolOptions): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === (tls === null ? 80 : 443) ? name : `${name}:${port}`
}
