/**
 * Names of routes or upstreams, and the slots their numbers are kept in. Slot 0 is `other`: everything beyond the cap is
 * counted there, so that no configuration can make the memory or the scrape grow. A name keeps its slot as long as relay
 * runs, and no slot is ever given to another name: calls in flight still count on the slot of a route that a reload took
 * away, and a counter that changed its meaning would be worse than one more name under `other`.
 */
export interface SlotTable {
  /** The slots of these names, in their order; new names get the next free ones. */
  slotsOf(names: readonly string[]): readonly number[]
  /** Names by slot. */
  names(): readonly string[]
}

/** What is beyond the cap, or belongs to nobody. */
const otherName = 'other'

/** A table of `capacity` slots, `other` included. */
export function slotTable(capacity: number): SlotTable {
  const slots = new Map<string, number>([[otherName, 0]])

  function slotOf(name: string): number {
    const known = slots.get(name)
    if (known !== undefined) return known
    if (slots.size >= capacity) return 0
    const slot = slots.size
    slots.set(name, slot)
    return slot
  }

  return { slotsOf: (names) => names.map(slotOf), names: () => [...slots.keys()] }
}
