import type { MessagePort } from 'node:worker_threads'
import { RelayError } from '../base/errors.ts'
import { refusals } from './refusals.ts'
import type { FromLedger, LedgerIntent, LedgerRow, LedgerWriter, ToLedger } from './row.ts'

export interface WriterOptions {
  /** From a call's end to its commit, at most, in ms: the worker takes a quarter of it. */
  readonly flushMs: number
  /** Rows that are kept until they are committed. */
  readonly queue: number
  /** ms that an intent may wait for its commit. */
  readonly intentMs?: number
  readonly now?: () => number
}

/** A worker's writer, which goes on by another port when the ledger's thread was replaced. */
export interface PortWriter extends LedgerWriter {
  /** From now on by this port; what has not been committed is sent again. */
  reconnect(port: MessagePort): void
}

/** The writer of one worker. */
export function ledgerWriter(port: MessagePort, options: WriterOptions): PortWriter {
  return new Writer(port, options)
}

/** Rows of one message. */
const mostPosted = 256

/** Refusals that are written down in a second; beyond, they are only counted: the ledger adds them to the day's sums. */
const mostRefusals = 100

/** An intent and who waits for it. */
interface Intent {
  readonly row: LedgerIntent
  readonly done: () => void
  readonly failed: (error: RelayError) => void
}

interface Posted {
  readonly message: ToLedger
  readonly intents: readonly Intent[]
  readonly timer: NodeJS.Timeout | undefined
}

/**
 * Rows wait here for the next message, and messages for their commit; together they never hold more than the queue. Calls are only let in
 * while a quarter of it is free, as those that are under way end as well.
 */
class Writer implements PortWriter {
  lost = 0
  dropped = 0
  private readonly options: Required<WriterOptions>
  private port: MessagePort
  private canWrite = true
  private rows: LedgerRow[] = []
  private intents: Intent[] = []
  private readonly posted = new Map<number, Posted>()
  /** Ids of intents whose calls have not ended: their rows are never dropped, or the calls would count as lost. */
  private readonly open = new Set<string>()
  private size = 0
  private batch = 0
  private readonly refused = refusals()
  /** The batch whose counts of refusals are not committed yet: the next ones wait for it, so that they never pile up. */
  private counting = 0
  private refusals = 0
  private refusalsSince = 0
  private timer: NodeJS.Timeout | undefined
  private soon: NodeJS.Immediate | undefined
  private emptied: (() => void)[] = []

  constructor(port: MessagePort, { intentMs = 2000, now = Date.now, ...options }: WriterOptions) {
    this.options = { ...options, intentMs, now }
    this.port = port
    this.listen(port)
  }

  get canTake(): boolean {
    return this.canWrite && this.size < this.options.queue * 0.75
  }

  write(row: LedgerRow): boolean {
    const isIntended = this.open.size > 0 && this.open.delete(row.id)
    if (row.end === 'refused' && !isIntended && !this.hasRoomForRefusal()) {
      this.dropped++
      this.refused.add(row)
      this.postLater()
      return true
    }
    if (this.size >= this.options.queue) {
      this.lost++
      return false
    }
    this.size++
    this.rows.push(row)
    if (this.rows.length >= mostPosted) this.post()
    else this.postLater()
    return true
  }

  async intend(row: LedgerIntent): Promise<void> {
    if (!this.canTake) throw unavailable('the ledger cannot take more calls for now')
    this.size++
    this.open.add(row.id)
    const committed = new Promise<void>((done, failed) => this.intents.push({ row, done, failed }))
    // All calls of this turn of the loop go in one message.
    this.soon ??= setImmediate(() => this.postIntents())
    return committed
  }

  async flush(timeoutMs: number): Promise<void> {
    this.postIntents()
    this.post()
    if (this.posted.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeoutMs)
    this.emptied.push(resolve)
    await promise
    clearTimeout(timer)
  }

  reconnect(port: MessagePort): void {
    const before = this.port
    this.port = port
    this.canWrite = true
    this.listen(port)
    before.close()
    for (const { message } of this.posted.values()) port.postMessage(message)
  }

  private listen(port: MessagePort): void {
    port.on('message', (message: FromLedger) => {
      // What the thread before said late is repeated by the one after.
      if (port === this.port) this.heard(message)
    })
  }

  private heard(message: FromLedger): void {
    if (message.is === 'state') this.canWrite = message.canWrite
    else this.committed(message.batch)
  }

  private committed(batch: number): void {
    const posted = this.posted.get(batch)
    if (posted === undefined) return
    this.posted.delete(batch)
    clearTimeout(posted.timer)
    this.size -= posted.message.rows.length
    for (const { done } of posted.intents) done()
    if (batch === this.counting) this.counted()
    if (this.posted.size > 0) return
    const waiting = this.emptied
    this.emptied = []
    for (const tell of waiting) tell()
  }

  private counted(): void {
    this.counting = 0
    if (this.refused.isEmpty) return
    // Whoever waits for the last commit waits for these counts as well.
    if (this.emptied.length > 0) this.post()
    else this.postLater()
  }

  private postLater(): void {
    this.timer ??= setTimeout(() => this.post(), this.options.flushMs / 4)
  }

  private post(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const { rows } = this
    const refused = this.counting === 0 ? this.refused.take() : []
    if (rows.length === 0 && refused.length === 0) return
    this.rows = []
    const batch = ++this.batch
    if (refused.length > 0) this.counting = batch
    this.send({ message: { is: 'rows', batch, rows, refused }, intents: [], timer: undefined })
  }

  private postIntents(): void {
    clearImmediate(this.soon)
    this.soon = undefined
    const { intents } = this
    if (intents.length === 0) return
    this.intents = []
    const batch = ++this.batch
    const timer = setTimeout(() => this.tooLate(batch), this.options.intentMs)
    this.send({ message: { is: 'intents', batch, rows: intents.map(({ row }) => row) }, intents, timer })
  }

  private send(posted: Posted): void {
    this.posted.set(posted.message.batch, posted)
    this.port.postMessage(posted.message)
  }

  // Whether they will be committed is not known: their calls' rows, which say that they were refused, settle them if they are.
  private tooLate(batch: number): void {
    for (const { failed } of this.posted.get(batch)?.intents ?? []) failed(unavailable('the ledger did not commit in time'))
  }

  private hasRoomForRefusal(): boolean {
    const second = Math.floor(this.options.now() / 1000)
    if (second !== this.refusalsSince) {
      this.refusalsSince = second
      this.refusals = 0
    }
    return this.size < this.options.queue / 2 && this.refusals++ < mostRefusals
  }
}

function unavailable(message: string): RelayError {
  return new RelayError('unavailable', message, { retryAfterMs: 1000 })
}
