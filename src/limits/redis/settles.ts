import type { Taking } from './taking.ts'

/** The end of a taking on its way to Redis. */
export interface Settle {
  readonly taking: Taking
  readonly used: readonly number[]
  readonly how: 'settle' | 'undo'
}

export interface SettlesOptions {
  readonly send: (settle: Settle) => Promise<void>
  readonly isAway: () => boolean
  /** How many are kept; beyond, the oldest goes. */
  readonly most: number
  /** ms for which a second end of a call is known to be one: what was sent longer ago is not sent again, or it might count twice. */
  readonly repeatableMs: number
  readonly nowMs: () => number
}

interface Entry extends Settle {
  sentAt: number | null
}

const mostUnderWay = 256
const retryMs = 100

/** Sends the ends of calls without anybody waiting for them, and keeps those that could not be sent until Redis is back. */
export class Settles {
  readonly #options: SettlesOptions
  readonly #queue = new Set<Entry>()
  readonly #idle: (() => void)[] = []
  #underWay = 0
  #lost = 0
  #retry: NodeJS.Timeout | null = null

  constructor(options: SettlesOptions) {
    this.#options = options
  }

  /** Kept or under way. */
  get waiting(): number {
    return this.#queue.size + this.#underWay
  }

  /** Given up: the queue was full, Redis would not have it, or nobody could tell any more whether it had been applied. */
  get lost(): number {
    return this.#lost
  }

  add(settle: Settle): void {
    const entry: Entry = { ...settle, sentAt: null }
    if (this.#options.isAway() || this.#underWay >= mostUnderWay) this.#keep(entry)
    else void this.#send(entry)
  }

  /** Sends what waits, as far as it may be under way at once: Redis is back. */
  drain(): void {
    const { isAway, nowMs, repeatableMs } = this.#options
    for (const entry of this.#queue) {
      if (isAway() || this.#underWay >= mostUnderWay) break
      this.#queue.delete(entry)
      if (entry.sentAt !== null && nowMs() - entry.sentAt > repeatableMs) this.#lost += 1
      else void this.#send(entry)
    }
    this.#tellIfIdle()
  }

  /** Waits until everything is sent, within `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    if (this.waiting > 0) {
      const empty = Promise.withResolvers<void>()
      const timer = setTimeout(empty.resolve, timeoutMs)
      this.#idle.push(empty.resolve)
      this.drain()
      await empty.promise
      clearTimeout(timer)
    }
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#lost += this.#queue.size
    this.#queue.clear()
  }

  async #send(entry: Entry): Promise<void> {
    this.#underWay += 1
    entry.sentAt ??= this.#options.nowMs()
    try {
      await this.#options.send(entry)
    } catch (error) {
      if (isRefusal(error)) this.#lost += 1
      else this.#keep(entry)
    }
    this.#underWay -= 1
    if (this.#queue.size > 0) this.#later()
    this.#tellIfIdle()
  }

  #keep(entry: Entry): void {
    this.#queue.add(entry)
    this.#later()
    if (this.#queue.size <= this.#options.most) return
    const oldest = this.#queue.values().next()
    if (oldest.done !== true) this.#queue.delete(oldest.value)
    this.#lost += 1
  }

  /** While Redis is away nobody asks: its return drains the queue. */
  #later(): void {
    if (this.#retry !== null || this.#options.isAway()) return
    const again = () => {
      this.#retry = null
      this.drain()
    }
    this.#retry = setTimeout(again, retryMs)
    this.#retry.unref()
  }

  #tellIfIdle(): void {
    if (this.waiting === 0) for (const done of this.#idle.splice(0)) done()
  }
}

/** The script itself would not have it: it never will. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('ERR relay')
}
