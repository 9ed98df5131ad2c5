import { setTimeout as wait } from 'node:timers/promises'
import type { RedisClient } from '../base/redis.ts'
import { readRecord, recordText } from './record.ts'
import { changeScript } from './redis-script.ts'
import { redisWatch } from './redis-watch.ts'
import { KeyTaken, type StoreOptions, textOf } from './store-parts.ts'
import type { TenantRecord, TenantStore } from './tenant.ts'

// A page's records go over the wire within the time that one command may take.
const page = 100
const retryMs = 250

export interface RedisStoreOptions extends StoreOptions {
  readonly client: RedisClient
  /** First part of every key. */
  readonly prefix: string
}

/** Tenants in Redis, for many nodes: the command line writes on any of them, and all follow. `close` leaves the client open. */
export function redisStore({ client, prefix, problem }: RedisStoreOptions): TenantStore {
  // One hash tag: on a Cluster all of it lives on one node, where one script may change it.
  const [records, names, keys, changes, sequence] = ['records', 'names', 'keys', 'changes', 'sequence'].map(
    (part) => `${prefix}:{tenants}:${part}`,
  ) as [string, string, string, string, string]
  const ask = async (name: string, ...args: readonly (string | number)[]): Promise<unknown> => client.command(records, name, args)
  const change = async (name: string, before: string, after: string): Promise<boolean> => {
    const outcome = await ask('EVAL', changeScript, 5, records, names, keys, changes, sequence, name, before, after)
    if (outcome === -1) throw new KeyTaken(name)
    return outcome === 1
  }
  const namesAfter = async (after: string | null, limit: number): Promise<readonly string[]> =>
    textsIn(await ask('ZRANGEBYLEX', names, after === null ? '-' : `(${after}`, '+', 'LIMIT', 0, limit))
  const texts = async (wanted: readonly string[]): Promise<readonly string[]> =>
    wanted.length === 0 ? [] : textsIn(await ask('HMGET', records, ...wanted))

  return {
    load: async (each) => {
      // Read first: what changes meanwhile is told again by the watch.
      const at = textIn(await again(async () => ask('GET', sequence))) ?? '0'
      const pageAfter = async (after: string | null) => again(async () => namesAfter(after, page))
      for (let some = await pageAfter(null); some.length > 0; some = await pageAfter(some.at(-1) ?? '')) {
        const wanted = some
        each(readable(await again(async () => texts(wanted)), problem))
      }
      return at
    },
    get: async (name) => {
      const found = textIn(await ask('HGET', records, name))
      return found === null ? null : readRecord(found)
    },
    put: async (record, before) => change(record.name, before === null ? '' : recordText(before), recordText(record)),
    remove: async (name) => change(name, '*', ''),
    list: async (after, limit) => (await texts(await namesAfter(after, limit))).map(readRecord),
    watch: async (since, changed, signal) =>
      redisWatch(client, { changes, sequence, since: Number(since), changed, signal, ...(problem === undefined ? {} : { problem }) }),
    close: async () => undefined,
  }
}

/** Of thousands of pages one may be late: it is asked for a few times. */
async function again<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let left = 4; left > 0; left--) {
    try {
      return await work()
    } catch {
      await wait(retryMs)
    }
  }
  return work()
}

function readable(texts: readonly string[], problem: StoreOptions['problem']): readonly TenantRecord[] {
  return texts.flatMap((text) => {
    try {
      return [readRecord(text)]
    } catch (error) {
      problem?.(`a tenant is left out: ${textOf(error)}`)
      return []
    }
  })
}

/** The texts of a reply; what is missing is left out. */
function textsIn(reply: unknown): readonly string[] {
  return Array.isArray(reply) ? reply.flatMap((one) => textIn(one) ?? []) : []
}

function textIn(reply: unknown): string | null {
  if (typeof reply === 'string') return reply
  return Buffer.isBuffer(reply) ? reply.toString() : null
}
