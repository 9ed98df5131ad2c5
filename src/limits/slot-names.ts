import { recent } from '../base/recent.ts'

/** The slots of keys as this worker knows them, and control for those that it does not. */
export interface SlotNames {
  find(keys: readonly string[]): readonly number[] | Promise<readonly number[]>
  forget(): void
}

/** Remembers at most twice so many; a key that is being asked for is not asked for again. */
export function slotNames(ask: (keys: readonly string[]) => Promise<readonly number[]>, most: number): SlotNames {
  const known = recent<string, number>(2 * most)
  // As many as there are open questions, and each of those ends.
  const asked = new Map<string, Promise<number>>()
  let rounds = 0

  async function slotIn(answer: Promise<readonly number[]>, key: string, at: number): Promise<number> {
    try {
      const slot = (await answer)[at] ?? -1
      // That there was no room may be otherwise the next time.
      if (slot >= 0) known.set(key, slot)
      return slot
    } finally {
      asked.delete(key)
    }
  }

  async function learn(keys: readonly string[]): Promise<readonly number[]> {
    const round = rounds
    const unknown = [...new Set(keys)].filter((key) => known.get(key) === undefined && !asked.has(key))
    if (unknown.length > 0) {
      const answer = ask(unknown)
      for (const [at, key] of unknown.entries()) asked.set(key, slotIn(answer, key, at))
    }
    const slots = await Promise.all(keys.map(async (key) => known.get(key) ?? asked.get(key) ?? -1))
    // Slots that were known before may have been forgotten while the others were asked for. That is minutes apart: it ends.
    return round === rounds ? slots : find(keys)
  }

  function find(keys: readonly string[]): readonly number[] | Promise<readonly number[]> {
    const slots = keys.map((key) => known.get(key))
    return slots.every((slot) => slot !== undefined) ? slots : learn(keys)
  }

  return {
    find,
    forget: () => {
      rounds += 1
      known.clear()
    },
  }
}
