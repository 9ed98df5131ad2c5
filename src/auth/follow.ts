import { pause, textOf } from './store-parts.ts'
import type { TenantRecord, TenantStore } from './tenant.ts'

/** Keeps somebody in step with a store. */
export interface Follower {
  /** Reads these tenants again, as soon as the store can be read. */
  again(names: readonly string[] | 'all'): void
  close(): Promise<void>
}

export interface FollowOptions {
  readonly store: TenantStore
  /** The record of a tenant as it is now; null: it is gone. */
  readonly apply: (name: string, record: TenantRecord | null) => void
  /** Every tenant of the store has been applied just now: all others are gone. */
  readonly applied: (names: ReadonlySet<string>) => void
  readonly problem: (message: string) => void
  readonly retryMs?: number
}

// Read at once, and waiting to be read: with more than that it is cheaper to read all.
const atOnce = 64
const mostPending = 10_000

/** Reads all tenants of a store, then follows its changes one after the other; what cannot be read is tried again until it can. */
export async function follow(options: FollowOptions): Promise<Follower> {
  const { store, problem, retryMs = 1000 } = options
  const end = new AbortController()
  const pending = new Set<string>()
  const wanted = { all: false }
  let running: Promise<void> | null = null

  const readNext = async (): Promise<void> => {
    if (!wanted.all) return readSome(pending, options)
    wanted.all = false
    pending.clear()
    await readAll(options).catch((error: unknown) => {
      wanted.all = true
      throw error
    })
  }
  const run = async (): Promise<void> => {
    let isWell = true
    while (!end.signal.aborted && (wanted.all || pending.size > 0)) {
      try {
        await readNext()
        isWell = true
      } catch (error) {
        if (isWell) problem(`tenants cannot be read, and stay as they are known: ${textOf(error)}`)
        isWell = false
        await pause(retryMs, end.signal)
      }
    }
    running = null
  }
  const again = (names: readonly string[] | 'all'): void => {
    if (names === 'all' || pending.size + names.length > mostPending) wanted.all = true
    else for (const name of names) pending.add(name)
    running ??= run()
  }

  const watching = store.watch(await readAll(options), again, end.signal)
  return {
    again,
    close: async () => {
      end.abort()
      await watching
      await running
    },
  }
}

async function readAll({ store, apply, applied }: FollowOptions): Promise<string> {
  const seen = new Set<string>()
  const at = await store.load((records) => {
    for (const record of records) {
      seen.add(record.name)
      apply(record.name, record)
    }
  })
  applied(seen)
  return at
}

async function readSome(pending: Set<string>, { store, apply }: FollowOptions): Promise<void> {
  const names = [...pending].slice(0, atOnce)
  // Taken out before they are read: a change that comes meanwhile puts its name in again.
  for (const name of names) pending.delete(name)
  const outcomes = await Promise.allSettled(names.map(async (name) => apply(name, await store.get(name))))
  const failed = outcomes.flatMap((outcome, k) =>
    outcome.status === 'rejected' ? [{ name: names[k] ?? '', why: outcome.reason as unknown }] : [],
  )
  for (const { name } of failed) pending.add(name)
  if (failed[0] !== undefined) throw failed[0].why
}
