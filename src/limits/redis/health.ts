export interface HealthOptions {
  /** Failures in a row after which it is away. */
  readonly errors: number
  readonly probeEveryMs: number
  /** Asks once; it ends with `succeeded` or `failed`. */
  readonly probe: () => Promise<void>
}

/** Knows whether Redis is away: after so many failures in a row, until something succeeds. Probes from the first failure on. */
export class Health {
  readonly #options: HealthOptions
  readonly #listeners: ((isAway: boolean) => void)[] = []
  readonly #first = Promise.withResolvers<boolean>()
  #inARow = 0
  #isAway = false
  #isClosed = false
  #lastError: string | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(options: HealthOptions) {
    this.#options = options
  }

  get isAway(): boolean {
    return this.#isAway
  }

  /** null: nothing has gone wrong since something last went well. */
  get lastError(): string | null {
    return this.#lastError
  }

  /** The first thing that was known: whether it was there. */
  get first(): Promise<boolean> {
    return this.#first.promise
  }

  succeeded(): void {
    if (this.#isClosed) return
    this.#inARow = 0
    this.#lastError = null
    this.#first.resolve(true)
    this.#turn(false)
  }

  failed(error: unknown): void {
    if (this.#isClosed) return
    this.#inARow += 1
    this.#lastError = error instanceof Error ? error.message : String(error)
    if (this.#inARow >= this.#options.errors) {
      this.#first.resolve(false)
      this.#turn(true)
    }
    this.#watch()
  }

  /** Told once when it goes and once when it is back. */
  onChange(listener: (isAway: boolean) => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#first.resolve(false)
  }

  #turn(isAway: boolean): void {
    if (this.#isAway === isAway) return
    this.#isAway = isAway
    for (const listener of this.#listeners) listener(isAway)
  }

  #watch(): void {
    if (this.#isClosed || this.#timer !== null) return
    this.#timer = setTimeout(() => void this.#look(), this.#options.probeEveryMs)
    this.#timer.unref()
  }

  /** One probe at a time, until one of them, or a command, succeeds. */
  async #look(): Promise<void> {
    await this.#options.probe()
    this.#timer = null
    if (this.#lastError !== null) this.#watch()
  }
}
