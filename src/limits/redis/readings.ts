import type { Bucket, Reading } from '../store.ts'
import type { Part } from './taking.ts'
import { kept } from './kept.ts'

/** How buckets stood when Redis last spoke of them. */
export interface Readings {
  note(parts: readonly Part[]): void
  of(bucket: Bucket): Reading
}

/** Readings by bucket, the latest 10,000; `nowMs` only ever grows. */
export function readings({ nowMs, most = 10_000 }: { readonly nowMs: () => number; readonly most?: number }): Readings {
  const known = kept<{ readonly remaining: number; readonly resetMs: number; readonly atMs: number }>(most)

  return {
    note: (parts) => {
      const atMs = nowMs()
      for (const { want, remaining, resetMs } of parts) known.set(want.bucket.key, { remaining, resetMs, atMs })
    },
    of: ({ key, limit }) => {
      const full = limit.kind === 'concurrency' ? limit.most : limit.kind === 'budget' ? limit.nanoUsd : limit.burst
      const last = known.get(key)
      if (last === undefined) return { limit: full, remaining: full, resetMs: 0 }
      const since = nowMs() - last.atMs
      const refilled = limit.kind === 'concurrency' || limit.kind === 'budget' ? 0 : Math.floor((since * limit.count) / limit.periodMs)
      const resetMs = Math.max(0, Math.round(last.resetMs - since))
      return { limit: full, remaining: Math.min(full, last.remaining + refilled), resetMs }
    },
  }
}
