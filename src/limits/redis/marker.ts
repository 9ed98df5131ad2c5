import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../../base/redis.ts'

export interface MarkerOptions {
  readonly client: RedisClient
  readonly prefix: string
  /** Redis has not what it had when it was looked at last. Told once each time. */
  readonly lost: () => void
  readonly everyMs?: number
}

/** Looks after the marker until it is closed. */
export interface Marker {
  close(): void
}

/**
 * A key with a text that nobody makes twice, which is there for as long as Redis keeps its data: all nodes put one in where there is none,
 * and remember it. Where it is gone, or another node's newer one, the buckets are gone, too. (On a Cluster it stands for the node that has
 * it.)
 */
export function redisMarker({ client, prefix, lost, everyMs = 2000 }: MarkerOptions): Marker {
  const key = `${prefix}:marker`
  let known: string | null = null
  let isLooking = false
  let isClosed = false

  const read = async (): Promise<string | null> => textIn(await client.command(key, 'GET', [key]))
  const made = async (): Promise<string | null> => {
    await client.command(key, 'SET', [key, randomUUID(), 'NX'])
    return read()
  }
  const look = async (): Promise<void> => {
    const now = (await read()) ?? (await made())
    if (isClosed || now === null) return
    const isLost = known !== null && now !== known
    known = now
    if (isLost) lost()
  }
  const lookOnce = async (): Promise<void> => {
    if (isLooking || isClosed) return
    isLooking = true
    // While Redis is away nothing is known of it: it is looked at again.
    await look().catch(() => undefined)
    isLooking = false
  }
  client.onChange((isAway) => {
    if (!isAway) void lookOnce()
  })
  const timer = setInterval(() => void lookOnce(), everyMs)
  timer.unref()
  void lookOnce()
  return {
    close: () => {
      isClosed = true
      clearInterval(timer)
    },
  }
}

function textIn(reply: unknown): string | null {
  if (typeof reply === 'string') return reply
  return Buffer.isBuffer(reply) ? reply.toString() : null
}
