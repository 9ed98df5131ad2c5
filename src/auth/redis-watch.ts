import type { RedisClient } from '../base/redis.ts'
import { pause, type StoreOptions, textOf } from './store-parts.ts'
import type { TenantStore } from './tenant.ts'

/** What is watched for, and from where on. */
export interface RedisWatch extends StoreOptions {
  /** The stream of changes, and the counter of its ids. */
  readonly changes: string
  readonly sequence: string
  readonly since: number
  readonly changed: Parameters<TenantStore['watch']>[1]
  readonly signal: AbortSignal
}

// A read that waits ends by itself, so that a stream that began anew is noticed.
const blockMs = 1000
const mostMs = 3000
const mostChanges = 1000
const retryMs = 200

/** Waits for changes in the stream. A gap in their numbers, and every time Redis was away, means that all has to be read again. */
export async function redisWatch(client: RedisClient, watch: RedisWatch): Promise<void> {
  const { signal, changed, problem } = watch
  let at = watch.since
  let isWell = true
  while (!signal.aborted) {
    try {
      const seen = await unless(signal, isWell ? next(client, watch, at) : anew(client, watch))
      if (seen === null) return
      const { names, now } = seen
      if (names === 'all' || names.length > 0) changed(names)
      at = now
      isWell = true
    } catch (error) {
      if (isWell) problem?.(`changes of tenants cannot be read from Redis: ${textOf(error)}`)
      isWell = false
      await pause(retryMs, signal)
    }
  }
}

/** What comes of the work; null when the signal comes first: a read that still waits is left to end by itself. */
async function unless<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result | null> {
  const ended = Promise.withResolvers<null>()
  const end = (): void => ended.resolve(null)
  signal.addEventListener('abort', end)
  try {
    return await Promise.race([work, ended.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

interface Seen {
  readonly names: readonly string[] | 'all'
  readonly now: number
}

async function next(client: RedisClient, watch: RedisWatch, at: number): Promise<Seen> {
  const args = ['COUNT', mostChanges, 'BLOCK', blockMs, 'STREAMS', watch.changes, `${at}-0`]
  const entries = entriesIn(await client.blocking(watch.changes, 'XREAD', args, mostMs))
  const [first] = entries
  const last = entries.at(-1)
  if (first !== undefined && last !== undefined)
    return { names: first.number === at + 1 && isWhole(entries) ? distinct(entries) : 'all', now: last.number }
  // Nothing new, unless numbers began anew below ours: a Redis that lost its data, or a replica that was behind.
  const { now } = await anew(client, watch)
  return now < at ? { names: 'all', now } : { names: [], now: at }
}

async function anew(client: RedisClient, { sequence }: RedisWatch): Promise<Seen> {
  const reply = await client.command(sequence, 'GET', [sequence])
  return { names: 'all', now: Number(reply ?? 0) }
}

interface Entry {
  readonly number: number
  readonly name: string
}

function isWhole(entries: readonly Entry[]): boolean {
  return entries.every(({ number }, k) => k === 0 || number === (entries[k - 1]?.number ?? 0) + 1)
}

function distinct(entries: readonly Entry[]): readonly string[] {
  return [...new Set(entries.map(({ name }) => name))]
}

/** `[[stream, [[id, [field, value]], …]]]`; null where nothing came. */
function entriesIn(reply: unknown): readonly Entry[] {
  const [stream] = listIn(reply)
  const [, entries] = listIn(stream)
  return listIn(entries).map((entry) => {
    const [id, fields] = listIn(entry)
    const [, name] = listIn(fields)
    return { number: Number.parseInt(String(id), 10), name: String(name) }
  })
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
