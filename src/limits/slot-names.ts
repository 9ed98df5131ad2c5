/** The slots of keys as this worker knows them, and control for those that it does not. */
export interface SlotNames {
  find(keys: readonly string[]): readonly number[] | Promise<readonly number[]>
  forget(): void
}

/** Remembers at most twice so many; a key that is being asked for is not asked for again. */
export function slotNames(ask: (keys: readonly string[]) => Promise<readonly number[]>, most: number): SlotNames {
  let young = new Map<string, number>()
  let old = new Map<string, number>()
  // As many as there are open questions, and each of those ends.
  const asked = new Map<string, Promise<number>>()

  function known(key: string): number | undefined {
    const slot = young.get(key) ?? old.get(key)
    if (slot !== undefined && !young.has(key)) remember(key, slot)
    return slot
  }

  function remember(key: string, slot: number): void {
    if (young.size >= most) {
      old = young
      young = new Map()
    }
    young.set(key, slot)
  }

  async function slotIn(answer: Promise<readonly number[]>, key: string, at: number): Promise<number> {
    try {
      const slot = (await answer)[at] ?? -1
      // That there was no room may be otherwise the next time.
      if (slot >= 0) remember(key, slot)
      return slot
    } finally {
      asked.delete(key)
    }
  }

  async function learn(keys: readonly string[]): Promise<readonly number[]> {
    const unknown = [...new Set(keys)].filter((key) => known(key) === undefined && !asked.has(key))
    if (unknown.length > 0) {
      const answer = ask(unknown)
      for (const [at, key] of unknown.entries()) asked.set(key, slotIn(answer, key, at))
    }
    return Promise.all(keys.map(async (key) => known(key) ?? asked.get(key) ?? -1))
  }

  return {
    find: (keys) => {
      const slots = keys.map(known)
      return slots.every((slot) => slot !== undefined) ? slots : learn(keys)
    },
    forget: () => {
      young = new Map()
      old = new Map()
    },
  }
}
