import type { RedisClient } from '../../base/redis.ts'
import { type LuaTexts, redisScript } from './scripts.ts'

/** The nodes of one relay that share a Redis. */
export interface Nodes {
  /** How many are alive, this one included; while Redis is away, how many there were last. At least 1. */
  readonly live: number
  /** Beats now; ends when Redis has answered, or has not. */
  beat(): Promise<void>
  /** Takes this node out, so that the others need not wait for its silence. */
  close(): Promise<void>
}

export interface NodesOptions {
  readonly client: RedisClient
  readonly texts: Pick<LuaTexts, 'nodes'>
  readonly prefix: string
  /** Unique among the nodes. */
  readonly id: string
  /** How many there are until Redis has told. */
  readonly expected: number
  readonly everyMs?: number
  readonly silentMs?: number
  /** Told when the count is another one. */
  readonly onCount?: (live: number) => void
}

/** Tells the other nodes every two seconds that this one is alive, by the clock of Redis; a node silent for six is gone. */
export function redisNodes(options: NodesOptions): Nodes {
  const { client, texts, prefix, id, expected, everyMs = 2000, silentMs = 6000, onCount } = options
  const script = redisScript(client, texts.nodes)
  let live = Math.max(1, expected)
  let isClosed = false

  const tell = async (mode: 'beat' | 'leave') => script([`${prefix}:nodes`], [id, silentMs, mode])
  const beat = async () => {
    // While Redis is away the client refuses, and the last count holds.
    const count = await tell('beat').catch(() => null)
    if (isClosed || typeof count !== 'number' || Math.max(1, count) === live) return
    live = Math.max(1, count)
    onCount?.(live)
  }
  const timer = setInterval(() => void beat(), everyMs)
  timer.unref()
  void beat()

  return {
    get live() {
      return live
    },
    beat,
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await tell('leave').catch(() => null)
    },
  }
}
