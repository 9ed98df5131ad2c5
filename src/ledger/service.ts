import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { commitBatches } from './commit.ts'
import type { FromLedgerThread, LedgerOptions, ToLedgerThread } from './messages.ts'
import type { OpenLedger } from './open.ts'
import { pruner, type Pruner } from './pruner.ts'
import type { FromLedger, ToLedger } from './row.ts'
import { ledgerStore, type Batch, type LedgerStore } from './store.ts'

export interface ServiceOptions {
  readonly ledger: OpenLedger
  /** Control's port. */
  readonly control: MessagePort
  readonly options: LedgerOptions
  /** Owners whose intents have not been lost. */
  readonly live: readonly string[]
}

/** A batch that waits for its commit, and who is to be told of it. */
interface Waiting extends Batch {
  readonly batch: number
  readonly port: MessagePort
}

/** Rows that are not let wait for more to come. */
const mostWaiting = 10_000

/** ms between two tries when the ledger cannot be written. */
const firstRetryMs = 100
const longestRetryMs = 5000

/**
 * The ledger at work in its thread: takes batches of all workers and commits them together, rows within half of the flush interval (the
 * rest is the workers' and the disk's), intents as soon as the messages of this turn are read. A batch that cannot be written is kept
 * and tried again; as every worker keeps no more rows than its queue holds, and sends none twice to one port, that has a bound.
 */
export class LedgerService {
  private readonly ledger: OpenLedger
  private readonly control: MessagePort
  private readonly flushMs: number
  private readonly store: LedgerStore
  private readonly pruning: Pruner
  private readonly workers = new Map<string, MessagePort>()
  /** Owners that have not ended, whether they have a port yet or not. */
  private readonly live: Set<string>
  private waiting: Waiting[] = []
  private rows = 0
  /** Owners that have ended, and whose open intents are still to become estimates. */
  private readonly gone: string[] = []
  private isStuck = false
  private retryMs = firstRetryMs
  private timer: NodeJS.Timeout | undefined
  private soon: NodeJS.Immediate | undefined

  /** Makes estimates of the calls that were lost, and says that it is ready; throws when the ledger cannot be written. */
  constructor({ ledger, control, options, live }: ServiceOptions) {
    this.ledger = ledger
    this.control = control
    this.flushMs = options.flushMs
    this.store = ledgerStore(ledger.db)
    this.live = new Set(live)
    this.estimateLost()
    this.pruning = pruner(this.store, options)
    control.on('message', (message: ToLedgerThread) => this.heard(message))
    this.tell({ is: 'ready' })
  }

  private heard(message: ToLedgerThread): void {
    switch (message.is) {
      case 'join':
        return this.join(message.owner, message.port)
      case 'left':
        return this.lose(message.owner)
      case 'spent':
        this.workNow()
        return this.tell({ is: 'spent', ask: message.ask, amounts: this.spent(message.keys) })
      case 'flush':
        this.workNow()
        return this.tell({ is: 'flushed', ask: message.ask })
      case 'ping':
        return this.tell({ is: 'pong', ask: message.ask })
      case 'close':
        return this.close()
    }
  }

  private join(owner: string, port: MessagePort): void {
    this.workers.set(owner, port)
    this.live.add(owner)
    port.on('message', (message: ToLedger) => this.take(owner, port, message))
    // The messages of a worker that died come before the end of its port.
    port.on('close', () => this.left(owner, port))
    if (this.isStuck) say(port, { is: 'state', canWrite: false })
  }

  private left(owner: string, port: MessagePort): void {
    if (this.workers.get(owner) !== port) return
    this.workers.delete(owner)
    this.lose(owner)
  }

  private lose(owner: string): void {
    this.live.delete(owner)
    this.gone.push(owner)
    this.workSoon()
  }

  private take(owner: string, port: MessagePort, message: ToLedger): void {
    const isIntents = message.is === 'intents'
    const { batch, rows } = message
    const counts = isIntents ? [] : message.refused
    const refused = counts.length === 0 ? {} : { refused: { from: owner, batch, counts } }
    this.waiting.push({ batch, rows, owner: isIntents ? owner : null, port, ...refused })
    this.rows += message.rows.length
    if (this.isStuck) return
    if (isIntents || this.rows >= mostWaiting) this.workSoon()
    else this.timer ??= setTimeout(() => this.work(), this.flushMs / 2)
  }

  private workSoon(): void {
    if (!this.isStuck) this.soon ??= setImmediate(() => this.work())
  }

  private workNow(): void {
    this.readPorts()
    this.work()
  }

  private work(): void {
    clearTimeout(this.timer)
    clearImmediate(this.soon)
    this.timer = undefined
    this.soon = undefined
    try {
      this.commit()
      if (this.gone.length > 0) this.estimateLost()
      if (this.isStuck) this.setStuck(false, '')
    } catch (error) {
      this.timer = setTimeout(() => this.work(), this.retryMs)
      this.retryMs = Math.min(longestRetryMs, this.retryMs * 2)
      if (!this.isStuck) this.setStuck(true, error instanceof Error ? error.message : String(error))
    }
  }

  private commit(): void {
    if (this.waiting.length === 0) return
    const skipped = commitBatches(this.store, this.waiting)
    for (const { port, batch } of this.waiting) say(port, { is: 'committed', batch })
    this.waiting = []
    this.rows = 0
    if (skipped.rows > 0) this.tell({ is: 'skipped', ...skipped })
  }

  private estimateLost(): void {
    const live = [...this.live]
    for (let lost = this.store.settleLost(live); lost.calls > 0; lost = this.store.settleLost(live)) this.tell({ is: 'estimated', ...lost })
    for (const owner of this.gone.splice(0)) this.tell({ is: 'gone', owner })
  }

  private setStuck(isStuck: boolean, why: string): void {
    this.isStuck = isStuck
    if (!isStuck) this.retryMs = firstRetryMs
    for (const port of this.workers.values()) say(port, { is: 'state', canWrite: !isStuck })
    this.tell({ is: 'state', canWrite: !isStuck, why })
  }

  // What could not be written counts all the same: a budget is strict.
  private spent(keys: readonly string[]): readonly number[] {
    const rows = this.waiting.flatMap(({ rows, owner }) => (owner === null ? rows : []))
    const unwritten = (key: string): number =>
      rows.reduce((sum, row) => (row.budgets.includes(key) ? sum + (row.costNanoUsd ?? 0) : sum), 0)
    return this.store.spent(keys).map((amount, at) => amount + unwritten(keys[at] ?? ''))
  }

  // What a worker has posted is read now, and not in the turn after this one.
  private readPorts(): void {
    for (const [owner, port] of this.workers) {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        // Only a worker's writer posts on this port.
        this.take(owner, port, next.message as ToLedger)
      }
    }
  }

  // No call outlives its worker, and no worker the ledger: what is open now has been lost.
  private close(): void {
    this.readPorts()
    const ports = [...this.workers.values()]
    this.gone.push(...this.live)
    this.workers.clear()
    this.live.clear()
    this.work()
    if (this.waiting.length > 0) this.tell({ is: 'skipped', rows: this.rows, why: 'the ledger could not be written to the end' })
    for (const port of ports) port.close()
    clearTimeout(this.timer)
    this.pruning.close()
    this.ledger.close()
    this.control.close()
  }

  private tell(message: FromLedgerThread): void {
    this.control.postMessage(message)
  }
}

function say(port: MessagePort, message: FromLedger): void {
  port.postMessage(message)
}
