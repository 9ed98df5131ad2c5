import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import type { Log } from '../base/log.ts'
import { asks, type Asks } from './asks.ts'
import type { FromLedgerThread, LedgerOptions, ToLedgerThread } from './messages.ts'
import { defaultWaits, type LedgerWaits } from './waits.ts'
import { startThread, type LedgerSource } from './start-thread.ts'

export interface LedgerHostOptions {
  readonly source: LedgerSource
  readonly options: LedgerOptions
  readonly log: Log
  /** The thread was replaced: this is the worker's port to the next one, to be handed to its writer's `reconnect`. */
  readonly onPort: (worker: number, port: MessagePort) => void
  /** Calls were lost, and this is what they are taken to have spent, by budget. */
  readonly onLost?: (budgets: ReadonlyMap<string, number>) => void
  readonly waits?: Partial<LedgerWaits>
}

/** The ledger as control has it: one thread, replaced when it dies. */
export interface LedgerHost {
  /** A worker was started: its end of the ledger, to be handed to it. Its intents are its own until it ends. */
  joined(worker: number): MessagePort
  /**
   * A worker has ended: resolves when the thread has made estimates of its open intents, or (where there is no thread, or it does not say
   * so in a second) will at its next start.
   */
  left(worker: number): Promise<void>
  /** What was spent on each budget, in nano-dollars, in the order of the keys; fails with `unavailable` when that takes too long. */
  spent(keys: readonly string[]): Promise<readonly number[]>
  /** Ends when all that workers have posted is committed, or the ledger has said that it cannot be written. */
  flush(): Promise<void>
  status(): LedgerStatus
  /** Commits what there is, and ends the thread. Workers have ended by then. */
  close(): Promise<void>
}

export interface LedgerStatus {
  readonly state: 'running' | 'stuck' | 'restarting' | 'closed'
  readonly restarts: number
  /** Calls that were lost and count by their estimates, since the start. */
  readonly estimated: number
  /** Rows that could not be written, since the start. */
  readonly skipped: number
}

/** Starts the ledger; throws a ConfigError when its file cannot be used. */
export async function ledgerHost(options: LedgerHostOptions): Promise<LedgerHost> {
  const host = new Host(options)
  await host.start()
  return host
}

interface Member {
  readonly owner: string
  /** The thread's end of its channel, while there is no thread that it could be given to. */
  held: MessagePort | null
}

class Host implements LedgerHost {
  private readonly given: LedgerHostOptions
  private readonly waits: LedgerWaits
  private readonly asks: Asks
  private readonly members = new Map<number, Member>()
  private readonly closing = new AbortController()
  /** No other process has it, nor this one after a restart. */
  private readonly process = randomUUID()
  private joins = 0
  /** Owners that ended while a thread was starting which takes them for live. */
  private gone: string[] = []
  /** Owners whose end is waited for. */
  private readonly leavers = new Map<string, () => void>()
  private thread: Worker | null = null
  private canWrite = true
  private restarts = 0
  private estimated = 0
  private skipped = 0
  private unheard = 0
  private pings: NodeJS.Timeout | undefined

  constructor(given: LedgerHostOptions) {
    this.given = given
    this.waits = { ...defaultWaits, ...given.waits }
    this.asks = asks(this.waits.ask, (message) => this.thread?.postMessage(message))
  }

  async start(): Promise<void> {
    await this.spawn()
    this.pings = setInterval(() => this.ping(), this.waits.ping).unref()
  }

  joined(worker: number): MessagePort {
    const { port1, port2 } = new MessageChannel()
    const member: Member = { owner: `${this.process}.${worker}.${++this.joins}`, held: port1 }
    this.members.set(worker, member)
    this.introduce(member)
    return port2
  }

  async left(worker: number): Promise<void> {
    const member = this.members.get(worker)
    if (member === undefined) return
    this.members.delete(worker)
    // A thread that has the worker's port hears of its end by itself, after its last rows.
    if (member.held === null) return this.leaving(member.owner)
    member.held.close()
    this.gone.push(member.owner)
  }

  private async leaving(owner: string): Promise<void> {
    const told = Promise.withResolvers<void>()
    this.leavers.set(owner, told.resolve)
    await Promise.race([told.promise, sleep(this.waits.left, undefined, { ref: false })])
    this.leavers.delete(owner)
  }

