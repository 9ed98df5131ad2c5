import type { RedisBuckets } from './buckets.ts'
import { heldParts, type Taking } from './taking.ts'

/** Keeps what open calls hold from lapsing. */
export interface Renewals {
  add(taking: Taking): void
  delete(taking: Taking): void
  /** One round; rounds do not overlap. */
  renew(): Promise<void>
  close(): void
}

export interface RenewalsOptions {
  readonly buckets: Pick<RedisBuckets, 'renew'>
  readonly isAway: () => boolean
  /** A Cluster keeps each tag on a node of its own. */
  readonly isCluster: boolean
  readonly everyMs: number
  readonly onError: () => void
  readonly most?: number
}

const batch = 100

/** Renewals of every `everyMs`, in batches. */
export function renewals({ buckets, isAway, isCluster, everyMs, onError, most = 100_000 }: RenewalsOptions): Renewals {
  const open = new Set<Taking>()
  let isUnderWay = false

  const round = async () => {
    const groups = Map.groupBy(open, ({ tag }) => (isCluster ? tag : ''))
    for (const takings of groups.values()) {
      for (let at = 0; at < takings.length && !isAway(); at += batch) await renewSome(takings.slice(at, at + batch))
    }
  }
  const renewSome = async (takings: readonly Taking[]) => {
    try {
      // Those that have ended meanwhile have their mark in Redis: a renewal does nothing to them.
      const kept = await buckets.renew(takings)
      for (const [place, taking] of takings.entries()) if (kept[place] === false) open.delete(taking)
    } catch {
      onError()
    }
  }
  const renew = async () => {
    if (isUnderWay) return
    isUnderWay = true
    try {
      await round()
    } finally {
      isUnderWay = false
    }
  }
  const timer = setInterval(() => void renew(), everyMs)
  timer.unref()

  return {
    add: (taking) => {
      if (open.size < most && heldParts(taking).length > 0) open.add(taking)
    },
    delete: (taking) => {
      open.delete(taking)
    },
    renew,
    close: () => clearInterval(timer),
  }
}
