/** Which key has which slot, and when it was last asked for. */
export interface SlotBook {
  find(key: string): number | undefined
  /** The same, and nobody has asked for it. */
  peek(key: string): number | undefined
  /** A slot that no key has; -1: there is none. It is out of the book until it is given to a key, or put back. */
  draw(): number
  give(slot: number, key: string): number
  /** Nobody's again. */
  putBack(slot: number): void
  /** Given slots, with their keys. */
  entries(): Iterable<readonly [slot: number, key: string]>
  /** µs of the process's clock, by slot. */
  readonly askedAt: Float64Array
  readonly used: number
}

/** A book of so many slots. */
export function slotBook(capacity: number, nowUs: () => number): SlotBook {
  const slots = new Map<string, number>()
  const keys = new Map<number, string>()
  const free: number[] = []
  const askedAt = new Float64Array(capacity)
  let next = 0

  return {
    askedAt,
    find: (key) => {
      const slot = slots.get(key)
      if (slot !== undefined) askedAt[slot] = nowUs()
      return slot
    },
    peek: (key) => slots.get(key),
    draw: () => free.pop() ?? (next < capacity ? next++ : -1),
    give: (slot, key) => {
      slots.set(key, slot)
      keys.set(slot, key)
      askedAt[slot] = nowUs()
      return slot
    },
    putBack: (slot) => {
      const key = keys.get(slot)
      if (key !== undefined) slots.delete(key)
      keys.delete(slot)
      free.push(slot)
    },
    entries: () => keys.entries(),
    get used() {
      return slots.size
    },
  }
}
