import { RelayError } from '../../base/errors.ts'
import type { RedisClient, RedisPlace } from '../../base/redis.ts'
import { type Connection, connectionTo } from './connection.ts'
import { Health } from './health.ts'
import { within } from './within.ts'

/** How often a Redis that is away is asked, and after how many errors in a row it counts as away. */
export interface RedisClientOptions {
  readonly probeEveryMs?: number
  readonly errors?: number
}

/** A client with what its owner alone needs. */
export interface OpenRedisClient extends RedisClient {
  /** Whether Redis was there at first: known with its first answer, or when it counts as away. */
  readonly first: Promise<boolean>
  /** What went wrong last, for the log; null: nothing since its last answer. */
  readonly lastError: string | null
}

/** Opens a client; it connects, and goes on trying to, until it is closed. */
export function redisClient(place: RedisPlace, options: RedisClientOptions = {}): OpenRedisClient {
  return new Client(place, options)
}

type Args = readonly (string | number | Buffer)[]

/**
 * A client of Redis for the path of calls: every command ends within the place's timeout, however the connection is, and when Redis is
 * away commands are refused at once while a write in the background finds out when it is back. (A ping would be answered by a server
 * that is loading, full, or a replica by now.) Errors of a single command (a wrong type, a script's own) say nothing of Redis.
 */
class Client implements OpenRedisClient {
  readonly first: Promise<boolean>
  readonly #place: RedisPlace
  readonly #connection: Connection
  readonly #health: Health
  readonly #pending = new Set<Promise<unknown>>()
  readonly #ready = Promise.withResolvers<void>()
  #wasReady = false
  #isClosed = false
  #blocking: Connection | null = null
  #probeKey: string

  constructor(place: RedisPlace, { probeEveryMs = 250, errors = 3 }: RedisClientOptions) {
    this.#place = place
    this.#probeKey = `${place.prefix}:probe`
    this.#connection = connectionTo(place, 'commands')
    this.#health = new Health({ errors, probeEveryMs, probe: async () => this.#probe() })
    this.first = this.#health.first
    this.#connection.once('ready', () => {
      this.#wasReady = true
      this.#ready.resolve()
      void this.#probe()
    })
    this.#connection.on('error', (error) => this.#health.failed(error))
    this.#connection.on('close', () => this.#health.failed(this.lastError ?? 'the connection was closed'))
  }

  get isAway(): boolean {
    return this.#health.isAway
  }

  get lastError(): string | null {
    return this.#health.lastError
  }

  onChange(listener: (isAway: boolean) => void): void {
    this.#health.onChange(listener)
  }

  async command(key: string | null, name: string, args: Args): Promise<unknown> {
    this.#refuseIfAway()
    const answer = this.#judged(key, this.#send(name, args))
    this.#pending.add(answer)
    try {
      return await answer
    } finally {
      this.#pending.delete(answer)
    }
  }

  async blocking(_key: string | null, name: string, args: Args, timeoutMs: number): Promise<unknown> {
    this.#refuseIfAway()
    const connection = (this.#blocking ??= blockingTo(this.#place))
    try {
      return await within(connection.call(name, ...args), timeoutMs)
    } catch (error) {
      // What the connection still waits for would hold up the next one.
      if (!isReply(error) && this.#blocking === connection) {
        connection.disconnect()
        this.#blocking = null
      }
      throw inOurWords(error)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#health.close()
    // Each of them ends within the timeout.
    await Promise.allSettled(this.#pending)
    this.#connection.disconnect()
    this.#blocking?.disconnect()
  }

  #refuseIfAway(): void {
    if (this.#isClosed) throw new RelayError('unavailable', 'the redis client is closed')
    if (this.#health.isAway) throw new RelayError('unavailable', 'redis is away')
  }

  /** Before the first connection stands, a command waits for it, within its own time. */
  async #send(name: string, args: Args): Promise<unknown> {
    if (!this.#wasReady) await this.#ready.promise
    return this.#connection.call(name, ...args)
  }

  async #judged(key: string | null, asked: Promise<unknown>): Promise<unknown> {
    try {
      const answer = await within(asked, this.#place.timeoutMs)
      this.#health.succeeded()
      return answer
    } catch (error) {
      if (isReply(error) && !awayReplies.test(error.message)) this.#health.succeeded()
      else {
        // The probe then asks the node that failed.
        if (key !== null) this.#probeKey = `${this.#place.prefix}:probe:${hashTag(key)}`
        this.#health.failed(inOurWords(error))
      }
      throw inOurWords(error)
    }
  }

  async #probe(): Promise<void> {
    const asked = this.#connection.call('SET', this.#probeKey, '1', 'PX', '60000')
    await within(asked, this.#place.timeoutMs).then(
      () => this.#health.succeeded(),
      (error: unknown) => this.#health.failed(inOurWords(error)),
    )
  }
}

function blockingTo(place: RedisPlace): Connection {
  const connection = connectionTo(place, 'blocking')
  // Told to the one who waits.
  connection.on('error', () => {})
  return connection
}

/** What a server answers when it is there and still cannot serve. */
const awayReplies = /^(?:LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|BUSY|TRYAGAIN) /

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}

/**
 * Its library says of a lost connection which of its options to change: that helps nobody who reads the log. It is not `unavailable`: that
 * says that nothing was sent, and what was under way when the connection went may have been carried out.
 */
function inOurWords(error: unknown): unknown {
  if (!(error instanceof Error) || !error.name.startsWith('MaxRetriesPerRequest')) return error
  return new Error('the connection to redis was lost', { cause: error })
}

/** What a Cluster finds a key's node by. */
function hashTag(key: string): string {
  return /\{[^}]+\}/.exec(key)?.[0] ?? `{${key}}`
}
