import { keyParts } from './bucket.ts'
import { Word, type Cells } from './cells.ts'
import type { Clock } from './clock.ts'

/** What makes a cell idle. */
export interface IdleOptions {
  readonly clock: Clock
  /** How long nobody has asked for it or taken from it: longer than any worker may take from a bucket that it asked for. */
  readonly idleMs?: number
  /** Whether something else than calls still needs a cell: a lease. */
  readonly isNeeded?: (slot: number) => boolean
}

/** Whether the cell of a key says nothing that an empty one would not, and nobody has wanted it for a while. */
export function idleness(cells: Cells, askedAt: Float64Array, options: IdleOptions): (slot: number, key: string) => boolean {
  const { clock, idleMs = 600_000, isNeeded } = options
  const nowUs = clock.us()
  const before = nowUs - idleMs * 1000
  const wallMs = clock.wallMs()

  function isEmpty(slot: number): boolean {
    return cells.read(slot, Word.level) <= nowUs && cells.read(slot, Word.leased) === 0 && cells.read(slot, Word.granted) === 0
  }

  /** A worker that died before it said when the period ends leaves 0; no period is longer than a month. */
  function isOver(slot: number, day: string): boolean {
    const endsAt = cells.read(slot, Word.endsAt)
    return wallMs >= (endsAt > 0 ? endsAt : Date.parse(day) + 33 * dayMs)
  }

  return (slot, key) => {
    if ((askedAt[slot] ?? 0) > before || cells.read(slot, Word.usedAt) > before || cells.held(slot) !== 0) return false
    const { day } = keyParts(key)
    return (day === null ? isEmpty(slot) : isOver(slot, day)) && isNeeded?.(slot) !== true
  }
}

const dayMs = 86_400_000