  async spent(keys: readonly string[]): Promise<readonly number[]> {
    const answer = await this.asks.ask((ask) => ({ is: 'spent', ask, keys }))
    return answer.is === 'spent' ? answer.amounts : []
  }

  async flush(): Promise<void> {
    await this.asks.ask((ask) => ({ is: 'flush', ask }))
  }

  status(): LedgerStatus {
    const { restarts, estimated, skipped } = this
    return { state: this.state(), restarts, estimated, skipped }
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return
    this.closing.abort()
    clearInterval(this.pings)
    this.asks.close()
    const { thread } = this
    if (thread === null) return
    const ended = new Promise((resolve) => thread.once('exit', resolve))
    thread.postMessage({ is: 'close' } satisfies ToLedgerThread)
    await Promise.race([ended, sleep(this.waits.close, undefined, { ref: false })])
    await thread.terminate()
  }

  private state(): LedgerStatus['state'] {
    if (this.closing.signal.aborted) return 'closed'
    if (this.thread === null) return 'restarting'
    return this.canWrite ? 'running' : 'stuck'
  }

  private async spawn(): Promise<void> {
    this.gone = []
    const live = [...this.members.values()].map(({ owner }) => owner)
    const thread = await startThread(this.given.source, {
      data: { options: this.given.options, live },
      timeoutMs: this.waits.start,
      heard: (message) => this.heard(message),
      ended: (ended, why) => this.ended(ended, why),
    })
    // It was closed while its thread started.
    if (this.closing.signal.aborted) await thread.terminate()
    else this.use(thread)
  }

  private use(thread: Worker): void {
    this.thread = thread
    this.canWrite = true
    this.unheard = 0
    for (const member of this.members.values()) this.introduce(member)
    for (const owner of this.gone.splice(0)) thread.postMessage({ is: 'left', owner } satisfies ToLedgerThread)
    this.asks.again()
  }

  private introduce(member: Member): void {
    const { owner, held: port } = member
    if (port === null || this.thread === null) return
    member.held = null
    this.thread.postMessage({ is: 'join', owner, port } satisfies ToLedgerThread, [port])
  }

  private heard(message: FromLedgerThread): void {
    this.unheard = 0
    switch (message.is) {
      case 'spent':
      case 'flushed':
        return this.asks.answered(message)
      case 'estimated':
        this.estimated += message.calls
        this.given.onLost?.(message.budgets)
        return this.given.log.warn({ calls: message.calls }, 'calls went out and were never settled: the ledger counts their estimates')
      case 'gone':
        return this.leavers.get(message.owner)?.()
      case 'skipped':
        this.skipped += message.rows
        return this.given.log.error({ rows: message.rows, why: message.why }, 'rows could not be written into the ledger')
      case 'state':
        this.canWrite = message.canWrite
        if (message.canWrite) return this.given.log.info({}, 'the ledger can be written again')
        return this.given.log.error(
          { why: message.why, file: this.given.options.file },
          'the ledger cannot be written: its rows wait and are tried again',
        )
      case 'ready':
      case 'failed':
      case 'pong':
        return
    }
  }

  private ended(thread: Worker, why: unknown): void {
    if (this.thread !== thread) return
    this.thread = null
    if (this.closing.signal.aborted) return
    this.given.log.error({ error: why }, "the ledger's thread ended: another one is started")
    for (const [worker, member] of this.members) {
      const { port1, port2 } = new MessageChannel()
      member.held = port1
      this.given.onPort(worker, port2)
    }
    void this.restart()
  }

  private async restart(): Promise<void> {
    const { signal } = this.closing
    for (let waitMs = this.waits.backoffFirst; ; waitMs = Math.min(this.waits.backoffLongest, waitMs * 2)) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      this.restarts++
      try {
        return await this.spawn()
      } catch (error) {
        this.given.log.error({ error }, "the ledger's thread could not be started again")
      }
    }
  }

  private ping(): void {
    if (this.thread === null) return
    if (this.unheard++ * this.waits.ping < this.waits.silent)
      return this.thread.postMessage({ is: 'ping', ask: 0 } satisfies ToLedgerThread)
    this.given.log.error({}, "the ledger's thread says nothing: it is replaced")
    void this.thread.terminate()
  }
}
