import { RelayError } from '../base/errors.ts'
import type { PoolHost, PoolOptions } from './pool-options.ts'
import { resolver, type Resolver } from './resolve.ts'
import type { Waiter, WaitingRoom } from './waiter.ts'

/** Whose connections they are. */
export interface DiallerOwner {
  /** Begins a connection to an address; `connected` or `gone` follows. */
  open(address: string): void
  /** Its numbers have changed. */
  tell(): void
  /** A connection is no more, or never was. */
  checkEmpty(): void
}

/**
 * Calls that wait for a connection, and the connections that are made for them, whatever version is spoken on these: as many as there
 * are calls for, up to the pool's bound, each to the address that has the fewest. Where one cannot be made, the call that it was for
 * tries other addresses before it fails.
 */
export class Dialler implements WaitingRoom {
  readonly options: PoolOptions
  /** Connections, also those on their way. */
  open = 0
  /** Of these, the ones that take no other call: up to the bound they do not count in it. */
  leaving = 0
  /** Calls that one connection carries at once. */
  each = 1
  private readonly host: PoolHost
  private readonly owner: DiallerOwner
  private readonly waiters = new Set<Waiter>()
  private readonly load = new Map<string, number>()
  private readonly resolver: Resolver
  private connecting = 0

  constructor(options: PoolOptions, host: PoolHost, owner: DiallerOwner) {
    this.options = options
    this.host = host
    this.owner = owner
    this.resolver = resolver(options.host, options.resolveMs, host.lookUp)
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.waiters.size
  }

  /** A call that found no connection waits for one. */
  wait(waiter: Waiter): void {
    const { options } = this
    if (this.waiters.size >= options.waiting) {
      waiter.fail(new RelayError('unavailable', `${options.waiting} calls already wait for ${options.name}`, { retryAfterMs: 1000 }))
      return
    }
    this.waiters.add(waiter)
    this.host.sweep.add(waiter)
    waiter.deadline = this.host.sweep.now + options.waitMs
    this.owner.tell()
    this.connectForWaiting()
  }

  /** The call that has waited longest, which waits no more; null where none does. */
  next(): Waiter | null {
    if (this.waiters.size === 0) return null
    const [first] = this.waiters
    if (first === undefined) return null
    this.leave(first)
    return first
  }

  /** Waiter: it has what it waited for, or gave up. */
  leave(waiter: Waiter): void {
    this.host.sweep.remove(waiter)
    if (this.waiters.delete(waiter)) this.owner.tell()
  }

  /** A connection is up. */
  connected(): void {
    this.connecting--
    this.host.opened()
  }

  /** A connection is gone; `failure` where it never came up. */
  gone(address: string, failure: Error | null): void {
    this.open--
    this.load.set(address, (this.load.get(address) ?? 1) - 1)
    if (failure !== null) this.failed(failure)
    else this.connectForWaiting()
  }

  /** Makes the connections that waiting calls need. */
  connectForWaiting(): void {
    const { connections } = this.options
    while (this.connecting * this.each < this.waiters.size && this.open - Math.min(this.leaving, connections) < connections) {
      const addresses = this.resolver.addresses()
      this.open++
      this.connecting++
      if (Array.isArray(addresses)) this.connect(addresses)
      else void this.connectLater(addresses as Promise<readonly string[]>)
    }
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
    this.owner.open(address)
    this.owner.tell()
  }

  private neverOpened(failure: Error): void {
    this.open--
    this.failed(failure)
    this.owner.checkEmpty()
  }

  /** The address with the fewest connections; one that just failed is tried last. */
  private leastLoaded(addresses: readonly string[]): string | null {
    const [first] = this.waiters
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

  private failed(failure: Error): void {
    this.connecting--
    this.host.connectFailed()
    const waiter = this.next()
    if (waiter === null) return
    const known = this.resolver.addresses()
    const untried = Array.isArray(known) && waiter.tried.length < Math.min(known.length, maxTries)
    if (untried) {
      this.host.retried()
      this.waitAgain(waiter)
      return
    }
    waiter.fail(this.notConnected(failure))
    this.connectForWaiting()
  }

  private notConnected(failure: Error): RelayError {
    // A peer that was reached and speaks something else is told as it is: the remedy stands in it.
    if (failure instanceof RelayError && failure.failure === 'upstream_failed') return failure
    const kind = failure instanceof RelayError ? failure.failure : 'upstream_failed'
    return new RelayError(kind, `cannot connect to ${this.options.name}`, { cause: failure, shouldRetry: true })
  }

  private waitAgain(waiter: Waiter): void {
    const rest = [...this.waiters]
    this.waiters.clear()
    for (const one of [waiter, ...rest]) this.waiters.add(one)
    this.host.sweep.add(waiter)
    waiter.call.work = waiter
    this.connectForWaiting()
  }
}

const maxTries = 4
