import type { RedisClient } from '../../base/redis.ts'
import { limitArgs } from './args.ts'
import { type LuaTexts, redisScript, type Script } from './scripts.ts'
import { answeredPart, answerWidth, heldParts, keysOf, newPart, scriptKind, type Taking, type Want } from './taking.ts'

/** What came of a take. */
export type TakeAnswer =
  | { readonly is: 'taken'; readonly taking: Taking }
  /** `at`: the place of the bucket with the longest wait. */
  | { readonly is: 'refused'; readonly taking: Taking; readonly at: number }
  /** A budget's period is another one by the clock of Redis, which is known now: prepare it anew. */
  | { readonly is: 'period' }
  /** This call has been ended before. */
  | { readonly is: 'ended' }

/** Where the buckets are, and how long what is taken lives. */
export interface RedisBucketsOptions {
  readonly client: RedisClient
  readonly texts: Pick<LuaTexts, 'take' | 'settle' | 'renew'>
  readonly prefix: string
  /** ms after which what a call holds lapses unless it is renewed. */
  readonly leaseMs: number
  /** ms that the end of a call is remembered. */
  readonly rememberMs: number
  /** Unix time, ms: only to guess which period Redis is in. */
  readonly wallMs: () => number
  /** Tests alone: µs since 1970 in place of Redis's clock. */
  readonly callerUs?: (() => number) | undefined
}

/**
 * The buckets in Redis as relay's scripts keep them: what exact limits take call by call, and leases block by block. All buckets of a
 * taking are on one node: in a Cluster they have one tag.
 */
export class RedisBuckets {
  readonly #options: RedisBucketsOptions
  readonly #scripts: { readonly take: Script; readonly settle: Script; readonly renew: Script }
  #trips = 0
  // How far the clock of Redis is from this one: budgets follow Redis's.
  #aheadMs = 0

  constructor(options: RedisBucketsOptions) {
    const { client, texts } = options
    this.#options = options
    this.#scripts = {
      take: redisScript(client, texts.take),
      settle: redisScript(client, texts.settle),
      renew: redisScript(client, texts.renew),
    }
  }

  /** Scripts sent so far. */
  get trips(): number {
    return this.#trips
  }

  /** A take that can be sent, and undone without knowing what came of it. */
  prepare(call: string, wants: readonly Want[]): Taking {
    const nowMs = this.#options.wallMs() + this.#aheadMs
    const parts = wants.map((want) => newPart(want, `${this.#options.prefix}:{${want.bucket.tag}}:b:`, nowMs))
    return { call, tag: wants[0]?.bucket.tag ?? 'all', parts }
  }

  /** Takes from all of its buckets or from none. Rejects where no answer came: it may have been taken then. */
  async take(taking: Taking): Promise<TakeAnswer> {
    const args = taking.parts.flatMap((part) => {
      const { bucket, amount, least } = part.want
      return [scriptKind(bucket), bucket.limit.dryRun ? 'dry' : 'must', amount, least, ...limitArgs(bucket.limit, part.period)]
    })
    const keys = [this.#record(taking), ...taking.parts.flatMap(keysOf)]
    const asked = [this.#clock(), taking.call, this.#options.leaseMs, ...args]
    const [status = 0, at = 0, redisMs = 0, ...rest] = await this.#run('take', keys, asked)
    this.#aheadMs = redisMs - this.#options.wallMs()
    if (status === -1) return { is: 'ended' }
    if (status === -2) return { is: 'period' }
    const parts = taking.parts.map((part, place) => answeredPart(part, rest.slice(place * answerWidth, (place + 1) * answerWidth)))
    return status === 0 ? { is: 'refused', taking: { ...taking, parts }, at } : { is: 'taken', taking: { ...taking, parts } }
  }

  /** Its one end, `used` in the order of its parts; `undo`: whatever was taken goes back, if it was. A second end changes nothing. */
  async settle(taking: Taking, used: readonly number[], how: 'settle' | 'undo'): Promise<void> {
    const args = taking.parts.flatMap((part, place) => {
      const { bucket } = part.want
      return [scriptKind(bucket), part.isOver ? 'x' : part.granted, used[place] ?? 0, ...limitArgs(bucket.limit, part.period)]
    })
    const keys = [this.#record(taking), ...taking.parts.flatMap(keysOf)]
    await this.#run('settle', keys, [this.#clock(), taking.call, this.#options.rememberMs, how, ...args])
  }

  /** Keeps what they hold for another lease, all of one tag in a Cluster; false for one that has lapsed or ended. */
  async renew(takings: readonly Taking[]): Promise<readonly boolean[]> {
    const keys = takings.flatMap((taking) => [this.#record(taking), ...heldParts(taking).flatMap(keysOf)])
    const args = takings.flatMap((taking) => {
      const held = heldParts(taking)
      return [taking.call, held.length, ...held.map(({ granted }) => granted)]
    })
    const renewed = await this.#run('renew', keys, [this.#clock(), this.#options.leaseMs, ...args])
    return renewed.map((one) => one === 1)
  }

  async #run(name: 'take' | 'settle' | 'renew', keys: readonly string[], args: readonly (string | number)[]) {
    this.#trips += 1
    return integers(await this.#scripts[name](keys, args))
  }

  #record({ tag, call }: Taking): string {
    return `${this.#options.prefix}:{${tag}}:c:${call}`
  }

  #clock(): string {
    const { callerUs } = this.#options
    return callerUs === undefined ? 'redis' : `caller-clock:${Math.floor(callerUs())}`
  }
}

function integers(reply: unknown): readonly number[] {
  if (Array.isArray(reply) && reply.every((value) => typeof value === 'number')) return reply
  throw new Error(`redis answered a script with ${typeof reply} in place of integers`)
}
