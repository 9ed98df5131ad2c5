import { Word, type Cells } from '../cells.ts'
import type { Clock } from '../clock.ts'
import { periodAt } from '../period.ts'
import type { Bucket, Reading } from '../store.ts'
import { LeaseWord } from './words.ts'

/** How a leased bucket stands: what Redis had left when it was last asked, refilled since, and what this process holds of it. */
export function leaseReading(cells: Cells, { slot, limit }: Bucket, clock: Clock): Reading {
  if (limit.kind === 'concurrency') return { limit: limit.most, remaining: Math.min(limit.most, left(cells, slot)), resetMs: 0 }
  if (limit.kind === 'budget') {
    const now = clock.wallMs()
    const resetMs = Math.max(0, Math.ceil(periodAt(limit, now).endMs - now))
    return { limit: limit.nanoUsd, remaining: Math.min(limit.nanoUsd, left(cells, slot)), resetMs }
  }
  const stepUs = (limit.periodMs * 1000) / limit.count
  const aheadUs = Math.max(0, cells.read(slot, Word.level) - clock.us())
  // What calls gave back beyond what the process may hold is on its way to Redis.
  const here = cells.read(slot, Word.leased) + cells.read(slot, LeaseWord.back)
  const there = Math.floor(limit.burst - aheadUs / stepUs + 1e-6) + here
  const remaining = Math.max(0, Math.min(limit.burst, there))
  return { limit: limit.burst, remaining, resetMs: Math.max(0, Math.ceil(((limit.burst - remaining) * stepUs) / 1000)) }
}

/** Before Redis was asked for the first time, nothing is known to be left. */
function left(cells: Cells, slot: number): number {
  const held = cells.held(slot)
  const free = cells.read(slot, Word.granted) - held - cells.read(slot, Word.level)
  return Math.max(0, cells.read(slot, LeaseWord.rest)) + Math.max(0, free)
}
